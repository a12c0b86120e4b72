"""Many hands on few names: tables are made, dropped, renamed, altered, written, read, followed, cut, trimmed, backed up and
checked, all at once, and nobody gets an answer that blames the server.

Method: threads that draw calls of the native door from a seed, on two namespaces and six kinds of tables, with short
lifetimes, small journal files and frequent lake files. Whatever fails must fail for a reason that the caller can act on.
In the end the store is whole, and so is each backup. FIRTH_HANDS_SECONDS is how long, FIRTH_HANDS_SEED the seed.
"""

import contextlib
import json
import os
import random
import subprocess
import threading
import time

import pyarrow as pa
import pyarrow.flight as flight

from rows import connect
from server import BINARY, Server

SECONDS = float(os.environ.get("FIRTH_HANDS_SECONDS", "15"))
SEED = int(os.environ.get("FIRTH_HANDS_SEED", str(random.randrange(1 << 30))))
LONGER = 4  # times as long, at most, until each call has succeeded
HANDS = 8
KEYS = 500
BACKUPS_READ = 3
EARLY = ("--lake-interval-ms", "200", "--journal-file-bytes", "4194304")
TABLES = {
    "log": {"schema": "n:int64,text:text"},
    "parts": {"schema": "p:text!,n:int64,text:text", "partition_by": ["p"], "buckets": 2},
    "time": {"schema": "t:timestamp(ns)!,s:text,n:int64,v:float64", "time_column": "t", "series_by": ["s"],
             "values": ["v"], "views": ["time"]},
    "key": {"schema": "n:int64!,text:text,v:float64", "key": ["n"], "buckets": 3},
    "sums": {"schema": "n:int64!,v:int64", "key": ["n"], "merge": "aggregate", "aggregates": {"v": "sum"}},
    "newest": {"schema": "n:int64!,u:timestamp(us)", "key": ["n"], "merge": "greatest", "merge_columns": ["u"],
               "image": "after"},
}
KEYED = ("key", "sums")
# What a caller may be told who asks for what another one has just taken away, made, or changed.
FAIR = {"not found", "already exists", "invalid argument", "precondition failed", "out-of-range", "timeout", "aborted",
        "unavailable"}


class Hand(threading.Thread):
    def __init__(self, server, number, folder, left):
        super().__init__()
        self.random = random.Random(SEED * HANDS + number)
        self.server, self.folder, self.done, self.unfair = server, folder, {}, []
        self.left = left  # names of calls that succeeded for no hand yet

    def run(self):
        ends = time.monotonic() + SECONDS
        calls = [(weight, getattr(self, name)) for name, weight in CALLS.items()]
        with connect(self.server) as self.client:
            # Where the machine is busy, what is rare and may take its time succeeds later.
            while time.monotonic() < (ends + LONGER * SECONDS if self.left else ends):
                call = self.random.choices([call for _, call in calls], [weight for weight, _ in calls])[0]
                try:
                    call()
                    self.done[call.__name__] = self.done.get(call.__name__, 0) + 1
                    self.left.discard(call.__name__)
                except (pa.ArrowException, OSError) as error:
                    if not any(f"returned {what}" in str(error) for what in FAIR):
                        self.unfair.append(f"{call.__name__}: {error}")

    def path(self, names=tuple(TABLES)):
        return f"{self.random.choice('ab')}/{self.random.choice(names)}"

    def act(self, action, **fields):
        options = flight.FlightCallOptions(timeout=60)
        return [json.loads(one.body.to_pybytes() or b"null")
                for one in self.client.do_action(flight.Action(action, json.dumps(fields).encode()), options)]

    def get(self, **fields):
        options = flight.FlightCallOptions(timeout=60)
        return self.client.do_get(flight.Ticket(json.dumps(fields)), options).read_all()

    def send(self, rows, **fields):
        target = flight.FlightDescriptor.for_command(json.dumps(fields))
        stream, answers = self.client.do_put(target, rows.schema, flight.FlightCallOptions(timeout=60))
        with stream:
            stream.write_table(rows)
            stream.done_writing()
            while answers.read() is not None:
                pass

    def numbers(self):
        return [self.random.randrange(KEYS) for _ in range(self.random.choice((1, 3, 50, 2000)))]

    # -- the calls

    def put(self):
        path, n = self.path(), self.numbers()
        of = {"n": pa.array(n, pa.int64()), "text": [f"{x:x<{x % 60}}" for x in n], "p": [str(x % 3) for x in n],
              "s": [str(x % 7) for x in n], "v": [float(x) for x in n], "u": pa.array(n, pa.timestamp("us")),
              "t": pa.array([self.random.randrange(10**12) for _ in n], pa.timestamp("ns"))}
        columns = [column.split(":")[0] for column in TABLES[path[2:]]["schema"].split(",")]
        rows = pa.table({column: of[column] for column in columns})
        if path.endswith("/sums"):
            rows = rows.set_column(1, "v", pa.array(n, pa.int64()))
        self.send(rows, path=path)

    def delete(self):
        self.send(pa.table({"n": pa.array(self.numbers(), pa.int64())}), path=self.path(KEYED), delete=True)

    def create(self):
        path = self.path()
        self.act("create", path=path, if_absent=True, **TABLES[path[2:]])

    def drop(self):
        self.act("drop", path=self.path(), if_exists=True)

    def rename(self):
        name = self.random.choice(list(TABLES))
        self.act("rename", path=f"a/{name}", to=f"b/{name}")

    def alter(self):
        one, other = (f"c{self.random.randrange(4)}" for _ in range(2))
        change = self.random.choice(({"add": f"{one}:int64"}, {"drop": [one]}, {"rename": {one: other}},
                                     {"log_lifetime": {"duration": "1s"}}, {"log_lifetime": {"duration": "1d"}}))
        self.act("alter", path=self.path(), **change)

    def drop_partition(self):
        self.act("partition.drop", path=self.path(("parts",)), values=[str(self.random.randrange(3))], if_exists=True)

    def drop_namespace(self):
        self.act("namespace.drop", path=self.random.choice("abc"), cascade=True)

    def create_namespace(self):
        self.act("namespace.create", path=self.random.choice("abc"))

    def read(self):
        self.get(path=self.path(), hidden=self.random.random() < 0.5)

    def read_as_of(self):
        last = self.act("version")[0]["last_commit"]
        self.get(path=self.path(), as_of=max(1, last - self.random.randrange(30)))

    def read_current(self):
        self.get(path=self.path(KEYED), current=True)

    def look_up(self):
        keys = [[str(self.random.randrange(KEYS))] for _ in range(10)]
        self.get(path=self.path(KEYED), current=True, keys=keys)

    def query(self):
        self.get(sql=f"SELECT count(*), min(n), max(n) FROM {self.path().replace('/', '.')}")

    def join_two(self):
        one, other = self.path().replace("/", "."), self.path().replace("/", ".")
        self.get(sql=f"SELECT count(*) FROM {one} x JOIN {other} y USING (n)")

    def follow(self):
        rows = self.client.do_get(flight.Ticket(json.dumps({"path": self.path(), "follow": True})),
                                  flight.FlightCallOptions(timeout=1))
        with contextlib.suppress(StopIteration):
            for _ in range(20):
                rows.read_chunk()

    def cut(self):
        self.act("lake.cut", path=self.path())

    def trim(self):
        self.act("trim")

    def check(self):
        self.act("check")

    def describe(self):
        self.act("describe", path=self.path())
        self.act("tables", stats=True)

    def backup(self):
        self.act("backup", folder=str(self.folder / str(self.random.randrange(1 << 60))))


CALLS = {"put": 20, "delete": 5, "create": 8, "drop": 2, "rename": 2, "alter": 8, "drop_partition": 2, "drop_namespace": 1,
         "create_namespace": 3, "read": 6, "read_as_of": 2, "read_current": 4, "look_up": 4, "query": 6, "join_two": 3,
         "follow": 1, "cut": 3, "trim": 1, "check": 1, "describe": 2, "backup": 1}


def is_whole(folder):
    """Nothing is damaged, and nothing that can be made anew was missed."""
    ended = subprocess.run([BINARY, "check", "--data", str(folder)], capture_output=True, text=True)
    print(ended.stdout, ended.stderr)
    assert ended.returncode == 0 and "level=warning" not in ended.stderr


def test_many_hands(tmp_path):
    print(f"seed {SEED}, {SECONDS} s")
    backups = tmp_path / "backups"
    backups.mkdir()
    server = Server(tmp_path / "data", more=EARLY)
    left = set(CALLS)
    hands = [Hand(server, number, backups, left) for number in range(HANDS)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    done = {name: sum(hand.done.get(name, 0) for hand in hands) for name in CALLS}
    print(done)
    server.stop()
    assert not [line for hand in hands for line in hand.unfair]
    assert all(done.values()), "a call never succeeded"
    is_whole(server.folder)
    for backup in sorted(backups.iterdir())[:BACKUPS_READ]:
        restored = tmp_path / f"restored-{backup.name}"
        subprocess.run([BINARY, "restore", "--data", str(restored), str(backup)], check=True)
        is_whole(restored)
