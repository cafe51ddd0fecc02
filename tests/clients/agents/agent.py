"""What the drivers of the coding agents have in common: DRIVER CASE BASE_URL KEY, as ../matrix.toml has it.

    chat        an answer is printed, with its usage where the agent shows that
    stream      the same; the upstream was asked for a stream
    tool        the agent reads a file, changes it and runs it, in a repository of its own
    error       the provider's refusal is shown and the agent ends; so it does with an unknown key
    cancel      Ctrl-C in the middle of a stream
    connect     the agent runs on nothing but what `weighbridge connect --write` has left in its home
    two tiers   two such tasks, of which one touches the safety of data: each stays with one tier, and the ledger has both

An agent has a home of its own, empty but for its settings, and sees nothing of this machine's.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))  # where `dialects` is
import script  # noqa: E402

CLIENTS = Path(os.environ["CLIENTS"])
CASE, BASE_URL, KEY = (sys.argv[1:] + ["", ""])[:3]
UNKNOWN_KEY = f"{KEY}-unknown"
HELLO = "Hello, world."
REFUSAL = "The scripted upstream refuses this, as it was asked to."
# What the upstream says of usage: 1200 tokens of prompt, of which 1000 were cached, and two of "Hello, world."
USAGE = (1200, 1000, 2)
LIMIT = 60  # seconds that an agent may take for one task
ENDS_WITHIN = 10  # seconds after Ctrl-C
ROUTINE = "Change the greeting from Hello to Goodbye."
DELICATE = (
    "Two writers lose each other's updates in the migration: fix the race condition on the ledger table without losing or "
    "corrupting data that is already committed."
)


@dataclass
class Said:
    """What came of it."""

    code: int
    out: str
    errors: str

    @property
    def all(self):
        return self.out + self.errors

    def events(self):
        """What an agent that prints one JSON object a line printed."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


def same(found, expected):
    assert found == expected, f"{found!r} instead of {expected!r}"


def contains(text, part):
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert part in " ".join(plain.split()), f"{part!r} is not in {plain[-400:]!r}"


def package(pattern):
    """A file of what npm installed."""
    found = sorted((CLIENTS / "agents" / "node" / "node_modules").glob(pattern))
    assert found, f"npm has not installed {pattern}"
    return found[0]


def first_word(command):
    return words_of(command)[0]


def last_word(command):
    return words_of(command)[-1]


def words_of(command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split()


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


class Driver:
    """The cases. An agent's driver has its command, its settings and what it knows of the agent's output."""

    tool_name = ""  # as `weighbridge connect` has it
    models = ("auto",)  # that the tool case is done with
    quiet = {}  # variables without which it looks for updates and the like
    is_connected = False

    def __init__(self):
        folder = CLIENTS / "work" / "agents" / f"{type(self).__name__}-{CASE.replace(' ', '-')}"
        shutil.rmtree(folder, ignore_errors=True)
        self.home, self.began = folder / "home", time.time()
        self.repository = self.new_repository(folder / "repository")

    def command(self, words, model):
        """What runs it on some words; the model is None if its settings name one."""
        raise NotImplementedError

    def settings(self, key, model):
        """Writes its settings; the variables that it needs besides."""
        raise NotImplementedError

    def variables(self):
        """The variables that it needs once `weighbridge connect` has written its settings."""
        return {"WEIGHBRIDGE_API_KEY": KEY}

    def usage(self, said):
        """Tokens of the prompt, those of them that were cached, and those of the answer; None if it shows none."""
        return None

    def task(self):
        """The words that make the scripted upstream change the file."""
        return f"[[agent:{self.repository}]]"

    def new_repository(self, folder):
        self.home.mkdir(parents=True, exist_ok=True)
        write(self.home / ".gitconfig", "[user]\nname = Agent\nemail = agent@example.com\n[init]\ndefaultBranch = main\n")
        write(folder / script.FILE, f"{script.BEFORE}\n")
        for arguments in ["init", "-q"], ["add", "."], ["commit", "-q", "-m", "A greeting"]:
            subprocess.run(["git", *arguments], cwd=folder, env=self.environment(), check=True)
        return folder

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "CLIENTS", "TERM")}
        kept |= {"HOME": str(self.home), "TERM": "dumb", "GIT_CONFIG_NOSYSTEM": "1"}
        # Some look for updates, plugins or prices, and not all of that can be switched off: it ends at a closed port.
        return kept | {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1,localhost"}

    def start(self, words, key=KEY, model="auto"):
        variables = self.variables() if self.is_connected else self.settings(key, model)
        return subprocess.Popen(
            self.command(words, None if self.is_connected else model),
            cwd=self.repository,
            env=self.environment() | self.quiet | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # Whoever was started in the background ignores Ctrl-C, and so would its children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def ask(self, words, **how):
        process = self.start(words, **how)
        try:
            out, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, errors = process.communicate()
            raise AssertionError(f"not over after {LIMIT} s: {(out + errors)[-400:]!r}") from None
        return Said(process.returncode, out, errors)

    def asked(self, since=None):
        """The requests that reached the upstream."""
        lines = (CLIENTS / "work" / "upstream.jsonl").read_text().splitlines()
        requests = [line for line in map(json.loads, lines) if line["at"] >= (since or self.began)]
        return [json.loads(line["body"]) for line in requests if line["event"] == "request" and line["method"] == "POST"]

    def chat(self):
        said = self.ask("[[hello]]")
        contains(said.out, HELLO)
        same(said.code, 0)
        found = self.usage(said)
        same(found, found and USAGE)

    def stream(self):
        said = self.ask("[[hello]]")
        contains(said.out, HELLO)
        assert all(request.get("stream") is True for request in self.asked()), "the upstream was asked for a whole answer"
        assert self.asked(), "the upstream was asked nothing"

    def tool(self):
        for model in self.models:
            self.change_the_file(ROUTINE, model)

    def change_the_file(self, wish, model="auto"):
        self.repository = self.new_repository(self.home.parent / f"repository-{time.monotonic_ns()}")
        said = self.ask(f"{wish} {self.task()}", model=model)
        same((self.repository / script.FILE).read_text(), f"{script.AFTER}\n")
        same((self.repository / script.OUTPUT).read_text(), "Goodbye\n")
        self.ended_well(said)

    def ended_well(self, said):
        contains(said.all, script.DONE)
        same(said.code, 0)

    def error(self):
        contains(self.ask("[[error]]").all, REFUSAL)
        refused = self.ask("[[hello]]", key=UNKNOWN_KEY).all
        assert HELLO not in refused, "an unknown key was answered"
        assert re.search(r"key|401|auth", refused, re.IGNORECASE), f"nothing is said of the key: {refused[-400:]!r}"

    def cancel(self):
        process = self.start("[[slow]]")
        try:
            until = time.monotonic() + LIMIT
            while not self.asked():
                assert process.poll() is None and time.monotonic() < until, "no request came"
                time.sleep(0.1)
            time.sleep(1.5)
            assert process.poll() is None, f"it was over before it was asked to: {process.communicate()!r}"
            process.send_signal(signal.SIGINT)
            print(f"closed {time.time()}", flush=True)
            try:
                process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                raise AssertionError(f"still there {ENDS_WITHIN} s after Ctrl-C") from None
        finally:
            process.kill()

    def connect(self):
        command = [os.environ["WEIGHBRIDGE"], "connect", self.tool_name, "--url", BASE_URL, "--write"]
        environment = self.environment() | {"WEIGHBRIDGE_API_KEY": KEY}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT)
        contains(done.stdout, "Verified: request ")
        same(done.returncode, 0)
        self.is_connected = True
        contains(self.ask("[[hello]]").out, HELLO)
        self.change_the_file(ROUTINE)

    def two_tiers(self):
        models = []
        for wish in ROUTINE, DELICATE:
            since = time.time()
            self.change_the_file(wish)
            asked = [request for request in self.asked(since) if script.declared(request)]
            assert len(asked) >= 3, f"{len(asked)} turns are no task"
            models.append({request["model"] for request in asked})
        assert all(len(each) == 1 for each in models), f"a conversation went to several models: {models}"
        assert models[0] != models[1], f"both conversations went to {models[0]}"
        self.is_reported()

    def is_reported(self):
        """The report has this app with a cost for each of two tiers."""
        by = ["--by", "app", "--by", "tier", "--json"]
        command = [os.environ["WEIGHBRIDGE"], "report", "--config", CLIENTS / "work" / "routes.toml", *by]
        report = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        lines = [line for line in report["lines"] if line["keys"]["app"] == self.app]
        costs = {line["keys"]["tier"]: line["cost_usd"] for line in lines}
        assert len([cost for cost in costs.values() if cost and float(cost) > 0]) >= 2, f"the report has {costs}"


def run(driver):
    if CASE == "version":
        print(driver.version())
    else:
        getattr(driver(), CASE.replace(" ", "_"))()
