#!/usr/bin/env bash
# How long a quiet tenant's changes take, alone and while another tenant floods the service with 64
# connections. Needs `wrk`, `curl` and `python3`, and port 8080.
#
#   MUSTER_BIN=target/release/muster benches/fairness/run.sh [SHARED [DATABASE_URL]]
#
# SHARED is `concurrent_requests_shared` of both tenants (4; 1000 is no sharing). Without a database
# it is SQLite in a new folder; a PostgreSQL database has to be empty.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
muster=$(realpath "${MUSTER_BIN:-target/release/muster}")
unset MUSTER_BIN # `muster` takes it for a setting
shared=${1:-4}
[ -n "${2:-}" ] && export MUSTER_DATABASE_URL=$2
export MUSTER_LOG=error
folder=$(mktemp -d)
cd "$folder"
base=http://127.0.0.1:8080

token() { # tenant
  "$muster" tenant create "$1" >/dev/null
  "$muster" connection create "$1" directory --dialect generic >/dev/null
  "$muster" tenant limits "$1" --concurrent-requests-shared "$shared" >/dev/null
  "$muster" token issue "$1" --connection directory | head -n 1
}

user() { # tenant token
  curl -sf "$base/t/$1/scim/v2/Users" -H "Authorization: Bearer $2" \
    -H 'Content-Type: application/scim+json' \
    -d '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"ann"}' |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'
}

flood=$(token flood)
quiet=$(token quiet)
"$muster" serve >serve.log 2>&1 &
server=$!
trap 'kill $server; wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT
sleep 2
flooded=$(user flood "$flood")
calm=$(user quiet "$quiet")
for _ in 1 2; do
  echo "alone:     $(python3 "$here/quiet.py" "$quiet" "$calm" 5)"
  wrk -t1 -c64 -d8s -s "$here/flood.lua" -H "Authorization: Bearer $flood" \
    -H 'Content-Type: application/scim+json' "$base/t/flood/scim/v2/Users/$flooded" >wrk.log &
  wrk=$!
  sleep 1
  echo "beside it: $(python3 "$here/quiet.py" "$quiet" "$calm" 5)"
  wait $wrk
  grep -E 'Requests/sec|Non-2xx' wrk.log
done
