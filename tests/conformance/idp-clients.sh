#!/usr/bin/env bash
# The requests of authentik's and Rauthy's SCIM clients, as cases in idp-clients.json.
# Environment: BASE_URL, TOKEN.
here=$(dirname "${BASH_SOURCE[0]}")
exec python3 "$here/run_cases.py" "$here/idp-clients.json" "$@"
