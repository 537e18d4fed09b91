#!/usr/bin/env bash
# Two real clients driven end to end: scim-sim (a simulator of a directory) and scim2-cli.
# Environment: BASE_URL, TOKEN.
set -u
suites=${CONFORMANCE_HOME:-$HOME/.cache/scim-conformance}
BASE_URL=${BASE_URL%/}
# scim-sim keeps its settings and what it made in the home folder.
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
printf '{"SCIM_BASE_URL":"%s","SCIM_AUTH_TOKEN":"%s"}' "$BASE_URL" "${TOKEN:-}" >"$HOME/.scim_config.json"

passed=0 failures=()
sim() { timeout 60 "$suites/sim/bin/scim-sim" "$@" </dev/null 2>&1; }
cli() {
  SCIM_CLI_HEADERS="Authorization: Bearer ${TOKEN:-}" timeout 60 "$suites/scim2/bin/scim" --url "$BASE_URL" "$@" 2>&1
}
holds() { # name, output, expected text
  if [[ -n $3 && $2 == *"$3"* ]]; then
    passed=$((passed + 1))
  else
    failures+=("$1 -- $(tr '\n' ' ' <<<"$2" | tail -c 220)")
  fi
}

output=$(sim add-user)
holds 'scim-sim add-user' "$output" 'created successfully'
user=$(grep -oP 'User ID: \K\S+' <<<"$output" | head -1)
output=$(sim create-group "Sim $RANDOM$RANDOM")
holds 'scim-sim create-group' "$output" 'created successfully'
group=$(grep -oP 'Group ID: \K\S+' <<<"$output" | head -1)
holds 'scim-sim add-to-group' "$(sim add-to-group "$user" "$group")" 'added to group'
holds 'scim-sim show' "$(sim show)" "$user"
holds 'scim-sim remove-from-group' "$(sim remove-from-group "$user" "$group")" 'removed from group'
holds 'scim-sim add-to-group again' "$(sim add-to-group "$user" "$group")" 'added to group'
holds 'scim-sim delete-group (and its members)' "$(sim delete-group "$group")" 'deleted successfully'

name=cli$RANDOM$RANDOM@example.com
output=$(cli create user --user-name "$name" --display-name 'Cli User')
holds 'scim2-cli create user' "$output" "$name"
user=$(grep -oP '"id": "\K[^"]+' <<<"$output" | head -1)
holds 'scim2-cli query user' "$(cli query user "$user")" "$name"
holds 'scim2-cli query user --filter' "$(cli query user --filter "userName eq \"$name\"")" "$user"
holds 'scim2-cli replace user' "$(cli replace user --id "$user" --user-name "$name" --display-name Other)" Other
cli modify user "$user" replace nickName Nick >/dev/null
holds 'scim2-cli modify user' "$(cli query user "$user")" Nick
holds 'scim2-cli search' "$(cli search --filter "userName eq \"$name\"")" "$user"
cli delete user "$user" >/dev/null
holds 'scim2-cli delete user, then 404' "$(cli query user "$user")" "${user:+404}"

echo "$passed passed, ${#failures[@]} failed, 0 skipped"
for failure in "${failures[@]}"; do echo "  FAIL $failure"; done
[[ ${#failures[@]} == 0 ]]
