"""What the Python drivers have in common. Each is called as DRIVER CASE BASE_URL KEY, and does one case:

    chat     a whole answer, with its usage
    stream   a streamed one
    tool     a tool is declared and called, its result is sent back, and an answer quotes it; whole and streamed
    error    the provider's refusal and an unknown key are the exceptions that the client has for them
    cancel   a stream is given up half-way: `closed` and the time are printed, and the process stays for a while

Exit code 0 says that the case holds.
"""

import os
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

CASE, BASE_URL, KEY = sys.argv[1:]
UNKNOWN_KEY = f"{KEY}-unknown"
MODEL = "auto"
# Whether an endpoint of the client's own dialect answers. Of another one, the provider's ids mean nothing to the client.
UNTRANSLATED = "TRANSLATED" not in os.environ
HELLO = "Hello, world."
REFUSAL = "The scripted upstream refuses this, as it was asked to."
# What the upstream says of usage: 1200 tokens of prompt, of which 1000 were cached, and two of "Hello, world."
PROMPT, CACHED, FRESH, ANSWER = 1200, 1000, 200, 2

# A tool as JSON Schema has it, its result, and the answer to that.
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = "14 degrees and rain in Oslo"
ANSWER_TO_WEATHER = f"The tool said: {WEATHER}"


def same(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


def contains(text, part):
    assert part in text, f"{part!r} is not in {text!r}"


@contextmanager
def raises(kind, words=""):
    raised = SimpleNamespace()
    try:
        yield raised
    except kind as error:
        contains(str(error), words)
        raised.error = error
    else:
        raise AssertionError(f"no {kind.__name__} came")


def closed():
    """A stream has been closed. The process stays, so that it is not its end that closes the connection."""
    print(f"closed {time.time()}", flush=True)
    time.sleep(2.2)


def run(**cases):
    cases[CASE]()
