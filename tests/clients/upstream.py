"""The scripted upstream: answers as a provider would, and does what the last human words of a conversation ask.

    upstream.py --record FILE [--port N] [--key KEY]

It prints its address and serves chat completions, responses and messages, whole and streamed, behind any path prefix.
The words that it obeys are in the prompt; without any it says hello:

    [[hello]]            "Hello, world."
    [[tool]]             calls the first declared function with {"city": "Oslo"}; [[tool: {…}]] with these arguments.
                         Once the result is there: "The tool said: " and the result
    [[json]]             the arguments of [[tool]] as text, for structured output
    [[error]]            a 400 as the provider words it
    [[slow]]             a token every 100 ms for 30 s, until the client hangs up
    [[slow-tool]]        the same inside the arguments of a call of the first declared function

Coding agents follow scripts of their own (`agents/script.py`), which are asked first. FILE takes one line of JSON when
a request has arrived and one when it is over, with how that came: `answered` or `hung up`.
"""

import argparse
import asyncio
import gzip
import itertools
import json
import re
import time
import zlib

import zstandard
from aiohttp import web

from dialects import Call, Text, anthropic_messages, openai_chat, openai_responses

try:
    from agents import script
except ImportError:  # the agents' part is not there
    script = None

DIALECTS = {
    "openai-chat": openai_chat,
    "openai-responses": openai_responses,
    "anthropic-messages": anthropic_messages,
}
MARKER = re.compile(r"\[\[(hello|tool|json|error|slow|slow-tool)(?::\s*(\{.*?\}))?\]\]", re.DOTALL)
REFUSAL = "The scripted upstream refuses this, as it was asked to."
ARGUMENTS = '{"city": "Oslo"}'
TOKEN_EVERY, SLOW_TEXT = 0.1, " ".join(f"token{number}" for number in range(300))
MODEL = "scripted-1"


def decoded(headers, body):
    """A body without its content encoding."""
    match headers.get("content-encoding", "identity").lower():
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    return body


class Journal:
    """One line of JSON for each thing that happened."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8", buffering=1)
        self.numbers = itertools.count(1)

    def write(self, **fields):
        self.file.write(json.dumps({"at": time.time()} | fields) + "\n")

    def arrived(self, method, path, headers, body):
        number = next(self.numbers)
        text = body.decode("utf-8", "backslashreplace")
        self.write(number=number, event="request", method=method, path=path, headers=headers, body=text)
        return number


def wish(dialect, body):
    """The marker that counts, what it says further, and the tool results that came after it."""
    results = []
    for turn in reversed(DIALECTS[dialect].turns(body)):
        if turn.who == "result":
            results.insert(0, turn.text)
        if turn.who == "human" and (markers := list(MARKER.finditer(turn.text))):
            return markers[-1][1], markers[-1][2], results
    return "hello", None, results


def scripted(step):
    if "text" in step:
        return Text(step["text"])
    arguments = step["arguments"] if isinstance(step["arguments"], str) else json.dumps(step["arguments"])
    return Call(step["tool"], arguments, step.get("kind", "function"), step.get("namespace"))


def reply_to(dialect, body):
    """What to say, and the pause between two tokens; None stands for a refusal."""
    step = script.next_step(dialect, body) if script else None
    if step is not None:
        return scripted(step), 0
    word, more, results = wish(dialect, body)
    if word == "error":
        return None, 0
    if word == "json":
        return Text(more or ARGUMENTS), 0
    if word == "slow":
        return Text(SLOW_TEXT), TOKEN_EVERY
    if word == "slow-tool" and (name := DIALECTS[dialect].first_tool(body)):
        return Call(name, json.dumps({"city": SLOW_TEXT})), TOKEN_EVERY
    if word == "tool" and results:
        return Text(f"The tool said: {results[-1]}"), 0
    if word == "tool" and (name := DIALECTS[dialect].first_tool(body)):
        return Call(name, more or ARGUMENTS), 0
    return Text("Hello, world."), 0


def dialect_of(request):
    if "/messages" in request.path or "anthropic-version" in request.headers:
        return "anthropic-messages"
    return "openai-responses" if "/responses" in request.path else "openai-chat"


def manners(dialect):
    """Headers that this provider sends with every answer."""
    if dialect == "anthropic-messages":
        return {"request-id": "req_scripted", "anthropic-ratelimit-requests-remaining": "49"}
    return {"x-request-id": "req_scripted", "openai-processing-ms": "7", "x-ratelimit-remaining-requests": "49"}


class Upstream:
    def __init__(self, journal, key):
        self.journal, self.key = journal, key

    async def handle(self, request):
        body = decoded(request.headers, await request.read())
        headers = {name.lower(): value for name, value in request.headers.items()}
        number = self.journal.arrived(request.method, request.path_qs, headers, body)
        how = "hung up"
        try:
            response = await self.answer(request, dialect_of(request), body)
            how = "answered"
            return response
        finally:
            self.journal.write(number=number, event="end", how=how)

    async def answer(self, request, dialect, body):
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and self.key not in (bearer, request.headers.get("x-api-key")):
            return self.refuse(dialect, 401, "The scripted upstream does not know this key.")
        kind = request.path.rsplit("/", 1)[-1]
        if request.method == "GET":
            return self.look_up(request, dialect, kind)
        if request.method != "POST" or kind not in ("completions", "responses", "messages", "count_tokens"):
            return self.refuse(dialect, 404, f"There is no {request.method} {request.path}.")
        body = json.loads(body)
        if kind == "count_tokens":
            return web.json_response({"input_tokens": len(json.dumps(body)) // 4}, headers=manners(dialect))
        reply, pause = reply_to(dialect, body)
        if reply is None:
            return self.refuse(dialect, 400, REFUSAL)
        if body.get("stream"):
            return await self.stream(request, dialect, DIALECTS[dialect].events(body, reply), pause)
        await asyncio.sleep(pause * len(reply.pieces()))
        return web.json_response(DIALECTS[dialect].whole(body, reply), headers=manners(dialect))

    def refuse(self, dialect, status, words):
        # Without this header Claude Code asks again for minutes, whatever the status.
        final = {"x-should-retry": "false"} if status == 401 else {}
        return web.json_response(DIALECTS[dialect].error(status, words), status=status, headers=manners(dialect) | final)

    def look_up(self, request, dialect, kind):
        """The list of models, one of them, or a stored response."""
        if "/responses/" in request.path:
            if kind in openai_responses.stored:
                return web.json_response(openai_responses.stored[kind], headers=manners(dialect))
            return self.refuse(dialect, 404, f"There is no response {kind}.")
        if "websocket" in request.headers.get("upgrade", "").lower():
            return self.refuse(dialect, 426, "Over HTTP, please.")
        if dialect == "anthropic-messages":
            model = {"type": "model", "id": MODEL, "display_name": "Scripted", "created_at": "2026-09-01T00:00:00Z"}
            listed = {"data": [model], "has_more": False, "first_id": MODEL, "last_id": MODEL}
        else:
            model = {"id": MODEL, "object": "model", "created": 1_790_000_000, "owned_by": "scripted"}
            listed = {"object": "list", "data": [model]}
        if kind in ("models", MODEL):
            return web.json_response(listed if kind == "models" else model, headers=manners(dialect))
        return self.refuse(dialect, 404, f"There is no {request.path}.")

    async def stream(self, request, dialect, events, pause):
        headers = manners(dialect) | {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        for name, data, is_token in events:
            text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"), ensure_ascii=False)
            event = f"event: {name}\n" if name else ""
            await response.write(f"{event}data: {text}\n\n".encode())
            if is_token and pause:
                await asyncio.sleep(pause)
        await response.write_eof()
        return response


async def serve(handler, port=0):
    """Serves until cancelled; prints the address first. A handler is cancelled when its client hangs up."""
    runner = web.ServerRunner(
        web.Server(handler, handler_cancellation=True, auto_decompress=False, access_log=None, keepalive_timeout=600)
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    print(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--record", required=True)
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--key")
    given = options.parse_args()
    try:
        asyncio.run(serve(Upstream(Journal(given.record), given.key).handle, given.port))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
