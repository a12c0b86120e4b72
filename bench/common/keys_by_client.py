#!/usr/bin/env python3
"""The work of bench/fluss_keys.py by the unmodified client: as many upserts as lookups, at once, from one process.

    .deps/venv/fluss01/bin/python bench/common/keys_by_client.py --server HOST:PORT --table D.T [--keys N] [--seconds S]
                                                                 [--rate N]

Run by fluss_keys.py with the interpreter of either release of pyfluss; prints what the load generator prints. So many
sessions of one connection each upsert some rows and flush them, while they look up as many others, all at the same
time, and begin again when both are done. 0.1.0 sends each lookup as a request of its own, many on their way; 1.0.0
gathers up to 128 of them, or what came in 100 ms. A latency of an upsert is that of the flush.

With --rate, so many rows a second of each kind are asked for at fixed times, whatever is still unanswered: upserts in
groups that are flushed, lookups a few at a time. Then a latency counts from the time at which that should have happened,
and those of the first second do not: a client that has just begun asks for metadata, connects, and is late with what was
due meanwhile, which would be what one in a hundred of a few seconds waits.
"""

import argparse
import asyncio
import inspect
import json
import time

import fluss
import numpy as np

SESSIONS = 4
ROWS = 256  # of each kind that a session has on its way
STEADY_UPSERTS, STEADY_LOOKUPS = 64, 8  # that are due at one time, where times are fixed
WARM_S = 1  # where times are fixed
VALUE_BYTES = 200


def mix(x):
    """As Mix in bench/zipf.h."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


class Zipf:
    """Draws the keys that the load generator draws, as often (bench/zipf.h)."""

    def __init__(self, count, theta=0.99):
        self.count = count
        zeta = float(np.sum(np.arange(1, count + 1, dtype=np.float64) ** -theta))
        self.zeta, self.alpha, self.second = zeta, 1 / (1 - theta), 1 + 0.5**theta
        self.eta = (1 - (2.0 / count) ** (1 - theta)) / (1 - self.second / zeta)
        self.random = np.random.default_rng(7)

    def draw(self, rows):
        u = self.random.random(rows)
        rank = np.minimum(self.count - 1, self.count * (self.eta * u - self.eta + 1) ** self.alpha).astype(np.uint64)
        rank[u * self.zeta < self.second] = 1
        rank[u * self.zeta < 1] = 0
        return (mix(rank) % np.uint64(self.count)).tolist()


async def settled(value):
    return await value if inspect.isawaitable(value) else value


class Figures:
    def __init__(self, timed_from):
        self.rows, self.requests, self.seconds = 0, 0, []
        self.timed_from = timed_from

    def add(self, rows, due):
        self.rows += rows
        self.requests += 1
        if due >= self.timed_from:
            self.seconds.append(time.monotonic() - due)

    def result(self, elapsed):
        p50, p99, p999 = (float(np.quantile(self.seconds, q)) * 1000 for q in (0.5, 0.99, 0.999))
        return {"rows": self.rows, "requests": self.requests, "bytes": self.rows * VALUE_BYTES, "seconds": elapsed,
                "rows_per_s": self.rows / elapsed, "mb_per_s": self.rows * VALUE_BYTES / elapsed / 1e6,
                "generator_cpu_s": time.process_time(), "p50_ms": p50, "p99_ms": p99, "p999_ms": p999}


class Worker:
    """What one writer and its lookups do."""

    def __init__(self, table, zipf, texts, figures):
        self.table, self.zipf, self.texts, self.figures = table, zipf, texts, figures
        self.writer = table.new_upsert().create_writer()
        self.lookupers = []  # that are free: one does one lookup at a time

    async def upserts(self, keys, due=None):
        due = due or time.monotonic()
        for i, key in enumerate(keys):
            self.writer.upsert({"k": key, "v": self.texts[(key + i) % len(self.texts)]})
        await self.writer.flush()
        self.figures["upsert"].add(len(keys), due)

    async def lookup(self, key, due=None):
        due = due or time.monotonic()
        lookuper = self.lookupers.pop() if self.lookupers else self.table.new_lookup().create_lookuper()
        row = await lookuper.lookup({"k": key})
        assert row is not None and row["k"] == key
        self.figures["lookup"].add(1, due)
        self.lookupers.append(lookuper)

    async def at_full_speed(self, until):
        while time.monotonic() < until:
            keys = self.zipf.draw(2 * ROWS)
            await asyncio.gather(self.upserts(keys[:ROWS]), *map(self.lookup, keys[ROWS:]))

    async def at_fixed_times(self, first, until, rate):
        """So many rows a second of each kind."""
        async def steadily(rows, begin):
            due, asked = first, set()
            while due < until:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                asked = {task for task in asked if not task.done() or task.result() is not None}
                asked.update(map(asyncio.ensure_future, begin(self.zipf.draw(rows), due)))
                due += rows / rate
            await asyncio.gather(*asked)

        await asyncio.gather(
            steadily(STEADY_UPSERTS, lambda keys, due: [self.upserts(keys, due)]),
            steadily(STEADY_LOOKUPS, lambda keys, due: [self.lookup(key, due) for key in keys]))


async def work(arguments):
    zipf = Zipf(arguments.keys)
    letters = np.random.default_rng(5).integers(48, 112, 64 + VALUE_BYTES, dtype=np.uint8).tobytes().decode()
    texts = [letters[i : i + VALUE_BYTES] for i in range(64)]
    connection = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": arguments.server}))
    table = await connection.get_table(fluss.TablePath(*arguments.table.split(".")))
    began = time.monotonic()
    timed_from = began + WARM_S if arguments.rate else began
    until = timed_from + arguments.seconds
    figures = {kind: Figures(timed_from) for kind in ("upsert", "lookup")}
    workers = [Worker(table, zipf, texts, figures) for _ in range(SESSIONS)]
    if arguments.rate:
        each = arguments.rate / SESSIONS
        await asyncio.gather(*(one.at_fixed_times(began + i * STEADY_UPSERTS / arguments.rate, until, each)
                               for i, one in enumerate(workers)))
    else:
        await asyncio.gather(*(one.at_full_speed(until) for one in workers))
    elapsed = time.monotonic() - began
    await settled(connection.close())
    print(json.dumps({kind: one.result(elapsed) for kind, one in figures.items()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--table", default="bench.keyed")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=0, help="rows a second of each kind; 0: as fast as it goes")
    asyncio.run(work(parser.parse_args()))


if __name__ == "__main__":
    main()
