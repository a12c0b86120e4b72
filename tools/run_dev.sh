#!/usr/bin/env bash
# Serve ./data for development, in the foreground: every door on its usual port, no sign-in. A new data folder
# is filled once with sample tables. At the end it says how each client connects.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

firth=build/firth
data=${FIRTH_DATA:-data}
samples=.deps/data
# Names the samples that are still to be loaded; it outlives a start that was interrupted.
pending=build/samples.pending

[[ -e $data ]] || printf '%s\n' flights weather airports >"$pending"

fifo=$(mktemp -u)
mkfifo -m 600 "$fifo"
"$firth" serve --dev --data "$data" >"$fifo" &
server=$!
# Both ask the server to drain; the wait at the end lasts until it has.
trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM
exec 3<"$fifo"
rm -f "$fifo"

ready=
while IFS= read -r line <&3; do
  if [[ $line == ready ]]; then
    ready=1
    break
  fi
  printf '%s\n' "$line"
done
if [[ -z $ready ]]; then
  wait "$server" && status=0 || status=$?
  echo "the server ended before it was ready (status $status)" >&2
  exit "$((status ? status : 1))"
fi
cat <&3 &

# endpoint NAME: where that door listens, or nothing if it is closed.
endpoint() {
  sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p' <(tr ',' '\n' <"$data/endpoints.json")
}

if [[ -s $pending ]]; then
  mapfile -t tables <"$pending"
  for table in "${tables[@]}"; do
    echo "loading sample table nyc/$table"
    if "$firth" load "nyc/$table" "$samples/$table.csv" --server "$(endpoint flight)"; then
      sed -i "/^$table\$/d" "$pending"
    else
      echo "nyc/$table was not loaded; the next start tries again" >&2
    fi
  done
  [[ -s $pending ]] || rm -f "$pending"
fi

# hint NAME TITLE LINES…: one client, if its door is open; @ stands for its address.
hint() {
  local address title=$2 line
  address=$(endpoint "$1")
  shift 2
  [[ -n $address ]] || return 0
  printf '\n%s (%s)\n' "$title" "$address"
  for line in "$@"; do printf '    %s\n' "${line//@/$address}"; done
}

printf '\nFirth serves %s. Sample tables: nyc/flights, nyc/weather, nyc/airports.\n' "$data"
hint fluss "Apache Fluss, pip install pyfluss" \
  'import fluss' \
  'connection = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": "@"}))' \
  'table = await connection.get_table(fluss.TablePath("nyc", "flights"))'
hint btrdb "BTrDB, pip install 'btrdb[data]'" \
  'import btrdb' \
  'db = btrdb.connect("@")'
hint beneath_http "Beneath, pip install beneath 'numpy<2'" \
  'export BENEATH_ENV=dev BENEATH_SECRET=…    (a secret of yours, from: build/firth user)' \
  'import beneath; client = beneath.Client()'
hint deltacat "DeltaCAT, deltacat-client" \
  'from deltacat_client import Client' \
  'client = Client("http://@")'
hint aws "Sleeper and other AWS clients" \
  'export AWS_ENDPOINT_URL=http://@ AWS_DEFAULT_REGION=eu-west-2 AWS_ACCESS_KEY_ID=anonymous AWS_SECRET_ACCESS_KEY=anonymous' \
  'from sleeper.client import SleeperClient; client = SleeperClient("nyc")'
hint flight "Arrow Flight, pip install pyarrow" \
  'import pyarrow.flight as flight' \
  'client = flight.connect("grpc://@")'
hint console "Console, metrics and health" 'http://@/  http://@/metrics  http://@/healthz'
printf '\nCommands: %s tables; %s describe nyc/flights; stop with Ctrl-C.\n' "$firth" "$firth"

# A signal ends the wait early; wait again until the server is gone.
while kill -0 "$server" 2>/dev/null; do
  wait "$server" && status=0 || status=$?
done
wait "$server" 2>/dev/null && status=0 || status=${status:-$?}
exit "$status"
