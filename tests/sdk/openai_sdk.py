"""Drives the proxy with the openai SDK, as a tool would: openai_sdk.py BASE_URL KEY LIMITED_KEY

`tests/it/sdk.rs` runs it, in front of an upstream that does what the prompt asks of it. LIMITED_KEY may ask once a
minute. Prints the name of each check that holds; the first one that does not ends it with a traceback.
"""

import asyncio
import json
import sys

import openai
from openai import AsyncOpenAI, OpenAI

BASE_URL, KEY, LIMITED_KEY = sys.argv[1:]

client = OpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0, timeout=20)

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def ask(words, **options):
    return {"model": "auto", "messages": [{"role": "user", "content": words}], **options}


def models_are_listed():
    names = [model.id for model in client.models.list()]
    assert "auto" in names, names
    assert client.models.retrieve("auto").id == "auto"


def an_answer_comes_whole():
    raw = client.chat.completions.with_raw_response.create(**ask("say hello"))
    answer = raw.parse()
    assert answer.choices[0].message.content == "Hello, world.", answer
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 4), answer.usage
    assert raw.headers["x-weighbridge-tier"] == "cheap", raw.headers
    assert raw.headers["x-weighbridge-request-id"]


def a_stream_that_did_not_ask_for_usage_has_none():
    chunks = list(client.chat.completions.create(**ask("say hello", stream=True)))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello, world."
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "stop"


def a_stream_that_asked_for_usage_ends_with_it():
    *chunks, last = client.chat.completions.create(**ask("say hello", stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello, world."
    assert last.choices == [], last
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (11, 4), last.usage


def a_tool_is_called():
    answer = client.chat.completions.create(**ask("call the tool", tools=[WEATHER], tool_choice="required"))
    (call,) = answer.choices[0].message.tool_calls
    assert (call.id, call.function.name) == ("call_1", "weather"), call
    assert json.loads(call.function.arguments) == {"city": "Oslo"}, call
    assert answer.choices[0].finish_reason == "tool_calls"


def a_tool_is_called_in_a_stream():
    with client.chat.completions.stream(**ask("call the tool", tools=[WEATHER])) as stream:
        answer = stream.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls
    assert (call.id, call.function.name) == ("call_1", "weather"), call
    assert json.loads(call.function.arguments) == {"city": "Oslo"}, call


def the_async_client_streams_too():
    async def run():
        async with AsyncOpenAI(base_url=BASE_URL, api_key=KEY, max_retries=0) as client:
            stream = await client.chat.completions.create(**ask("say hello", stream=True))
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(run()) == "Hello, world."


def refused(kind, status, code, by, request, using=client):
    """Expects an error of this class, status and code; `by` is whether the proxy refused, or the provider did."""
    try:
        using.chat.completions.create(**request)
    except openai.APIStatusError as error:
        assert type(error) is kind, repr(error)
        assert (error.status_code, error.code) == (status, code), repr(error)
        assert error.message and error.request_id, repr(error)
        assert ("x-weighbridge-error" in error.response.headers) == (by == "proxy"), error.response.headers
        return error
    raise AssertionError(f"no {kind.__name__}")


def an_unknown_key_is_an_authentication_error():
    stranger = OpenAI(base_url=BASE_URL, api_key="wb-unknown", max_retries=0)
    refused(openai.AuthenticationError, 401, "invalid_api_key", "proxy", ask("say hello"), stranger)


def an_unknown_model_is_a_not_found_error():
    refused(openai.NotFoundError, 404, "model_not_found", "proxy", {**ask("say hello"), "model": "no-such-model"})


def an_unknown_path_is_a_not_found_error():
    try:
        client.files.list()
    except openai.NotFoundError as error:
        assert error.status_code == 404
    else:
        raise AssertionError("files are not served")


def messages_of_the_wrong_type_are_a_bad_request():
    error = refused(openai.BadRequestError, 400, "invalid_request", "proxy", {"model": "auto", "messages": "hello"})
    assert error.param == "messages", repr(error)


def what_the_provider_refuses_arrives_as_it_said_it():
    error = refused(openai.BadRequestError, 400, "unsupported_value", "provider", ask("refuse the temperature"))
    assert error.param == "temperature", repr(error)
    assert error.body["message"] == "temperature must be 1 for this model", error.body


def a_provider_that_is_overrun_is_a_rate_limit_error():
    refused(openai.RateLimitError, 429, "rate_limit_exceeded", "provider", ask("be overrun"))


def a_key_that_asks_too_often_is_a_rate_limit_error():
    limited = OpenAI(base_url=BASE_URL, api_key=LIMITED_KEY, max_retries=0)
    limited.chat.completions.create(**ask("say hello"))
    error = refused(openai.RateLimitError, 429, "rate_limit_exceeded", "proxy", ask("say hello"), limited)
    assert 0 < int(error.response.headers["retry-after"]) <= 60, error.response.headers


def a_stream_that_breaks_off_raises():
    words = ""
    try:
        for chunk in client.chat.completions.create(**ask("break off", stream=True)):
            words += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        assert words == "Hello", words
        assert "broke off" in error.message, repr(error)
    else:
        raise AssertionError("a broken stream looked whole")


CHECKS = [
    models_are_listed,
    an_answer_comes_whole,
    a_stream_that_did_not_ask_for_usage_has_none,
    a_stream_that_asked_for_usage_ends_with_it,
    a_tool_is_called,
    a_tool_is_called_in_a_stream,
    the_async_client_streams_too,
    an_unknown_key_is_an_authentication_error,
    an_unknown_model_is_a_not_found_error,
    an_unknown_path_is_a_not_found_error,
    messages_of_the_wrong_type_are_a_bad_request,
    what_the_provider_refuses_arrives_as_it_said_it,
    a_provider_that_is_overrun_is_a_rate_limit_error,
    a_key_that_asks_too_often_is_a_rate_limit_error,
    a_stream_that_breaks_off_raises,
]

for check in CHECKS:
    check()
    print(check.__name__, flush=True)
