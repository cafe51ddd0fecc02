"""openai-python, chat completions."""

import json

import case
import openai
from case import same

client = openai.OpenAI(base_url=f"{case.BASE_URL}/v1", api_key=case.KEY, max_retries=0, timeout=60)
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Tells the weather.", "parameters": case.CITY}}]


def ask(words, **options):
    messages = [{"role": "developer", "content": "You are brief."}, {"role": "user", "content": words}]
    return {"model": case.MODEL, "messages": messages, "temperature": 0.5, **options}


def chat():
    answer = client.chat.completions.create(**ask("[[hello]]"))
    same(answer.choices[0].message.content, case.HELLO)
    same(answer.choices[0].finish_reason, "stop")
    same((answer.usage.prompt_tokens, answer.usage.completion_tokens), (case.PROMPT, case.ANSWER))
    same(answer.usage.prompt_tokens_details.cached_tokens, case.CACHED)
    assert answer._request_id
    if case.UNTRANSLATED:
        same(answer._request_id, "req_scripted")


def stream():
    chunks = list(client.chat.completions.create(**ask("[[hello]]", stream=True)))
    same("".join(chunk.choices[0].delta.content or "" for chunk in chunks), case.HELLO)
    same([chunk.usage for chunk in chunks], [None] * len(chunks))
    options = {"include_usage": True}
    *chunks, last = client.chat.completions.create(**ask("[[hello]]", stream=True, stream_options=options))
    same("".join(chunk.choices[0].delta.content or "" for chunk in chunks), case.HELLO)
    same((last.choices, last.usage.prompt_tokens, last.usage.completion_tokens), ([], case.PROMPT, case.ANSWER))


def tool():
    def streamed(**request):
        with client.chat.completions.stream(**request) as events:
            return events.get_final_completion()

    for create in client.chat.completions.create, streamed:
        request = ask("How is the weather? [[tool]]", tools=TOOLS)
        message = create(**request).choices[0].message
        (call,) = message.tool_calls
        same((call.function.name, json.loads(call.function.arguments)), ("weather", {"city": "Oslo"}))
        called = message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
        request["messages"] += [called, {"role": "tool", "tool_call_id": call.id, "content": case.WEATHER}]
        same(create(**request).choices[0].message.content, case.ANSWER_TO_WEATHER)


def error():
    with case.raises(openai.BadRequestError, case.REFUSAL):
        client.chat.completions.create(**ask("[[error]]"))
    with case.raises(openai.BadRequestError, case.REFUSAL):
        client.chat.completions.create(**ask("[[error]]", stream=True))
    with case.raises(openai.AuthenticationError):
        client.with_options(api_key=case.UNKNOWN_KEY).chat.completions.create(**ask("[[hello]]"))


def cancel():
    answer = client.chat.completions.create(**ask("[[slow]]", stream=True))
    for number, _ in enumerate(answer):
        if number == 3:
            answer.close()
            return case.closed()


case.run(chat=chat, stream=stream, tool=tool, error=error, cancel=cancel)
