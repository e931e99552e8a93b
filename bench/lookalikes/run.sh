#!/usr/bin/env bash
# What anomaly scores find in sets shaped like public benchmarks, which are made here.
#
#     bench/lookalikes/run.sh [DRAW] [KIND…]
#
# DRAW is a number that all is drawn from; 1 by default. About 650 MB of CSV go to .cache/lookalikes, once for each draw.
set -euo pipefail
cd "$(dirname "$0")/../.."
draw=${1:-1}
shift || true
source scripts/needs.sh
needs cargo python3

cargo build --quiet --release --package kizashi-bench --bin labelled_sets
python=.cache/lookalikes/python
scripts/python_environment.sh "$python" bench/lookalikes/requirements.txt
folders=$("$python/bin/python" bench/lookalikes/make.py --draw "$draw" ".cache/lookalikes/draw-$draw" "$@")
mapfile -t sets <<<"$folders"
"$(target_folder)/release/labelled_sets" "${sets[@]}"
