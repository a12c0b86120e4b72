#!/usr/bin/env python3
# Python: venv/native
"""What tables cost that exist and are not used: 10,000 tables of 10 logs each, 100,000 logs.

    FIRTH_BINARY=build/firth python bench/many_tables.py [TABLES] [LOGS A TABLE]

The tables are made one by one over Arrow Flight, and every hundredth gets a row in each log. Then the server is stopped,
and started again: the time until `ready`, its private memory, and the time of a first append to a table that was not
touched since. Then it is killed and started once more. Needs PyPI pyarrow.
"""

import json
import statistics
import sys
import tempfile
import time

import pyarrow as pa
import pyarrow.flight as flight
from common import Server, keep
from server import DOORS


def connect(server):
    return flight.connect(f"grpc://{server.endpoints['flight']}")


def append(client, path, count):
    rows = pa.table({"a": pa.array(range(count), pa.int64())})
    began = time.monotonic()
    writer, reader = client.do_put(flight.FlightDescriptor.for_command(json.dumps({"path": path})), rows.schema)
    with writer:
        writer.write_table(rows)
        writer.done_writing()
        while reader.read() is not None:
            pass
    return time.monotonic() - began


def rows_of(client, path):
    return client.do_get(flight.Ticket(json.dumps({"path": path}).encode())).read_all().num_rows


def name(i):
    return f"bench/t{i:05d}"


def main():
    tables = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    logs = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    result = {"tables": tables, "logs": tables * logs}
    with tempfile.TemporaryDirectory(prefix="firth-tables-") as folder:
        server = Server(folder, DOORS)
        empty = server.private_bytes()
        client = connect(server)
        began = time.monotonic()
        for i in range(tables):
            definition = {"path": name(i), "schema": "a:int64", "buckets": logs}
            list(client.do_action(flight.Action("create", json.dumps(definition).encode())))
        result["create_ms"] = (time.monotonic() - began) * 1000 / tables
        for i in range(0, tables, 100):
            append(client, name(i), 10 * logs)
        result["made_bytes"] = server.private_bytes() - empty
        client.close()
        server.stop()
        server = Server(folder, DOORS)
        result["start_ms"] = server.start_s * 1000
        result["idle_bytes"] = server.private_bytes() - empty
        client = connect(server)
        result["first_append_ms"] = statistics.median(append(client, name(i), 1) for i in range(1, tables, tables // 50)) * 1000
        assert all(rows_of(client, name(i)) == 10 * logs for i in range(0, tables, tables // 10) if i % 100 == 0)
        client.close()
        server.kill()
        server = Server(folder, DOORS)
        result["start_after_kill_ms"] = server.start_s * 1000
        client = connect(server)
        assert rows_of(client, name(1)) == 1
        client.close()
        server.stop()
    print("%d tables, %d logs: %.2f ms to make one, %.0f ms to start, %.0f ms after a kill, %.1f MB more than empty, "
          "first append %.1f ms" % (tables, tables * logs, result["create_ms"], result["start_ms"],
                                    result["start_after_kill_ms"], result["idle_bytes"] / 1e6, result["first_append_ms"]))
    keep("many_tables", result)


if __name__ == "__main__":
    main()
