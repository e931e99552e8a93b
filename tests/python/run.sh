#!/usr/bin/env bash
# Runs the tests in Python of a folder against the real binary: `run.sh FOLDER [ARGUMENT of unittest ...]`. KIZASHI_BIN
# names the binary; without it, it is built.
set -euo pipefail
cd "$(dirname "$0")/../.."
scripts/python_environment.sh .venv tests/python/requirements.txt
if [[ -z ${KIZASHI_BIN:-} ]]; then
    cargo build --quiet --bin kizashi
    KIZASHI_BIN="$(realpath "${CARGO_TARGET_DIR:-target}")/debug/kizashi"
fi
export KIZASHI_BIN
folder=$1
shift
# Tests find the commands that were installed with their packages, such as `aws`.
PATH="$PWD/.venv/bin:$PATH" PYTHONDONTWRITEBYTECODE=1 \
    exec .venv/bin/python -m unittest discover --start-directory "$folder" --pattern 'test_*.py' "$@"
