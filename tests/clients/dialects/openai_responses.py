"""openai-responses: POST …/responses, with GET and DELETE …/responses/ID of those that were stored"""

import itertools

from . import CACHED_TOKENS, PROMPT_TOKENS, Call, Turn, output_tokens, text_of
from .openai_chat import error  # noqa: F401 - OpenAI words refusals alike on all of its paths

numbers = itertools.count(1)
stored = {}  # the answers by id
conversations = {}  # the items before and of an answer, by its id


def items(body):
    asked = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    return conversations.get(body.get("previous_response_id"), []) + asked


def turns(body):
    found = []
    for item in items(body):
        kind = item.get("type", "message")
        if kind == "message" and item["role"] in ("user", "assistant"):
            found.append(Turn("human" if item["role"] == "user" else "model", text_of(item["content"])))
        elif kind.endswith("_call_output"):
            output = item.get("output")
            found.append(Turn("result", output if isinstance(output, (str, list)) else str(output)))
            found[-1].text = text_of(found[-1].text)
        elif kind.endswith("_call"):
            found.append(Turn("call", item.get("name", kind)))
    return found


def first_tool(body):
    return next((tool["name"] for tool in body.get("tools") or [] if tool["type"] == "function"), None)


def item_of(reply, number, done):
    if isinstance(reply, Call):
        custom = reply.kind == "custom"
        item = {
            "id": f"{'ctc' if custom else 'fc'}_{number}",
            "type": "custom_tool_call" if custom else "function_call",
            "status": "completed" if done else "in_progress",
            "call_id": reply.id,
            "name": reply.name,
            "input" if custom else "arguments": reply.arguments if done else "",
        }
        return item | ({"namespace": reply.namespace} if reply.namespace else {})
    part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
    return {
        "id": f"msg_{number}",
        "type": "message",
        "status": "completed" if done else "in_progress",
        "role": "assistant",
        "content": [part] if done else [],
    }


def usage(reply):
    answer = output_tokens(reply)
    return {
        "input_tokens": PROMPT_TOKENS,
        "input_tokens_details": {"cached_tokens": CACHED_TOKENS, "cache_write_tokens": 0},
        "output_tokens": answer,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": PROMPT_TOKENS + answer,
    }


def response(body, reply, number, done):
    echoed = {
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "user": None,
    }
    echoed = {name: body[name] if body.get(name) is not None else default for name, default in echoed.items()}
    return echoed | {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_790_000_000,
        "completed_at": 1_790_000_001 if done else None,
        "status": "completed" if done else "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": body["model"],
        "output": [item_of(reply, number, True)] if done else [],
        "service_tier": "default",
        "usage": usage(reply) if done else None,
    }


def keep(body, answer):
    if body.get("store", True):
        stored[answer["id"]] = answer
        conversations[answer["id"]] = items(body) + answer["output"]
    return answer


def whole(body, reply):
    return keep(body, response(body, reply, next(numbers), True))


def events(body, reply):
    number, order = next(numbers), itertools.count()

    def event(kind, is_token=False, **fields):
        return kind, {"type": kind, "sequence_number": next(order)} | fields, is_token

    yield event("response.created", response=response(body, reply, number, False))
    yield event("response.in_progress", response=response(body, reply, number, False))
    item = item_of(reply, number, True)
    place = {"item_id": item["id"], "output_index": 0}
    yield event("response.output_item.added", output_index=0, item=item_of(reply, number, False))
    if isinstance(reply, Call):
        kind, name = ("custom_tool_call_input", "input") if reply.kind == "custom" else ("function_call_arguments", "arguments")
        for piece in reply.pieces():
            yield event(f"response.{kind}.delta", True, **place, delta=piece)
        yield event(f"response.{kind}.done", **place, **{name: reply.arguments})
    else:
        place["content_index"] = 0
        part = item["content"][0]
        yield event("response.content_part.added", **place, part=part | {"text": ""})
        for piece in reply.pieces():
            yield event("response.output_text.delta", True, **place, delta=piece, logprobs=[])
        yield event("response.output_text.done", **place, text=reply.text, logprobs=[])
        yield event("response.content_part.done", **place, part=part)
    yield event("response.output_item.done", output_index=0, item=item)
    yield event("response.completed", response=keep(body, response(body, reply, number, True)))
