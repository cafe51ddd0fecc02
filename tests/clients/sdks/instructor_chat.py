"""instructor over chat completions. Structured output is its tool call, so that is what it asks in every case."""

import case
import instructor
import openai
from case import same
from instructor.core.exceptions import InstructorRetryException
from pydantic import BaseModel


class Place(BaseModel):
    """A place on the map."""

    city: str


def client(key=case.KEY, mode=instructor.Mode.TOOLS):
    sdk = openai.OpenAI(base_url=f"{case.BASE_URL}/v1", api_key=key, max_retries=0, timeout=60)
    return instructor.from_openai(sdk, mode=mode)


def ask(words):
    return {"model": case.MODEL, "messages": [{"role": "user", "content": words}], "response_model": Place}


def chat():
    place, answer = client().chat.completions.create_with_completion(**ask("[[tool]]"))
    same(place, Place(city="Oslo"))
    same((answer.usage.prompt_tokens, answer.usage.completion_tokens), (case.PROMPT, 2))


def stream():
    *_, place = client().chat.completions.create_partial(**ask("[[tool]]"))
    same(place.city, "Oslo")


def tool():
    same(client(mode=instructor.Mode.TOOLS_STRICT).chat.completions.create(**ask("[[tool]]")), Place(city="Oslo"))
    same(client(mode=instructor.Mode.JSON_SCHEMA).chat.completions.create(**ask("[[json]]")), Place(city="Oslo"))


def error():
    for kind, words, key, mode in (
        (openai.BadRequestError, "[[error]]", case.KEY, case.REFUSAL),
        (openai.AuthenticationError, "[[tool]]", case.UNKNOWN_KEY, ""),
    ):
        try:
            client(key).chat.completions.create(**ask(words), max_retries=0)
        except InstructorRetryException as wrapped:
            cause = wrapped.__cause__
            while cause and not isinstance(cause, kind):
                cause = cause.__cause__ or cause.__context__
            assert cause, f"{wrapped!r} has no {kind.__name__} for its cause"
            case.contains(str(cause), mode)
        except kind as plain:
            case.contains(str(plain), mode)
        else:
            raise AssertionError(f"no {kind.__name__} came")


def cancel():
    places = client().chat.completions.create_partial(**ask("[[slow-tool]]"))
    for place in places:
        if place.city and "token3" in place.city:
            places.close()
            return case.closed()


case.run(chat=chat, stream=stream, tool=tool, error=error, cancel=cancel)
