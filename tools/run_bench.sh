#!/usr/bin/env bash
# Run the benchmarks of a build, one or all: tools/run_bench.sh BUILD [NAME]
set -euo pipefail
build=$1
shopt -s nullglob
if [[ -n ${2:-} ]]; then
  programs=("$build/bin/firth_bench_$2")
else
  programs=("$build"/bin/firth_bench_*)
fi
((${#programs[@]})) || { echo "there are no benchmarks in bench/" >&2; exit 1; }
for program in "${programs[@]}"; do
  printf '\n== %s\n' "${program##*/firth_bench_}"
  FIRTH_BINARY=$build/firth "$program"
done
