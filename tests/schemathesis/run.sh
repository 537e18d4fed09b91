#!/usr/bin/env bash
# Sends requests made from the OpenAPI documents to a real server, and checks the answers against them:
# no 5xx, no status, header, content type or body that the document does not tell of.
#
#   run.sh [EXAMPLES]     requests of each operation (default 15), the same each time
#
# MUSTER_BIN            the binary (target/debug/muster)
# SCHEMATHESIS_HOME     where schemathesis is installed, pinned, from PyPI (~/.cache/schemathesis)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
muster=$(realpath "${MUSTER_BIN:-$here/../../target/debug/muster}")
home=${SCHEMATHESIS_HOME:-$HOME/.cache/schemathesis}
examples=${1:-15}
# Muster refuses variables with its prefix that are no settings.
unset MUSTER_BIN MUSTER_TOOLS MUSTER_TEST_POSTGRES MUSTER_TEST_REQUIRE_POSTGRES

readonly VERSION=4.32.5
readonly CHECKS=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance
scratch=$(mktemp -d) server=
trap finish EXIT

main() {
  install
  start_server
  local token operator
  muster tenant create acme >/dev/null
  muster connection create acme okta >/dev/null
  token=$(muster token issue acme --connection okta | head -n 1)
  operator=$(muster operator token | head -n 1)
  add_people "$token"
  # SCIM first: requests made for the administration may revoke its token. A directory has no user of its own, so
  # `/Me` is 501 with its token (RFC 7644 §3.11).
  check "$base/t/acme/scim/v2" "$here/../../openapi/scim.json" "$token" --exclude-path /Me
  # What would end the run: the tenant's end and the token's own.
  check "$base/admin/v1" "$here/../../openapi/admin.json" "$operator" \
    --exclude-operation-id tenants.delete --exclude-operation-id tenants.suspend \
    --exclude-operation-id sessions.sign_out
  if grep -qE 'ERROR|panicked' "$scratch/log"; then
    grep -E 'ERROR|panicked' "$scratch/log" | head -n 20 >&2
    echo 'the server logged errors' >&2
    return 1
  fi
}

install() {
  [[ $("$home/bin/schemathesis" --version 2>/dev/null) != *" $VERSION" ]] || return 0
  python3 -m venv "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$VERSION"
}

muster() { "$muster" --secret-key-file "$scratch/muster.key" --database-url "sqlite://$scratch/muster.db" "$@"; }

start_server() {
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  base=http://127.0.0.1:$port
  MUSTER_LISTEN=127.0.0.1:$port MUSTER_OPS_LISTEN=off MUSTER_PUBLIC_URL=$base \
    "$muster" --secret-key-file "$scratch/muster.key" --database-url "sqlite://$scratch/muster.db" serve \
    >"$scratch/log" 2>&1 &
  server=$!
  for _ in $(seq 300); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$scratch/log" >&2
  echo 'muster serve did not start' >&2
  return 1
}

add_people() { # token
  local name
  for name in ann bob; do
    curl -sf -o /dev/null -H "Authorization: Bearer $1" -H 'Content-Type: application/scim+json' \
      -d "{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"userName\":\"$name\"}" \
      "$base/t/acme/scim/v2/Users"
  done
}

check() { # URL, document, token, options…
  echo "-- $(basename "$2")"
  (cd "$here" && "$home/bin/schemathesis" run "$2" --url "$1" --header "Authorization: Bearer $3" \
    --checks "$CHECKS" --phases examples,coverage,fuzzing --max-examples "$examples" --seed 1 --workers 2 \
    --no-color "${@:4}" >"$scratch/report" 2>&1) || { cat "$scratch/report" >&2; return 1; }
  grep -E 'Tested:|generated' "$scratch/report"
}

finish() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  rm -rf "$scratch"
}

main
