#!/usr/bin/env bash
# scim-sanity, strict; MODE=--compat for the lenient run. Writes and deletes its own users.
# Environment: BASE_URL, TOKEN, [MODE].
set -u
here=$(dirname "${BASH_SOURCE[0]}")
home=${CONFORMANCE_HOME:-$HOME/.cache/scim-conformance}
report=$(mktemp)
trap 'rm -f "$report" "$report.err"' EXIT

timeout 300 "$home/sanity/bin/scim-sanity" probe "$BASE_URL" --token "${TOKEN:-}" "${MODE:---strict}" \
  --i-accept-side-effects --json-output >"$report" 2>"$report.err"
if [[ ! -s $report ]]; then
  echo '0 passed, 1 failed, 0 skipped'
  cat "$report.err"
  exit 1
fi
python3 "$here/lib/summarise.py" sanity "$report"
