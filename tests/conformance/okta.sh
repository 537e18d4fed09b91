#!/usr/bin/env bash
# Okta's SPEC test, its discovery tests and its documented client flows, as cases in okta.json.
# Environment: BASE_URL, TOKEN, [LEVEL=required,optional,docs].
here=$(dirname "${BASH_SOURCE[0]}")
exec python3 "$here/run_cases.py" "$here/okta.json" --level "${LEVEL:-}" "$@"
