"""Records whole sessions of coding agents, for the tests of conversations: what they send from the human's first word to
the third, each request with the headers that name its conversation.

    sessions.py FOLDER [claude-code codex]

The agents run as in the matrix, on the scripted upstream and without the proxy. As in the other recordings what vendors
wrote is not kept; the human's words are. Values that come again are written once: `values` has them, and a request has
their places.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import install
import recorded

HERE = Path(__file__).parent
KEPT = re.compile(r"x-claude-code-|user-agent$|session-id$|thread-id$|anthropic-beta$|x-stainless-retry-count$|originator$")
KEY = "wb-key-of-the-client-matrix"
LIMIT = 120
WISHES = (
    "Change the greeting from Hello to Goodbye. {task}",
    "Thanks. Now scaffold a CRUD endpoint for to-do items beside it. {task}",
    "Two writers lose each other's updates in the migration: fix the race condition on the ledger table without losing or "
    "corrupting data that is already committed. {task}",
    "Fix the typo in the README. {task}",
)
WITHOUT_TELEMETRY = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
}
CODEX_SETTINGS = """
model_provider = "weighbridge"
[model_providers.weighbridge]
name = "Weighbridge"
base_url = "{url}/v1"
env_key = "WEIGHBRIDGE_API_KEY"
wire_api = "responses"
"""


def binary(pattern):
    return str(sorted((install.FOLDER / "agents" / "node" / "node_modules").glob(pattern))[0])


def claude_code(url, home):
    command = [binary("@anthropic-ai/claude-code-*/claude"), "--model", "claude-sonnet-4-5", "--output-format", "json"]
    command += ["--allowedTools", "Read,Edit,Write,Bash", "--permission-mode", "acceptEdits"]
    variables = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_AUTH_TOKEN": KEY} | WITHOUT_TELEMETRY
    return variables, lambda words, first: [*command, *([] if first else ["--continue"]), "-p", words]


def codex(url, home):
    folder = home / ".codex"
    folder.mkdir()
    (folder / "config.toml").write_text(CODEX_SETTINGS.format(url=url))
    (folder / "auth.json").write_text(json.dumps({"auth_mode": "apikey", "OPENAI_API_KEY": KEY}))
    command = [binary("@openai/codex-*/vendor/*/bin/codex"), "exec"]
    options = ["--config", "features.plugins=false", "--config", "analytics.enabled=false", "--json", "--model", "gpt-5.5"]
    options += ["--dangerously-bypass-approvals-and-sandbox"]

    def asked(words, first):
        return [*command, *options, words] if first else [*command, "resume", "--last", *options, words]

    return {"WEIGHBRIDGE_API_KEY": KEY}, asked


AGENTS = {"claude-code": claude_code, "codex": codex}


def started(script, *options):
    process = subprocess.Popen([sys.executable, HERE / script, *options], stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def record(agent, work):
    """What the agent sent, from the first wish to the last."""
    home, repository = work / "home", work / "repository"
    home.mkdir(parents=True), repository.mkdir()
    upstream, far = started("upstream.py", "--record", work / "upstream.jsonl")
    recorder, url = started("recorder.py", "--record", work / "recorder.jsonl", "--to", far)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG")}
    environment = kept | {"HOME": str(home), "TERM": "dumb", "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}
    try:
        variables, asked = AGENTS[agent](url, home)
        subprocess.run(["git", "init", "-q"], cwd=repository, env=environment, check=True)
        for number, wish in enumerate(WISHES):
            (repository / "greeting.py").write_text('print("Hello")\n')
            command = asked(wish.format(task=f"[[agent:{repository}]]"), number == 0)
            done = subprocess.run(
                command, cwd=repository, env=environment | variables, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=LIMIT,
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    finally:
        recorder.terminate(), upstream.terminate()
    lines = map(json.loads, (work / "recorder.jsonl").read_text().splitlines())
    return [line for line in lines if line["event"] == "request" and line["method"] == "POST"]


class Values:
    """Values that come again are kept once."""

    def __init__(self):
        self.places, self.values = {}, []

    def place(self, value):
        text = json.dumps(value)
        if text not in self.places:
            self.places[text] = len(self.values)
            self.values.append(value)
        return self.places[text]


def without_prose(text):
    # What the human said stays: it is what the rules judge.
    parts = re.split(r'("(?:[^"\\]|\\.)*\[\[agent:(?:[^"\\]|\\.)*")', text)
    return "".join(part if place % 2 else recorded.without_prose(part) for place, part in enumerate(parts))


def packed(requests, work):
    values, session = Values(), []
    for request in requests:
        text = without_prose(request["body"]).replace(str(work), "/work/session")
        body = json.loads(recorded.without_this_machine(text))
        lists = {name for name in ("messages", "input") if isinstance(body.get(name), list)}
        places = {
            name: [values.place(one) for one in value] if name in lists else values.place(value)
            for name, value in body.items()
        }
        headers = {name: value for name, value in request["headers"].items() if KEPT.search(name)}
        session.append({"path": request["path"], "headers": headers, "body": places})
    return {"requests": session, "values": values.values}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for agent in sys.argv[2:] or AGENTS:
        work = install.FOLDER / "work" / "sessions" / agent
        subprocess.run(["rm", "-rf", work], check=True)
        requests = record(agent, work)
        text = json.dumps(packed(requests, work), ensure_ascii=False, separators=(",", ":"))
        (folder / f"{agent}.json").write_text(text.replace('},{"path"', '},\n{"path"') + "\n")
        print(f"{agent}: {len(requests)} requests, {len(text)} bytes")


if __name__ == "__main__":
    main()
