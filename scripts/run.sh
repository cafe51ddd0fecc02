#!/usr/bin/env bash
# Two local models and the proxy on the shipped routes.toml, until Ctrl-C: run.sh [MODELS_DIR]
# Whatever ends this script, it stops what it started.
set -euo pipefail
cd "$(dirname "$0")/.."
models=${1:-.run/models}
target=${CARGO_TARGET_DIR:-target}
mkdir -p .run

# Each child gets a process group of its own, so that Ctrl-C reaches this script alone, which stops them in order.
set -m
children=()
seconds_to_finish=15

# shellcheck disable=SC2317  # reached by the traps
stop() {
  trap - EXIT
  trap '' INT TERM # a second Ctrl-C changes nothing: the waiting below has an end
  for pid in "${children[@]}"; do
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq $((seconds_to_finish * 10))); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
  wait 2>/dev/null || true
}
trap stop EXIT
trap 'stop; exit 0' INT TERM

# Starts a command with its output in a file. What is started last is stopped first: the proxy before its upstreams.
start() {
  local log=$1
  shift
  "$@" </dev/null >"$log" 2>&1 &
  children=("$!" "${children[@]}")
}

# Waits until a URL answers 200, for as long as the process that is to serve it lives.
wait_for() {
  local name=$1 url=$2 pid=$3 log=$4
  for _ in $(seq 1200); do
    if curl --silent --fail --max-time 2 --output /dev/null "$url"; then
      return
    fi
    if ! kill -0 "$pid" 2>/dev/null; then
      break
    fi
    sleep 0.1
  done
  echo "$name does not answer at $url; the end of $log:" >&2
  tail -n 20 "$log" >&2
  exit 1
}

command -v curl >/dev/null || { echo "curl is needed" >&2; exit 1; }
cargo build --release --locked
python3 deploy/local-models/install.py "$models"

start .run/models.log python3 deploy/local-models/up.py "$models"
models_pid=${children[0]}
wait_for "SmolLM2" http://127.0.0.1:7301/health "$models_pid" .run/models.log
wait_for "Gemma" http://127.0.0.1:7302/health "$models_pid" .run/models.log

start .run/weighbridge.log "$target/release/weighbridge" serve --config routes.toml
proxy_pid=${children[0]}
wait_for "Weighbridge" http://127.0.0.1:8787/readyz "$proxy_pid" .run/weighbridge.log

cat <<TEXT

Weighbridge is ready. Point a tool at

    http://127.0.0.1:8787/v1        (any key; model "auto")

Boilerplate goes to the cheap model, SmolLM2; whole:

    curl -i http://127.0.0.1:8787/v1/chat/completions -H 'content-type: application/json' -d '{
      "model": "auto", "max_tokens": 120,
      "messages": [{"role": "user", "content": "Scaffold a CRUD endpoint for to-do items"}]}'

A design review stays with the large one, Gemma; streamed:

    curl -iN http://127.0.0.1:8787/v1/chat/completions -H 'content-type: application/json' -d '{
      "model": "auto", "max_tokens": 120, "stream": true,
      "messages": [{"role": "user", "content": "Review the design of our failover: both regions accept writes to the payments database during a partition. Which data can we lose?"}]}'

Where to look:

    $target/release/weighbridge report        what it cost, and what it saved
    http://127.0.0.1:8788/metrics            for Prometheus
    .run/weighbridge.log                     one line a request
    weighbridge.db                           the ledger

Ctrl-C stops all of it.
TEXT

wait -n || true
echo "one of the processes stopped by itself; see .run/weighbridge.log and .run/models.log" >&2
exit 1
