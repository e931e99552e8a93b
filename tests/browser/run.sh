#!/usr/bin/env bash
# Runs the dashboard's tests in a browser against the real binary, $KIZASHI_BIN or what cargo builds.
# Arguments go to Playwright: `run.sh alerts.spec.ts`, `run.sh -g keyboard`.
set -euo pipefail
cd "$(dirname "$0")"

missing() {
  echo "the browser tests can't run: $1" >&2
  exit 1
}

command -v node >/dev/null && command -v npm >/dev/null || missing "node 20.19 or newer, with npm, must be on the PATH"

export KIZASHI_CHROMIUM="${KIZASHI_CHROMIUM:-$(command -v chromium || true)}"
if [ -z "$KIZASHI_CHROMIUM" ]; then
  if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing chromium" >&2
    { apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium; } >/dev/null ||
      missing "apt-get could not install chromium"
    KIZASHI_CHROMIUM="$(command -v chromium)"
  else
    missing "install chromium (Debian: apt-get install chromium), or set KIZASHI_CHROMIUM to a Chromium or Chrome"
  fi
fi

if [ -z "${KIZASHI_BIN:-}" ]; then
  command -v cargo >/dev/null || missing "set KIZASHI_BIN to the kizashi binary, or put cargo on the PATH"
  cargo build --quiet --package kizashi --bin kizashi || missing "cargo build --package kizashi failed"
  KIZASHI_BIN="${CARGO_TARGET_DIR:-$(cd ../.. && pwd)/target}/debug/kizashi"
fi
KIZASHI_BIN="$(realpath "$KIZASHI_BIN")"
export KIZASHI_BIN

if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error || missing "npm ci failed"
  cp package-lock.json node_modules/.installed-lock.json
fi
exec npx --no-install playwright test "$@"
