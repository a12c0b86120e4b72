#!/usr/bin/env python3
# Python: venv/fluss10
"""Reading one column of a hundred beside reading all, by the Fluss client: what it costs the server.

    FIRTH_BINARY=build/firth bench/projection.py [--rows N] [--rounds N]

Run by the interpreter that has pyfluss (.deps/venv/fluss10/bin/python). The rows are not compressed. The server's processor
time is counted over several rounds.
"""

import argparse
import asyncio
import inspect
import sys
import tempfile

from common import Server, keep

sys.path.pop(0)  # the benchmark beside this file has the client's name

import fluss  # noqa: E402
import numpy as np  # noqa: E402
import pyarrow as pa  # noqa: E402

COLUMNS = 100


async def settle(value):
    return await value if inspect.isawaitable(value) else value


async def read(table, rows, columns):
    """Poll all rows of a projection; how many bytes they take in memory."""
    scan = table.new_scan()
    if columns is not None:
        scan = scan.project(columns)
    scanner = await settle(scan.create_record_batch_log_scanner())
    await settle(scanner.subscribe(0, 0))
    seen = taken = 0
    while seen < rows:
        polled = await settle(scanner.poll_arrow(1000))
        seen += polled.num_rows
        taken += polled.nbytes
    return taken


async def measure(server, rows, rounds):
    connection = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": server.endpoints["fluss"]}))
    admin = await settle(connection.get_admin())
    path = fluss.TablePath("fluss", "wide")
    names = [f"c{i}" for i in range(COLUMNS)]
    schema = fluss.Schema(pa.schema([(name, pa.int64()) for name in names]))
    await admin.create_table(path, fluss.TableDescriptor(
        schema, bucket_count=1, properties={"table.log.arrow.compression.type": "NONE"}))
    table = await connection.get_table(path)
    writer = table.new_append().create_writer()
    generator = np.random.default_rng(1)
    step = 10_000
    for at in range(0, rows, step):
        writer.write_arrow(pa.table({name: generator.integers(0, 1 << 60, step) for name in names}))
        await writer.flush()
    costs = {}
    for name, columns in (("all", None), ("one", [50])) * 2:  # the first time warms up
        before = server.cpu_s()
        many = rounds * (1 if columns is None else 10)
        for _ in range(many):
            taken = await read(table, rows, columns)
        costs[name] = {"server_cpu_ms": (server.cpu_s() - before) / many * 1000, "bytes": taken}
    await settle(connection.close())
    return costs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firth-bench-") as folder, Server(folder, ["fluss"]) as server:
        costs = asyncio.run(measure(server, arguments.rows, arguments.rounds))
    share = costs["one"]["server_cpu_ms"] / costs["all"]["server_cpu_ms"]
    for name, cost in costs.items():
        print(f"{name:4} of {COLUMNS} columns: {cost['server_cpu_ms']:8.1f} ms of the server's CPU, {cost['bytes'] / 1e6:7.1f} MB")
    print(f"one column costs {share:.1%} of all")
    keep("projection", {"rows": arguments.rows, "columns": COLUMNS, "costs": costs, "share": share})


if __name__ == "__main__":
    main()
