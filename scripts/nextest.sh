#!/usr/bin/env bash
# Prints the path of cargo-nextest, which it builds into .tools/ where there is none yet.
set -euo pipefail
cd "$(dirname "$0")/.."
version=0.9.143
if command -v cargo-nextest; then
  exit 0
fi
if [ ! -x .tools/bin/cargo-nextest ]; then
  cargo install --quiet --locked --version "$version" --root .tools cargo-nextest >&2
fi
echo "$PWD/.tools/bin/cargo-nextest"
