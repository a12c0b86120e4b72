#!/usr/bin/env python3
"""DeltaCAT's writes beside PyIceberg and deltalake writing the same to a local catalog, in pairs that alternate.

    FIRTH_BINARY=build/firth bench/deltacat.py [--pairs N] [--python PATH]

What counts is CPU seconds a commit: of the server's process here, of the writing process there, which makes the Parquet
file too; our client makes it by itself. The small commits come from ten writers at once, here and there; where a peer's
commit meets another's, it or its writer tries again, as its documentation says. The peers make fewer of them, which is to
their advantage: a commit costs them more the more there were before. Beside it stands what a peer takes for the same
commits one after another. The peers come from PyPI by name, into the cache of downloads.
"""

import argparse
import concurrent.futures
import json
import statistics
import subprocess
import sys
import tempfile
import time

from common import PEERS, ROOT, Server, keep

CACHE = PEERS / "tables"
PACKAGES = ["deltalake==1.6.6", "pyiceberg==0.12.0", "sqlalchemy", "pyarrow"]
MANY, FEW, CALLS, WRITERS = 300_000, 10, 1_000, 10
PEER_CALLS = {"many": 5, "few": 100, "alone": 30}


# --- What runs in the client's environment, and in the peers'.
def rows(count, start=0):
    import pyarrow as pa

    ids = range(start, start + count)
    return pa.table({"id": pa.array(ids, pa.int64()), "name": pa.array([f"name {i % 1000}" for i in ids]),
                     "score": pa.array([i / 7 for i in ids], pa.float64())})


def run_client(url, what, times):
    sys.path.insert(0, str(ROOT / "tests" / "clients" / "deltacat"))
    from server import bridge
    bridge()
    from deltacat_client import Client

    def write(client, table, data):
        client.catalog.write(data, namespace="bench", table=table, mode="auto", format="parquet")

    client = Client(url)
    if what == "many":
        data = rows(MANY)
        for _ in range(times):
            write(client, "many", data)
        return
    data = rows(FEW)
    write(client, "few", data)

    def writer(number):
        own = Client(url)
        for _ in range(times // WRITERS):
            write(own, "few", data)

    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(writer, range(WRITERS)))  # one that lost a conflict would raise


def delta_writers(folder, data):
    """Makes a table; gives what makes a writer, which is a function that appends once and says how often in vain."""
    import deltalake

    deltalake.write_deltalake(folder + "/t", data.slice(0, 1))

    def make():
        def append():
            for lost in range(1_000):
                try:
                    deltalake.write_deltalake(folder + "/t", data, mode="append")
                    return lost
                except deltalake.exceptions.CommitFailedError:
                    pass
        return append
    return make


def iceberg_writers(folder, data):
    from pyiceberg.catalog import load_catalog
    from pyiceberg.exceptions import CommitFailedException

    def load():
        return load_catalog("local", type="sql", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}")

    catalog = load()
    catalog.create_namespace("bench")
    catalog.create_table("bench.t", schema=data.schema).append(data.slice(0, 1))

    def make():
        table = load().load_table("bench.t")

        def append():
            for lost in range(1_000):
                try:
                    table.append(data)
                    return lost
                except CommitFailedException:
                    table.refresh()
        return append
    return make


def run_peer(which, what, times):
    data = rows(MANY if what == "many" else FEW)
    writers = WRITERS if what == "few" else 1
    with tempfile.TemporaryDirectory(prefix="firth-bench-") as folder:
        make = (delta_writers if which == "deltalake" else iceberg_writers)(folder, data)
        appends = [make() for _ in range(writers)]
        before = time.process_time()
        with concurrent.futures.ThreadPoolExecutor(writers) as pool:
            lost = sum(pool.map(lambda append: sum(append() for _ in range(times // writers)), appends))
        print(json.dumps({"cpu_s": (time.process_time() - before) / times, "lost": lost}))


def in_peers(which, what, times):
    done = subprocess.run([CACHE / "bin" / "python", __file__, "--peer", which, what, str(times)], check=True,
                          capture_output=True, text=True)
    said = json.loads(done.stdout.splitlines()[-1])
    print(f"  {which} {what}: {said['cpu_s'] * 1000:.1f} ms, {said['lost']} commits tried again", file=sys.stderr)
    return said["cpu_s"]


def setup_peers():
    if not (CACHE / ".complete").exists():
        subprocess.run([sys.executable, "-m", "venv", CACHE], check=True)
        subprocess.run([CACHE / "bin" / "pip", "install", "--quiet", *PACKAGES], check=True)
        (CACHE / ".complete").touch()


def measure(python, pairs):
    setup_peers()
    found = {(name, what): [] for name in ("firth", "deltalake", "pyiceberg") for what in PEER_CALLS}
    for _ in range(pairs):
        for what, ours in (("many", 30), ("few", CALLS)):
            with tempfile.TemporaryDirectory(prefix="firth-bench-") as folder:
                with Server(folder + "/data", ["deltacat"]) as server:
                    url = "http://" + server.endpoints["deltacat"]
                    subprocess.run([python, __file__, "--client", url, what, "1" if what == "many" else str(WRITERS)],
                                   check=True)  # warm
                    before = server.cpu_s()
                    subprocess.run([python, __file__, "--client", url, what, str(ours)], check=True)
                    found["firth", what].append((server.cpu_s() - before) / ours)
            for peer in ("deltalake", "pyiceberg"):
                found[peer, what].append(in_peers(peer, what, PEER_CALLS[what]))
        for peer in ("deltalake", "pyiceberg"):
            found[peer, "alone"].append(in_peers(peer, "alone", PEER_CALLS["alone"]))
        found["firth", "alone"] = found["firth", "few"]
    return {key: statistics.median(values) for key, values in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--python", default=str(ROOT / ".deps" / "venv" / "deltacat" / "bin" / "python"))
    parser.add_argument("--client", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--peer", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        return run_client(arguments.client[0], arguments.client[1], int(arguments.client[2]))
    if arguments.peer:
        return run_peer(arguments.peer[0], arguments.peer[1], int(arguments.peer[2]))
    found = measure(arguments.python, arguments.pairs)
    result = {}
    print(f"{'CPU ms a commit':34}{'server':>8}{'deltalake':>12}{'PyIceberg':>12}{'ratios':>18}")
    for what, title in (("many", f"{MANY:,} rows in one call"), ("few", f"{FEW} rows, {WRITERS} writers at once"),
                        ("alone", "the same, the peers' one by one")):
        ours, delta, iceberg = (found[name, what] * 1000 for name in ("firth", "deltalake", "pyiceberg"))
        print(f"{title:34}{ours:8.2f}{delta:12.2f}{iceberg:12.2f}   1/{delta / ours:.1f}  1/{iceberg / ours:.1f}")
        result[what] = {"firth": ours, "deltalake": delta, "pyiceberg": iceberg}
    keep("deltacat", {"cpu_ms_a_commit": result})


if __name__ == "__main__":
    sys.exit(main())
