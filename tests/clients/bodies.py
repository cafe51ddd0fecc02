"""Whether a body reached the upstream as the client sent it, but for the value of `model` and the usage option."""

import json
from collections import Counter

SPACE = " \t\r\n"
decoder = json.JSONDecoder()


def members(text):
    """The members of a JSON object: name, where the name's quote stands, where the value begins and ends."""
    at = skip(text, 0) + 1
    while True:
        at = skip(text, at)
        if text[at] == "}":
            return
        if text[at] == ",":
            at = skip(text, at + 1)
        name, after = decoder.raw_decode(text, at)
        start = skip(text, skip(text, after) + 1)
        _, end = decoder.raw_decode(text, start)
        yield name, at, start, end
        at = end


def skip(text, at):
    while text[at] in SPACE:
        at += 1
    return at


def essence(text):
    """The text of a body with a blank for the model and without stream options, and those without the usage option."""
    edits, options = [], {}
    if not text.lstrip(SPACE).startswith("{"):  # none of ours to change
        return text, "{}"
    for name, at, start, end in members(text):
        if name == "model":
            edits.append((start, end, "…"))
        if name == "stream_options":
            options = json.loads(text[start:end]) or {}
            before = text[:at].rstrip(SPACE)
            first = before == "{"  # then the comma that goes with it stands after it
            edits.append((at, skip(text, end) + 1, "") if first else (len(before) - 1, end, ""))
    options.pop("include_usage", None)
    for start, end, instead in reversed(edits):
        text = text[:start] + instead + text[end:]
    return text, json.dumps(options, sort_keys=True)


def differences(sent, answered, received):
    """What does not fit between the bodies that a client sent, those of them that an endpoint answered, and those that
    the upstream got; empty if all fits."""
    sent, answered, received = (Counter(map(essence, bodies)) for bodies in (sent, answered, received))
    for text, options in received - sent:
        nearest = max((other for other, _ in sent), key=lambda other: common(text, other), default="")
        at = common(text, nearest)
        there, here = text[max(at - 40, 0) : at + 60], nearest[max(at - 40, 0) : at + 60]
        yield f"the upstream got …{there!r}… with the options {options}, the client sent …{here!r}…"
    if lost := (answered - received).total():
        yield f"{lost} bodies did not reach the upstream"


def common(one, other):
    return next((place for place, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
