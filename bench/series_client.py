#!/usr/bin/env python3
# Python: venv/btrdb
"""Which half of an insert costs more: the unmodified Python client, or the server?

    .deps/venv/btrdb/bin/python bench/series_client.py [MILLIONS OF POINTS A SHAPE]

Both halves of `arrow_insert` are measured beside one another, in processor seconds of all threads: the client's own
by the clock of its process, the server's by the clock of its. Each shape has a server of its own. Its first million
points come just after the start; the others are the steady state. What the server does behind the answers, until it
is idle, is counted as well. Making the table of a pandas frame is measured by itself, and counted to the client or
not. A ratio of 1 or less: the server is not the slower half.
"""

import sys
import tempfile
import time
import uuid
import warnings

import btrdb
import numpy
import pandas
import pyarrow as pa
from btrdb.stream import StreamSet
from common import Server, keep

warnings.simplefilter("ignore")
BASE = 1500000000000000000
RATE = 120  # points a second
POINTS = 1_000_000  # a call, all its streams together
SCHEMA = pa.schema([pa.field("time", pa.timestamp("ns", "UTC"), nullable=False),
                    pa.field("value", pa.float64(), nullable=False)])
IDLE_S = 0.3


def settled_cpu_s(server):
    """The server's processor seconds once it uses no more."""
    before = server.cpu_s()
    while True:
        time.sleep(IDLE_S)
        now = server.cpu_s()
        if now - before < 0.01 * IDLE_S:
            return now
        before = now


def frames(streams, call):
    """The points of a call: of each stream a frame, which goes on where that of the call before ended."""
    random = numpy.random.default_rng(call)
    points = POINTS // streams
    made = []
    for _ in range(streams):
        times = BASE + (call * points + numpy.arange(points, dtype=numpy.int64)) * 1_000_000_000 // RATE
        values = 7200 + 0.02 * numpy.cumsum(random.standard_normal(points)) + 0.05 * random.standard_normal(points)
        made.append(pandas.DataFrame({"time": pandas.to_datetime(times, utc=True),
                                      "value": values.astype(numpy.float32).astype(numpy.float64)}))
    return made


def measure(server, conn, streams, calls):
    """Of each stage: its points, and what each half of it took."""
    made = [conn.create(uuid.uuid4(), f"bench/{streams}", tags={"name": str(i)}) for i in range(streams)]
    streamset = StreamSet(made)

    def insert(tables):
        if streams == 1:
            made[0].arrow_insert(tables[0])
        else:
            streamset.arrow_insert(dict(zip((stream.uuid for stream in made), tables)))

    stages = {"just after the start": (0, 1), "steady": (1, calls)}
    results = {}
    for stage, (first, end) in stages.items():
        client = tables_s = answered = wall = 0.0
        server_began = server.cpu_s()
        for call in range(first, end):
            points = frames(streams, call)
            began = time.process_time()
            tables = [pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False) for frame in points]
            made_at, server_at, wall_at = time.process_time(), server.cpu_s(), time.monotonic()
            insert(tables)
            wall += time.monotonic() - wall_at
            answered += server.cpu_s() - server_at
            tables_s += made_at - began
            client += time.process_time() - made_at
        count = (end - first) * POINTS
        results[stage] = {"points": count, "client_cpu_s": client, "tables_cpu_s": tables_s,
                          "server_cpu_s": settled_cpu_s(server) - server_began, "server_cpu_s_answered": answered,
                          "wall_s": wall}
    assert sum(stream.version() for stream in made) > 10 * streams
    return results


def main(millions=20):
    results = {}
    for streams in (1, 10, 100):
        with tempfile.TemporaryDirectory(prefix="firth-bench-client-") as folder:
            with Server(folder + "/data", ["btrdb"]) as server:
                conn = btrdb.connect(server.endpoints["btrdb"])
                shape = f"{streams} stream{'s' * (streams > 1)} of {POINTS // streams:,} points a call"
                results[shape] = measure(server, conn, streams, int(millions))
        for stage, got in results[shape].items():
            ns = {name: got[name] / got["points"] * 1e9
                  for name in ("client_cpu_s", "tables_cpu_s", "server_cpu_s", "server_cpu_s_answered")}
            got["ratio"] = ns["server_cpu_s"] / ns["client_cpu_s"]
            got["ratio_with_tables"] = ns["server_cpu_s"] / (ns["client_cpu_s"] + ns["tables_cpu_s"])
            print(f"{shape:36} {stage:20} ns a point: client {ns['client_cpu_s']:5.1f} (its tables "
                  f"{ns['tables_cpu_s']:4.1f} more), server {ns['server_cpu_s']:5.1f} (till the answers "
                  f"{ns['server_cpu_s_answered']:5.1f}): {got['ratio']:.2f} of the client, with tables "
                  f"{got['ratio_with_tables']:.2f}; {got['points'] / got['wall_s'] / 1e6:.1f} M points/s", flush=True)
    keep("series_client", results)


if __name__ == "__main__":
    main(*(float(word) for word in sys.argv[1:]))
