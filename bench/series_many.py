#!/usr/bin/env python3
# Python: venv/btrdb
"""What series cost that exist and are not used: by default a million of them, in collections of 100,000.

    FIRTH_BINARY=build/firth python bench/series_many.py [SERIES] [FOLDER]

Some streams are made through the door, one by one and by many connections at once; the rest is put into the folder of
the stopped server by build/bin/firth_bench_series_many, each with ten points. Then the server starts on it: the time
until `ready`, its private memory (RssAnon), before and after calls; finding streams by their uuid, the nearest point of
streams that nobody used before, a listing of one collection and of all collections, and SQL over all streams.
"""

import concurrent.futures
import json
import random
import struct
import subprocess
import sys
import tempfile
import time
import uuid
import warnings

import btrdb
from common import BUILD, Server, disk_bytes, keep

warnings.simplefilter("ignore")
FILL = BUILD / "bin" / "firth_bench_series_many"
COLLECTION = 100_000  # series of one
FOUND = 5_000
BASE = 1500000000000000000


def id_of(number):
    """As bench/series_many.cc makes it."""
    return uuid.UUID(bytes=struct.pack("<QQ", number * 0x9E3779B97F4A7C15 % 2**64, number))


class Meter:
    def __init__(self, server, result):
        self.server, self.result = server, result

    def run(self, name, count, work):
        wall, cpu = time.monotonic(), self.server.cpu_s()
        work()
        wall, cpu = time.monotonic() - wall, self.server.cpu_s() - cpu
        self.result[name] = {"count": count, "wall_s": wall, "cpu_s": cpu,
                             "private_bytes": self.server.private_bytes()}
        print(f"{name:42} {count:10,}  {wall:8.2f} s  {cpu * 1e6 / count:8.1f} us of CPU each  "
              f"{self.result[name]['private_bytes'] / 1e6:7.1f} MB private", flush=True)


def create(address, count, threads):
    def some(first):
        conn = btrdb.connect(address)
        for i in range(first, count, threads):
            conn.create(uuid.uuid4(), f"made/by{threads}", tags={"name": f"n{i}", "unit": "V"})
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(some, range(threads)))


def main(series=1_000_000, folder=None):
    if not FILL.exists():
        raise SystemExit(f"{FILL} is not built: ninja -C {BUILD} firth_bench_series_many")
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="firth-series-") as made:
            return main(series, made)
    collections = max(1, series // COLLECTION)
    result = {"series": series, "collections": collections}
    with Server(folder, ["btrdb"]) as server:
        meter = Meter(server, result)
        result["empty_private_bytes"] = server.private_bytes()
        address = server.endpoints["btrdb"]
        meter.run("create, one at a time", 2_000, lambda: create(address, 2_000, 1))
        meter.run("create, 16 at once", 8_000, lambda: create(address, 8_000, 16))
        conn = btrdb.connect(address)
        for i in range(collections):
            conn.create(uuid.uuid4(), f"many/c{i}", tags={"name": "first"})
    result["fill"] = json.loads(subprocess.run([FILL, folder, str(series), str(collections)], check=True,
                                               capture_output=True, text=True).stdout)
    result["disk_bytes"] = disk_bytes(folder)
    with Server(folder, ["btrdb"]) as server:
        result["start_s"], result["start_cpu_s"] = server.start_s, server.cpu_s()
        result["start_private_bytes"] = server.private_bytes()
        print(f"{series:,} series, {result['disk_bytes'] / series:.0f} bytes of disk each; start {server.start_s:.2f} s, "
              f"{result['start_private_bytes'] / 1e6:.1f} MB private "
              f"(an empty server: {result['empty_private_bytes'] / 1e6:.1f} MB)", flush=True)
        meter = Meter(server, result)
        conn = btrdb.connect(server.endpoints["btrdb"])
        chosen = random.Random(1)
        ids = [id_of(chosen.randrange(series)) for _ in range(FOUND)]
        meter.run("StreamInfo by uuid", FOUND, lambda: [conn.ep.streamInfo(i, False, True) for i in ids])
        meter.run("the same again", FOUND, lambda: [conn.ep.streamInfo(i, False, True) for i in ids])

        def nearest():
            for i in ids:
                point, _ = conn.ep.nearest(i, BASE + 4_500_000_000, 0, False)
                assert point.value == 5
        meter.run("Nearest", FOUND, nearest)
        meter.run("ListCollections", collections + 2, lambda: conn.list_collections())
        listed = min(series, COLLECTION) + 1

        def lookup():
            count = sum(len(some) for some in conn.ep.lookupStreams("many/c0", False, {}, {}))
            assert count == series // collections + 1, count
        meter.run("LookupStreams of a collection", listed, lookup)
        every = series + collections + 10_000

        def count():
            assert conn.query("select count(*) from streams") == [{"count": every}]
        meter.run("SQL: count of all", every, count)
        meter.run("SQL: distinct units", every, lambda: conn.list_unique_units())
        meter.run("SQL: names of a collection, sorted", listed, lambda: conn.query(
            "select name from streams where collection = 'many/c0' order by name"))
        meter.run("SQL: order of all, first 10", every, lambda: conn.query(
            "select name, uuid from streams order by annotations -> 'location', name desc limit 10"))
        meter.run("SQL: by uuid", 1, lambda: conn.query("select name from streams where uuid = $1", [str(ids[0])]))
        result["end_private_bytes"] = server.private_bytes()
    keep("series_many", result)
    return None


if __name__ == "__main__":
    main(*([int(sys.argv[1])] if len(sys.argv) > 1 else []), *sys.argv[2:3])
