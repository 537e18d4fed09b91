#!/bin/bash
# Makes two tenants with a token each, unless they are there. Their tokens are shown once, so they are kept in DATA.
# Environment: PORT, DATA, CREDS, DATABASE_URL.
set -euo pipefail
muster=$(realpath "${MUSTER_BIN:-$(dirname "$0")/../../../../target/release/muster}")
# Muster refuses variables with its prefix that are no settings.
unset MUSTER_BIN
mkdir -p "$DATA"
globals=(--database-url "$DATABASE_URL" --secret-key-file "$DATA/muster.key")
base=http://127.0.0.1:$PORT

new_tenant() { # name
  "$muster" "${globals[@]}" tenant create "$1" >/dev/null
  "$muster" "${globals[@]}" connection create "$1" directory --dialect entra >/dev/null
  "$muster" "${globals[@]}" --json token issue "$1" --connection directory \
    --scope scim.read --scope scim.write --label bench |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])'
}

if [[ ! -f $DATA/credentials.json ]]; then
  first=$(new_tenant first)
  second=$(new_tenant second)
  printf '{"base_url":"%s","token":"%s","other":{"base_url":"%s","token":"%s"}}\n' \
    "$base/t/first/scim/v2" "$first" "$base/t/second/scim/v2" "$second" >"$DATA/credentials.json"
fi
cp "$DATA/credentials.json" "$CREDS"
