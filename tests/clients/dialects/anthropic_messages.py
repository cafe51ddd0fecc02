"""anthropic-messages: POST …/messages and …/messages/count_tokens"""

import itertools
import json

from . import CACHED_TOKENS, PROMPT_TOKENS, Call, Turn, output_tokens, text_of

numbers = itertools.count(1)  # Claude Code takes answers of the same id for one


def turns(body):
    found = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        for block in blocks:
            if block["type"] == "text" and message["role"] in ("user", "assistant"):
                found.append(Turn("human" if message["role"] == "user" else "model", block["text"]))
            elif block["type"] == "tool_result":
                found.append(Turn("result", text_of(block.get("content"))))
            elif block["type"] == "tool_use":
                found.append(Turn("call", block["name"]))
    return found


def first_tool(body):
    return next((tool["name"] for tool in body.get("tools") or [] if "input_schema" in tool), None)


def usage(answer):
    """Here the cached tokens are not part of the input tokens."""
    return {
        "input_tokens": PROMPT_TOKENS - CACHED_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": CACHED_TOKENS,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": answer,
        "service_tier": "standard",
    }


def message(body, content, reason, answer):
    return {
        "id": f"msg_{next(numbers)}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage(answer),
    }


def reason(reply):
    return "tool_use" if isinstance(reply, Call) else "end_turn"


def whole(body, reply):
    if isinstance(reply, Call):
        block = {"type": "tool_use", "id": f"toolu_{reply.id}", "name": reply.name, "input": json.loads(reply.arguments)}
    else:
        block = {"type": "text", "text": reply.text}
    return message(body, [block], reason(reply), output_tokens(reply))


def events(body, reply):
    def event(kind, is_token=False, **fields):
        return kind, {"type": kind} | fields, is_token

    yield event("message_start", message=message(body, [], None, 1))
    if isinstance(reply, Call):
        block = {"type": "tool_use", "id": f"toolu_{reply.id}", "name": reply.name, "input": {}}
        yield event("content_block_start", index=0, content_block=block)
        yield event("ping")
        for piece in ["", *reply.pieces()]:
            yield event("content_block_delta", True, index=0, delta={"type": "input_json_delta", "partial_json": piece})
    else:
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield event("ping")
        for piece in reply.pieces():
            yield event("content_block_delta", True, index=0, delta={"type": "text_delta", "text": piece})
    yield event("content_block_stop", index=0)
    answer = usage(output_tokens(reply))
    final = {name: answer[name] for name in answer if name.endswith("_tokens")}
    yield event("message_delta", delta={"stop_reason": reason(reply), "stop_sequence": None}, usage=final)
    yield event("message_stop")


def error(status, words):
    kind = {401: "authentication_error", 404: "not_found_error"}.get(status, "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_scripted"}
