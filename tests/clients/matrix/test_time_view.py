"""What a Fluss client appends, upserts and deletes, a BTrDB client zooms into, compares by version and is told of.

The tables are made by the command line, which says what a row's time is and what tells series apart; the time view is
fed in the background, so that reads see every acknowledged row, also after a kill.
"""

import os
import random
import signal
import subprocess
import time

import pytest

from server import BINARY, Client, Server

BASE = 1_500_000_000_000_000_000
MICRO = 1000


class World:
    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        self.server = Server(self.folder)
        self.fluss, self.btrdb = (Client(name, self.server.endpoints) for name in ("fluss", "btrdb"))

    def end(self):
        self.fluss.close()
        self.btrdb.close()

    def kill(self):
        self.end()
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait(timeout=60)
        self.server.process.stdout.close()
        self.server.log.close()

    def firth(self, *words):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")}
        subprocess.run([BINARY, *words, "--data", str(self.folder)], check=True, timeout=60,
                       env=environment, stdout=subprocess.DEVNULL)


@pytest.fixture
def world(tmp_path):
    running = World(tmp_path / "data")
    yield running
    running.end()
    assert running.server.stop() == 0


def in_order(points):
    return sorted(map(tuple, points))


def test_appends(world):
    world.firth("create", "farm/log", "--schema", "place:text,at:timestamp(us),x:float64", "--time", "at", "--series",
                "place")
    rows = [{"place": "ab"[i % 2], "at": BASE + i * MICRO, "x": float(i % 17)} for i in range(2000)]
    world.fluss.call("write", "farm/log", rows[:1000])
    own = [r for r in rows if r["place"] == "a"]
    assert world.btrdb.call("points", "farm/log", "x[a]") == [[r["at"], r["x"]] for r in own[:500]]
    before = world.btrdb.call("version", "farm/log", "x[a]")
    world.btrdb.call("follow", "farm/log", "x[a]")
    # The call has no answer that says that it was taken up.
    probe = {"place": "a", "at": BASE - MICRO, "x": 0.5}
    probes = 0
    while not world.btrdb.call("told", "x[a]", 0):
        world.fluss.call("write", "farm/log", [probe])
        probes += 1
        time.sleep(0.2)
    world.fluss.call("write", "farm/log", rows[1000:])
    told = [p for p in world.btrdb.call("told", "x[a]", 501) if p[1] != 0.5]
    deadline = time.monotonic() + 30
    while len(told) < 500 and time.monotonic() < deadline:
        told = [p for p in world.btrdb.call("told", "x[a]", len(told) + 1) if p[1] != 0.5]
    assert told == [[r["at"], r["x"]] for r in own[500:]]
    windows = world.btrdb.call("windows", "farm/log", "x[a]", BASE, BASE + 2000 * MICRO, 100 * MICRO)
    assert len(windows) == 20
    for i, (start, least, mean, most, count) in enumerate(windows):
        values = [r["x"] for r in own if start <= r["at"] < start + 100 * MICRO]
        assert (start, least, most, count) == (BASE + i * 100 * MICRO, min(values), max(values), len(values))
        assert mean == pytest.approx(sum(values) / len(values), rel=1e-12)
    # What was is still there, and what came since is told.
    assert world.btrdb.call("points", "farm/log", "x[a]", before) == [[r["at"], r["x"]] for r in own[:500]]
    after = world.btrdb.call("version", "farm/log", "x[a]")
    ranges = world.btrdb.call("changes", "farm/log", "x[a]", before, after)
    changed = {r["at"] for r in own[500:]} | {probe["at"]}
    assert all(any(s <= t < e for s, e in ranges) for t in changed)
    assert not any(s <= r["at"] < e for s, e in ranges for r in own[:500])
    # A point that is inserted is a row.
    world.btrdb.call("insert", "farm/log", "x[b]", [[BASE + 5000 * MICRO, 3.0]])
    assert world.btrdb.call("points", "farm/log", "x[b]")[-1] == [BASE + 5000 * MICRO, 3.0]


def test_upserts_and_deletes_through_kills(world):
    world.firth("create", "farm/keyed", "--schema", "k:int64!,place:text,at:timestamp(us),x:float64", "--key", "k",
                "--time", "at", "--series", "place")
    rng = random.Random(5)
    held, versions = {}, []
    for cycle in range(4):
        for _ in range(6):
            rows = [{"k": k, "place": rng.choice("ab"), "at": BASE + rng.randrange(30) * MICRO, "x": float(rng.randrange(9))}
                    for k in rng.sample(range(40), 8)]
            world.fluss.call("write", "farm/keyed", rows)
            held.update({r["k"]: r for r in rows})
            gone = rng.sample(sorted(held), 2)
            world.fluss.call("write", "farm/keyed", [held.pop(k) for k in gone], True)
        now = in_order((r["at"], r["x"]) for r in held.values() if r["place"] == "a")
        assert in_order(world.btrdb.call("points", "farm/keyed", "x[a]")) == now
        versions.append((world.btrdb.call("version", "farm/keyed", "x[a]"), now))
        for version, then in versions:
            assert in_order(world.btrdb.call("points", "farm/keyed", "x[a]", version)) == then
        if cycle < 3:
            world.kill()
            world.start()
