#!/usr/bin/env python3
"""A large keyed table through the Fluss door beside Apache Fluss: ten million keys, half upserts and half lookups.

    FIRTH_BINARY=build/firth FIRTH_BUILD=build bench/fluss_keys.py [--keys N] [--seconds S] [--long S] [--pairs N] [--rate N]
                                                                   [--only NAME,…] [--lake] [--ours]

One server at a time: it is filled with all keys (200 bytes a row, four buckets), measured, and its folder removed, which
takes below 30 GB of disk. Keys are drawn by Zipf 0.99, a new one for each row. Everything goes as fast as the server
answers, but for the `steady` ones. What is looked up has the shapes that the clients give it: a client of 0.1.0 sends each
key as a request of its own, many on their way over one connection (`lookup of 1, 64 at once`); one of 1.0.0 gathers up to
128 keys (`lookup of 100`); many clients that wait for each answer are `lookup of 1, 64 clients`.

`half and half` is what counts: as many rows upserted as looked up, over the same connections, at once. It and `upsert` take
--long seconds, so that merging is in them as often as it is in long work. pyfluss does the same by common/keys_by_client.py.
What upserts and lookups cost of such a mix is not to be told apart by a server's processor time: it is shared out as
what a million of each alone cost.

Both servers gather some hundred thousand rows before they write them out, and merge files that come together in minutes. Into
which phase of seconds that falls is chance. So what the threads that do it use (both have RocksDB, which names its threads;
ours writes out and makes bases by two more) is taken together from the end of the fill to the end of the run, and shared
out among the rows that were upserted meanwhile, those that warm up too: a phase costs what all other threads used
in it and after it, and for each row that it upserts the same. Of a mix that is for the upserts alone. What the fill left to
be merged is in it, what is left in the end is not, by either server alike. The fill itself counts with what fell into
it. Lines that are printed meanwhile have what the other threads used, and what all did, 'as it fell'.

The `steady` ones are sent at fixed times, alike to both servers; there a latency counts from the time at which a request
should have gone out. Of those of one kind, and of both by connections of their own, --rate rows a second go out, 100 a
request. The `steady half and half` ones are the mixes above at rates that are four to five tenths of what the original
reaches at full speed: how long one waits for a server that is not overloaded. At full speed the faster server has more to do.
By pyfluss they go at four fifths of the most that the original keeps up with through that client at fixed times, and, as `steady
at the most`, at just that. It is looked for in each run, the original first: at nine tenths of what the client reached at full
speed, and so on down. Without the original at the rates of the run before. A client of 1.0.0 that looks up R keys a second
gathers each request for 128 / R seconds, or 100 ms, whatever the server does: the more it has to do, the less of the waiting
is its own.

CPU time is that of the process that serves rows, and counts with what it does afterwards: before the next phase either
server is waited for until it is idle, merging and all, for up to four minutes. Apache Fluss cuts no lake files here, and
without --lake this server cuts none by itself either; it syncs before it acknowledges, the other does not. With the numbers
as they are a pair takes some 22 minutes; --keys 1000000 --seconds 3 --long 10 takes 5.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import fluss
from common import RESULTS, ROOT, disk_bytes, keep
from common.later import ThreadTimes

TABLE = {"table": "bench.keyed", "buckets": 4}
# Threads that write out, merge and make bases, by the beginnings of their names.
FOR_LATER = {"firth": ("rocksdb:", "keys-out", "background"), "fluss": ("rocksdb:",)}
IDLE_WITHIN_S = 240  # merging a large table takes a while
ROWS = 100  # of a request that is sent at a fixed time
CONNECTIONS = 4
VENVS = ROOT / ".deps" / "venv"
CLIENTS = {"pyfluss 0.1.0": "fluss01", "pyfluss 1.0.0": "fluss10"}
# Half and half, and of what its parts are: alone they tell how to share out what it cost.
MIXES = {"half and half, 100 a lookup": ("upsert", "lookup of 100"),
         "half and half, 1 a lookup": ("upsert", "lookup of 1, 64 at once"),
         "pyfluss 0.1.0": ("upsert", "lookup of 1, 64 at once"),
         "pyfluss 1.0.0": ("upsert", "lookup of 100")}
UPSERTS_WANTED, LOOKUPS_WANTED, P99_WANTED = 3, 5, 3  # times the original
# Rows a second of each kind in the mixes at fixed rates.
MIX_RATE, MIX_RATE_OF_SINGLES = 35_000, 25_000
SHARES_OF_SUSTAINED = {"steady half and half": 0.8, "steady at the most": 1}  # of what the original keeps up with
KEPT_UP = 0.95  # of what was asked for has been answered by the end: no more and more waits
LOOKED_FOR_S = 4  # seconds at each rate


def by_client(server, interpreter, **options):
    """The same work by an unmodified client."""
    command = [str(VENVS / interpreter / "bin" / "python"), str(ROOT / "bench" / "common" / "keys_by_client.py"),
               "--server", server.address]
    for name in ("table", "keys", "seconds", "rate"):
        if name in options:
            command += ["--" + name, str(options[name])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{interpreter}: {done.stderr.strip()}")
    return noted(server, json.loads(done.stdout))


def noted(server, parts):
    """Takes note of how many rows were upserted by what gave `parts`."""
    server.upserted += sum(one["rows"] for name, one in parts.items() if name in ("fill", "upsert"))
    return parts


def by_generator(server, op, **options):
    return noted(server, fluss.load(server, op, **options))


def sustained(server, interpreter, options):
    """How many rows a second of each kind a server keeps up with at fixed times through a client; 0: not to be found."""
    options = {**options, "seconds": LOOKED_FOR_S}
    fastest = by_client(server, interpreter, **options)["upsert"]["rows_per_s"]
    for tenths in range(9, 1, -1):
        rate = fastest * tenths / 10
        reached = by_client(server, interpreter, **options, rate=rate)
        if all(part["rows_per_s"] >= KEPT_UP * rate for part in reached.values()):
            return rate
    return 0


def client_rates(server, table):
    """What the `steady` phases by pyfluss are shares of."""
    rates = {}
    for name, interpreter in CLIENTS.items():
        if (VENVS / interpreter).exists():
            fluss.settle(server)
            most = sustained(server, interpreter, table)
            rates[name] = round(most, -2)
            print(f"  {server.name:6} keeps up with {most:.0f} rows/s of each kind by {name}", flush=True)
    return rates


def phases(arguments, rates):
    """name: the op, and its options."""
    many = {"connections": CONNECTIONS, "depth": 2, "batch": 500, "lookup_keys": 100, "seconds": arguments.seconds}
    one = {**many, "lookup_keys": 1, "lookup_depth": 64}
    steady = {"connections": CONNECTIONS, "depth": 16, "batch": ROWS, "lookup_keys": ROWS,
              "rate": arguments.rate / CONNECTIONS / ROWS, "seconds": arguments.seconds}
    every = {
        "upsert": ("upsert", {**many, "seconds": arguments.long}),
        "lookup of 100": ("lookup", many),
        "lookup of 1, 64 at once": ("lookup", {**one, "depth": 64}),
        "lookup of 1, 64 clients": ("lookup", {"connections": 64, "seconds": arguments.seconds}),
        "half and half, 100 a lookup": ("mixed", {**many, "seconds": arguments.long}),
        "half and half, 1 a lookup": ("mixed", {**one, "seconds": arguments.long}),
        **{name: (by_client, {"interpreter": interpreter, "seconds": max(arguments.seconds, arguments.long / 4)})
           for name, interpreter in CLIENTS.items() if (VENVS / interpreter).exists()},
        "steady upserts": ("upsert", steady),
        "steady lookups": ("lookup", steady),
        "steady, both": ("upsert", {**steady, "with_lookups": CONNECTIONS}),
        "steady half and half, 100 a lookup": ("mixed", {**steady, "rate": 2 * MIX_RATE / CONNECTIONS / ROWS}),
        "steady half and half, 1 a lookup": ("mixed", {
            **steady, "lookup_keys": 1, "lookup_depth": 1024, "rate": (1 + 1 / ROWS) * MIX_RATE_OF_SINGLES / CONNECTIONS}),
        **{f"{phase}, {name}": (by_client, {"interpreter": CLIENTS[name], "rate": share * most,
                                            "seconds": max(arguments.seconds, arguments.long / 2)})
           for phase, share in SHARES_OF_SUSTAINED.items() for name, most in rates.items() if most},
    }
    wanted = arguments.only.split(";") if arguments.only else every
    for name in wanted:
        if name not in every:
            raise SystemExit(f"there is no {name!r}, or its rate is not known: the original tells it")
    return {name: every[name] for name in wanted}


def run(server, arguments, rates):
    """Fill a server and measure it; returns what each phase gave. `rates` is filled in by the original, if it is empty."""
    server.upserted = 0
    table = {**TABLE, "keys": arguments.keys}
    fluss.load(server, "create", **table, keyed=1)
    if server.name == "fluss":
        time.sleep(3)  # its tables have no leaders at first
    results = {}
    later = ThreadTimes(server.pids[0], FOR_LATER[server.name])

    def measure(name, work, **options):
        before = later.seconds()
        one = results[name] = fluss.measured(server, work, **table, **options)
        one["own_cpu_s_per_m"] = one["server_cpu_s_per_m"] - (later.seconds() - before) * 1e6 / sum(
            one["rows_of_parts"].values())
        print(f"  {server.name:6} {name:34} {one['rows_per_s']:12.0f} rows/s {one['own_cpu_s_per_m']:8.3f}"
              f"{one['server_cpu_s_per_m']:8.3f} CPU s/M  p99 "
              + ", ".join(f"{part} {ms:.2f}" for part, ms in one["p99_ms_of_parts"].items()) + " ms"
              + f"  RSS {one['rss_mb']:.0f} MB", flush=True)

    def generator(op):
        return lambda server, **options: by_generator(server, op, **options)

    measure("fill", generator("fill"), connections=4, depth=2, batch=1000, seconds=100_000)
    filled, filled_for_later = server.upserted, later.seconds()
    if not rates and server.name == "fluss":
        rates |= client_rates(server, table)
    for number, (name, (op, options)) in enumerate(phases(arguments, rates).items()):
        seeds = {} if callable(op) else {"seed": 2 * number + 1}
        warm = {**table, **options, **seeds, "seconds": 2}
        work = op if callable(op) else generator(op)
        work(server, **warm)
        fluss.settle(server)
        measure(name, work, **options, **{word: seed + 1 for word, seed in seeds.items()})
    for_later = (later.seconds() - filled_for_later) * 1e6 / max(1, server.upserted - filled)
    later.stop()
    print(f"  {server.name:6} {'writing out and merging':34} {server.upserted - filled:12} rows   {for_later:8.3f} CPU s/M")
    for name, one in results.items():
        one["server_cpu_s_per_m_as_it_fell"] = one["server_cpu_s_per_m"]
        if name == "fill":
            continue
        one["for_later_cpu_s_per_m"] = for_later * one["rows_of_parts"].get("upsert", 0) / sum(one["rows_of_parts"].values())
        one["server_cpu_s_per_m"] = one["own_cpu_s_per_m"] + one["for_later_cpu_s_per_m"]
    return results


def start(who, folder, library, lake):
    if who == "fluss":
        return fluss.Original(folder, library)
    return fluss.Firth(folder, more=[] if lake else ["--lake-interval-ms", "0"])


def cost(one):
    return one["server_cpu_s_per_m"]


def shared_out(results, mix):
    """What a million upserts and a million lookups of a mix cost, by what they cost alone."""
    upserts, lookups = (results[part]["own_cpu_s_per_m"] for part in MIXES[mix])
    both, for_later = (2 * results[mix][name] for name in ("own_cpu_s_per_m", "for_later_cpu_s_per_m"))  # a million of each
    return both * upserts / (upserts + lookups) + for_later, both * lookups / (upserts + lookups)


def show(median, disk):
    print(f"\n{'':34} {'server':7}{'rows/s':>11}{'as it fell':>11}{'CPU s/M':>9}{'ratio':>7}{'RSS MB':>8}  p50 and p99, ms")
    for name in median["firth"]:
        for who in median:
            one = median[who][name]
            ratio = ""
            if who == "firth" and "fluss" in median:
                ratio = f"{cost(median['fluss'][name]) / cost(one):.1f}x"
            print(f"{name:34} {who:7}{one['rows_per_s']:11.0f}"
                  f"{one['server_cpu_s_per_m_as_it_fell']:11.3f}{cost(one):9.3f}"
                  f"{ratio:>7}{one['rss_mb']:8.0f}  {one['p50_ms']:.2f}; "
                  + ", ".join(f"{part} {ms:.2f}" for part, ms in one["p99_ms_of_parts"].items()))
    for who, count in disk.items():
        print(f"on disk at the end: {who} {count / 1e6:.0f} MB, {count / upserted(median[who]):.0f} bytes a written row")


def show_waits(median):
    """How long one waits at a fixed rate."""
    print(f"\n{'at fixed times, ms from when it should go out':46}" + "".join(f"{who + ' ' + q:>12}" for who in median
          for q in ("p50", "p99", "p99.9")) + "   p99")
    for name in median["firth"]:
        if not name.startswith("steady"):
            continue
        for part in median["firth"][name]["ms_of_parts"]:
            waits = {who: one[name]["ms_of_parts"][part] for who, one in median.items()}
            print(f"{name + ': ' + part:46}" + "".join(f"{ms:12.2f}" for one in waits.values() for ms in one.values())
                  + (f"   1/{waits['fluss']['p99_ms'] / waits['firth']['p99_ms']:.1f}" if "fluss" in waits else ""))


def kept_rates():
    """What the last run with the original found."""
    kept = RESULTS / "fluss_keys.json"
    return json.loads(kept.read_text()).get("client_rates", {}) if kept.exists() else {}


def upserted(results):
    """How many rows were written, without those that warmed up."""
    return sum(one["rows_of_parts"].get("upsert", 0) + one["rows_of_parts"].get("fill", 0) for one in results.values())


def judge(median):
    """How often cheaper each half of the mixes is, as it is wanted and as it is."""
    verdict = {}
    for mix, parts in MIXES.items():
        if any(name not in median["firth"] for name in (mix, *parts)):
            continue
        ours, theirs = (shared_out(median[who], mix) for who in ("firth", "fluss"))
        allowed = theirs[0] / UPSERTS_WANTED + theirs[1] / LOOKUPS_WANTED
        p99 = {part: median["fluss"][mix]["p99_ms_of_parts"][part] / ms
               for part, ms in median["firth"][mix]["p99_ms_of_parts"].items()}
        verdict[mix] = {"upserts": theirs[0] / ours[0], "lookups": theirs[1] / ours[1],
                        "of_allowed": sum(ours) / allowed, "p99": p99}
        print(f"{mix}: a million of each cost {sum(ours):.2f} and {sum(theirs):.2f} CPU s ({sum(theirs) / sum(ours):.1f}x), "
              f"shared out {ours[0]:.2f} and {theirs[0]:.2f} for upserts ({theirs[0] / ours[0]:.1f}x), "
              f"{ours[1]:.2f} and {theirs[1]:.2f} for lookups ({theirs[1] / ours[1]:.1f}x); "
              f"{UPSERTS_WANTED}x and {LOOKUPS_WANTED}x would be {allowed:.2f}; p99 "
              + ", ".join(f"{part} 1/{times:.1f}" for part, times in p99.items()) + f" (1/{P99_WANTED} wanted)")
    return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--long", type=float, default=60, help="seconds of what has to hold merging in its proportion")
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--rate", type=float, default=20_000, help="rows a second of each kind, where it is fixed")
    parser.add_argument("--only", default="", help="phases by name, with ; between them")
    parser.add_argument("--lake", action="store_true", help="let this server cut lake files meanwhile")
    parser.add_argument("--ours", action="store_true", help="leave the original out")
    arguments = parser.parse_args()
    fluss.SETTLE_S = IDLE_WITHIN_S
    library = None if arguments.ours else fluss.library_of_original()
    runs, disk = {}, {}
    rates = {} if library else kept_rates()
    for pair in range(arguments.pairs):
        order = ["fluss", "firth"] if library else ["firth"]
        for who in order if pair % 2 == 0 else reversed(order):
            with tempfile.TemporaryDirectory(prefix="firth-bench-") as scratch:
                server = start(who, pathlib.Path(scratch), library, arguments.lake)
                try:
                    runs.setdefault(who, []).append(run(server, arguments, rates))
                    disk[who] = disk_bytes(server.folder)
                finally:
                    server.stop()
    median = {who: {name: fluss.median_of([one[name] for one in all_runs]) for name in all_runs[0]}
              for who, all_runs in sorted(runs.items())}
    show(median, disk)
    show_waits(median)
    verdict = judge(median) if library else {}
    keep("fluss_keys", {"pairs": arguments.pairs, "seconds": arguments.seconds, "long": arguments.long,
                        "keys": arguments.keys, "rate": arguments.rate, "lake": arguments.lake,
                        "client_rates": rates, "original": fluss.VERSION if library else None, "median": median,
                        "verdict": verdict, "disk_bytes": disk})


if __name__ == "__main__":
    sys.exit(main())
