#!/usr/bin/env bash
# Tests the Kinesis endpoint of the real binary with the clients of AWS. KIZASHI_BIN names the binary; without it, it
# is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/python/setup.sh
if [[ -z ${KIZASHI_BIN:-} ]]; then
    cargo build --quiet --bin kizashi
    KIZASHI_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/debug/kizashi"
fi
export KIZASHI_BIN
PATH="$PWD/.venv/bin:$PATH" PYTHONDONTWRITEBYTECODE=1 \
    exec .venv/bin/python -m unittest discover --start-directory tests/aws --pattern 'test_*.py' "$@"
