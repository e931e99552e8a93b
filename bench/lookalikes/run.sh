#!/usr/bin/env bash
# What anomaly scores find in sets shaped like public benchmarks, which are made here.
#
#     bench/lookalikes/run.sh [DRAW] [KIND…]
#
# DRAW is a number that all is drawn from; 1 by default. About 450 MB of CSV go to .cache/lookalikes, once for each draw.
set -euo pipefail
cd "$(dirname "$0")/../.."
draw=${1:-1}
shift || true
numpy_version=2.4.6
source scripts/needs.sh
needs cargo python3

target=$(target_folder)
cargo build --quiet --release --package kizashi-bench --bin labelled_sets
venv=.cache/lookalikes/python
if [[ $(cat "$venv/version" 2>/dev/null) != "$numpy_version" ]]; then
    echo "installing numpy $numpy_version into $venv"
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "numpy==$numpy_version"
    echo "$numpy_version" >"$venv/version"
fi

sets=.cache/lookalikes/draw-$draw
kinds=("$@")
if ((!$#)); then
    mapfile -t kinds < <(basename --suffix=.py --multiple bench/lookalikes/kinds/[a-z]*.py)
fi
for kind in "${kinds[@]}"; do
    if [[ ! -e $sets/$kind/labels.json || bench/lookalikes/kinds/$kind.py -nt $sets/$kind/labels.json ]]; then
        "$venv/bin/python" bench/lookalikes/make.py --draw "$draw" "$sets" "$kind"
    fi
done
"$target/release/labelled_sets" "${kinds[@]/#/$sets/}"
