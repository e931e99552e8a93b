#!/usr/bin/env bash
# Builds Kizashi, starts it, and puts this machine's own metrics on it.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/needs.sh
needs cargo node npm

cargo build --release --bin kizashi
kizashi="$(target_folder)/release/kizashi"
coproc SERVE { exec "$kizashi" serve; }
serve=$SERVE_PID
agent=
# The agent first: it would complain of a service that leaves.
trap 'trap - EXIT INT TERM; [[ -z $agent ]] || kill "$agent" 2>/dev/null || true; kill "$serve" 2>/dev/null || true; wait' EXIT INT TERM

ready=
while read -r -u "${SERVE[0]}" line; do
    if [[ $line == ready\ * ]]; then ready=$line; break; fi
done
[[ -n $ready ]] || { wait "$serve"; exit 1; }
listen=${ready#*listen=}
listen=${listen%% *}
"$kizashi" agent --server "http://$listen" &
agent=$!
cat <<END

Kizashi is watching this machine.
  Look:            http://$listen
  Cause an alert:  let it learn for two minutes, then run \`make load\` in another terminal
  Put your own:    echo '{"series":"door","value":21.5}' | $kizashi put
  Stop:            Ctrl-C (what it has learnt stays in kizashi-data/)

END
wait "$serve"
