#!/bin/sh
# What a bare Debian lacks, in one message before anything starts.
set -eu
missing=""
if ! command -v python3 >/dev/null; then
  missing="python3"
elif ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  missing="Python 3.11 or newer (this is $(python3 -V))"
elif ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  missing="python3-venv"
fi
if [ -n "$missing" ]; then
  echo "Missing: $missing. On Debian run as root, then try again:" >&2
  echo "  apt-get install git make python3-venv" >&2
  exit 1
fi
