#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a time: ./run.sh [seconds] [target…]
#
# The protocol core is compiled with the coverage that libFuzzer asks for, by the toolchain at
# hand; stable is enough. New inputs are kept in target/corpus, what was found in
# target/artifacts. An input that was found becomes a test, and then a seed in corpus/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

seconds=${1:-60}
(($# == 0)) || shift
targets=("$@")
((${#targets[@]})) || for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done

# No address sanitizer, as there is no unsafe code here: what is looked for are panics,
# overflows, broken promises and inputs that take long.
coverage='-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
  -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
  -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg=fuzzing'
# Naming the machine's own triple keeps the flags away from build scripts.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS=${coverage//$'\n'/ } ${CARGO:-cargo} build --locked --target-dir target --target "$host"

for target in "${targets[@]}"; do
  printf '\n== %s, %s s\n' "$target" "$seconds"
  mkdir -p "target/corpus/$target" "target/artifacts/$target"
  log=target/artifacts/$target.log
  if ! nice -n 19 "target/$host/debug/$target" "target/corpus/$target" "corpus/$target" \
    -dict=scim.dict -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=8192 \
    -artifact_prefix="target/artifacts/$target/" -print_final_stats=1 >"$log" 2>&1; then
    tail -n 40 "$log"
    printf 'fuzz: %s has found something; tests/fuzz/%s says what\n' "$target" "$log" >&2
    exit 1
  fi
  grep -E 'number_of_executed_units|average_exec_per_sec|slowest_unit' "$log"
done
