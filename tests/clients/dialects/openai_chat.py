"""openai-chat: POST …/chat/completions"""

from . import CACHED_TOKENS, PROMPT_TOKENS, Call, Turn, output_tokens, text_of

WHO = {"user": "human", "assistant": "model", "tool": "result", "function": "result"}


def turns(body):
    found = []
    for message in body["messages"]:
        if message["role"] in WHO:
            found.append(Turn(WHO[message["role"]], text_of(message.get("content"))))
        for call in message.get("tool_calls") or []:
            found.append(Turn("call", call.get("function", call.get("custom", {})).get("name", "")))
    return found


def first_tool(body):
    return next((tool["function"]["name"] for tool in body.get("tools") or [] if tool["type"] == "function"), None)


def usage(reply):
    answer = output_tokens(reply)
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": answer,
        "total_tokens": PROMPT_TOKENS + answer,
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def head(body, kind):
    return {
        "id": "chatcmpl-scripted",
        "object": kind,
        "created": 1_790_000_000,
        "model": body["model"],
        "service_tier": "default",
        "system_fingerprint": "fp_scripted",
    }


def tool_call(reply, arguments):
    if reply.kind == "custom":
        return {"id": reply.id, "type": "custom", "custom": {"name": reply.name, "input": arguments}}
    return {"id": reply.id, "type": "function", "function": {"name": reply.name, "arguments": arguments}}


def whole(body, reply):
    message = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    if isinstance(reply, Call):
        message["tool_calls"] = [tool_call(reply, reply.arguments)]
    else:
        message["content"] = reply.text
    reason = "tool_calls" if isinstance(reply, Call) else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    return head(body, "chat.completion") | {"choices": [choice], "usage": usage(reply)}


def events(body, reply):
    asked_for_usage = (body.get("stream_options") or {}).get("include_usage")

    def chunk(delta, reason=None):
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        data = head(body, "chat.completion.chunk") | {"choices": [choice]}
        return data | {"usage": None} if asked_for_usage else data

    if isinstance(reply, Call):
        first = {"index": 0} | tool_call(reply, "")
        yield None, chunk({"role": "assistant", "content": None, "tool_calls": [first], "refusal": None}), False
        for piece in reply.pieces():
            inner = {"custom": {"input": piece}} if reply.kind == "custom" else {"function": {"arguments": piece}}
            yield None, chunk({"tool_calls": [{"index": 0} | inner]}), True
    else:
        yield None, chunk({"role": "assistant", "content": "", "refusal": None}), False
        for piece in reply.pieces():
            yield None, chunk({"content": piece}), True
    yield None, chunk({}, "tool_calls" if isinstance(reply, Call) else "stop"), False
    if asked_for_usage:
        yield None, head(body, "chat.completion.chunk") | {"choices": [], "usage": usage(reply)}, False
    yield None, "[DONE]", False


def error(status, words):
    kind, code = ("invalid_request_error", "invalid_api_key" if status == 401 else "unsupported_value")
    return {"error": {"message": words, "type": kind, "param": None, "code": code}}
