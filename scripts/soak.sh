#!/usr/bin/env bash
# 100 kills in the middle of a load, each half at a random and half at a counted moment, and 20,000 simulated
# power losses; and what was lost. KIZASHI_KILLS, KIZASHI_POWER_LOSSES and KIZASHI_SEED change the numbers and
# the order of moments.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/needs.sh
needs cargo node npm
cargo build --release --bin kizashi
KIZASHI_BIN="$(realpath "$(target_folder)")/release/kizashi" KIZASHI_KILLS="${KIZASHI_KILLS:-100}" \
    cargo test -p kizashi-tests --test end_to_end kills -- --nocapture
KIZASHI_POWER_LOSSES="${KIZASHI_POWER_LOSSES:-20000}" cargo test -p kizashi-tests --test simulation -- --nocapture
