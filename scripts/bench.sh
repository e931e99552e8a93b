#!/usr/bin/env bash
# Measures, each figure beside its peer's in one run. Arguments choose: `scripts/bench.sh detector latency`; all
# without, but for `million` and `lookalikes`, which take minutes and some GB of memory or disk. Leave the machine alone
# while it runs.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/needs.sh
needs cargo node npm python3

cargo build --release -p kizashi -p kizashi-bench
release="$(realpath "$(target_folder)")/release"
export KIZASHI_BIN="$release/kizashi"

all=(log stream detector pipeline backtest latency footprint http calibration anomalies scores fields incidents peers robustness halves quality snapshot)

measure() {
    case "$1" in
    log) "$release/log_speed" ;;
    stream) "$release/stream_speed" ;;
    detector) "$release/detector_speed" ;;
    pipeline) "$release/pipeline_speed" ;;
    backtest) "$release/backtest_speed" ;;
    latency) "$release/watch_latency" ;;
    footprint) "$release/footprint" ;;
    million) "$release/footprint" series 1000000 ;;
    http) bench/http/run.sh ;;
    calibration) "$release/calibration" ;;
    anomalies) "$release/generated_anomalies" ;;
    scores) "$release/generated_scores" ;;
    fields) "$release/struck_fields" ;;
    lookalikes) bench/lookalikes/run.sh ;;
    incidents) "$release/incidents" ;;
    snapshot) snapshot ;;
    peers) bench/river/run.sh ;;
    robustness | halves | quality)
        if [[ -n ${KIZASHI_BENCH_DATA:-} ]]; then "$1"; else echo "skipped: KIZASHI_BENCH_DATA is not set"; fi
        ;;
    *) echo "no benchmark is named $1: ${all[*]}, million and lookalikes are" >&2; exit 2 ;;
    esac
}

robustness() {
    "$release/robustness" "$KIZASHI_BENCH_DATA/nab"
}

halves() {
    "$release/cross_check" "$KIZASHI_BENCH_DATA/nab"
}

quality() {
    "$KIZASHI_BIN" backtest --nab "$KIZASHI_BENCH_DATA/nab"
    "$KIZASHI_BIN" backtest --nab "$KIZASHI_BENCH_DATA/nab" --declared-range
    for set in skab smap; do
        "$KIZASHI_BIN" backtest "$KIZASHI_BENCH_DATA/events/$set"/*.csv \
            --labels "$KIZASHI_BENCH_DATA/events/$set/labels.json" | tail -n 3
    done
}

# Whether training gives the bytes of models/default.snapshot again.
snapshot() {
    local made
    made="$(mktemp)"
    cargo run --release --package kizashi-offline --bin default_snapshot -- "$made"
    cmp "$made" models/default.snapshot && echo "models/default.snapshot is what training gives"
    rm -f "$made"
}

(($#)) || set -- "${all[@]}"
for name in "$@"; do
    printf '\n== %s\n' "$name"
    measure "$name"
done
