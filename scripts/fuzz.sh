#!/usr/bin/env bash
# Fuzzes each target for a while: fuzz.sh [SECONDS] [TARGET…]. Installs cargo-fuzz into .tools/ where there is none yet.
# What inputs grow to is kept in .run/fuzz/, and what fails in .run/fuzz/artifacts/.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
version=0.13.2
# Stable's compiler is enough: coverage is an option of LLVM's, and there is no `unsafe` here for a sanitizer to watch.
# cargo-fuzz asks for it by an option that only nightly would take otherwise.
export RUSTC_BOOTSTRAP=1

if ! command -v cargo-fuzz > /dev/null; then
  if [ ! -x .tools/bin/cargo-fuzz ]; then
    cargo install --quiet --locked --version "$version" --root .tools cargo-fuzz >&2
  fi
  PATH=$PWD/.tools/bin:$PATH
fi

targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
build=(--sanitizer none --target-dir target/fuzz)
for target in "${targets[@]}"; do
  mkdir -p ".run/fuzz/$target" ".run/fuzz/artifacts/$target"
  echo "fuzzing $target for $seconds s" >&2
  # Without room for more than a body or an answer, so that one input does not take seconds.
  cargo fuzz run "${build[@]}" "$target" ".run/fuzz/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=10 -max_len=16384 -dict=fuzz/words.dict \
    -artifact_prefix=".run/fuzz/artifacts/$target/" -print_final_stats=1 -verbosity=1
done
