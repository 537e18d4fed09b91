#!/bin/bash
# Becomes `muster serve` on 127.0.0.1:PORT. On the first start it makes two tenants with a token each; their tokens
# are shown once, so they are kept in DATA for the next starts. Environment: PORT, DATA, CREDS, DATABASE_URL.
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

export MUSTER_LISTEN=127.0.0.1:$PORT MUSTER_OPS_LISTEN=off MUSTER_PUBLIC_URL=$base
exec "$muster" "${globals[@]}" serve
