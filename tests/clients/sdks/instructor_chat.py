"""instructor over chat completions. Structured output is its tool call, so that is what it asks in every case.

Streams go through the asynchronous client: the other collects them whole before it gives any of it away.
"""

import asyncio

import case
import instructor
import openai
from case import same
from instructor.core.exceptions import InstructorRetryException
from pydantic import BaseModel


class Place(BaseModel):
    """A place on the map."""

    city: str


def client(key=case.KEY, mode=instructor.Mode.TOOLS, sdk=openai.OpenAI):
    sdk = sdk(base_url=f"{case.BASE_URL}/v1", api_key=key, max_retries=0, timeout=60)
    return instructor.from_openai(sdk, mode=mode)


def ask(words):
    return {"model": case.MODEL, "messages": [{"role": "user", "content": words}], "response_model": Place}


def partial(words):
    return client(sdk=openai.AsyncOpenAI).chat.completions.create_partial(**ask(words))


def chat():
    place, answer = client().chat.completions.create_with_completion(**ask("[[tool]]"))
    same(place.city, "Oslo")
    same((answer.usage.prompt_tokens, answer.usage.completion_tokens), (case.PROMPT, 2))


def stream():
    async def cities():
        return [place.city async for place in partial("[[tool]]")]

    same(asyncio.run(cities())[-1], "Oslo")


def tool():
    for mode, words in (instructor.Mode.TOOLS_STRICT, "[[tool]]"), (instructor.Mode.JSON_SCHEMA, "[[json]]"):
        same(client(mode=mode).chat.completions.create(**ask(words)).city, "Oslo")


def error():
    for key, words, kind, says in (
        (case.KEY, "[[error]]", openai.BadRequestError, case.REFUSAL),
        (case.UNKNOWN_KEY, "[[tool]]", openai.AuthenticationError, ""),
    ):
        with case.raises(InstructorRetryException, says) as raised:
            client(key).chat.completions.create(**ask(words), max_retries=0)
        same(type(raised.error.__cause__), kind)


def cancel():
    async def give_up():
        places = partial("[[slow-tool]]")
        async for place in places:
            if place.city and "token3" in place.city:
                return await places.aclose()

    asyncio.run(give_up())
    case.closed()


case.run(chat=chat, stream=stream, tool=tool, error=error, cancel=cancel)
