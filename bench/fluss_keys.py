#!/usr/bin/env python3
"""A large keyed table through the Fluss door beside Apache Fluss: ten million keys, half upserts and half lookups.

    FIRTH_BINARY=build/firth FIRTH_BUILD=build bench/fluss_keys.py [--keys N] [--seconds S] [--pairs N] [--rate N]
                                                                   [--lake] [--ours]

One server at a time: it is filled with all keys (200 bytes a row, four buckets), measured, and its folder removed, which
takes below 10 GB of disk. Keys are drawn by Zipf 0.99, a new one for each row. `upsert`, `lookup of 100` and `lookup of 1`
go as fast as the server answers. The other three are sent at fixed times, alike to both servers, --rate rows a second of
each kind, 100 rows a request: upserts alone, lookups alone, and both at once; there a latency counts from the time at
which a request should have gone out. What the parts of `both at once` cost is not to be told apart: beside it stands
what the same two cost alone. CPU time is that of the process that serves rows, and counts with what it does afterwards:
before the next phase either server is waited for until it is idle, merging and all, for up to four minutes. Apache Fluss
cuts no lake files here, and without --lake this server cuts none by itself either; it syncs before it acknowledges, the
other does not.
"""

import argparse
import pathlib
import sys
import tempfile
import time

import fluss
from common import disk_bytes, keep

TABLE = {"table": "bench.keyed", "buckets": 4}
IDLE_WITHIN_S = 240  # merging a large table takes a while
ROWS = 100  # of a request that is sent at a fixed time
CONNECTIONS = 4


def phases(seconds, rate):
    """name: the op and its options."""
    steady = {"connections": CONNECTIONS, "depth": 16, "batch": ROWS, "lookup_keys": ROWS,
              "rate": rate / CONNECTIONS / ROWS}
    return {
        "upsert": ("upsert", {"connections": 4, "depth": 2, "batch": 500}),
        "lookup of 100": ("lookup", {"connections": 4, "depth": 2, "lookup_keys": 100}),
        "lookup of 1, 64 clients": ("lookup", {"connections": 64}),
        "steady upserts": ("upsert", steady),
        "steady lookups": ("lookup", steady),
        "steady, both": ("upsert", {**steady, "with_lookups": CONNECTIONS}),
    }


def run(server, arguments):
    """Fill a server and measure it; returns what each phase gave."""
    table = {**TABLE, "keys": arguments.keys}
    fluss.load(server, "create", **table, keyed=1)
    if server.name == "fluss":
        time.sleep(3)  # its tables have no leaders at first
    results = {"fill": fluss.measured(server, "fill", **table, connections=4, depth=2, batch=1000, seconds=100_000)}
    for number, (name, (op, options)) in enumerate(phases(arguments.seconds, arguments.rate).items()):
        fluss.load(server, op, **table, **options, seconds=2, seed=2 * number + 1)  # warms up
        fluss.settle(server)
        results[name] = fluss.measured(server, op, **table, **options, seconds=arguments.seconds, seed=2 * number + 2)
    for name, one in results.items():
        print(f"  {server.name:6} {name:24} {one['rows_per_s']:12.0f} rows/s {one['server_cpu_s_per_m']:8.3f} CPU s/M  p99 "
              + ", ".join(f"{part} {ms:.2f}" for part, ms in one["p99_ms_of_parts"].items()) + " ms"
              + f"  RSS {one['rss_mb']:.0f} MB", flush=True)
    return results


def start(who, folder, library, lake):
    if who == "fluss":
        return fluss.Original(folder, library)
    return fluss.Firth(folder, more=[] if lake else ["--lake-interval-ms", "0"])


def show(median, disk):
    print(f"\n{'':24} {'server':7}{'rows/s':>11}{'CPU s/M':>9}{'ratio':>7}{'RSS MB':>8}  p50 and p99, ms")
    for name in median["firth"]:
        for who in median:
            one = median[who][name]
            ratio = ""
            if who == "firth" and "fluss" in median:
                ratio = f"{median['fluss'][name]['server_cpu_s_per_m'] / one['server_cpu_s_per_m']:.1f}x"
            print(f"{name:24} {who:7}{one['rows_per_s']:11.0f}{one['server_cpu_s_per_m']:9.3f}{ratio:>7}{one['rss_mb']:8.0f}"
                  f"  {one['p50_ms']:.2f}; "
                  + ", ".join(f"{part} {ms:.2f}" for part, ms in one["p99_ms_of_parts"].items()))
    for who, one in median.items():
        both = one["steady, both"]["server_cpu_s_per_m"]
        alone = (one["steady upserts"]["server_cpu_s_per_m"] + one["steady lookups"]["server_cpu_s_per_m"]) / 2
        print(f"{who}: a million of both at once cost {both:.2f} CPU s; half a million of each alone {alone:.2f}")
    print("bytes on disk at the end: " + ", ".join(f"{who} {count / 1e6:.0f} MB" for who, count in disk.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--rate", type=float, default=20_000, help="rows a second of each kind, where it is fixed")
    parser.add_argument("--lake", action="store_true", help="let this server cut lake files meanwhile")
    parser.add_argument("--ours", action="store_true", help="leave the original out")
    arguments = parser.parse_args()
    fluss.SETTLE_S = IDLE_WITHIN_S
    library = None if arguments.ours else fluss.library_of_original()
    runs, disk = {}, {}
    for pair in range(arguments.pairs):
        order = ["firth", "fluss"] if library else ["firth"]
        for who in order if pair % 2 == 0 else reversed(order):
            with tempfile.TemporaryDirectory(prefix="firth-bench-") as scratch:
                server = start(who, pathlib.Path(scratch), library, arguments.lake)
                try:
                    runs.setdefault(who, []).append(run(server, arguments))
                    disk[who] = disk_bytes(server.folder)
                finally:
                    server.stop()
    median = {who: {name: fluss.median_of([one[name] for one in all_runs]) for name in all_runs[0]}
              for who, all_runs in sorted(runs.items())}
    show(median, disk)
    keep("fluss_keys", {"pairs": arguments.pairs, "seconds": arguments.seconds, "keys": arguments.keys, "rate": arguments.rate,
                        "lake": arguments.lake, "original": fluss.VERSION if library else None, "median": median,
                        "disk_bytes": disk})


if __name__ == "__main__":
    sys.exit(main())
