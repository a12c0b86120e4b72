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
# Beneath's client wants a secret even where nobody signs in: a user for it, on loopback only.
dev_secret=firth-dev-secret

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
  "$firth" user add dev --role admin --new-secret "$dev_secret" --server "$(endpoint flight)" >/dev/null
  mapfile -t tables <"$pending"
  for table in "${tables[@]}"; do
    echo "loading sample table nyc/$table"
    time_column=()
    [[ $table == airports ]] || time_column=(--time time_hour)
    # Each number of each airport's weather is a series.
    [[ $table != weather ]] || time_column+=(--series origin)
    if "$firth" load "nyc/$table" "$samples/$table.csv" "${time_column[@]}" --server "$(endpoint flight)"; then
      sed -i "/^$table\$/d" "$pending"
    else
      echo "nyc/$table was not loaded; the next start tries again" >&2
    fi
  done
  [[ -s $pending ]] || rm -f "$pending"
fi

# hint NAME TITLE LINES…: another client, if its door is open; @ stands for its address.
hint() {
  local address title=$2 line
  address=$(endpoint "$1")
  shift 2
  [[ -n $address ]] || return 0
  printf '\n%s (%s)\n' "$title" "$address"
  for line in "$@"; do printf '    %s\n' "${line//@/$address}"; done
}

printf '\nFirth serves %s. Sample tables: nyc/flights, nyc/weather, nyc/airports.\n' "$data"
printf 'Three lines connect each client and read them; python3 examples/tour.py runs all of these.\n'
/usr/bin/python3 examples/tour.py --data "$data" --secret "$dev_secret" --show
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
