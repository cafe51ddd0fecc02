"""Keeps bodies that clients sent, for the tests of the proxy: --save-bodies of run.py.

Of each client and dialect the largest body of its tool case, as one file. What a vendor wrote at length, such as the
system prompt of an agent, is not kept: it becomes filler words of the same length, and so does this machine's folder.
No other byte is changed.
"""

import re
from pathlib import Path

import install

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(?!\s*:)')
LONG = 200
WORDS = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor "


def filler(length):
    return (WORDS * (length // len(WORDS) + 1))[:length]


def without_prose(text):
    def instead(match):
        content = match[1]
        # JSON inside a string, and data without a space, are the client's doing and no prose.
        is_prose = len(content) > LONG and " " in content and content[0] not in "{["
        return f'"{filler(len(content))}"' if is_prose else match[0]

    return STRING.sub(instead, text)


def without_this_machine(text):
    for folder in {str(install.FOLDER), str(install.HERE.parent.parent), str(Path.home())} - {"/"}:
        text = text.replace(folder, f"/{filler(len(folder) - 1).replace(' ', '-')}")
    return text


def saver(folder):
    folder.mkdir(parents=True, exist_ok=True)

    def save(client, requests):
        bodies = [request["body"] for request in requests if request["method"] == "POST" and request["body"]]
        name = re.sub(r"\W+", "-", client.name).strip("-").lower()
        if bodies:
            kept = without_this_machine(without_prose(max(bodies, key=len)))
            (folder / f"{name}-{client.dialect}.json").write_bytes(kept.encode())

    return save
