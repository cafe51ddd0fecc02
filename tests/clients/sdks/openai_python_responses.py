"""openai-python, responses."""

import json

import case
import openai
from case import same

client = openai.OpenAI(base_url=f"{case.BASE_URL}/v1", api_key=case.KEY, max_retries=0, timeout=60)
TOOLS = [{"type": "function", "name": "weather", "description": "Tells the weather.", "parameters": case.CITY, "strict": True}]


def ask(words, **options):
    return {"model": case.MODEL, "instructions": "You are brief.", "input": words, **options}


def chat():
    answer = client.responses.create(**ask("[[hello]]"))
    same((answer.output_text, answer.status), (case.HELLO, "completed"))
    same((answer.usage.input_tokens, answer.usage.output_tokens), (case.PROMPT, case.ANSWER))
    same(answer.usage.input_tokens_details.cached_tokens, case.CACHED)
    assert answer._request_id
    if case.UNTRANSLATED:
        same(answer._request_id, "req_scripted")
        same(client.responses.retrieve(answer.id).output_text, case.HELLO)


def stream():
    with client.responses.stream(**ask("[[hello]]")) as events:
        pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
        answer = events.get_final_response()
    same(("".join(pieces), answer.output_text), (case.HELLO, case.HELLO))
    same((answer.usage.input_tokens, answer.usage.output_tokens), (case.PROMPT, case.ANSWER))


def tool():
    def streamed(**request):
        with client.responses.stream(**request) as events:
            return events.get_final_response()

    for create in client.responses.create, streamed:
        words = [{"role": "user", "content": "How is the weather? [[tool]]"}]
        first = create(**ask(words, tools=TOOLS))
        (call,) = first.output
        same((call.type, call.name, json.loads(call.arguments)), ("function_call", "weather", {"city": "Oslo"}))
        result = {"type": "function_call_output", "call_id": call.call_id, "output": case.WEATHER}
        # Once with the whole conversation, and once with what the provider keeps of it.
        said = {name: getattr(call, name) for name in ("type", "call_id", "name", "arguments")}
        same(create(**ask([*words, said, result], tools=TOOLS)).output_text, case.ANSWER_TO_WEATHER)
        if case.UNTRANSLATED:
            rest = create(**ask([result], tools=TOOLS, previous_response_id=first.id))
            same(rest.output_text, case.ANSWER_TO_WEATHER)


def error():
    with case.raises(openai.BadRequestError, case.REFUSAL):
        client.responses.create(**ask("[[error]]"))
    with case.raises(openai.BadRequestError, case.REFUSAL):
        client.responses.create(**ask("[[error]]", stream=True))
    with case.raises(openai.AuthenticationError):
        client.with_options(api_key=case.UNKNOWN_KEY).responses.create(**ask("[[hello]]"))


def cancel():
    answer = client.responses.create(**ask("[[slow]]", stream=True))
    for event in answer:
        if event.type == "response.output_text.delta" and "3" in event.delta:
            answer.close()
            return case.closed()


case.run(chat=chat, stream=stream, tool=tool, error=error, cancel=cancel)
