#!/bin/bash
# Builds the harness and runs it: ./run.sh run --out results servers/muster-sqlite.json servers/scimmy-sqlite.json
set -e
cd "$(dirname "$0")"
export PEERS=${PEERS:-${TMPDIR:-/tmp}/scim-peers}
target=${CARGO_TARGET_DIR:-$PEERS/target-bench}
CARGO_TARGET_DIR=$target cargo build --release --quiet --locked
exec "$target/release/scimbench" "$@"
