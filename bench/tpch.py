#!/usr/bin/env python3
# Python: duckdb==1.5.5 duckdb-extension-tpch==1.5.5 pyarrow==26.0.1
"""TPC-H through Firth's front beside DuckDB on the same Parquet files.

    FIRTH_BINARY=build/firth python bench/tpch.py [SCALE]

The data is made by DuckDB's own generator, put by Arrow Flight, cut into lake files, and then asked all 22
questions, each through Flight and by DuckDB in this process over the very files that Firth cut; a pair's runs
alternate, and the least of three counts. Answers are compared. Needs PyPI duckdb, duckdb-extension-tpch, pyarrow.
"""

import json
import os
import sys
import tempfile
import time

import duckdb
import pyarrow.flight as flight
from common import Server, keep

RUNS = 3
THREADS = 2
TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]


def load(client, source):
    files = {}
    for table in TABLES:
        rows = source.execute(f"SELECT * FROM {table}").to_arrow_reader(100_000)
        target = flight.FlightDescriptor.for_command(json.dumps({"path": table, "create": True}))
        writer, reader = client.do_put(target, rows.schema)
        with writer:
            for batch in rows:
                writer.write_batch(batch)
            writer.done_writing()
            while reader.read() is not None:
                pass
        cut = list(client.do_action(flight.Action("lake.cut", json.dumps({"path": table}).encode())))
        files[table] = json.loads(cut[0].body.to_pybytes())["files"]
        print(f"{table}: {len(files[table])} files", file=sys.stderr)
    return files


def ask_firth(client, sql):
    began = time.monotonic()
    rows = client.do_get(flight.Ticket(json.dumps({"sql": sql}))).read_all()
    return time.monotonic() - began, rows


def ask_duckdb(connection, sql):
    began = time.monotonic()
    rows = connection.execute(sql).to_arrow_table()
    return time.monotonic() - began, rows


def same(ours, theirs):
    """Are the rows equal, but for the last digits of floating-point numbers?"""
    left, right = ours.to_pylist(), theirs.to_pylist()
    if len(left) != len(right):
        return False
    for a, b in zip(left, right):
        for x, y in zip(a.values(), b.values()):
            if x != y and not (isinstance(x, float) and abs(x - y) <= 1e-9 * max(abs(x), abs(y))):
                return False
    return True


def main():
    scale = sys.argv[1] if len(sys.argv) > 1 else "1"
    source = duckdb.connect()
    source.execute(f"SET threads = {THREADS}")
    try:
        source.execute("LOAD tpch")
    except duckdb.Error:
        from duckdb_extensions import import_extension
        import_extension("tpch")
        source.execute("LOAD tpch")
    source.execute(f"CALL dbgen(sf = {scale})")
    questions = source.execute("SELECT query_nr, query FROM tpch_queries() ORDER BY 1").fetchall()
    with tempfile.TemporaryDirectory(prefix="query-tpch-") as folder, Server(folder, ["flight"]) as server:
        client = flight.connect(f"grpc://{server.endpoints['flight']}")
        files = load(client, source)
        source.close()
        plain = duckdb.connect()
        plain.execute(f"SET threads = {THREADS}")
        for table, paths in files.items():
            plain.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet({paths})")
        results = []
        for number, sql in questions:
            sql = sql.rstrip().rstrip(";")
            ours, theirs = [], []
            for _ in range(RUNS):
                seconds, answer = ask_firth(client, sql)
                ours.append(seconds)
                seconds, expected = ask_duckdb(plain, sql)
                theirs.append(seconds)
            assert same(answer, expected), f"question {number} has another answer"
            results.append({"question": number, "firth_s": min(ours), "duckdb_s": min(theirs),
                            "ratio": min(ours) / min(theirs)})
            print("Q%02d  firth %6.3f s  duckdb %6.3f s  %.2fx" % (
                number, min(ours), min(theirs), min(ours) / min(theirs)))
    whole = sum(r["firth_s"] for r in results) / sum(r["duckdb_s"] for r in results)
    worst = max(results, key=lambda r: r["ratio"])
    print("all: %.2fx; worst: Q%02d %.2fx; load %.1f" % (whole, worst["question"], worst["ratio"], os.getloadavg()[0]))
    keep("tpch", {"scale": scale, "threads": THREADS, "runs": RUNS, "ratio": whole, "worst": worst, "questions": results,
                  "duckdb": duckdb.__version__})


if __name__ == "__main__":
    main()
