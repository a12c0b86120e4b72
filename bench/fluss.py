#!/usr/bin/env python3
"""The Fluss door beside Apache Fluss: the same work by the same generator, in pairs that alternate.

    FIRTH_BINARY=build/firth FIRTH_BUILD=build bench/fluss.py [--pairs N] [--seconds S] [--rows N] [--in-flight N]
                                                              [--keys N] [--only NAME,…]

Apache Fluss is taken from Maven by name into the cache of downloads; without Java and Maven only this server is
measured. What counts is the server's CPU time for a million rows, with what it does afterwards in the background:
several people may share the machine. Apache Fluss never syncs before it acknowledges; this server always does.

Catch-up reads come three times: right after the append (our appends go past the system's cache, the original's through it),
once more, and after the system was made to forget its cache. How much of the log lay in the cache before each is shown.
The sink answers fetches from memory that lies ready, so what it reaches there is what the socket can carry.

Appends and catch-up reads are of the log alone for both: Apache Fluss tiers rows into a lake by a service of its own,
which does not run here, and our server for them has `lake.interval_ms = 0`, so that it cuts no lake files by itself.
What it takes to cut the same rows afterwards is a line of its own. Everything else is done by a second server of ours
with its default settings. A server that is not measured is idle meanwhile.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from common import BINARY, BUILD, PEERS, Server, cpu_s, disk_bytes, keep

LOAD = os.environ.get("FIRTH_LOAD_FLUSS", str(BUILD / "bin" / "load_fluss"))
VERSION = "0.9.1-incubating"
LIBRARIES = [("org.apache.fluss", "fluss-server", VERSION)] + [
    ("org.apache.logging.log4j", name, "2.17.1") for name in ("log4j-slf4j-impl", "log4j-core", "log4j-api")]
OPENS = [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in (
    "java.util", "java.nio", "sun.nio.ch", "java.lang", "sun.security.action")]
START_S = 90
SETTLE_S = 40
IDLE_SHARE = 0.08  # of a core
IDLE_BYTES = 4 << 20  # a second, to the disk: a merge that takes its time needs little of a core


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, what):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"{what} does not listen")


def memory_mb(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


class Process:
    def __init__(self, command, log, **options):
        self.log = open(log, "ab")
        self.popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, **options)

    def stop(self):
        self.popen.terminate()
        try:
            self.popen.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.log.close()


class Firth(Server):
    name = "firth"

    def __init__(self, folder, label="firth", doors=(), more=()):
        super().__init__(folder / label, ["fluss", "console", *doors], more=more, log=folder / f"{label}.log")
        self.address, self.console = self.endpoints["fluss"], self.endpoints["console"]
        self.pids = [self.pid]

    def cut(self, table):
        """Have lake files cut of a table; how many rows they hold."""
        command = [BINARY, "--data", str(self.folder), "--json", "lake", "cut", table]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["rows"]

    def syncs(self):
        text = urllib.request.urlopen(f"http://{self.console}/metrics", timeout=10).read().decode()
        for line in text.splitlines():
            if line.startswith("firth_journal_syncs_total"):
                return float(line.split()[-1])
        return None


class Original:
    name = "fluss"

    def __init__(self, folder, library):
        self.folder = folder / "fluss"
        self.folder.mkdir()
        zookeeper, coordinator, tablet = free_port(), free_port(), free_port()
        self.address = f"127.0.0.1:{coordinator}"
        (self.folder / "zoo.cfg").write_text(
            f"dataDir={self.folder}/zk\nclientPort={zookeeper}\nadmin.enableServer=false\n")
        for name, port, more in (("cs", coordinator, "default.bucket.number: 1\n"),
                                 ("ts", tablet, "tablet-server.id: 0\n")):
            (self.folder / name).mkdir()
            (self.folder / name / "server.yaml").write_text(
                f"zookeeper.address: 127.0.0.1:{zookeeper}\nzookeeper.path.root: /fluss\n"
                f"bind.listeners: INTERNAL://127.0.0.1:0, CLIENT://127.0.0.1:{port}\n"
                f"advertised.listeners: CLIENT://127.0.0.1:{port}\ninternal.listener.name: INTERNAL\n"
                f"data.dir: {self.folder}/data-{name}\nremote.data.dir: {self.folder}/remote\n{more}")
        package = "org.apache.fluss"
        java = ["java", *OPENS, "-cp", str(library / "*")]
        self.processes = [Process(
            [*java, f"{package}.shaded.zookeeper3.org.apache.zookeeper.server.quorum.QuorumPeerMain",
             str(self.folder / "zoo.cfg")], self.folder / "zk.log")]
        wait_for_port(zookeeper, "ZooKeeper")
        for name, main, port in (("cs", "coordinator.CoordinatorServer", coordinator),
                                 ("ts", "tablet.TabletServer", tablet)):
            self.processes.append(Process([*java, f"{package}.server.{main}", "--configDir", str(self.folder / name)],
                                          self.folder / f"{name}.log"))
            wait_for_port(port, main)
        time.sleep(5)  # until the coordinator knows the tablet server
        # Only the process that serves the rows is counted, which favours it.
        self.pids = [self.processes[-1].popen.pid]

    def syncs(self):
        return 0.0

    def stop(self):
        for process in reversed(self.processes):
            process.stop()


def library_of_original():
    if not shutil.which("java") or not shutil.which("mvn"):
        return None
    folder = PEERS / f"fluss-{VERSION}"
    if not list(folder.glob("lib/fluss-server*.jar")):
        folder.mkdir(parents=True, exist_ok=True)
        parts = "".join(f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
                        f"<version>{version}</version></dependency>" for group, name, version in LIBRARIES)
        (folder / "pom.xml").write_text(
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>b</groupId>'
            f"<artifactId>b</artifactId><version>1</version><dependencies>{parts}</dependencies></project>")
        subprocess.run(["mvn", "-q", "dependency:copy-dependencies", "-DoutputDirectory=lib"], cwd=folder, check=True)
    return folder / "lib"


def load(server, op, **options):
    command = [LOAD, "--server", getattr(server, "address", server), "--op", op]
    for name, value in options.items():
        command += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{op}: {done.stderr.strip()}")
    return json.loads(done.stdout or "{}")


def disk_bytes_written(pid):
    for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise AssertionError("no write_bytes")


def settle(server):
    """Wait until the server has done what it left for later: it counts for what caused it."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        used, written = sum(map(cpu_s, server.pids)), sum(map(disk_bytes_written, server.pids))
        time.sleep(1)
        if (sum(map(cpu_s, server.pids)) - used < IDLE_SHARE
                and sum(map(disk_bytes_written, server.pids)) - written < IDLE_BYTES):
            return


def in_cache(server):
    """The share of a server's large files that the system's cache holds."""
    files = [str(path) for path in server.folder.rglob("*") if path.is_file() and path.stat().st_size >= 1 << 20]
    if not files or not shutil.which("fincore"):
        return 0.0
    listed = subprocess.run(["fincore", "-b", "-n", "-o", "RES,SIZE", *files], capture_output=True, text=True).stdout
    held = [list(map(int, line.split())) for line in listed.splitlines()]
    return sum(one for one, _ in held) / sum(size for _, size in held)


def forget_cache(server):
    """Have the system forget what it holds of files."""
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


def cut(server, table):
    began = time.monotonic()
    rows = server.cut(table)
    seconds = time.monotonic() - began
    return {"cut": {"rows": rows, "rows_per_s": rows / seconds, "mb_per_s": 0, "generator_cpu_s": 0, "p50_ms": 0,
                    "p99_ms": 0, "p999_ms": 0}}


def measured(server, op, **options):
    """Have the server work: by the generator's operation of that name, or by a function that returns what it prints."""
    cached = {"in_cache_before": in_cache(server)} if op == "fetch" else {}
    before, syncs, disk = sum(map(cpu_s, server.pids)), server.syncs(), disk_bytes(server.folder)
    if callable(op):
        result = op(server, **options)
    else:
        result = cut(server, **options) if op == "cut" else load(server, op, **options)
    during = sum(map(cpu_s, server.pids)) - before
    settle(server)
    used = sum(map(cpu_s, server.pids)) - before
    rows = sum(part["rows"] for part in result.values())
    first = next(iter(result.values()))
    per_million = 1e6 / rows if rows else float("nan")
    return {"rows_per_s": first["rows_per_s"], "mb_per_s": first["mb_per_s"], "p50_ms": first["p50_ms"],
            "p99_ms": first["p99_ms"], "p999_ms": first["p999_ms"],
            "server_cpu_s_per_m": used * per_million, "server_cpu_s_per_m_during": during * per_million,
            "generator_cpu_s_per_m": first["generator_cpu_s"] * per_million,
            **cached, "rows_of_parts": {part: one["rows"] for part, one in result.items()},
            "p99_ms_of_parts": {part: one["p99_ms"] for part, one in result.items()},
            "ms_of_parts": {part: {name: one[name] for name in ("p50_ms", "p99_ms", "p999_ms")}
                            for part, one in result.items()},
            "disk_mb": (disk_bytes(server.folder) - disk) / 1e6,
            "syncs": (server.syncs() or 0) - (syncs or 0),
            "rss_mb": sum(memory_mb(pid, "VmRSS") for pid in server.pids),
            "rss_anon_mb": sum(memory_mb(pid, "RssAnon") for pid in server.pids)}


CONNECTIONS = 4
CUT = "lake files, afterwards"
CATCH_UP, AGAIN, COLD = "catch-up", "catch-up, again", "catch-up, cache dropped"
PACKED = {"append, ZSTD": "ZSTD", "append, LZ4": "LZ4_FRAME"}
EIGHT = "append, eight clients"
ALONE = ("append", EIGHT, CATCH_UP, AGAIN, COLD, CUT, *PACKED)  # by the server of ours that cuts no lake files by itself


def workloads(arguments):
    """name: (what goes before, the op and its options). Each pair has tables of its own."""
    forget = [(forget_cache, {})] if os.access("/proc/sys/vm/drop_caches", os.W_OK) else None
    seconds, keys = arguments.seconds, arguments.keys
    log = {"table": "bench.log", "buckets": 4}
    keyed = {"table": "bench.keyed", "buckets": 4, "keys": keys}
    fill = {"op": "fill", "connections": 4, "depth": 2, "batch": 1000, "seconds": 100_000}
    yield "append", [("create", {**log, "compression": "NONE"})], (
        "produce", {**log, "connections": CONNECTIONS, "depth": max(1, arguments.in_flight // CONNECTIONS),
                    "batch": 1000, "row_bytes": 100, "rows": arguments.rows, "seconds": 100_000})
    fetch = ("fetch", {**log, "connections": CONNECTIONS, "depth": 1, "seconds": 100_000})
    yield CATCH_UP, [], fetch
    yield AGAIN, [], fetch
    if forget:
        yield COLD, forget, fetch
    yield CUT, [], ("cut", {"table": "bench/log"})
    # Both clients have at most five requests on their way for each bucket; as many as they send if they are let.
    many = {"table": "bench.many", "buckets": 4}
    yield EIGHT, [("create", {**many, "compression": "NONE"})], (
        "produce", {**many, "connections": 8, "depth": 5 * 4, "batch": 1000, "row_bytes": 100, "rows": arguments.rows,
                    "seconds": 100_000})
    for name, compression in PACKED.items():
        packed = {"table": "bench.packed", "buckets": 4, "compression": compression}
        yield name, [("create", packed)], (
            "produce", {**packed, "connections": CONNECTIONS, "depth": max(1, arguments.in_flight // CONNECTIONS),
                        "batch": 1000, "row_bytes": 100, "rows": arguments.rows, "seconds": 100_000})
    yield "upsert", [("create", {**keyed, "keyed": 1}), (fill.pop("op"), {**keyed, **fill})], (
        "upsert", {**keyed, "connections": 4, "depth": 2, "batch": 500, "seconds": seconds})
    yield "lookup, 100 keys a request", [], (
        "lookup", {**keyed, "connections": 4, "depth": 2, "lookup_keys": 100, "seconds": seconds})
    yield "lookup, 1 key, 64 clients", [], ("lookup", {**keyed, "connections": 64, "seconds": seconds})
    yield "both at once", [], ("upsert", {**keyed, "connections": 2, "depth": 1, "batch": 500, "with_lookups": 2,
                                          "lookup_keys": 100, "seconds": seconds})


def median_of(runs):
    """The median of each number, in objects of numbers too."""
    return {key: median_of([one[key] for one in runs]) if isinstance(value, dict) else
            statistics.median(one[key] for one in runs) for key, value in runs[0].items()}


def generator_alone(arguments):
    """How fast the generator is against a server that does nothing."""
    sink = subprocess.Popen([LOAD, "--op", "sink", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        address = f"127.0.0.1:{int(sink.stdout.readline())}"
        alone = {}
        for name, _, (op, options) in workloads(arguments):
            if name in (CUT, AGAIN, COLD):
                continue
            result = load(address, op, **{**options, "seconds": 2, "rows": 0, **({"again": 1} if op == "fetch" else {})})
            part = next(iter(result.values()))
            alone[name] = {"rows_per_s": part["rows_per_s"],
                           "generator_cpu_s_per_m": part["generator_cpu_s"] / part["rows"] * 1e6}
        return alone
    finally:
        sink.kill()
        sink.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=int(os.environ.get("FIRTH_BENCH_PAIRS", "5")))
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows of an append")
    parser.add_argument("--in-flight", type=int, default=64, help="batches of an append that are on their way")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--ours", action="store_true", help="leave the original out")
    arguments = parser.parse_args()
    library = None if arguments.ours else library_of_original()
    alone = generator_alone(arguments)
    results, servers = {}, []
    log_only = None
    with tempfile.TemporaryDirectory(prefix="firth-bench-") as scratch:
        try:
            servers.append(Firth(pathlib.Path(scratch)))
            # The command that cuts its tables reaches it by the door flight.
            log_only = Firth(pathlib.Path(scratch), "firth-log", doors=["flight"], more=["--lake-interval-ms", "0"])
            if library:
                servers.append(Original(pathlib.Path(scratch), library))
            for pair in range(arguments.pairs + 1):  # the first one warms up
                for name, before, (op, options) in workloads(arguments):
                    if arguments.only and name.split(",")[0] not in arguments.only.split(","):
                        continue
                    for server in servers if pair % 2 else reversed(servers):
                        if name == CUT and server.name != "firth":
                            continue
                        if name in ALONE and server.name == "firth":
                            server = log_only
                        for earlier, its in before:
                            if callable(earlier):
                                earlier(server)
                                continue
                            load(server, earlier, **its)
                            if earlier == "create" and server.name == "fluss":
                                time.sleep(3)  # its tables have no leaders at first
                        settle(server)
                        one = measured(server, op, **options)
                        print(f"  pair {pair} {server.name:6} {name:28} {one['rows_per_s']:12.0f} rows/s "
                              f"{one['server_cpu_s_per_m_during']:8.3f} {one['server_cpu_s_per_m']:8.3f} CPU s/M  "
                              f"p99 {one['p99_ms']:.2f} ms" + cache_text(one), flush=True)
                        if pair:
                            results.setdefault(name, {}).setdefault(server.name, []).append(one)
            disk = {server.folder.name: disk_bytes(server.folder) for server in [*servers, log_only]}
        finally:
            for server in [*servers, *([log_only] if log_only else [])]:
                server.stop()
    median = {name: {who: median_of(runs) for who, runs in both.items()} for name, both in results.items()}
    worst = {name: min(theirs["server_cpu_s_per_m"] / ours["server_cpu_s_per_m"]
                       for ours, theirs in zip(both["firth"], both["fluss"]))
             for name, both in results.items() if len(both) == 2}
    show(median, worst, alone, disk)
    keep("fluss", {"pairs": arguments.pairs, "seconds": arguments.seconds, "keys": arguments.keys, "rows": arguments.rows,
                   "in_flight": arguments.in_flight, "original": VERSION if library else None, "generator_alone": alone,
                   "median": median, "ratio_of_worst_pair": worst, "pairs_of": results, "disk_bytes": disk})


def cache_text(one):
    return f", {one['in_cache_before']:.0%} of the log in the cache before" if "in_cache_before" in one else ""


def show(median, worst, alone, disk):
    print("\n'during' and 'CPU s/M': CPU s of the server for a million rows, without and with what it does afterwards"
          "\nfor them; the ratios are of the latter: of the medians, and of the worst pair; disk MB: how much more there is"
          "\non the disk than before\n")
    print(f"{'':28} {'server':7}{'rows/s':>11}{'MB/s':>7}{'during':>9}{'CPU s/M':>9}{'ratio':>7}{'worst':>7}{'p50 ms':>8}"
          f"{'p99 ms':>8}{'p99.9':>8}{'syncs':>7}{'RSS MB':>8}{'disk MB':>9}")
    for name, both in median.items():
        for who, one in both.items():
            ratio = least = ""
            if who == "firth" and "fluss" in both:
                least = f"{worst[name]:.1f}x"
                ratio = f"{both['fluss']['server_cpu_s_per_m'] / one['server_cpu_s_per_m']:.1f}x"
            print(f"{name:28} {who:7}{one['rows_per_s']:11.0f}{one['mb_per_s']:7.0f}"
                  f"{one['server_cpu_s_per_m_during']:9.3f}{one['server_cpu_s_per_m']:9.3f}{ratio:>7}{least:>7}"
                  f"{one['p50_ms']:8.2f}{one['p99_ms']:8.2f}{one['p999_ms']:8.2f}"
                  f"{one['syncs']:7.0f}{one['rss_mb']:8.0f}{one['disk_mb']:9.0f}{cache_text(one)}")
        sink = alone.get(CATCH_UP if name in (AGAIN, COLD) else name)
        if sink is None:
            continue
        fastest = max(one["rows_per_s"] for one in both.values())
        print(f"{'':28} the generator alone reaches {sink['rows_per_s'] / fastest:.1f} times the faster one")
        if name in (CATCH_UP, AGAIN, COLD) and "firth" in both:
            print(f"{'':28} a bare copy by the socket, {sink['rows_per_s']:.0f} rows/s: "
                  f"{both['firth']['rows_per_s'] / sink['rows_per_s']:.0%} of it")
    print("bytes on disk: " + ", ".join(f"{who} {count / 1e6:.0f} MB" for who, count in disk.items()))


if __name__ == "__main__":
    sys.exit(main())
