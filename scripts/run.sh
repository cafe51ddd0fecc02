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
seconds_to_finish=8

# shellcheck disable=SC2317  # reached by the traps
has_ended() {
  local pid=$1
  for _ in $(seq $((seconds_to_finish * 10))); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  return 1
}

# shellcheck disable=SC2317  # reached by the traps
stop() {
  trap - EXIT
  trap '' INT TERM # a second Ctrl-C changes nothing: the waiting below has an end
  for pid in "${children[@]}"; do
    # Asked once, the proxy lets answers finish; asked twice, it ends them.
    for signal in TERM TERM KILL; do
      kill "-$signal" "$pid" 2>/dev/null || break
      has_ended "$pid" && break
    done
  done
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

# Waits until a command succeeds, for as long as the process that it depends on lives.
wait_for() {
  local name=$1 pid=$2 log=$3
  shift 3
  for _ in $(seq 1200); do
    if "$@"; then
      return
    fi
    if ! kill -0 "$pid" 2>/dev/null; then
      break
    fi
    sleep 0.1
  done
  echo "$name did not start; the end of $log:" >&2
  tail -n 20 "$log" >&2
  exit 1
}

answers() {
  curl --silent --fail --max-time 2 --output /dev/null "$1"
}

command -v curl >/dev/null || { echo "curl is needed" >&2; exit 1; }
cargo build --release --locked
python3 deploy/local-models/install.py "$models"

if answers http://127.0.0.1:8787/healthz; then
  echo "a proxy runs on 127.0.0.1:8787 already: stop it first" >&2
  exit 1
fi

start .run/models.log python3 deploy/local-models/up.py "$models"
# It names its two models once both answer.
wait_for "the local models" "${children[0]}" .run/models.log grep --quiet "^gemma-3-270m http" .run/models.log

start .run/weighbridge.log "$target/release/weighbridge" serve --config routes.toml
wait_for "the proxy" "${children[0]}" .run/weighbridge.log answers http://127.0.0.1:8787/readyz

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
    ledger/weighbridge.db                    the ledger

Ctrl-C stops all of it.
TEXT

wait -n || true
echo "one of the processes stopped by itself; see .run/weighbridge.log and .run/models.log" >&2
exit 1
