#!/usr/bin/env bash
# Makes the virtual environment .venv that the tests in Python and the benchmarks beside moto run in, where it is not
# there yet or its requirements have changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
requirements=tests/python/requirements.txt
if cmp -s "$requirements" .venv/requirements.txt; then
    exit 0
fi
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    echo "missing: Python 3 with its venv module (Debian: apt-get install python3-venv)" >&2
    exit 1
fi
echo "installing $(grep -cv '^#' "$requirements") packages into .venv"
python3 -m venv --clear .venv
.venv/bin/pip install --quiet --disable-pip-version-check --requirement "$requirements"
cp "$requirements" .venv/requirements.txt
