#!/usr/bin/env bash
# The built-in detector beside river's HalfSpaceTrees (25 trees, height 8, shingle 8): the same generated series, one
# after the other, each in one process on one core.
#
#     bench/river/run.sh [ROWS]
#
# ROWS of each series; 4,000 by default.
set -euo pipefail
cd "$(dirname "$0")/../.."
rows=${1:-4000}
source scripts/needs.sh
needs cargo python3

target=$(target_folder)
cargo build --quiet --release --package kizashi-bench --bin generated_speed
venv=.cache/river
scripts/python_environment.sh "$venv" bench/river/requirements.txt

series=$(mktemp .cache/generated.XXXXXX.csv)
trap 'rm -f "$series"' EXIT
one_core=()
if command -v taskset >/dev/null; then
    one_core=(taskset --cpu-list "$(taskset --cpu-list --pid $$ | sed -E 's/.*[^0-9]([0-9]+)$/\1/')")
fi

declare -A rate
measure() {
    local name=$1 result
    shift
    result=$("${one_core[@]}" "$@")
    printf '%-24s %s\n' "$name" "$result"
    rate[$name]=$(sed -E 's/.*observations_a_second=([0-9]+).*/\1/' <<<"$result")
}

measure kizashi "$target/release/generated_speed" "$series" "$rows"
measure "river HalfSpaceTrees" "$venv/bin/python" bench/river/half_space_trees.py "$series"
awk -v a="${rate[kizashi]}" -v b="${rate["river HalfSpaceTrees"]}" \
    'BEGIN { printf "%.1f times river (floor: 12, goal: 30)\n", a / b }'
