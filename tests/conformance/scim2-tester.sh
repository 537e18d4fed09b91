#!/usr/bin/env bash
# scim2-tester, through scim2-cli.
# Environment: BASE_URL, TOKEN.
set -u
here=$(dirname "${BASH_SOURCE[0]}")
home=${CONFORMANCE_HOME:-$HOME/.cache/scim-conformance}
report=$(mktemp)
trap 'rm -f "$report"' EXIT

SCIM_CLI_HEADERS="Authorization: Bearer ${TOKEN:-}" \
  timeout 300 "$home/scim2/bin/scim" --url "$BASE_URL" test -v >"$report" 2>&1
python3 "$here/lib/summarise.py" scimcli "$report"
