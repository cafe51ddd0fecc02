#!/usr/bin/env bash
# Everything that the gate runs: test.sh [MODELS_DIR]. Installs what the tests need: into folders that git ignores,
# and the servers that services.sh names from the system's packages.
set -euo pipefail
cd "$(dirname "$0")/.."
models=${1:-.run/models}

python3 deploy/local-models/install.py "$models"
scripts/python-venv.sh .run/venv tests/sdk/requirements.txt
scripts/services.sh

cargo fmt --check
cargo clippy --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked
cargo test --doc --locked

nextest=$(scripts/nextest.sh)
WEIGHBRIDGE_MODELS=$(realpath "$models") WEIGHBRIDGE_PYTHON=$(realpath --no-symlinks .run/venv/bin/python) \
  "$nextest" nextest run --locked
