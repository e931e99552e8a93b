#!/usr/bin/env bash
# Tests that snapshots pass between the real binary and Python's safetensors package; see tests/python/run.sh.
exec "$(dirname "$0")/../python/run.sh" tests/snapshot "$@"
