#!/usr/bin/env python3
# Python: btrdb[data]==5.34.2 duckdb==1.5.5 numpy==2.4.6 pyarrow==26.0.1
"""Zooming: 1,000 windows of a span, and the point next to a time, beside DuckDB over Parquet and QuestDB.

    FIRTH_BINARY=build/firth python bench/zoom.py [--points N] [--only NAME,…] [--large N]

Two parts. In the first one series of 120 points a second goes in through the unmodified client, 50,000 points a call,
each synced; the same points go into a Parquet file (zstd), which DuckDB reads and QuestDB takes in. Spans begin at
random places, the same for all, and each is asked for twice: the second is warm, for all of them. Latencies are of the
wall clock, by client: for DuckDB in this process. QuestDB comes from Maven by name into the cache of downloads, and is
left out without Java and Maven.

In the second part, of this server alone (the peers' files of so many points are large), --large points (10^9) go into
one series by the load generator in C++, each call synced, and it asks: warm is what was asked just before; cold are
places that nobody asked for since the server started, with its files in the system's cache (they are read for that:
some systems push out what was idle for half a minute); and cold from the disk are such places after the system's cache
forgot the files, too. What the disk alone takes for as many pages is shown beside it. --large 0 leaves it out. Disk: 30
bytes for each of --points, then about 2 for each of --large and the log that is not trimmed yet.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import uuid
import warnings

import btrdb
import duckdb
import numpy
import pyarrow as pa
import pyarrow.parquet as parquet
from common import BUILD, PEERS, Server, cpu_s, disk_bytes, keep

warnings.simplefilter("ignore")
QUESTDB = ("org.questdb", "questdb", "9.1.0")
BASE = 1_500_000_000_000_000_000
RATE = 120
CHUNK = 1_000_000
WINDOWS = 1_000
LOAD = BUILD / "bin" / "load_btrdb"
SPANS = {"1 s": 10**9, "1 min": 60 * 10**9, "1 h": 3600 * 10**9, "1 d": 86_400 * 10**9}


def chunks(points):
    """Slow drift and an instrument's noise, float32 in doubles."""
    generator = numpy.random.default_rng(1)
    level = 0.0
    for first in range(0, points, CHUNK):
        count = min(CHUNK, points - first)
        times = BASE + numpy.arange(first, first + count, dtype=numpy.int64) * 1_000_000_000 // RATE
        drift = level + numpy.cumsum(generator.standard_normal(count)) * 0.02
        level = float(drift[-1]) * 0.999
        values = (7200 + drift + 0.05 * generator.standard_normal(count)).astype(numpy.float32).astype(numpy.float64)
        yield pa.table({"time": pa.array(times, pa.timestamp("ns", "UTC")), "value": values})


class Firth:
    name = "firth"

    def __init__(self, folder):
        self.folder = folder / "firth"
        self.start()
        self.stream = self.connection.create(uuid.uuid4(), "bench", tags={"name": "phasor"})

    def start(self):
        self.server = Server(self.folder, ["btrdb"])
        self.process, self.address = self.server.process, self.server.endpoints["btrdb"]
        self.connection = btrdb.connect(self.address)

    def restart(self):
        self.stop()
        self.start()
        self.stream = self.connection.stream_from_uuid(self.stream.uuid)

    def forget_pages(self):
        """Make the system's cache forget this server's files, which must be at rest."""
        for path in self.folder.rglob("*"):
            if path.is_file():
                with open(path, "rb") as file:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def recall_pages(self):
        """Have the files of the time view in the system's cache."""
        for path in (self.folder / "timeview").iterdir():
            path.read_bytes()

    def disk_ms(self, pages):
        """How long pages at random places of those files take that the system's cache has not, asked for together."""
        self.forget_pages()
        files = [(os.open(path, os.O_RDONLY), path.stat().st_size) for path in (self.folder / "timeview").iterdir()
                 if path.stat().st_size > 1 << 20]
        chosen = random.Random(5)
        places = [(file, chosen.randrange(size - 4096)) for file, size in chosen.choices(files, k=pages)]
        began = time.monotonic()
        for file, at in places:
            os.posix_fadvise(file, at, 4096, os.POSIX_FADV_WILLNEED)
        for file, at in places:
            os.pread(file, 4096, at)
        ended = time.monotonic()
        for file, _ in files:
            os.close(file)
        return (ended - began) * 1000

    def windows(self, start, width):
        table = self.stream.arrow_windows(start, start + WINDOWS * width, width)
        return int(table["count"].to_numpy().sum())

    def nearest(self, at):
        return self.stream.nearest(at, 0)[0].time

    def stop(self):
        self.server.stop()


class DuckDb:
    name = "duckdb"

    def __init__(self, file):
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 2")
        self.file = file

    def windows(self, start, width):
        rows = self.connection.execute(
            f"""SELECT (epoch_ns(time) - {start}) // {width} AS w, count(*), min(value), avg(value), max(value),
                stddev_pop(value) FROM '{self.file}' WHERE time >= make_timestamp_ns({start})
                AND time < make_timestamp_ns({start + WINDOWS * width}) GROUP BY w ORDER BY w""").fetchall()
        return sum(row[1] for row in rows)

    def nearest(self, at):
        return self.connection.execute(
            f"SELECT min(epoch_ns(time)) FROM '{self.file}' WHERE time >= make_timestamp_ns({at})").fetchone()[0]

    def stop(self):
        self.connection.close()


class QuestDb:
    name = "questdb"

    def __init__(self, folder, file):
        jar = self.fetch()
        self.folder = folder / "questdb"
        self.folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        env = {**os.environ, "QDB_HTTP_BIND_TO": f"127.0.0.1:{self.port}", "QDB_PG_ENABLED": "false",
               "QDB_LINE_TCP_ENABLED": "false", "QDB_HTTP_MIN_ENABLED": "false",
               "QDB_CAIRO_SQL_COPY_ROOT": str(file.parent), "QDB_TELEMETRY_ENABLED": "false"}
        self.process = subprocess.Popen(["java", "-Xmx4g", "-p", str(jar), "-m", "io.questdb/io.questdb.ServerMain", "-d",
                                         str(self.folder)], env=env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask("SELECT 1")
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
        self.ask("CREATE TABLE points (time TIMESTAMP_NS, value DOUBLE) TIMESTAMP(time) PARTITION BY DAY BYPASS WAL")
        self.ask(f"INSERT INTO points SELECT time, value FROM read_parquet('{file.name}')")

    @staticmethod
    def fetch():
        jar = PEERS / f"{QUESTDB[1]}-{QUESTDB[2]}.jar"
        if not jar.exists():
            PEERS.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mvn", "-q", "dependency:copy", f"-Dartifact={':'.join(QUESTDB)}",
                            f"-DoutputDirectory={PEERS}"], check=True)
        return jar

    def ask(self, sql):
        address = f"http://127.0.0.1:{self.port}/exec?" + urllib.parse.urlencode({"query": sql, "timings": "true"})
        try:
            with urllib.request.urlopen(address, timeout=600) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"questdb: {error.read().decode()[:500]}") from None

    def windows(self, start, width):
        rows = self.ask(f"""SELECT time, count(), min(value), avg(value), max(value), stddev_pop(value) FROM points
                            WHERE time >= {start} AND time < {start + WINDOWS * width}
                            SAMPLE BY {width // 1_000_000}T ALIGN TO FIRST OBSERVATION""")["dataset"]
        return sum(row[1] for row in rows)

    def nearest(self, at):
        return self.ask(f"SELECT time FROM points WHERE time >= {at} LIMIT 1")["dataset"][0][0]

    def stop(self):
        self.process.terminate()
        self.process.wait()


def measure(peer, places, results):
    """p50 and p99 in ms of each span; peers that take long are asked less often."""
    for name, (width, starts) in places.items():
        times, counts = [], []
        began = time.monotonic()
        for start in starts:
            if not times or times[-1] < 100:
                peer.windows(start, width)
            before = time.monotonic()
            counts.append(peer.windows(start, width))
            times.append((time.monotonic() - before) * 1000)
            if time.monotonic() - began > 15 and len(times) >= 3:
                break
        times.sort()
        results[f"{peer.name}, {name}"] = {"asked": len(times), "p50_ms": times[len(times) // 2],
                                           "p99_ms": times[len(times) * 99 // 100], "counts": counts[:3]}
        print(f"{peer.name:16} 1,000 windows of {name:6} p50 {times[len(times) // 2]:10.2f} ms"
              f"  p99 {times[len(times) * 99 // 100]:10.2f} ms  ({len(times)} asked)", flush=True)


def measure_nearest(peer, places, results):
    times = []
    began = time.monotonic()
    for at in places:
        before = time.monotonic()
        peer.nearest(at)
        times.append((time.monotonic() - before) * 1000)
        if time.monotonic() - began > 10 and len(times) >= 3:
            break
    times.sort()
    results[f"{peer.name}, nearest"] = {"asked": len(times), "p50_ms": times[len(times) // 2],
                                        "p99_ms": times[len(times) * 99 // 100]}
    print(f"{peer.name:16} nearest                  p50 {times[len(times) // 2]:10.2f} ms"
          f"  p99 {times[len(times) * 99 // 100]:10.2f} ms  ({len(times)} asked)", flush=True)


def generate(server, op, **options):
    words = [str(word) for name, value in options.items() for word in ("--" + name, value)]
    out = subprocess.run([LOAD, "--server", server, "--op", op, *words], check=True, stdout=subprocess.PIPE, text=True,
                         timeout=3600).stdout
    return json.loads(out).get(op)


def show(name, got, wanted):
    print(f"{name:44} p50 {got['p50_ms']:8.2f} ms  p99 {got['p99_ms']:8.2f} ms  ({got['requests']} asked; {wanted})",
          flush=True)


def large(folder, points, results):
    """One series of very many points, by the generator."""
    firth = Firth(folder)
    try:
        # Its stream is the generator's own.
        generate(firth.address, "create")
        before, began, peak = cpu_s(firth.process.pid), time.monotonic(), [0]
        watched = threading.Event()

        def watch():
            while not watched.wait(1):
                peak[0] = max(peak[0], disk_bytes(firth.folder))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            got = generate(firth.address, "insert", points=points, connections=4)
        finally:
            watched.set()
            watcher.join()
        got["server_cpu_s"], got["wall_s"] = cpu_s(firth.process.pid) - before, time.monotonic() - began
        got["disk_bytes_max"] = peak[0]
        results["insert"] = got
        print(f"{points:,} points in: {got['rows_per_s'] / 1e6:.2f} M a second by the clock, "
              f"{points / got['server_cpu_s'] / 1e6:.2f} M a second of server CPU; at most {peak[0] / 1e9:.2f} GB of disk",
              flush=True)
        length = points * 1_000_000_000 // RATE
        # The widest begins at other places, too, so that its windows end in other leaves each time.
        spans = {**{name: span for name, span in SPANS.items() if span < length}, "all but 1 %": length * 99 // 100}
        for name, span in spans.items():
            got = generate(firth.address, "windows", points=points, span=span, requests=300, again=1)
            results[f"warm, {name}"] = got
            show(f"1,000 windows of {name}, warm", got, "p99 <= 3 ms")
        got = generate(firth.address, "nearest", points=points, requests=3000, again=1)
        results["warm, nearest"] = got
        show("nearest, warm", got, "p99 <= 1 ms")
        for seed, (name, span) in enumerate(spans.items(), 2):
            for kind, wanted, asked in (("cold", "p99 <= 20 ms", 200), ("cold from the disk", "no bound", 20)):
                firth.stop()
                firth.recall_pages() if kind == "cold" else firth.forget_pages()
                firth.start()
                got = generate(firth.address, "windows", points=points, span=span, requests=asked, seed=seed)
                results[f"{kind}, {name}"] = got
                show(f"1,000 windows of {name}, {kind}", got, wanted)
        firth.stop()
        results["disk, 2,000 pages"] = firth.disk_ms(2000)
        print(f"the disk alone, 2,000 pages at random places: {results['disk, 2,000 pages']:.1f} ms")
        firth.recall_pages()
        firth.start()
        got = generate(firth.address, "nearest", points=points, requests=1000, seed=9)
        results["cold, nearest"] = got
        show("nearest, cold", got, "p99 <= 1 ms")
        firth.stop()
        results["bytes_a_point"] = disk_bytes(firth.folder / "timeview") / points
        print(f"bytes a point: time view {results['bytes_a_point']:.2f}")
    finally:
        if firth.process.poll() is None:
            firth.process.kill()
            firth.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=float, default=1e8)
    parser.add_argument("--only", default="firth,duckdb,questdb")
    parser.add_argument("--large", type=float, default=1e9)
    options = parser.parse_args()
    points = int(options.points)
    wanted = options.only.split(",")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="firth-bench-zoom-"))
    results = {"points": points}
    firth = Firth(folder)
    peers = []
    try:
        file = folder / "points.parquet"
        before, began = cpu_s(firth.process.pid), time.monotonic()
        with parquet.ParquetWriter(file, pa.schema([("time", pa.timestamp("ns")), ("value", pa.float64())]),
                                   compression="zstd") as out:
            for table in chunks(points):
                firth.stream.arrow_insert(table)
                out.write_table(table.cast(out.schema), row_group_size=122_880)
        results["insert"] = {"server_cpu_s": cpu_s(firth.process.pid) - before, "wall_s": time.monotonic() - began}
        print(f"{points:,} points in: {points / results['insert']['server_cpu_s'] / 1e6:.2f} M a second of server CPU, "
              f"{points / results['insert']['wall_s'] / 1e6:.2f} M a second of wall (with the making of the points)")
        length = points * 1_000_000_000 // RATE
        spans = {**{name: span for name, span in SPANS.items() if span < length}, "all": length}
        chance = random.Random(4)
        places = {name: (span // WINDOWS, [BASE + chance.randrange(max(length - span, 1)) for _ in range(300)])
                  for name, span in spans.items()}
        times = [BASE + chance.randrange(length - 10**9) for _ in range(1000)]
        firth.restart()
        first = time.monotonic()
        firth.windows(BASE, length // WINDOWS)
        results["firth, first after a start, all"] = {"ms": (time.monotonic() - first) * 1000}
        measure(firth, places, results)
        measure_nearest(firth, times, results)
        before, began = cpu_s(firth.process.pid), time.monotonic()
        raw = min(points, 20_000_000)
        got = firth.stream.arrow_values(BASE, BASE + raw * 1_000_000_000 // RATE)
        assert abs(got.num_rows - raw) <= 1
        results["raw"] = {"points": raw, "server_cpu_s": cpu_s(firth.process.pid) - before,
                          "wall_s": time.monotonic() - began}
        print(f"ArrowRawValues: {raw / results['raw']['server_cpu_s'] / 1e6:.1f} M a second of server CPU, "
              f"{raw / results['raw']['wall_s'] / 1e6:.1f} M a second of wall")
        size = sum(path.stat().st_size for path in (firth.folder / "timeview").iterdir())
        results["bytes_a_point"] = {"firth": size / points, "parquet": file.stat().st_size / points}
        print(f"bytes a point: time view {size / points:.2f}, Parquet {file.stat().st_size / points:.2f}")
        if "duckdb" in wanted:
            peers.append(DuckDb(file))
        if "questdb" in wanted and shutil.which("java") and shutil.which("mvn"):
            peers.append(QuestDb(folder, file))
        for peer in peers:
            measure(peer, places, results)
            measure_nearest(peer, times, results)
            for name in places:
                ours = results[f"firth, {name}"]
                theirs = results[f"{peer.name}, {name}"]
                assert theirs["counts"] == ours["counts"], (peer.name, name, theirs["counts"], ours["counts"])
                print(f"{name:6} {peer.name} takes {theirs['p50_ms'] / ours['p50_ms']:.0f} times as long")
        while peers:
            peers.pop().stop()
        if options.large > 0:
            if not LOAD.exists():
                raise SystemExit(f"{LOAD} is not built: ninja -C {BUILD} load_btrdb")
            firth.stop()
            # Room for the next part.
            shutil.rmtree(folder)
            folder.mkdir()
            print(f"\n{int(options.large):,} points in one series, this server alone")
            results["large"] = {"points": int(options.large)}
            large(folder, int(options.large), results["large"])
        keep("zoom", results)
    finally:
        for peer in peers:
            peer.stop()
        if firth.process.poll() is None:
            firth.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
