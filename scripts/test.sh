#!/usr/bin/env bash
# Everything that must hold. Ends at the first thing that does not.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/needs.sh
needs cargo node npm python3 make

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

if [[ -z ${KIZASHI_BENCH_DATA:-} ]]; then
    echo "KIZASHI_BENCH_DATA is not set: tests that need benchmark data are skipped and say so"
fi
step "format"
cargo fmt --all --check
step "lints"
cargo clippy --workspace --all-targets -- -D warnings
step "build"
cargo build --bin kizashi
KIZASHI_BIN="$(realpath "$(target_folder)")/debug/kizashi"
export KIZASHI_BIN
step "tests"
cargo test --workspace
step "dashboard's own tests"
(cd dashboard/web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && npm run --silent check && npm test --silent)
step "AWS CLI and boto3"
tests/aws/run.sh
step "snapshots in Python"
tests/snapshot/run.sh
step "dashboard in Chromium"
tests/browser/run.sh
step "done"
