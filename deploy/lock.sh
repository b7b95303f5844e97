#!/usr/bin/env bash
# Re-make the hash-pinned locks from pyproject.toml (needs uv). Writes no registry address.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  local lock=$1
  shift
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --no-emit-find-links --no-header --no-annotate "$@" pyproject.toml --output-file "requirements/$lock.lock"
}
compile agent --extra agent
compile server --extra processor --extra helpdesk --extra cli
compile local --extra agent --extra processor --extra helpdesk --extra cli --group build
compile dev --extra agent --extra processor --extra helpdesk --extra cli --group dev
