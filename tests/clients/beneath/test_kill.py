"""What was acknowledged survives `kill -9` of the server while several clients write.

Goal: after each kill every acknowledged record is there once, in the log and in the index; nothing is there that
was never sent; and a write to two tables is in both or in neither. Method: each writer sends one request after
another, the same keys to two tables, until the server is gone; the same folder goes through all cycles.
"""

import asyncio
import os
import random

import beneath
from beneath.proto import gateway_pb2

from conftest import new_project, point_at
from server import SECRETS

CYCLES = max(2, int(os.environ.get("FIRTH_CRASH_CYCLES", "40")) // 5)
SEED = int(os.environ.get("FIRTH_CRASH_SEED", str(random.randrange(1 << 30))))
SCHEMA = "type T @schema { k: Int! @key, v: String }"
WRITERS = 3


def record(k):
    """Avro's bytes of {"k": k, "v": None}."""
    zigzag, out = k << 1, b""
    while zigzag > 0x7F:
        out += bytes([zigzag & 0x7F | 0x80])
        zigzag >>= 7
    return gateway_pb2.Record(avro_data=out + bytes([zigzag, 0]), timestamp=0)


async def write(client, instances, keys, known):
    """One request after another until the server is gone. `keys` gives numbers that nobody else uses."""
    while True:
        sent = [next(keys) for _ in range(known["random"].randint(1, 30))]
        known["uncertain"].append(sent)
        try:
            await asyncio.wait_for(client.connection.write([
                gateway_pb2.InstanceRecords(instance_id=i.instance_id.bytes, records=[record(k) for k in sent])
                for i in instances]), 20)
        except Exception:
            return
        known["uncertain"].remove(sent)
        known["acknowledged"].update(sent)


async def read(instance, index):
    cursor = await (instance.query_index() if index else instance.query_log())
    return [r["k"] for r in await cursor.read_all(max_bytes=1 << 30) or []]


async def test_writes_survive(own_server):
    print(f"seed {SEED}, {CYCLES} cycles")
    known = {"acknowledged": set(), "uncertain": [], "random": random.Random(SEED)}
    keys = iter(range(10**9))
    path = await new_project(SECRETS["ada"], "killed")
    client = beneath.Client(secret=SECRETS["ada"])
    for name in ("one", "two"):
        await client.create_table(f"{path}/{name}", schema=SCHEMA)
    before = {}
    for cycle in range(CYCLES):
        client = beneath.Client(secret=SECRETS["ada"])
        instances = [(await client.find_table(f"{path}/{name}")).primary_instance for name in ("one", "two")]
        writers = [asyncio.create_task(write(client, instances, keys, known)) for _ in range(WRITERS)]
        await asyncio.sleep(known["random"].uniform(0.05, 0.4))
        own_server.kill()
        await asyncio.gather(*writers)
        own_server.start()
        point_at(own_server)
        client = beneath.Client(secret=SECRETS["ada"])
        found = []
        for name in ("one", "two"):
            instance = (await client.find_table(f"{path}/{name}")).primary_instance
            log = await read(instance, index=False)
            assert log[: len(before.get(name, []))] == before.get(name, []), f"cycle {cycle}: the log has changed"
            assert len(log) == len(set(log)), f"cycle {cycle}: a record is there twice"
            assert sorted(await read(instance, index=True)) == sorted(log), f"cycle {cycle}: index and log differ"
            before[name] = log
            found.append(set(log))
        assert found[0] == found[1], f"cycle {cycle}: a write is in one table alone"
        assert known["acknowledged"] <= found[0], f"cycle {cycle}: acknowledged records are not there"
        for sent in known["uncertain"]:
            there = found[0] & set(sent)
            assert there in (set(), set(sent)), f"cycle {cycle}: half of a write is there"
            known["acknowledged"] |= there
        known["uncertain"].clear()
        assert found[0] == known["acknowledged"], f"cycle {cycle}: records are there that were not sent"
    assert len(known["acknowledged"]) > CYCLES
