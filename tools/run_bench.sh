#!/usr/bin/env bash
# Run the benchmarks of a build, one or all: tools/run_bench.sh BUILD [NAME]
#
# A benchmark is a program firth_bench_NAME of the build, or bench/NAME.py, which may start other systems beside
# this one. Results are printed as tables and kept in bench/results/. A script's line `# Python: …` says what runs it:
# an environment of the clients' tests (venv/NAME), or one with these packages, made here and kept for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "$1")
shopt -s nullglob

python_of() {
  local wanted folder packages
  wanted=$(sed -n 's/^# Python: //p' "$1" | head -n 1)
  case $wanted in
    '') echo python3 ;;
    venv/*) echo ".deps/$wanted/bin/python" ;;
    *)
      read -ra packages <<<"$wanted"
      folder=${XDG_CACHE_HOME:-$HOME/.cache}/firth/peers/$(sha256sum <<<"$wanted" | cut -c1-12)
      if [[ ! -e $folder/.complete ]]; then
        python3 -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" >&2
        touch "$folder/.complete"
      fi
      echo "$folder/bin/python"
      ;;
  esac
}

name=${2:-*}
# shellcheck disable=SC2206
programs=("$build"/bin/firth_bench_$name bench/$name.py)
((${#programs[@]})) || { echo "there is no benchmark '${2:-}' in bench/" >&2; exit 1; }
for program in "${programs[@]}"; do
  [[ -e $program ]] || continue
  base=${program##*/}
  base=${base#firth_bench_}
  printf '\n== %s\n' "${base%.py}"
  command=("$program")
  [[ $program != *.py ]] || command=("$(python_of "$program")" "$program")
  FIRTH_BINARY=$build/firth FIRTH_BUILD=$build "${command[@]}"
done
