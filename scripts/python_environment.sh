#!/usr/bin/env bash
# Makes a virtual environment of Python, where it is not there yet or its requirements have changed:
# `python_environment.sh FOLDER REQUIREMENTS`, both from the root of the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$1
requirements=$2
if cmp -s "$requirements" "$folder/requirements.txt"; then
    exit 0
fi
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    echo "missing: Python 3 with its venv module (Debian: apt-get install python3-venv)" >&2
    exit 1
fi
echo "installing $(grep -cv '^#' "$requirements") packages into $folder"
python3 -m venv --clear "$folder"
"$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
cp "$requirements" "$folder/requirements.txt"
