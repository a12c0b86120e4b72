#!/usr/bin/env bash
# Fuzz one decoder, or each in turn: tools/run_fuzz.sh BUILD SECONDS [TARGET]
#
# TARGET is the name of a file tests/fuzz/TARGET_fuzz.cc. Inputs found stay in the build folder; the committed
# corpus in tests/fuzz/corpus/TARGET is only read. An input that crashes is kept beside it, and its path is
# the last thing that libFuzzer prints.
set -euo pipefail
# Traces of allocations below a library without frame pointers are noise: the sanitizer would remember scores of new
# ones an input, for ever, and look for each among them. An input that breaks something, run alone, has whole traces.
export ASAN_OPTIONS=${ASAN_OPTIONS:-malloc_context_size=1}
build=$1
seconds=$2
if [[ -n ${3:-} ]]; then
  targets=("${3%_fuzz}")
else
  targets=()
  for source in tests/fuzz/*_fuzz.cc; do
    [[ -e $source ]] || { echo "there are no targets in tests/fuzz/" >&2; exit 1; }
    name=${source##*/}
    targets+=("${name%_fuzz.cc}")
  done
fi
failed=()
for target in "${targets[@]}"; do
  ninja -C "$build" "firth_${target}_fuzz"
  found=$build/corpus/$target
  mkdir -p "$found" "$build/crashes"
  corpus=("$found")
  [[ -d tests/fuzz/corpus/$target ]] && corpus+=("tests/fuzz/corpus/$target")
  printf '\n== %s, %s s\n' "$target" "$seconds"
  "$build/bin/firth_${target}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="$build/crashes/$target-" "${corpus[@]}" || failed+=("$target")
done
if ((${#failed[@]})); then
  printf 'crashed: %s\n' "${failed[*]}" >&2
  exit 1
fi
