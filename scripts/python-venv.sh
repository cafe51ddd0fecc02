#!/usr/bin/env bash
# A Python environment in a folder, with exactly what a requirements file says: python-venv.sh DIR REQUIREMENTS
# Does nothing, and needs no network, where it is up to date.
set -euo pipefail
dir=$1 requirements=$2
if cmp --silent "$requirements" "$dir/installed.txt"; then
  exit 0
fi
python3 -m venv "$dir" || { echo "cannot make a Python environment (on Debian: apt install python3-venv)" >&2; exit 1; }
"$dir/bin/python" -m pip --quiet --disable-pip-version-check install --requirement "$requirements"
cp "$requirements" "$dir/installed.txt"
