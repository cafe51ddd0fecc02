"""Keeps bodies that clients sent, for the tests of the proxy: --save-bodies of run.py.

Of each client and dialect the largest body of its tool case, as one file. What a vendor wrote, such as the system prompt
of an agent, is not kept: in every longer string with spaces the words become others of the same length, while
punctuation, escapes and characters beyond ASCII stay. This machine's folders get another name of the same length. No
other byte is changed.
"""

import itertools
import json
import re
from pathlib import Path

import install

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?')
# What the proxy knows stays: words that agents put around what was said.
WORD = re.compile(r"(\\u[0-9a-fA-F]{4}|\\.|</?system-reminder>|Wall time|Chunk ID)|[A-Za-z]+")
LONG = 30
FILLER = "loremipsumdolorsitametconsecteturadipiscingelitseddoeiusmodtempor"


def filler(length, letters):
    return "".join(itertools.islice(letters, length))


def without_prose(text):
    def instead(match):
        content = match[1]
        # Names of members, JSON inside a string, and data without a space are no prose.
        if match[2] or len(content) <= LONG or " " not in content or content[0] in "{[":
            return match[0]
        letters = itertools.cycle(FILLER)
        return f'"{WORD.sub(lambda word: word[1] or filler(len(word[0]), letters), content)}"'

    return STRING.sub(instead, text)


def without_this_machine(text):
    for folder in map(str, (install.FOLDER / "work", install.FOLDER, install.HERE.parent.parent, Path.home())):
        text = text.replace(folder, f"/{filler(len(folder) - 1, itertools.cycle(FILLER))}")
    return text


def saver(folder):
    folder.mkdir(parents=True, exist_ok=True)

    def save(client, requests):
        bodies = [request["body"] for request in requests if request["method"] == "POST" and request["body"]]
        name = client.driver.stem.removesuffix("_chat").removesuffix("_responses").replace("_", "-")
        if bodies:
            kept = without_this_machine(without_prose(max(bodies, key=len)))
            json.loads(kept)
            (folder / f"{name}-{client.dialect}.json").write_bytes(kept.encode())

    return save
