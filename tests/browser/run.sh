#!/usr/bin/env bash
# A session in a real browser dies when the directory deactivates its owner: installs the pinned
# packages with `npm ci` and plays session_dies.js.
#
# MUSTER_BIN      the binary (target/debug/muster)
# BROWSER_FOLDER  where database, logs and screenshot go, and stay if it fails (a temporary folder)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
muster=$(realpath "${MUSTER_BIN:-$here/../../target/debug/muster}")
# Muster refuses variables with its prefix that are no settings.
unset "${!MUSTER_@}"

stop_with() {
  echo "browser: $1" >&2
  exit 1
}

[[ -x $muster ]] || stop_with "no binary at $muster: cargo build, or set MUSTER_BIN"
command -v node >/dev/null && command -v npm >/dev/null || stop_with 'install the packages nodejs and npm'
chromium=$(command -v chromium) || stop_with 'install the package chromium'

cd "$here"
if ! cmp -s package-lock.json node_modules/.installed-from; then
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.installed-from
fi
folder=${BROWSER_FOLDER:-$(mktemp -d)}
MUSTER=$muster CHROMIUM=$chromium FOLDER=$folder timeout --kill-after=5 60 node session_dies.js ||
  stop_with "failed; database, logs and screenshot are in $folder"
rm -rf "$folder"
