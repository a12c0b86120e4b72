#!/usr/bin/env bash
# Lint the whole tree, or only some files: tools/lint.sh BUILD [FILE…]
#
# BUILD is configured with clang, so that the thread annotations are checked as well. Only generated protocol
# headers are built in it.
set -euo pipefail
build=$1
shift
ninja -C "$build" firth_generated
if (($#)); then
  files=("$@")
else
  mapfile -t files < <(git ls-files --cached --others --exclude-standard -- '*.cc' '*.h')
fi
clang-format-19 --dry-run -Werror "${files[@]}"

# clang-tidy reads headers through the files that include them.
sources=()
for file in "${files[@]}"; do
  [[ $file == *.cc && $file != tests/fuzz/* ]] && sources+=("^$PWD/$file$")
done
((${#sources[@]} == 0)) || run-clang-tidy-19 -quiet -p "$build" -j "$(nproc)" "${sources[@]}"
python3 tests/layout/test_layout.py
