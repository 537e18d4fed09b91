#!/usr/bin/env bash
# Runs the suites against `muster serve`, on SQLite and on PostgreSQL; each suite has a tenant of its own.
#
#   run.sh quick    what takes seconds (the default)
#   run.sh all      every suite here
#
# MUSTER_BIN            the binary (target/debug/muster)
# MUSTER_TEST_POSTGRES  a PostgreSQL server on which databases may be made; required
# CONFORMANCE_HOME      where setup.sh installed the suites
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
muster=$(realpath "${MUSTER_BIN:-$here/../../target/debug/muster}")
postgres=${MUSTER_TEST_POSTGRES:-}
# Muster refuses variables with its prefix that are no settings.
unset MUSTER_BIN MUSTER_TOOLS MUSTER_TEST_POSTGRES MUSTER_TEST_REQUIRE_POSTGRES

# The suites and the dialect of the connection that each one uses.
readonly quick='okta:okta idp-clients:generic scim2-tester:generic scim-sanity:generic'
readonly all="$quick clients:generic"

scratch=$(mktemp -d) server= database= base= port=
globals=(--secret-key-file "$scratch/muster.key")
passed=0 failed=0 skipped=0
trap finish EXIT

main() {
  local suites
  case ${1:-quick} in
    quick) suites=$quick ;;
    all) suites=$all ;;
    *) stop_with 'usage: run.sh [quick|all]' ;;
  esac
  [[ -x $muster ]] || stop_with "no binary at $muster: cargo build, or set MUSTER_BIN"
  [[ -n $postgres ]] || stop_with 'MUSTER_TEST_POSTGRES is not set: ./test starts a server and sets it'

  run_on sqlite "sqlite://$scratch/muster.db" "$suites"
  run_on postgres "$(create_database)" "$suites"
  echo "conformance: $passed passed, $failed failed, $skipped skipped"
  ((failed == 0))
}

run_on() { # name, database URL, suites
  local suite
  database=$2
  start_server "$1"
  for suite in $3; do
    run_suite "$1" "${suite%:*}" "${suite#*:}"
  done
  stop_server
}

run_suite() { # database name, suite, dialect
  local report=$scratch/$1-$2.report tenant=$2 token
  token=$(new_tenant "$tenant" "$3")
  BASE_URL=$base/t/$tenant/scim/v2 TOKEN=$token "$here/$2.sh" >"$report" 2>&1 || true
  echo "-- $2 on $1: $(head -n 1 "$report")"
  tail -n +2 "$report"
  count "$report" "$2"
}

# Adds a report's first line to the sums. A suite that gives none has failed.
count() { # report, suite
  local expected=0 line
  if [[ $(head -n 1 "$1") =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped ]]; then
    while IFS=$'\t' read -r _ line; do
      if grep -qF "FAIL $line" "$1"; then
        expected=$((expected + 1))
        echo "  (expected: $line)"
      else
        failed=$((failed + 1))
        echo "  FAIL expected-failures.txt is stale: $2 no longer reports: $line"
      fi
    done < <(grep -P "^$2\t" "$here/expected-failures.txt")
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2] - expected))
    skipped=$((skipped + BASH_REMATCH[3]))
  else
    failed=$((failed + 1))
  fi
}

start_server() { # name
  local log=$scratch/$1.log
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  base=http://127.0.0.1:$port
  MUSTER_LISTEN=127.0.0.1:$port MUSTER_OPS_LISTEN=off MUSTER_PUBLIC_URL=$base \
    "$muster" "${globals[@]}" --database-url "$database" serve >"$log" 2>&1 &
  server=$!
  for _ in $(seq 300); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$log" >&2
  stop_with "muster serve did not start on $1"
}

stop_server() {
  [[ -n $server ]] || return 0
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}

# Makes a tenant with a connection and prints a token for it.
new_tenant() { # tenant, dialect
  local settings=()
  # It adds a member of the made-up id `fake-member-id`, which such a connection keeps as an opaque value.
  [[ $1 != scim-sanity ]] || settings=(--opaque-members true)
  operator tenant create "$1" >/dev/null
  operator connection create "$1" directory --dialect "$2" "${settings[@]}" >/dev/null
  operator --json token issue "$1" --connection directory --scope scim.read --scope scim.write --label conformance |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["token"])'
}

operator() { "$muster" "${globals[@]}" --database-url "$database" "$@"; }

create_database() {
  local name=conformance_$$
  psql "$postgres" --quiet --no-psqlrc -v ON_ERROR_STOP=1 -c "CREATE DATABASE $name" >&2
  echo "${postgres%/*}/$name"
}

stop_with() {
  echo "conformance: $1" >&2
  exit 1
}

finish() {
  stop_server
  [[ -z $postgres ]] ||
    psql "$postgres" --quiet --no-psqlrc -c "DROP DATABASE IF EXISTS conformance_$$ WITH (FORCE)" >/dev/null 2>&1 || true
  rm -rf "$scratch"
}

main "$@"
