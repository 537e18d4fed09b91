#!/usr/bin/env bash
# Installs the suites, pinned, from PyPI into $CONFORMANCE_HOME (default ~/.cache/scim-conformance).
set -euo pipefail
home=${CONFORMANCE_HOME:-$HOME/.cache/scim-conformance}

install() { # environment, packages…
  local environment=$home/$1 wanted="${*:2}"
  [[ $(cat "$environment/installed" 2>/dev/null) != "$wanted" ]] || return 0
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
  echo "$wanted" >"$environment/installed"
}

install scim2 scim2-cli==0.6.0 scim2-tester==0.5.2
install sanity scim-sanity==0.7.4
install sim scim-sim==0.2.0
