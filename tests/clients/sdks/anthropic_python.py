"""anthropic-python, messages and count_tokens."""

import anthropic
import case
from case import same

client = anthropic.Anthropic(base_url=case.BASE_URL, api_key=case.KEY, max_retries=0, timeout=60)
TOOLS = [{"name": "weather", "description": "Tells the weather.", "input_schema": case.CITY}]


def ask(words, **options):
    system = [{"type": "text", "text": "You are brief.", "cache_control": {"type": "ephemeral"}}]
    messages = [{"role": "user", "content": words}]
    return {"model": case.MODEL, "max_tokens": 500, "system": system, "messages": messages, **options}


def usage(answer):
    return answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens


def chat():
    answer = client.messages.create(**ask("[[hello]]"))
    same((answer.content[0].text, answer.stop_reason), (case.HELLO, "end_turn"))
    same(usage(answer), (case.FRESH, case.CACHED, case.ANSWER))
    assert answer._request_id
    if case.UNTRANSLATED:
        same(answer._request_id, "req_scripted")
    count = client.messages.count_tokens(model=case.MODEL, messages=[{"role": "user", "content": "[[hello]]"}])
    assert count.input_tokens > 0, count


def stream():
    with client.messages.stream(**ask("[[hello]]")) as events:
        same("".join(events.text_stream), case.HELLO)
        answer = events.get_final_message()
    same(usage(answer), (case.FRESH, case.CACHED, case.ANSWER))


def tool():
    def streamed(**request):
        with client.messages.stream(**request) as events:
            return events.get_final_message()

    for create in client.messages.create, client.beta.messages.create, streamed:
        request = ask("How is the weather? [[tool]]", tools=TOOLS)
        answer = create(**request)
        (call,) = answer.content
        same((call.name, call.input, answer.stop_reason), ("weather", {"city": "Oslo"}, "tool_use"))
        said = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}]
        result = [{"type": "tool_result", "tool_use_id": call.id, "content": case.WEATHER}]
        request["messages"] += [{"role": "assistant", "content": said}, {"role": "user", "content": result}]
        same(create(**request).content[0].text, case.ANSWER_TO_WEATHER)


def error():
    with case.raises(anthropic.BadRequestError, case.REFUSAL):
        client.messages.create(**ask("[[error]]"))
    with case.raises(anthropic.BadRequestError, case.REFUSAL), client.messages.stream(**ask("[[error]]")) as events:
        events.until_done()
    with case.raises(anthropic.AuthenticationError):
        client.with_options(api_key=case.UNKNOWN_KEY).messages.create(**ask("[[hello]]"))


def cancel():
    with client.messages.stream(**ask("[[slow]]")) as events:
        for number, _ in enumerate(events.text_stream):
            if number == 3:
                break
    case.closed()


case.run(chat=chat, stream=stream, tool=tool, error=error, cancel=cancel)
