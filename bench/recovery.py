#!/usr/bin/env python3
"""How long a start takes after a kill, with a key view that is nearly there, and with one that is lost.

    FIRTH_BINARY=build/firth FIRTH_BUILD=build bench/recovery.py [--mb N] [--keys N]

1. A keyed table is upserted into by several clients until N MiB were sent; in the midst of them the server is killed,
   and started again: what it must read is behind what its view has on disk.
2. The view's working files are removed: it begins with its base.
3. Its base is removed too, of which nothing is trimmed: it is made of the whole log.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from common import keep
from fluss import LOAD, Firth, load


def log_bytes(folder):
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file() and "journal" in str(path))


def started(folder):
    server = Firth(folder)
    text = (folder / "firth.log").read_text()
    replayed = re.findall(r"the key view replayed (\d+) log entries", text)
    return server, server.start_s, int(replayed[-1]) if replayed else 0


def kill(server):
    server.kill()
    (server.folder.parent / "firth.log").unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=512)
    parser.add_argument("--keys", type=int, default=1_000_000)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="firth-bench-") as scratch:
        folder = pathlib.Path(scratch)
        server = Firth(folder)
        keyed = {"table": "bench.keyed", "buckets": 4, "keys": arguments.keys}
        load(server, "create", **keyed, keyed=1)
        load(server, "fill", **keyed, connections=4, depth=2, batch=1000, seconds=100_000)
        while log_bytes(server.folder) < arguments.mb << 20:
            load(server, "upsert", **keyed, connections=4, depth=2, batch=500, seconds=2)
        # Killed under full load.
        busy = subprocess.Popen([LOAD, "--server", server.address, "--op", "upsert", "--table", "bench.keyed", "--buckets",
                                 "4", "--keys", str(arguments.keys), "--connections", "4", "--depth", "2", "--batch", "500",
                                 "--seconds", "60"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(3)
        size = log_bytes(server.folder)
        for what, lost in (("killed under full load", []), ("without working files", ["keyview"]),
                           ("without working files and base", ["keyview", "keybase"])):
            kill(server)
            busy.wait()
            for name in lost:
                shutil.rmtree(server.folder / name)
            server, seconds, entries = started(folder)
            rows.append({"what": what, "seconds": seconds, "entries": entries})
            print(f"{what:32} {seconds:7.2f} s to ready, {entries:7} log entries read", flush=True)
        server.stop()
    per_gib = rows[-1]["seconds"] / (size / (1 << 30))
    print(f"{size / (1 << 20):.0f} MiB of log: {per_gib:.1f} s a GiB that no base holds")
    keep("recovery", {"log_bytes": size, "keys": arguments.keys, "starts": rows, "seconds_per_gib": per_gib})


if __name__ == "__main__":
    main()
