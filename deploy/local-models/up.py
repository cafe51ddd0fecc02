#!/usr/bin/env python3
"""Installs (once) and runs the two local models on loopback until Ctrl-C: up.py [DIR]

    smollm2-135m   http://127.0.0.1:7301/v1   SmolLM2-135M-Instruct
    gemma-3-270m   http://127.0.0.1:7302/v1   Gemma 3 270M

Prints one line for each, `ALIAS URL`, when both answer. Logs are DIR/ALIAS.log. Nothing survives the end of this
program, however it ends: each server stops when the pipe to its parent closes.
"""

import argparse
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from install import install, python_of
from models import DEFAULT_DIR, MODELS, Model

START_LIMIT_SECONDS = 120


class Server:
    """One model being served by a child process."""

    def __init__(self, model: Model, folder: Path, port: int):
        self.model = model
        self.log = folder / f"{model.alias}.log"
        self.url = None
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [python_of(folder), Path(__file__).with_name("serve.py"), model.alias, folder, str(port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for us to pass on, once
            )
        threading.Thread(target=self._read_url, daemon=True).start()

    def _read_url(self) -> None:
        self.url = self.process.stdout.readline().strip() or None

    def wait_until_it_answers(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise SystemExit(f"{self.model.alias} stopped while starting (exit {self.process.returncode}):\n{self.end_of_log()}")
            if self.url and answers(f"{self.url}/health"):
                return
            time.sleep(0.1)
        raise SystemExit(f"{self.model.alias} did not answer within {START_LIMIT_SECONDS} s:\n{self.end_of_log()}")

    def end_of_log(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return json.load(reply).get("status") == "ok"
    except (OSError, ValueError, urllib.error.URLError):
        return False


def refuse_if_in_use(model: Model, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SystemExit(
                f"port {port} for {model.alias} cannot be used: {error.strerror}\n"
                f"  stop what listens there, or choose another: --port {model.alias}=PORT"
            ) from None


def run(folder: Path, ports: dict, until_stdin_ends: bool) -> None:
    install(folder)
    for alias, port in ports.items():
        refuse_if_in_use(MODELS[alias], port)
    servers = []
    try:
        servers.extend(Server(MODELS[alias], folder, port) for alias, port in ports.items())
        deadline = time.monotonic() + START_LIMIT_SECONDS
        for server in servers:
            server.wait_until_it_answers(deadline)
        for server in servers:
            print(server.model.alias, server.url, flush=True)
        if until_stdin_ends:
            threading.Thread(target=end_with_stdin, daemon=True).start()
        while all(server.process.poll() is None for server in servers):
            time.sleep(0.2)
        gone = next(server for server in servers if server.process.poll() is not None)
        raise SystemExit(f"{gone.model.alias} stopped (exit {gone.process.returncode}):\n{gone.end_of_log()}")
    finally:
        for server in servers:
            server.stop()


def end_with_stdin() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    signal.raise_signal(signal.SIGTERM)


def port_choice(text: str) -> tuple:
    alias, _, port = text.partition("=")
    if alias not in MODELS or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"want ALIAS=PORT with ALIAS one of {', '.join(MODELS)}")
    return alias, int(port)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", nargs="?", type=Path, default=DEFAULT_DIR, help="default: %(default)s")
    parser.add_argument("--port", action="append", type=port_choice, default=[], metavar="ALIAS=PORT", help="0: any free port")
    parser.add_argument("--until-stdin-ends", action="store_true", help="stop when standard input is closed, too")
    arguments = parser.parse_args()
    ports = {model.alias: model.port for model in MODELS.values()} | dict(arguments.port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        run(arguments.dir.resolve(), ports, arguments.until_stdin_ends)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
