#!/usr/bin/env python3
"""The engine of keyed tables beside RocksDB's own benchmark, on rows of the same size.

    FIRTH_BUILD=build bench/keys.py [--pairs N] [--keys N] [--ops N]

`db_bench` comes from the Debian package rocksdb-tools, unpacked into the cache of downloads. It runs `updaterandom`
and `readrandom` with a write-ahead log that it never syncs, since it cannot sync many writes at once as this engine
does: that is in its favour. It has as much memory, the same blocks, filters, compression and background threads.
This engine's upserts are durable in the log, and in the changelog with the row before and after, when they count.
What counts is CPU time a million operations, of the whole process with its background work.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from common import BUILD, PEERS, keep

PACKAGE = "rocksdb-tools"
VALUE_BYTES = 200
CACHE_BYTES, BUFFER_BYTES = 128 << 20, 16 << 20  # of db_bench, which has two such buffers


def db_bench():
    if found := shutil.which("db_bench"):
        return found
    folder = PEERS / PACKAGE
    program = folder / "usr" / "bin" / "db_bench"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True)
        subprocess.run(["dpkg", "-x", next(folder.glob("*.deb")).name, "."], cwd=folder, check=True)
    return str(program)


def run(command):
    """Run it; returns its output, and the CPU seconds that it took."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{command[0]}: {output[-2000:]}")
    return output, usage.ru_utime + usage.ru_stime


def of_rocksdb(program, arguments, folder):
    common = [program, f"--db={folder}/db", f"--num={arguments.keys}", f"--value_size={VALUE_BYTES}", "--key_size=16",
              "--compression_type=lz4", f"--cache_size={CACHE_BYTES}", "--bloom_bits=10", "--block_size=4096",
              f"--write_buffer_size={BUFFER_BYTES}", "--max_background_jobs=2", "--cache_index_and_filter_blocks=true",
              "--level_compaction_dynamic_level_bytes=true", "--open_files=256", "--disable_wal=false", "--sync=false",
              "--histogram=false", "--statistics=false", "--seed=7"]
    results = {}
    for name, options in (("fill", ["--benchmarks=fillseq"]),
                          ("upsert", ["--benchmarks=updaterandom", "--use_existing_db=1", f"--reads={arguments.ops}"]),
                          ("lookup", ["--benchmarks=readrandom", "--use_existing_db=1", f"--reads={arguments.ops}"]),
                          ("lookup of 100", ["--benchmarks=multireadrandom", "--batch_size=100", "--use_existing_db=1",
                                             "--multiread_batched=true", f"--reads={arguments.ops}"])):
        began = time.monotonic()
        _, cpu = run([*common, *options])
        ops = arguments.keys if name == "fill" else arguments.ops
        results[name] = {"cpu_s_per_m": cpu / ops * 1e6, "ops_per_s": ops / (time.monotonic() - began)}
    return results


def of_firth(arguments, folder):
    output, _ = run([str(BUILD / "bin" / "firth_bench_key_engine"), "--folder", f"{folder}/data", "--keys",
                     str(arguments.keys), "--ops", str(arguments.ops), "--value-bytes", str(VALUE_BYTES),
                     "--memory-bytes", str(CACHE_BYTES + 2 * BUFFER_BYTES)])
    results = {}
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        one = json.loads(line)
        results[one["phase"]] = {"cpu_s_per_m": one["cpu_s"] / one["ops"] * 1e6, "ops_per_s": one["ops"] / one["wall_s"],
                                 "syncs": one["syncs"]}
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=int(os.environ.get("FIRTH_BENCH_PAIRS", "3")))
    parser.add_argument("--keys", type=int, default=2_000_000)
    parser.add_argument("--ops", type=int, default=1_000_000)
    arguments = parser.parse_args()
    program = db_bench()
    runs = {"firth": [], "rocksdb": []}
    for pair in range(arguments.pairs):
        for who in ("firth", "rocksdb") if pair % 2 else ("rocksdb", "firth"):
            with tempfile.TemporaryDirectory(prefix="firth-bench-keys-") as folder:
                runs[who].append(of_firth(arguments, folder) if who == "firth"
                                 else of_rocksdb(program, arguments, folder))
            print(f"  pair {pair} {who:8}" + "".join(
                f"  {name} {one['cpu_s_per_m']:.2f}" for name, one in runs[who][-1].items()), flush=True)
    median = {who: {name: {key: statistics.median(one[name][key] for one in all_runs) for key in all_runs[0][name]}
                    for name in all_runs[0]} for who, all_runs in runs.items()}
    print(f"\n{'':16}{'firth, CPU s/M':>16}{'db_bench':>10}{'of its speed':>14}{'firth ops/s':>13}{'db_bench':>10}")
    for name, ours in median["firth"].items():
        theirs = median["rocksdb"][name]
        print(f"{name:16}{ours['cpu_s_per_m']:16.2f}{theirs['cpu_s_per_m']:10.2f}"
              f"{theirs['cpu_s_per_m'] / ours['cpu_s_per_m']:13.2f}x{ours['ops_per_s']:13.0f}{theirs['ops_per_s']:10.0f}")
    keep("keys", {"pairs": arguments.pairs, "keys": arguments.keys, "ops": arguments.ops, "value_bytes": VALUE_BYTES,
                  "median": median})


if __name__ == "__main__":
    sys.exit(main())
