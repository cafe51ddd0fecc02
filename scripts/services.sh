#!/usr/bin/env bash
# Installs the servers that the tests start for themselves, Redis and PostgreSQL, where their binaries are missing.
# Starts and stops nothing: each test runs a server of its own, on a free port and in a folder of its own.
set -euo pipefail

missing=()
command -v redis-server >/dev/null || missing+=(redis-server)
# Debian keeps PostgreSQL's binaries out of the path, in a folder for each version.
if ! command -v initdb >/dev/null && ! compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then
  missing+=(postgresql)
fi
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "the tests need ${missing[*]}, and there is no apt-get to install them with: install them, then run this again" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo --non-interactive true 2>/dev/null; then
    echo "the tests need ${missing[*]}: run 'sudo apt-get install ${missing[*]}' once, then this again" >&2
    exit 1
  fi
  as_root=(sudo --non-interactive)
fi

# A policy that says no keeps the packages from starting the servers that they install.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  "${as_root[@]}" chmod 755 $policy
  trap '"${as_root[@]}" rm -f $policy' EXIT
fi
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends "${missing[@]}")
if ! "${install[@]}"; then
  "${as_root[@]}" apt-get update --quiet
  "${install[@]}"
fi
