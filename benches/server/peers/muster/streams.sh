#!/bin/bash
# Makes a push stream of the first tenant to each of STREAM_URLS, which name people by their ids.
# Environment: STREAM_URLS, DATA, DATABASE_URL.
set -euo pipefail
muster=$(realpath "${MUSTER_BIN:-$(dirname "$0")/../../../../target/release/muster}")
unset MUSTER_BIN
export MUSTER_ALLOW_HTTP_RECEIVERS=true
for url in $STREAM_URLS; do
  "$muster" --database-url "$DATABASE_URL" --secret-key-file "$DATA/muster.key" stream create first \
    --push-url "$url" --subject-format opaque \
    --event https://schemas.openid.net/secevent/caep/event-type/session-revoked
done
