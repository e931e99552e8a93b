#!/usr/bin/env bash
# Tests that snapshots pass between the real binary and Python's safetensors package. KIZASHI_BIN names the binary;
# without it, it is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/python/setup.sh
if [[ -z ${KIZASHI_BIN:-} ]]; then
    cargo build --quiet --bin kizashi
    KIZASHI_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/debug/kizashi"
fi
export KIZASHI_BIN
PYTHONDONTWRITEBYTECODE=1 exec .venv/bin/python -m unittest discover --start-directory tests/snapshot \
    --pattern 'test_*.py' "$@"
