#!/usr/bin/env bash
# Run the benchmarks of a build, one or all: tools/run_bench.sh BUILD [NAME]
#
# A benchmark is a program firth_bench_NAME of the build, or bench/NAME.py, which may start other systems beside
# this one. Results are printed as tables and kept in bench/results/.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "$1")
shopt -s nullglob
name=${2:-*}
# shellcheck disable=SC2206
programs=("$build"/bin/firth_bench_$name bench/$name.py)
((${#programs[@]})) || { echo "there is no benchmark '${2:-}' in bench/" >&2; exit 1; }
for program in "${programs[@]}"; do
  [[ -e $program ]] || continue
  base=${program##*/}
  base=${base#firth_bench_}
  printf '\n== %s\n' "${base%.py}"
  FIRTH_BINARY=$build/firth FIRTH_BUILD=$build "$program"
done
