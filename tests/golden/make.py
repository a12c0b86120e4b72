"""Make a store that has something of everything at rest, and say what is in it.

usage: make.py FIRTH FOLDER   (FOLDER is made; FOLDER.json gets what it holds)

Python: that of .deps/venv/btrdb.
"""

import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import uuid

ROWS = 400
SERIES = 5
COLLECTIONS = ("golden/series", "golden/moved")
TABLES = ("golden/log", "golden/keyed", "golden/parted", "golden/short", *COLLECTIONS)
BASE = 1500000000000000000


def make_series(address):
    """Streams of two collections, one of which was moved, one changed, and one obliterated."""
    import btrdb
    conn = btrdb.connect(address)
    made = [conn.create(uuid.uuid5(uuid.NAMESPACE_URL, f"golden/{n}"), "golden/series",
                        tags={"name": f"s{n}", "unit": "V"}, annotations={"bay": str(n), "n": None})
            for n in range(SERIES)]
    for n, stream in enumerate(made):
        stream.insert([(BASE + i * 1000, n + i / 8) for i in range(100)])
    made[1].update(tags={"unit": "A"}, annotations={"bay": "other"})
    made[2].update(collection="golden/moved")
    made[2].insert([(BASE + 1, 0.5)])
    made[3].obliterate()


def main(firth, folder):
    folder = pathlib.Path(folder)
    assert not folder.exists(), f"{folder} is there: a golden folder is never changed"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}
    server = subprocess.Popen(
        [firth, "serve", "--data", folder, "--flight", "127.0.0.1:0", "--btrdb", "127.0.0.1:0", "--access-anonymous", "admin",
         "--journal-file-bytes", "65536"], env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline().strip() == "ready"
    endpoints = json.loads((folder / "endpoints.json").read_text())
    address = endpoints["flight"]

    def cli(*words):
        return subprocess.run([firth, *words, "--server", address], env=environment, check=True,
                              capture_output=True, text=True).stdout

    def load(table, name, lines, *options):
        file = folder.parent / name
        file.write_text("\n".join(json.dumps(line) for line in lines) + "\n")
        cli("load", table, str(file), *options)
        file.unlink()

    columns = "n:int64,at:timestamp(ns),text:text,price:decimal(9,2),tags:list<text>,raw:bytes"
    cli("create", "golden/log", "--schema", columns, "--buckets", "3", "--bucket-by", "n")
    cli("create", "golden/keyed", "--schema", "id:int64!,v:text", "--key", "id")
    cli("create", "golden/parted", "--schema", "day:text!,n:int64", "--partition-by", "day")
    cli("create", "golden/short", "--schema", "n:int64,text:text", "--log-bytes", "6000")
    cli("create", "golden/gone", "--schema", "n:int64,text:text")
    for first in range(0, ROWS, 20):
        rows = range(first, first + 20)
        load("golden/log", "rows.jsonl",
             [{"n": n, "at": "2024-01-02T03:04:05.%09d" % n, "text": None if n % 7 == 0 else "row %d" % n,
               "price": "%d.%02d" % (n, n % 100), "tags": ["a%d" % n, None][: n % 3], "raw": "Zmlyd%02d=" % (n % 100)}
              for n in rows])
        load("golden/keyed", "rows.jsonl", [{"id": n % 50, "v": "value %d" % n} for n in rows])
        load("golden/parted", "rows.jsonl", [{"day": "d%d" % (n // 200), "n": n} for n in rows])
        load("golden/short", "rows.jsonl", [{"n": n, "text": "x%d" % (n * 7919)} for n in rows])
        # Large and not to be packed, so that there are files of which little is kept in the end.
        load("golden/gone", "rows.jsonl", [{"n": n, "text": "".join(hashlib.sha512(b"%d %d" % (n, k)).hexdigest() for k in range(4))} for n in rows])
    cli("alter", "golden/log", "--add", "note:text", "--drop", "raw")
    load("golden/log", "rows.jsonl", [{"n": ROWS, "note": "after the change"}])
    cli("user", "add", "ada", "--role", "reader")
    make_series(endpoints["btrdb"])
    for table in ("golden/log", "golden/short"):
        cli("lake", "cut", table)
    cli("drop", "golden/gone")
    import pyarrow.flight as flight
    with flight.connect(f"grpc://{address}") as client:
        list(client.do_action(flight.Action("trim", b"{}")))
    content = {table: [json.loads(line) for line in cli("scan", table, "--json").splitlines()]
               for table in TABLES}
    series = {path: json.loads(cli("series", path, "--json")) for path in COLLECTIONS}
    server.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    (folder / "LOCK").unlink(missing_ok=True)
    (folder / "admin.secret").unlink(missing_ok=True)
    for log in folder.glob("keyview/*/LOG*"):  # RocksDB's own words, of no use to a reader
        log.unlink()
    pathlib.Path(str(folder) + ".json").write_text(
        json.dumps({"tables": content, "series": series}, indent=0) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
