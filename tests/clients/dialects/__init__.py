"""What the scripted upstream knows of each wire format: one module for each, all with the same five functions.

    turns(body)            the conversation as a list of `Turn`s, oldest first
    first_tool(body)       the name of the first function that the request declares
    whole(body, reply)     the answer of a request that asked for no stream
    events(body, reply)    the same as (event name or None, data, is a token) in the order of a stream
    error(status, words)   a refusal as this provider words it

`reply` is a `Text` or a `Call`.
"""

import itertools
from dataclasses import dataclass, field

calls = itertools.count(1)

# What every answer says of its prompt: 1200 tokens, of which 1000 were cached.
PROMPT_TOKENS, CACHED_TOKENS = 1200, 1000


@dataclass
class Turn:
    who: str  # "human", "model", "call" or "result"
    text: str


@dataclass
class Text:
    text: str

    def pieces(self):
        return [word if place == 0 else f" {word}" for place, word in enumerate(self.text.split(" "))]


@dataclass
class Call:
    name: str
    arguments: str  # as the model writes them: JSON of a function, anything of a custom tool
    kind: str = "function"
    namespace: str | None = None
    id: str = field(default_factory=lambda: f"call_{next(calls)}")

    def pieces(self):
        return [self.arguments[at : at + 12] for at in range(0, len(self.arguments), 12)]


def output_tokens(reply):
    """As many as the stream has pieces, so the figure can be checked against what was sent."""
    return len(reply.pieces())


def text_of(content):
    """The text of a content that is a string or a list of parts."""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text") or "" for part in content or [] if isinstance(part, dict))
