"""What the matrix starts and stops, and what it reads of what those write."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Children:
    """Processes that live as long as a `with` block, each in a group of its own so that a Ctrl-C reaches only us."""

    def __init__(self, folder, environment):
        self.folder, self.environment, self.running = folder, environment, []

    def __enter__(self):
        return self

    def start(self, name, command, port=None, **more):
        """Starts one and waits until it listens: on this port, or at the address that it prints."""
        with open(self.folder / f"{name}.out", "wb") as out, open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env=self.environment | more,
                start_new_session=True,
            )
        self.running.append(process)
        for _ in range(300):
            if process.poll() is not None:
                break
            if port is None and (printed := (self.folder / f"{name}.out").read_text()).endswith("\n"):
                return printed.strip()
            if port is not None and listens(port):
                return None
            time.sleep(0.1)
        sys.exit(f"the {name} did not start:\n{(self.folder / f'{name}.log').read_text()}")

    def all_live(self):
        return all(process.poll() is None for process in self.running)

    def __exit__(self, *_):
        # What was started last is stopped first: the relay before the proxy before the upstream.
        for process in reversed(self.running):
            stop(process)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process):
    """Ends a process and what it started: asked twice, then made to."""
    for asked in signal.SIGTERM, signal.SIGTERM, signal.SIGKILL:
        try:
            os.killpg(process.pid, asked)
        except ProcessLookupError:
            break
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def run_driver(command, environment, seconds):
    """Runs a driver: why it failed, or None, and when it says that it hung up."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"it was not over after {seconds:.0f} s", None
    finally:
        stop(process)
    said = re.findall(r"^closed ([\d.]+)$", out, re.MULTILINE)
    closed = float(said[-1]) if said else None
    if process.returncode == 0:
        return None, closed
    return told(errors) or f"exit code {process.returncode}", closed


def told(errors):
    """The line of an error output that says what is wrong: a Python or Node exception, else the last line."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"^[\w.]*(Error|Exception)\b.*:", line)]
    return (named or lines or [""])[-1]


class Journal:
    """The lines that upstream.py or recorder.py write, gathered by request, since the last `skip`."""

    def __init__(self, path):
        self.path, self.at, self.seen = path, 0, {}

    def skip(self):
        self.read()
        self.seen = {}

    def read(self):
        with open(self.path, encoding="utf-8") as file:
            file.seek(self.at)
            while (line := file.readline()).endswith("\n"):
                self.at = file.tell()
                self.take(json.loads(line))

    def take(self, line):
        number = line.pop("number")
        match line.pop("event"):
            case "request":
                self.seen[number] = line
            case "answer" if number in self.seen:
                self.seen[number] |= {"status": line["status"], "answer": line["headers"]}
            case "end" if number in self.seen:
                self.seen[number] |= {"how": line["how"], "ended": line["at"]}

    def settled(self, seconds):
        """The requests, once all of them are over or this time has passed."""
        until = time.monotonic() + seconds
        while True:
            self.read()
            if all("how" in request for request in self.seen.values()) or time.monotonic() > until:
                return self.seen
            time.sleep(0.05)
