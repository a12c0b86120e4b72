#!/usr/bin/env python3
# Python: btrdb[data]==5.34.2 duckdb==1.5.5 numpy==2.4.6 pyarrow==26.0.1
"""Zooming: 1,000 windows of a span, and the point next to a time, beside DuckDB over Parquet and QuestDB.

    FIRTH_BINARY=build/firth python bench/zoom.py [--points N] [--only NAME,…]

One series of 120 points a second goes in through the unmodified client, 50,000 points a call, each synced; the same
points go into a Parquet file (zstd), which DuckDB reads and QuestDB takes in. Spans begin at random places, the same
for all. Latencies are of the wall clock, by client: for DuckDB in this process. Needs PyPI btrdb[data], duckdb, numpy;
QuestDB comes from Maven by name into the cache of downloads, and is left out without Java and Maven.
"""

import argparse
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
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

warnings.simplefilter("ignore")
ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "firth" / "peers"
QUESTDB = ("org.questdb", "questdb", "9.1.0")
BASE = 1_500_000_000_000_000_000
RATE = 120
CHUNK = 1_000_000
WINDOWS = 1_000
SPANS = {"1 s": 10**9, "1 min": 60 * 10**9, "1 h": 3600 * 10**9, "1 d": 86_400 * 10**9}
TICK = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


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
        self.process = subprocess.Popen(
            [os.environ.get("FIRTH_BINARY", ROOT / "build/firth"), "serve", "--data", str(self.folder), "--btrdb",
             "127.0.0.1:0", "--access-anonymous", "admin"],
            env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        self.connection = btrdb.connect(json.loads((self.folder / "endpoints.json").read_text())["btrdb"])

    def restart(self):
        self.stop()
        self.start()
        self.stream = self.connection.stream_from_uuid(self.stream.uuid)

    def windows(self, start, width):
        table = self.stream.arrow_windows(start, start + WINDOWS * width, width)
        return int(table["count"].to_numpy().sum())

    def nearest(self, at):
        return self.stream.nearest(at, 0)[0].time

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


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
        jar = CACHE / f"{QUESTDB[1]}-{QUESTDB[2]}.jar"
        if not jar.exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mvn", "-q", "dependency:copy", f"-Dartifact={':'.join(QUESTDB)}",
                            f"-DoutputDirectory={CACHE}"], check=True)
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=float, default=1e8)
    parser.add_argument("--only", default="firth,duckdb,questdb")
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
        results["machine"] = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count(),
                              "load": os.getloadavg()}
        out = ROOT / "bench" / "results"
        out.mkdir(exist_ok=True)
        (out / "zoom.json").write_text(json.dumps(results, indent=1) + "\n")
    finally:
        for peer in peers:
            peer.stop()
        if firth.process.poll() is None:
            firth.process.kill()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
