"""The client matrix: real clients in front of the proxy, and behind it a scripted upstream.

    run.py [--direct | --behind DIALECT] [--only PATTERN] [--write FILE] [--save-bodies FOLDER]

Installs the clients of matrix.toml, starts upstream.py, the proxy (WEIGHBRIDGE_BIN, else it is built) and recorder.py,
lets each client do its cases, prints the table, and with --write writes it if it is the whole one. Exit code 1 if a
case fails. It stops whatever it started.

--direct leaves out the proxy, which shows that the upstream is one that the clients accept. --behind has every request
answered by endpoints of that dialect, which shows what the proxy's translations make of the clients.
"""

import argparse
import functools
import hashlib
import os
import re
import shutil
import signal
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import install
import table
from bodies import differences
from processes import Children, Journal, free_port, run_driver
from recorded import saver

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WORK = install.FOLDER / "work"
CASES = ["chat", "stream", "tool", "error", "cancel"]
LIMIT = 20 * 60  # seconds after which no case begins; installing counts, which has limits of its own
HANG_UP_WITHIN = 2  # seconds after which the upstream must have seen that a client hung up
# Each dialect's tiers in routes.toml, without `cheap` and `large`.
TIERS = {"openai-chat": "", "openai-responses": "-responses", "anthropic-messages": "-messages"}
KEY, UPSTREAM_KEY = "wb-key-of-the-client-matrix", "key-of-the-scripted-upstream"


@dataclass
class Client:
    name: str
    dialect: str
    driver: Path
    install: list[Path]
    package: list[str] = field(default_factory=list)
    timeout: float = 90
    also: list[str] = field(default_factory=list)  # cases that only some clients have, and only behind the proxy
    version: str = "?"
    reasons: dict[str, str | None] = field(default_factory=dict)  # by case: why it failed, or None

    def command(self):
        return install.command(self.driver, self.install[0])


def clients(only):
    found = []
    for listed in HERE / "matrix.toml", HERE / "agents" / "matrix.toml":
        for entry in tomllib.loads(listed.read_text())["client"] if listed.exists() else []:
            entry["driver"] = listed.parent / entry["driver"]
            entry["install"] = [(listed.parent / needed).resolve() for needed in entry["install"]]
            found.append(Client(**entry))
    return [client for client in found if re.search(only, f"{client.name} · {client.dialect}")]


def environment():
    """What a driver sees of this machine's: no settings and no keys of whoever runs this."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM", "TMPDIR") if name in os.environ}
    home = WORK / "home"
    home.mkdir(parents=True, exist_ok=True)
    return kept | {"HOME": str(home), "NO_PROXY": "127.0.0.1,localhost", "CLIENTS": str(install.FOLDER)}


def start(children, direct, behind):
    """The upstream, the proxy and the recorder; the address that clients are pointed at, and the two journals."""
    python = install.python(install.place(HERE / "requirements.txt"))
    records = WORK / "upstream.jsonl", WORK / "recorder.jsonl"
    wanted_key = KEY if direct else UPSTREAM_KEY
    upstream = children.start("upstream", [python, HERE / "upstream.py", "--record", records[0], "--key", wanted_key])
    proxy = upstream if direct else start_proxy(children, upstream, behind)
    address = children.start("recorder", [python, HERE / "recorder.py", "--record", records[1], "--to", proxy])
    return address, *map(Journal, records)


def start_proxy(children, upstream, behind):
    values = {
        "$PORT": str(free_port()),
        "$ADMIN_PORT": str(free_port()),
        "$LEDGER": str(WORK / "ledger.db"),
        "$UPSTREAM": upstream,
        "$KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
    }
    routes = (HERE / "routes.toml").read_text()
    for name, value in values.items():
        routes = routes.replace(name, value)
    if behind:
        routes = re.sub(r'^route = "(cheap|large).*"', rf'route = "\1{TIERS[behind]}"', routes, flags=re.MULTILINE)
    (WORK / "routes.toml").write_text(routes)
    command = [binary(), "serve", "--config", WORK / "routes.toml"]
    children.start("proxy", command, port=int(values["$PORT"]), UPSTREAM_KEY=UPSTREAM_KEY)
    return f"http://127.0.0.1:{values['$PORT']}"


@functools.cache
def binary():
    if named := os.environ.get("WEIGHBRIDGE_BIN"):
        return Path(named).resolve()
    print("building weighbridge", file=sys.stderr, flush=True)
    install.run(["cargo", "build", "--locked", "--quiet"], cwd=ROOT)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "weighbridge"


def do(client, case, address, upstream, recorder, deadline, more):
    """One case of one client: why it failed, or None; and why its bodies are not what it sent, or None."""
    upstream.skip(), recorder.skip()
    seconds = min(client.timeout, deadline - time.monotonic())
    if seconds <= 0:
        return "no time was left", None
    reason, closed = run_driver([*client.command(), case, address, KEY], environment() | more, seconds)
    behind = upstream.settled(3)
    asked = recorder.settled(3)
    if case == "cancel" and not reason:
        ends = [request for request in behind.values() if request.get("how") == "hung up"]
        if closed is None:
            reason = "the driver did not say when it hung up"
        elif not ends:
            reason = "the upstream did not see that the client hung up"
        elif (late := min(request["ended"] for request in ends) - closed) > HANG_UP_WITHIN:
            reason = f"the upstream saw only after {late:.1f} s that the client hung up"
    if not reason and not behind:
        reason = "no request reached the upstream"
    return reason, unlike(asked, behind)


def unlike(asked, behind):
    """Why the upstream did not get what the client sent, but for the model and the usage option; or None."""
    posted = [request for request in asked.values() if request["method"] == "POST"]
    answered = [request["body"] for request in posted if "x-weighbridge-endpoint" in request.get("answer", {})]
    received = [request for request in behind.values() if request["method"] == "POST"]
    via_proxy = any("x-weighbridge-request-id" in request.get("answer", {}) for request in posted)
    headers = [value for request in behind.values() for value in request["headers"].values()]
    if via_proxy and any(KEY in value for value in headers):
        return "the client's key reached the upstream"
    return next(differences([each["body"] for each in posted], answered, [each["body"] for each in received]), None)


def run_all(found, direct, behind, save, deadline):
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    more = {} if direct else {"WEIGHBRIDGE": str(binary())}
    with Children(WORK, environment()) as children:
        address, upstream, recorder = start(children, direct, behind)
        for client in found:
            client.version = version(client)
            cases = [*CASES, *([] if direct else client.also)]
            client.reasons = dict.fromkeys([*cases, "bytes"] if behind in (None, client.dialect) else cases)
            for case in cases:
                began = time.monotonic()
                translated = {} if behind in (None, client.dialect) else {"TRANSLATED": "yes"}
                reason, unequal = do(client, case, address, upstream, recorder, deadline, more | translated)
                client.reasons[case] = reason
                if behind in (None, client.dialect):  # else it is translated
                    client.reasons["bytes"] = client.reasons["bytes"] or unequal
                verdict = f"✗ {reason}" if reason else "✓"
                took = time.monotonic() - began
                line = f"{client.name} · {client.dialect} · {case}: {verdict} ({took:.1f} s)"
                print(line, file=sys.stderr, flush=True)
                if save and case == "tool":
                    save(client, recorder.seen.values())
                if not children.all_live():
                    sys.exit("the upstream, the proxy or the recorder has ended; its log is in .run/clients/work")


def version(client):
    if client.package:
        first, *more = (f"{package} {install.version(package, client.install[0])}" for package in client.package)
        return ", ".join([first.split()[-1], *more])
    return install.output([*client.command(), "version"], environment())


def stop_once(*_):
    """Asked twice, it goes on stopping what it started."""
    for asked in signal.SIGINT, signal.SIGTERM:
        signal.signal(asked, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--direct", action="store_true")
    options.add_argument("--behind", choices=TIERS)
    options.add_argument("--only", default="", help="a regular expression for the clients, as `name · dialect`")
    options.add_argument("--write", type=Path)
    options.add_argument("--save-bodies", type=Path)
    given = options.parse_args()
    for asked in signal.SIGINT, signal.SIGTERM:
        signal.signal(asked, stop_once)
    found, deadline = clients(given.only), time.monotonic() + LIMIT
    try:
        for needed in dict.fromkeys([HERE / "requirements.txt", *(each for client in found for each in client.install)]):
            install.install(needed)
        save = saver(given.save_bodies) if given.save_bodies else None
        run_all(found, given.direct, given.behind, save, deadline)
    except KeyboardInterrupt:
        sys.exit("stopped")
    text = table.markdown(found, [*CASES, *dict.fromkeys(case for client in found for case in ([] if given.direct else client.also))])
    print(text)
    if given.write and not (given.direct or given.behind or given.only):
        proxy = install.output([binary(), "--version"]).removeprefix("weighbridge ")
        node = install.output([install.node(install.place(HERE / "package.json")), "--version"])
        table.write(given.write, text, proxy, node)
    sys.exit(any(reason for client in found for reason in client.reasons.values()))


if __name__ == "__main__":
    main()
