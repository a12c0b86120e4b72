"""What was acknowledged survives `kill -9`.

Goal: after the server is killed under load from several writers, every acknowledged row is there once and in
order, nothing is there that was never sent, and no offset that a reader saw has changed its meaning. Method:
writers record outside the server what they sent and what was acknowledged; the process is killed at a random
moment, started again on the same folder, read, compared; the same folder goes through all cycles. The number
of cycles is FIRTH_CRASH_CYCLES; the seed is printed and can be given as FIRTH_CRASH_SEED.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import pyarrow as pa
import pyarrow.flight as flight

BINARY = os.environ.get("FIRTH_BINARY", "firth")
CYCLES = int(os.environ.get("FIRTH_CRASH_CYCLES", "40"))
SEED = int(os.environ.get("FIRTH_CRASH_SEED", str(random.randrange(1 << 30))))
WRITERS = 4
SCHEMA = pa.schema([("writer", pa.int64()), ("n", pa.int64()), ("text", pa.string())])


class Server:
    def __init__(self, folder):
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", str(folder), "--flight", "127.0.0.1:0", "--access-anonymous", "admin"],
            env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        endpoints = json.loads((pathlib.Path(folder) / "endpoints.json").read_text())
        self.location = f"grpc://{endpoints['flight']}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Writer(threading.Thread):
    """Sends runs of rows until the server is gone. Numbers rise by one a row, for ever."""

    def __init__(self, location, number, path, first, seed):
        super().__init__()
        self.location, self.number, self.path = location, number, path
        self.acknowledged = self.sent = first  # one past the last
        self.random = random.Random(seed)

    def run(self):
        try:
            with flight.connect(self.location) as client:
                while True:
                    # Large batches are written from where they lie in memory, small ones are copied.
                    count = 600 if self.random.random() < 0.1 else self.random.randint(1, 50)
                    rows = pa.table(
                        [[self.number] * count, range(self.sent, self.sent + count),
                         ["x" * self.random.randint(0, 200) for _ in range(count)]], schema=SCHEMA)
                    self.sent += count
                    stream, answers = client.do_put(flight.FlightDescriptor.for_path(*self.path), SCHEMA)
                    with stream:
                        stream.write_table(rows)
                        stream.done_writing()
                        answer = json.loads(answers.read().to_pybytes())
                        assert answer["rows"] == count, answer
                        self.acknowledged = self.sent
        except pa.ArrowException:
            return  # killed


def read(location, path, **options):
    """All rows of a table, without options in the order of its log, with their offsets and changes."""
    with flight.connect(location) as client:
        ticket = flight.Ticket(json.dumps({"path": "/".join(path)} | (options or {"hidden": True})))
        return client.do_get(ticket).read_all()


def create(location, path, **fields):
    with flight.connect(location) as client:
        columns = [{"name": "writer", "type": "int64"}, {"name": "n", "type": "int64"},
                   {"name": "text", "type": "text"}]
        body = json.dumps({"path": "/".join(path), "schema": columns, **fields}).encode()
        list(client.do_action(flight.Action("create", body)))


def cycle(folder, path, state, generator, lost=None):
    """Start, write from several threads, kill, start again; the server that reads afterwards. The folder `lost` is
    removed in between."""
    server = Server(folder)
    writers = [Writer(server.location, w, path, state[w], generator.random()) for w in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(generator.uniform(0.05, 0.4))
    server.kill()
    for writer in writers:
        writer.join()
    if lost is not None:
        shutil.rmtree(lost)
    return writers, Server(folder)


def test_appended_rows_survive(tmp_path):
    print(f"seed {SEED}, {CYCLES} cycles")
    generator = random.Random(SEED)
    folder, path = tmp_path / "data", ("crash", "log")
    server = Server(folder)
    create(server.location, path)
    server.kill()
    state = [0] * WRITERS
    seen = []  # (writer, n) by offset, as the last reader saw them
    acknowledged_in_all = 0
    for number in range(CYCLES):
        writers, server = cycle(folder, path, state, generator)
        rows = read(server.location, path)
        server.kill()
        found = list(zip(rows["writer"].to_pylist(), rows["n"].to_pylist()))
        assert rows["__offset"].to_pylist() == list(range(len(found))), f"cycle {number}: offsets"
        assert found[:len(seen)] == seen, f"cycle {number}: an offset changed its meaning"
        seen = found
        for writer in writers:
            own = [n for w, n in found if w == writer.number]
            assert own == list(range(len(own))), f"cycle {number}: writer {writer.number}: order"
            assert writer.acknowledged <= len(own) <= writer.sent, f"cycle {number}: writer {writer.number}"
            acknowledged_in_all += writer.acknowledged - state[writer.number]
            state[writer.number] = len(own)
    assert acknowledged_in_all > CYCLES, "the writers hardly wrote"


def test_upserted_rows_survive(tmp_path):
    """The log holds them, and the current rows are its fold: also when the view's working files are lost with it."""
    print(f"seed {SEED}")
    generator = random.Random(SEED + 1)
    folder, path = tmp_path / "data", ("crash", "keyed")
    server = Server(folder)
    create(server.location, path, key=["writer"])
    server.kill()
    state = [0] * WRITERS
    for number in range(max(1, CYCLES // 4)):
        lost = folder / "keyview" if number % 2 else None
        writers, server = cycle(folder, path, state, generator, lost)
        rows = read(server.location, path)
        current = read(server.location, path, current=True)
        server.kill()
        assert rows["__offset"].to_pylist() == list(range(rows.num_rows)), f"cycle {number}: offsets"
        held = {}
        for writer, n, change in zip(rows["writer"].to_pylist(), rows["n"].to_pylist(),
                                     rows["__change"].to_pylist()):
            if change == "+I":
                assert writer not in held, f"cycle {number}: inserted twice"
                held[writer] = n
            elif change == "-U":
                assert held[writer] == n, f"cycle {number}: a change does not fit what was held"
            elif change == "+U":
                assert n == held[writer] + 1, f"cycle {number}: a row was lost or applied twice"
                held[writer] = n
            else:
                raise AssertionError(f"cycle {number}: {change}")
        shown = dict(zip(current["writer"].to_pylist(), current["n"].to_pylist()))
        assert shown == held and current.num_rows == len(held), f"cycle {number}: the view is not the log's fold"
        for writer in writers:
            after = held.get(writer.number, -1) + 1
            assert writer.acknowledged <= after <= writer.sent, f"cycle {number}: writer {writer.number}"
            state[writer.number] = after
