#!/usr/bin/env bash
# Tests the Kinesis endpoint of the real binary with the clients of AWS; see tests/python/run.sh.
exec "$(dirname "$0")/../python/run.sh" tests/aws "$@"
