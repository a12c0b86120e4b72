#!/usr/bin/env python3
# Python: venv/btrdb
"""What the BTrDB door costs: inserts, raw reads, windows and nearest points through Arrow calls.

    .deps/venv/btrdb/bin/python bench/series.py [MILLIONS OF POINTS]

First by the unmodified Python client, then by a load generator in C++ (bench/load), which is measured against a
server that does nothing before: it must be twice as fast as what it measures. Starts build/firth on a folder below
/tmp. Rates are by the clock, and per second of the server's CPU time, since other things may run beside it; the
client's own CPU time stands next to them. Every insert is acknowledged when it is synced.
"""

import concurrent.futures
import json
import subprocess
import sys
import tempfile
import time
import uuid
import warnings

import btrdb
import numpy
import pyarrow as pa
from common import BUILD, Server, cpu_s, disk_bytes, keep

warnings.simplefilter("ignore")
LOAD = BUILD / "bin" / "load_btrdb"
CONNECTIONS = (1, 4)
BASE = 1500000000000000000
RATE = 120  # points a second


class Meter:
    def __init__(self, pid, results):
        self.pid, self.results = pid, results

    def run(self, name, count, unit, work):
        began, server, client = time.monotonic(), cpu_s(self.pid), time.process_time()
        work()
        wall, server, client = time.monotonic() - began, cpu_s(self.pid) - server, time.process_time() - client
        self.results[name] = {"count": count, "wall_s": wall, "server_cpu_s": server, "client_cpu_s": client}
        print(f"{name:32} {count / max(server, 1e-9):13,.0f} {unit}/s of server CPU, {count / wall:13,.0f} a second"
              f"   server {server:6.2f} s, client {client:6.2f} s, wall {wall:6.2f} s", flush=True)


def load(server, op, **options):
    """Run the generator; its figures. No time limit but that of a run that hangs."""
    words = [str(word) for name, value in options.items() for word in ("--" + name, value)]
    out = subprocess.run([LOAD, "--server", server, "--op", op, *words], check=True, capture_output=True, text=True,
                         timeout=1800).stdout
    return json.loads(out).get(op)


def by_generator(address, pid, points, results):
    """Each kind of work against the sink and then against the server; inserts go to streams of their own."""
    sink = subprocess.Popen([LOAD, "--op", "sink", "--points", str(points)], stdout=subprocess.PIPE, text=True)
    try:
        empty = f"127.0.0.1:{int(sink.stdout.readline())}"
        load(address, "create", streams=max(CONNECTIONS) + 1)
        hour = {"points": points, "span": min(3600 * 10**9, points * 10**9 // RATE)}
        for name, op, wanted, options in [
                *((f"ArrowInsert, {n} at once", "insert", "points >= 3 M/s",
                   {"points": points, "connections": n, "streams": n, "first-stream": 0 if n > 1 else max(CONNECTIONS)})
                  for n in CONNECTIONS),
                *((f"ArrowRawValues, {n} at once", "raw", "points >= 20 M/s",
                   {"points": points, "connections": n, "requests": 4}) for n in CONNECTIONS),
                ("1,000 windows of 1 h", "windows", "p99 <= 3 ms", {"requests": 500, "again": 1, **hour}),
                ("1,000 windows of all", "windows", "p99 <= 3 ms", {"requests": 500, "again": 1, "points": points}),
                ("aligned windows of 1 h", "aligned", "p99 <= 3 ms", {"requests": 500, "again": 1, **hour}),
                ("nearest", "nearest", "p99 <= 1 ms", {"requests": 2000, "points": points})]:
            most = load(empty, op, **options)
            before = cpu_s(pid)
            got = load(address, op, **options)
            got["server_cpu_s"] = cpu_s(pid) - before
            got["sink_rows_per_s"] = most["rows_per_s"]
            results["generator, " + name] = got
            # What is asked for twice costs the server twice and counts once.
            a_cpu_s = got["rows"] * (1 + options.get("again", 0)) / max(got["server_cpu_s"], 1e-9)
            print(f"{name:28} {got['rows_per_s']:13,.0f} a second, {a_cpu_s:13,.0f} per s of server CPU, "
                  f"p50 {got['p50_ms']:7.2f} ms, p99 {got['p99_ms']:7.2f} ms "
                  f"(sink {most['rows_per_s'] / got['rows_per_s']:.1f} times as fast; wanted: {wanted})", flush=True)
    finally:
        sink.kill()
        sink.wait()


def main(millions=5):
    points = int(millions * 1e6)
    if not LOAD.exists():
        raise SystemExit(f"{LOAD} is not built: ninja -C {BUILD} load_btrdb")
    results = {}
    with tempfile.TemporaryDirectory(prefix="firth-bench-btrdb-") as folder:
        with Server(folder + "/data", ["btrdb"]) as server:
            by_client(server, points, results)
            by_generator(server.endpoints["btrdb"], server.pid, points, results)
        results["bytes_a_point"] = disk_bytes(folder + "/data/timeview") / (points * (1 + sum(CONNECTIONS)))
    print(f"time view: {results['bytes_a_point']:.2f} bytes a point")
    keep("series", results)


def by_client(server, points, results):
    conn = btrdb.connect(server.endpoints["btrdb"])
    stream = conn.create(uuid.uuid4(), "bench", tags={"name": "phasor"})
    random = numpy.random.default_rng(1)
    times = BASE + (numpy.arange(points, dtype=numpy.int64) * 1_000_000_000) // RATE
    values = (7200 + 0.02 * numpy.cumsum(random.standard_normal(points)) + 0.05 * random.standard_normal(points))
    table = pa.table({"time": pa.array(times, pa.timestamp("ns", "UTC")),
                      "value": values.astype(numpy.float32).astype(numpy.float64)})
    end = int(times[-1]) + 1
    meter = Meter(server.pid, results)
    meter.run("ArrowInsert, 50,000 a call", points, "points", lambda: stream.arrow_insert(table))
    meter.run("ArrowRawValues", points, "points", lambda: stream.arrow_values(BASE, end))
    for name, width in (("ArrowWindows, 1,000 of all", (end - BASE) // 1000), ("ArrowWindows, 1 s", 10**9)):
        count = (end - BASE) // width
        meter.run(name, count, "windows", lambda width=width: stream.arrow_windows(BASE, end, width))
    small = conn.create(uuid.uuid4(), "bench", tags={"name": "small"})
    piece = table.slice(0, 1)
    meter.run("ArrowInsert, 1 a call", 300, "points", lambda: [small.arrow_insert(piece) for _ in range(300)])

    def together():
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: small.arrow_insert(piece), range(1600)))

    meter.run("ArrowInsert, 1 a call, 8 at once", 1600, "points", together)
    assert small.version() == 10 + 300 + 1600


if __name__ == "__main__":
    main(*(float(word) for word in sys.argv[1:]))
