"""What was acknowledged survives `kill -9` of the server while several clients insert.

Goal: after each kill every acknowledged insert is there, once and whole, under the version that its client was
told; nothing is there that was never sent; and every version that was told still reads as it did. Method: each
writer has a stream and inserts runs of points until the server is gone; the same folder goes through all
cycles.
"""

import os
import random
import shutil
import signal
import threading
import time
import uuid

import pyarrow as pa

CYCLES = max(2, int(os.environ.get("FIRTH_CRASH_CYCLES", "40")) // 5)
SEED = int(os.environ.get("FIRTH_CRASH_SEED", str(random.randrange(1 << 30))))
WRITERS = 3
BASE_NS = 1_500_000_000_000_000_000
EMPTY = 10  # the version of a stream without points


class Writer(threading.Thread):
    """Inserts runs of points, each later than the last, until the server is gone."""

    def __init__(self, connection, stream_id, state, seed):
        super().__init__()
        self.stream = connection.stream_from_uuid(stream_id)
        self.state = state
        self.random = random.Random(seed)
        self.sent = None  # a run that was sent and not acknowledged
        self.failure = None

    def run(self):
        while True:
            first = len(self.state["points"])
            count = self.random.choice([1, 3, 40, 700])
            self.sent = [(BASE_NS + (first + i) * 1000, float(first + i)) for i in range(count)]
            try:
                version = self.stream.insert(self.sent, merge="never")
            except Exception as gone:
                self.failure = gone
                return
            self.state["points"] += self.sent
            self.state["versions"][version] = len(self.state["points"])
            self.sent = None


def read(stream, version=0):
    return [(point.time, point.value) for point, _ in
            stream.values(BASE_NS - 1, BASE_NS + 10**15, version=version)]


def check(stream, state, sent):
    """What is there is what was acknowledged, and maybe the one run that was under way."""
    found, version = read(stream), stream.version()
    acknowledged = state["points"]
    assert found[: len(acknowledged)] == acknowledged, "acknowledged points are not there"
    more = found[len(acknowledged):]
    assert more in ([], sent or []), "points are there that were not sent, or half of a run"
    if more:
        state["points"] = found
        state["versions"][version] = len(found)
    assert version == max(state["versions"], default=EMPTY)
    for known in random.Random(version).sample(sorted(state["versions"]), min(5, len(state["versions"]))):
        assert read(stream, known) == found[: state["versions"][known]], f"version {known} reads otherwise"


def test_inserts_survive(server):
    print(f"seed {SEED}, {CYCLES} cycles")
    generator = random.Random(SEED)
    connection = server.connect()
    streams = [uuid.UUID(int=generator.getrandbits(128), version=4) for _ in range(WRITERS)]
    states = [{"points": [], "versions": {}} for _ in streams]
    for number, stream_id in enumerate(streams):
        connection.create(stream_id, f"crash/{number % 2}", tags={"name": str(number), "unit": "V"})
    for _ in range(CYCLES):
        connection = server.connect()
        writers = [Writer(connection, s, state, generator.random()) for s, state in zip(streams, states)]
        for writer in writers:
            writer.start()
        time.sleep(generator.uniform(0.05, 0.4))
        server.end(signal.SIGKILL)
        for writer in writers:
            writer.join()
            assert writer.failure is not None
        server.start()
        connection = server.connect()
        for writer, stream_id, state in zip(writers, streams, states):
            check(connection.stream_from_uuid(stream_id), state, writer.sent)
    assert sum(len(state["versions"]) for state in states) > CYCLES, "the writers hardly wrote"


RUN = 50_000  # points of a large insert: some dozens of them make a base of the time view


def large(first):
    return pa.table({"time": pa.array(range(BASE_NS + first * 1000, BASE_NS + (first + RUN) * 1000, 1000),
                                      pa.timestamp("ns", tz="UTC")),
                     "value": pa.array([float(first + i) for i in range(RUN)])})


def test_bases_of_the_time_view_survive(server):
    """As above with inserts so large that the view's files are written all the time; and in between the view is lost."""
    generator = random.Random(SEED)
    stream_id = uuid.UUID(int=generator.getrandbits(128), version=4)
    server.connect().create(stream_id, "crash/large", tags={"name": "large", "unit": "V"})
    runs = 0
    for cycle in range(4):
        stream = server.connect().stream_from_uuid(stream_id)
        failed = []

        def insert():
            nonlocal runs
            try:
                while True:
                    assert stream.arrow_insert(large(runs * RUN)) == EMPTY + runs + 1
                    runs += 1
            except Exception as gone:
                failed.append(gone)

        writer = threading.Thread(target=insert)
        writer.start()
        time.sleep(generator.uniform(1, 3))
        server.end(signal.SIGKILL)
        writer.join()
        assert not isinstance(failed[0], AssertionError), failed
        if cycle == 2:
            shutil.rmtree(server.folder / "timeview")
        server.start()
        stream = server.connect().stream_from_uuid(stream_id)
        version = stream.version()
        assert version - EMPTY in (runs, runs + 1)
        runs = version - EMPTY
        for known in {version, EMPTY + runs // 2, EMPTY + 1}:
            count = (known - EMPTY) * RUN
            window, _ = stream.windows(BASE_NS, BASE_NS + count * 1000, count * 1000, version=known)[0]
            assert (window.count, window.min, window.max) == (count, 0, count - 1)
            assert stream.nearest(BASE_NS + 10**15, known, backward=True)[0].value == count - 1
    assert runs > 8, "the writer hardly wrote"
