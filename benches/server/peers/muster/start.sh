#!/bin/bash
# Becomes `muster serve` on 127.0.0.1:PORT, over what prepare.sh made. Environment: PORT, DATA, CREDS, DATABASE_URL.
set -euo pipefail
muster=$(realpath "${MUSTER_BIN:-$(dirname "$0")/../../../../target/release/muster}")
# Muster refuses variables with its prefix that are no settings.
unset MUSTER_BIN
export MUSTER_LISTEN=127.0.0.1:$PORT MUSTER_OPS_LISTEN=off MUSTER_PUBLIC_URL=http://127.0.0.1:$PORT
# The receivers of `scimbench revocation` are on this machine.
export MUSTER_ALLOW_HTTP_RECEIVERS=true
# The harness wants them anew at every start.
cp "$DATA/credentials.json" "$CREDS"
exec "$muster" --database-url "$DATABASE_URL" --secret-key-file "$DATA/muster.key" serve
