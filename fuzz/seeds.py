#!/usr/bin/env python3
"""Writes the seeds and the dictionary of the fuzz targets anew, from what the tests hold: recorded requests of real
clients, golden requests, answers and streams, and the JSON in the tests of the dialects. Needs node for brotli."""

import gzip
import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SEEDS = HERE / "seeds"
MOST_BYTES = 16000

# As `fuzz/src/lib.rs` and `src/domain/dialect.rs` have them.
DIALECTS = ["openai-chat", "openai-responses", "anthropic-messages", "gemini", "bedrock-converse"]
CALLERS = DIALECTS[:3]
PAIRS = [(dialect, caller) for dialect in DIALECTS for caller in CALLERS if dialect != caller]
DOORS = [
    "openai-chat", "openai-responses", "compact", "input_tokens", "anthropic-messages", "count_tokens", "completions",
    "embeddings", "rerank", "moderations", "images", "audio", "files", "batches",
]
ROOMS = {
    "chat": "openai-chat", "openai_chat": "openai-chat", "responses": "openai-responses",
    "openai_responses": "openai-responses", "messages": "anthropic-messages",
    "anthropic_messages": "anthropic-messages", "gemini": "gemini", "bedrock": "bedrock-converse",
    "bedrock_converse": "bedrock-converse",
}


def sources():
    """Every JSON text in the tests, with the dialect of the room it stands in."""
    for path in sorted((ROOT / "tests/it/recorded").glob("*.json")):
        dialect = next(name for name in DIALECTS if path.stem.endswith(name))
        yield dialect, path.read_text()
    for path in sorted((ROOT / "src/dialect").rglob("*")):
        dialect = next((ROOMS[part] for part in reversed(path.parts) if part in ROOMS), None)
        if path.is_dir() or dialect is None:
            continue
        text = path.read_text()
        if path.suffix == ".rs":
            yield from ((dialect, found) for found in re.findall(r'r#"(.*?)"#', text, re.S))
            yield from ((dialect, found) for found in macros(text))
        elif path.suffix == ".json":
            yield dialect, text
        elif path.suffix == ".snap":
            yield dialect, text.split("---\n", 2)[-1]


def macros(text):
    """What stands in `json!(…)`, as far as it is JSON."""
    for start in re.finditer(r"json!\(", text):
        depth, at = 1, start.end()
        while depth and at < len(text):
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        yield re.sub(r",(\s*[}\]])", r"\1", text[start.end() : at - 1])


def streams():
    """The data of every golden stream's events, with the dialect that it is in."""
    for path in sorted((ROOT / "src/dialect/translate").rglob("*stream*")):
        if path.suffix not in (".snap", ".txt"):
            continue
        text = path.read_text()
        data = re.findall(r"^data: ?(.*)$", text, re.M) or [
            line for line in text.splitlines() if line.startswith("{")
        ]
        dialect = next(ROOMS[part] for part in reversed(path.parts) if part in ROOMS)
        if data and path.suffix == ".snap" and dialect in ("gemini", "bedrock-converse"):
            continue  # what came of it, in the neutral form
        if data:
            yield dialect, data
    yield "openai-chat", chat_stream()
    # A test's events stand one by one.
    for dialect in DIALECTS:
        room = next(room for room, name in ROOMS.items() if name == dialect)
        for path in sorted((ROOT / "src/dialect/translate" / room).rglob("*.rs")):
            found = [line for text in re.findall(r'r#"(.*?)"#', path.read_text(), re.S) if (line := compact(text))]
            if found:
                yield dialect, found[:40]


def chat_stream():
    def chunk(delta, **more):
        choice = {"index": 0, "delta": delta, "finish_reason": more.pop("end", None)}
        return json.dumps({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]} | more)

    def call(index, **function):
        begin = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
        return {"tool_calls": [{"index": index, **begin, "function": function}]}

    usage = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}}
    return [
        chunk({"role": "assistant", "content": ""}), chunk({"reasoning_content": "Hm."}), chunk({"content": "I look."}),
        chunk({"refusal": "No."}), chunk(call(0, name="look", arguments="")), chunk(call(0, arguments='{"at":')),
        chunk(call(1, name="patch", arguments='{"input":"x"}')), chunk(call(0, arguments="1}")),
        chunk({}, end="tool_calls"), json.dumps({"choices": [], "usage": usage, "service_tier": "flex"}), "[DONE]",
    ]


def compact(text):
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, dict) else None


def kind(dialect, value):
    """Whether it is a request, an answer, or an event or a part of something."""
    has = set(value)
    if has & {"messages", "input", "prompt", "query"} and "model" in has:
        return "request"
    if has & {"error", "choices", "candidates"} or "output" in has or (dialect == "anthropic-messages" and "usage" in has):
        return "answer"
    return "other"


def write(target, name, data):
    if len(data) <= MOST_BYTES:
        folder = SEEDS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def frame(pair_of, dialect):
    return [number for number, pair in enumerate(PAIRS) if pair[pair_of] == dialect]


def coded(body):
    # A fixed time, so that the same seeds are written each time.
    yield 1, gzip.compress(body, mtime=0)
    yield 2, zlib.compress(body)
    bare = zlib.compressobj(wbits=-15)
    yield 2, bare.compress(body) + bare.flush()
    brotli = "const z=require('zlib');process.stdout.write(z.brotliCompressSync(require('fs').readFileSync(0)))"
    yield 3, subprocess.run(["node", "-e", brotli], input=body, capture_output=True, check=True).stdout
    yield 4, subprocess.run(["zstd", "-q", "-c"], input=body, capture_output=True, check=True).stdout


def main():
    shutil.rmtree(SEEDS, ignore_errors=True)
    found, words = {}, set()
    for dialect, text in sources():
        if text := compact(text):
            found.setdefault((dialect, kind(dialect, json.loads(text))), set()).add(text)
            words |= set(re.findall(r'"([A-Za-z][\w.]{1,40})"', text, re.A))
    for path in (ROOT / "src/dialect").rglob("*.rs"):
        words |= set(re.findall(r'"([a-z][\w.]{1,40})"', path.read_text(), re.A))
    (HERE / "words.dict").write_text("".join(f'"\\"{word}\\""\n' for word in sorted(words)))

    for (dialect, sort), texts in sorted(found.items()):
        # The richest in every pair, the rest in one each.
        for place, text in enumerate(sorted(texts, key=lambda text: (-len(text), text))):
            body, name = text.encode(), f"{dialect}-{place:03}"
            if sort == "request" and dialect in CALLERS:
                pairs = frame(1, dialect)
                for pair in pairs if place < 6 else [pairs[place % len(pairs)]]:
                    write("translate_request", f"{name}-{pair:02}", bytes([pair, place]) + body)
                write("body", name, bytes([0, DOORS.index(dialect)]) + body)
            if sort == "answer":
                pairs = frame(0, dialect)
                for pair in pairs if place < 4 else [pairs[place % len(pairs)]]:
                    write("translate_answer", f"{name}-{pair:02}", bytes([pair, place]) + body)
    plain = '{"model":"auto","input":["a","b"],"prompt":"c","query":"d","documents":["e"],"stream":true}'.encode()
    for number, door in enumerate(DOORS):
        if door not in CALLERS:
            write("body", f"plain-{door}", bytes([0, number]) + plain)
    for place, (coding, wire) in enumerate(coded(plain)):
        write("body", f"coded-{place}", bytes([coding, DOORS.index("completions")]) + wire)

    for place, (dialect, data) in enumerate(streams()):
        for pair in frame(0, dialect):
            write("translate_stream", f"{dialect}-{place:02}-{pair:02}", bytes([pair, place]) + "\n".join(data).encode())
        for form, end in enumerate(["\n", "\r\n", "\r"]):
            text = "".join(f"event: x{end}data: {line}{end}{end}" for line in data[:4])
            write("sse", f"events-{place:02}-{form}", bytes([form, 3, 0, 7, 1]) + text.encode()[:600])
    messages = b'e messageStart {"role":"assistant"}\nx throttlingException {"message":"slow"}\nr InternalError\nn x\nxxxx'
    write("sse", "messages", bytes([12, 2, 0, 9]) + messages)
    write("sse", "messages-long", bytes([12, 0]) + b'e contentBlockDelta {"delta":{"text":"a"}}\ne metadata {}')
    write("sse", "padded", bytes([8, 0]) + b"\n\ndata: next\n\n")


if __name__ == "__main__":
    main()
