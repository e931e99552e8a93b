#!/usr/bin/env bash
# Durable PutRecords over HTTP, beside kinesalite (LevelDB on the same disk, which it does not sync) and moto's server
# (in memory), one after the other with the same client: 8 connections, 500 records of 256 bytes a request.
#
#     bench/http/run.sh [SECONDS]
#
# KIZASHI_BIN names the binary; without it, the release build is made.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-10}
kinesalite_version=3.3.3
source scripts/needs.sh
needs cargo node npm python3

target=$(target_folder)
cargo build --quiet --release --package kizashi-bench --bin put_records_http
if [[ -z ${KIZASHI_BIN:-} ]]; then
    cargo build --quiet --release --bin kizashi
    KIZASHI_BIN=$target/release/kizashi
fi
if [[ ! -d .cache/kinesalite/node_modules/kinesalite ]]; then
    npm install --silent --no-fund --no-audit --prefix .cache/kinesalite "kinesalite@$kinesalite_version"
fi
scripts/python_environment.sh .venv tests/python/requirements.txt

# Under the repository, and so on its disk: /tmp may be memory.
data=$(mktemp -d .cache/bench-http.XXXXXX)
server=
stop() {
    if [[ -n $server ]]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
}
trap 'stop; rm -rf "$data"' EXIT

# Waits for the line of the server's output that tells its port; prints the URL.
await() {
    local log=$1 pattern=$2 port
    for _ in $(seq 300); do
        port=$(sed -nE "s/.*$pattern.*/\1/p" "$log" | head -n 1)
        if [[ -n $port ]]; then
            echo "http://127.0.0.1:$port"
            return
        fi
        sleep 0.1
    done
    echo "a server did not get ready:" >&2
    cat "$log" >&2
    return 1
}

measure() {
    local name=$1 url=$2 result
    result=$("$target/release/put_records_http" "$url" --seconds "$seconds")
    printf '%-12s %s\n' "$name" "$result"
    rate[$name]=$(sed -E 's/.*records_a_second=([0-9]+).*/\1/' <<<"$result")
    stop
}

declare -A rate
"$KIZASHI_BIN" serve --data "$data/kizashi" --listen 127.0.0.1:0 --kinesis 127.0.0.1:0 >"$data/kizashi.log" 2>&1 &
server=$!
url=$(await "$data/kizashi.log" 'kinesis=127\.0\.0\.1:([0-9]+)')
measure kizashi "$url"

# Not its command line, which listens on every interface.
NODE_PATH=.cache/kinesalite/node_modules node -e '
    const server = require("kinesalite")({ path: process.argv[1], createStreamMs: 0 });
    server.listen(0, "127.0.0.1", () => console.log("kinesalite on port " + server.address().port));
' "$data/kinesalite" >"$data/kinesalite.log" 2>&1 &
server=$!
url=$(await "$data/kinesalite.log" 'kinesalite on port ([0-9]+)')
measure kinesalite "$url"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
.venv/bin/moto_server --host 127.0.0.1 --port "$port" >"$data/moto.log" 2>&1 &
server=$!
url=$(await "$data/moto.log" 'Running on http:\/\/127\.0\.0\.1:([0-9]+)')
measure moto "$url"

for peer in kinesalite moto; do
    awk -v a="${rate[kizashi]}" -v b="${rate[$peer]}" -v peer="$peer" \
        'BEGIN { printf "%.1f times %s\n", a / b, peer }'
done
