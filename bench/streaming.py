#!/usr/bin/env python3
# Python: duckdb==1.5.5 duckdb-extension-ducklake==1.5.5 pyarrow==26.0.1 pyiceberg[sql-sqlite,pyarrow]==0.12.0
"""Small writes with a question between them: rows in batches of 10, a count after every 1,000.

    FIRTH_BINARY=build/firth python bench/streaming.py [ROWS]

Ours: batches through one Flight put, each a commit of its own that is answered when it is synced; the count is SQL,
and must be exact. The peers write as many rows in the same way for PEER_SECONDS each, as they come from PyPI, with
what they offer for one process: DuckLake (its catalog in a DuckDB file), PyIceberg (its catalog in SQLite). Their
rate falls as files pile up, so a shorter run favours them. The peers do not sync. Needs PyPI duckdb,
duckdb-extension-ducklake, pyarrow, pyiceberg[sql-sqlite,pyarrow].
"""

import json
import sys
import tempfile
import time

import duckdb
import pyarrow as pa
import pyarrow.flight as flight
from common import Server, keep

BATCH = 10
ROUND = 1_000
PEER_SECONDS = 20
SCHEMA = pa.schema([("id", pa.int64()), ("station", pa.string()), ("value", pa.float64())])


def rows(first, count=BATCH):
    ids = range(first, first + count)
    return pa.table({"id": list(ids), "station": [f"station-{i % 100}" for i in ids],
                     "value": [i / 7 for i in ids]}, schema=SCHEMA)


def measure(write_round, count, rows_wanted, seconds=None):
    """Rows a second of wall clock; every count is checked."""
    began = time.monotonic()
    written = 0
    while written < rows_wanted and (seconds is None or time.monotonic() - began < seconds):
        write_round(written)
        written += ROUND
        seen = count()
        assert seen == written, f"{written} rows were written, {seen} are seen"
    return {"rows": written, "seconds": time.monotonic() - began,
            "rows_s": written / (time.monotonic() - began)}


def firth(folder, rows_wanted):
    with Server(folder, ["flight"]) as server:
        client = flight.connect(f"grpc://{server.endpoints['flight']}")
        target = flight.FlightDescriptor.for_command(json.dumps({"path": "readings", "create": True}))
        writer, reader = client.do_put(target, SCHEMA)

        def write_round(first):
            for at in range(first, first + ROUND, BATCH):
                writer.write_with_metadata(rows(at).to_batches()[0], b"commit")
            acknowledged = 0
            while acknowledged < ROUND:
                acknowledged += json.loads(reader.read().to_pybytes())["rows"]

        def count():
            answer = client.do_get(flight.Ticket(json.dumps({"sql": "SELECT count(*) FROM readings"})))
            return answer.read_all()[0][0].as_py()

        with writer:
            result = measure(write_round, count, rows_wanted)
            writer.done_writing()
        result["server_cpu_s"] = server.cpu_s()
        return result


def ducklake(folder, rows_wanted):
    connection = duckdb.connect()
    try:
        connection.execute("LOAD ducklake")
    except duckdb.Error:
        from duckdb_extensions import import_extension
        import_extension("ducklake")
        connection.execute("LOAD ducklake")
    connection.execute(f"ATTACH 'ducklake:{folder}/catalog.ducklake' AS lake (DATA_PATH '{folder}/files')")
    connection.execute("CREATE TABLE lake.readings (id BIGINT, station VARCHAR, value DOUBLE)")

    def write_round(first):
        for at in range(first, first + ROUND, BATCH):
            batch = rows(at)  # found by its name
            connection.execute("INSERT INTO lake.readings SELECT * FROM batch")

    return measure(write_round, lambda: connection.execute("SELECT count(*) FROM lake.readings").fetchone()[0],
                   rows_wanted, PEER_SECONDS)


def pyiceberg(folder, rows_wanted):
    from pyiceberg.catalog.sql import SqlCatalog
    catalog = SqlCatalog("bench", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")
    catalog.create_namespace("bench")
    table = catalog.create_table("bench.readings", schema=SCHEMA)

    def write_round(first):
        for at in range(first, first + ROUND, BATCH):
            table.append(rows(at))

    return measure(write_round, lambda: table.scan(selected_fields=("id",)).to_arrow().num_rows,
                   rows_wanted, PEER_SECONDS)


def main():
    rows_wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    results = {}
    for name, run in [("firth", firth), ("ducklake", ducklake), ("pyiceberg", pyiceberg)]:
        with tempfile.TemporaryDirectory(prefix="firth-streaming-") as folder:
            results[name] = run(folder, rows_wanted)
        print("%-10s %9.0f rows/s (%d rows in %.1f s)" % (
            name, results[name]["rows_s"], results[name]["rows"], results[name]["seconds"]), flush=True)
    for name in ("ducklake", "pyiceberg"):
        results[name]["ratio"] = results["firth"]["rows_s"] / results[name]["rows_s"]
        print("firth / %s: %.0fx" % (name, results[name]["ratio"]))
    keep("streaming", results | {"batch": BATCH, "round": ROUND, "duckdb": duckdb.__version__})


if __name__ == "__main__":
    main()
