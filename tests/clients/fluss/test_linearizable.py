"""Concurrent upserts and lookups of a few keys by eight clients are linearizable, key by key."""

import asyncio
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import time

import fluss
import pyarrow as pa
import pytest

import bridge
from bridge import create
from linearizable import NEVER, UNKNOWN, Operation, fault

CLIENTS = 8
KEYS = 4
ROUNDS = 120
PATH = fluss.TablePath("linear", "registers")
COLUMNS = [("k", pa.int32()), ("v", pa.int64())]


def write(value, start, end):
    return Operation("write", value, start, end)


def read(value, start, end):
    return Operation("read", value, start, end)


@pytest.mark.parametrize("history", [
    [],
    [read(None, 0, 1), write(1, 0, 2), read(1, 1, 3)],
    [write(1, 0, 10), write(2, 0, 10), read(2, 1, 2), read(1, 3, 4)],
    [write(1, 0, UNKNOWN), read(None, 5, 6), read(1, 7, 8)],
    [write(1, 0, UNKNOWN), read(None, 5, 6)],
])
def test_the_checker_takes_what_could_have_been(history):
    assert fault(history) is None


@pytest.mark.parametrize("history", [
    [read(1, 0, 1)],
    [write(1, 5, 6), read(1, 0, 1)],
    [write(1, 0, 1), read(None, 2, 3)],
    [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)],
    [write(1, 0, 10), write(2, 0, 10), read(2, 1, 2), read(1, 3, 4), read(2, 5, 6)],
    [write(1, 0, UNKNOWN), read(1, 1, 2), read(None, 3, 4)],
])
def test_the_checker_refuses_what_could_not(history):
    assert fault(history) is not None


def test_the_checker_agrees_with_trying_every_order():
    def possible(history):
        for order in itertools.permutations(history):
            held, fits = None, True
            for i, operation in enumerate(order):
                fits &= all(operation.start <= later.end for later in order[i + 1:])
                if operation.kind == "write":
                    held = operation.value
                fits &= operation.value == held
            if fits:
                return True
        return False

    generator = random.Random(7)
    verdicts = set()
    for _ in range(3000):
        history = []
        for value in range(1, generator.randint(1, 3) + 1):
            start = generator.randint(0, 12)
            history.append(write(value, start, start + generator.randint(1, 6)))
        for _ in range(generator.randint(0, 3)):
            start = generator.randint(0, 12)
            history.append(read(generator.choice([None, 1, 2, 3][:len(history) + 1]), start,
                                start + generator.randint(1, 6)))
        # Distinct instants, as those of a clock.
        history = [Operation(one.kind, one.value, one.start + i / 100, one.end + i / 100 + 0.005)
                   for i, one in enumerate(history)]
        written = {one.value for one in history if one.kind == "write"} | {None}
        if any(one.value not in written for one in history):
            continue
        verdict = possible(history)
        verdicts.add(verdict)
        assert (fault(history) is None) == verdict, history
    assert verdicts == {True, False}


async def client(address, number, rounds):
    """One client's operations, by key, with the times of the machine's one clock."""
    generator = random.Random(number)
    done = []
    async with bridge.connect(address, writer_retries=1) as connection:
        table = await connection.get_table(PATH)
        writer = table.new_upsert().create_writer()
        lookuper = table.new_lookup().create_lookuper()
        print("connected", flush=True)
        for i in range(rounds):
            key = generator.randrange(KEYS)
            start = time.monotonic_ns()
            try:
                if generator.random() < 0.5:
                    value, kind = number * 1_000_000 + i, "write"
                    await asyncio.wait_for(writer.upsert({"k": key, "v": value}).wait(), 10)
                else:
                    kind = "read"
                    found = await asyncio.wait_for(lookuper.lookup([key]), 10)
                    value = None if found is None else found["v"]
                end = time.monotonic_ns()
            except Exception:  # the server is gone
                if kind == "write":
                    done.append((key, kind, value, start, None))
                break
            done.append((key, kind, value, start, end))
    return done


def run_clients(server, rounds, meanwhile=None, first=0):
    """Eight processes, each a client; their histories together, by key."""
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    running = [subprocess.Popen([sys.executable, __file__, server.fluss, str(first + number), str(rounds)], env=environment,
                                stdout=subprocess.PIPE, text=True) for number in range(CLIENTS)]
    for process in running:
        assert process.stdout.readline() == "connected\n"
    if meanwhile:
        meanwhile()
    histories = {key: [] for key in range(KEYS)}
    for process in running:
        out, _ = process.communicate(timeout=90)
        assert process.returncode == 0
        for key, kind, value, start, end in json.loads(out):
            histories[key].append(Operation(kind, value, start, UNKNOWN if end is None else end))
    return histories


def check(histories, at_least):
    assert sum(map(len, histories.values())) >= at_least
    for key, history in histories.items():
        assert {one.kind for one in history} == {"read", "write"}
        wrong = fault(history)
        assert wrong is None, f"key {key}: {wrong}"


async def prepare(server):
    async with bridge.connect(server.fluss) as connection:
        admin = connection.get_admin()
        await admin.create_database("linear")
        await create(admin, PATH, COLUMNS, primary_keys=["k"], bucket_count=2)


async def test_eight_clients(private_server):
    await prepare(private_server)
    check(run_clients(private_server, ROUNDS), CLIENTS * ROUNDS)


async def test_eight_clients_and_a_kill(private_server):
    """What was read or acknowledged before the server was killed is what those see who come after."""
    await prepare(private_server)

    def kill():
        time.sleep(1)
        private_server.kill()

    before = run_clients(private_server, 100_000, kill)
    private_server.start()
    after = run_clients(private_server, 30, first=CLIENTS)
    both = {key: before[key] + after[key] for key in before}
    assert any(one.end == UNKNOWN for history in both.values() for one in history)
    check(both, CLIENTS * 31)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(client(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))), flush=True)
    os._exit(0)  # the client's own threads may abort the interpreter while it shuts down
