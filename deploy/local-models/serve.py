#!/usr/bin/env python3
"""Serves one model on loopback until killed, or until its standard input ends: serve.py ALIAS DIR PORT

Prints the base URL once it answers. Run by `up.py`, with the Python that `install.py` made.
"""

import os
import sys
from pathlib import Path

import xllamacpp

from models import MODELS, Model

SLOTS = 2
"""Answers at once; more wait inside the server."""
CONTEXT = 8192
"""Tokens of prompt and answer together, in each slot: what SmolLM2 was trained for, and enough for Gemma."""
LONGEST_ANSWER = 1024
"""Tokens, unless the request says fewer: a small model that has lost the thread never stops by itself."""


def parameters(model: Model, folder: Path, port: int) -> xllamacpp.CommonParams:
    params = xllamacpp.CommonParams()
    params.model.path = str(model.weights(folder))
    params.model_alias = {model.alias}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = CONTEXT * SLOTS
    params.n_predict = LONGEST_ANSWER
    # Half the cores each: both models may be busy at once, and threads in excess of the cores make both crawl.
    threads = max(1, (os.cpu_count() or 2) // 2)
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 64
    params.ui = False
    params.endpoint_slots = False
    params.sampling.penalty_repeat = model.repeat_penalty
    params.antiprompt = list(model.stop)
    if model.chat_template:
        params.chat_template = model.chat_template
    return params


def main() -> None:
    alias, folder, port = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    server = xllamacpp.Server(parameters(MODELS[alias], folder, port))
    print(server.listening_address, flush=True)
    # Whoever started us holds the other end. When it is gone, however it went, so are we.
    while sys.stdin.buffer.read(1024):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
