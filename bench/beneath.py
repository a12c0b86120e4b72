#!/usr/bin/env python3
# Python: venv/beneath
"""What the Beneath door takes: calls of the control plane, lookups and pages of the index beside the same ones by `firth get`
and `firth scan`, from a write to its delivery, a thousand subscribers, and warehouse queries beside the same ones in `firth sql`.

    FIRTH_BINARY=build/firth .deps/venv/beneath/bin/python bench/beneath.py [ROWS]

The unmodified client's own calls are made, one after the other. What counts on a busy machine is the server's processor
time, which is given for each; the queries come in pairs that alternate. Needs the environment of the client's tests
(tools/setup.sh test).
"""

import asyncio
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import warnings

from common import BINARY, Server, keep

os.environ["BENEATH_ENV"] = "dev"
sys.path.pop(0)  # where this file would be taken for the client
warnings.simplefilter("ignore")  # of the client's own packages
import beneath
from beneath import config
from beneath.connection import Connection
from beneath.proto import gateway_pb2

SECRETS = {"ada": "analytical-engine", "root": "master-secret-of-root"}
SCHEMA = "type Order @schema { id: Int! @key  customer: String!  price: Float  made: Timestamp }"
CALLS, PAGES, DELIVERIES, SUBSCRIBERS, PAIRS, NATIVE = 1000, 100, 300, 1000, 7, 50
# The same question in both languages.
QUERIES = {
    "group": ("SELECT customer, COUNT(*) AS n, SUM(price) AS s, MAX(id) AS m FROM {} GROUP BY customer ORDER BY customer",) * 2,
    "filter": ("SELECT COUNT(*) AS n, AVG(price) AS p FROM {} WHERE MOD(id, 7) = 3 AND customer LIKE '%5'",
               "SELECT COUNT(*) AS n, AVG(price) AS p FROM {} WHERE id % 7 = 3 AND customer LIKE '%5'"),
    "top": ("SELECT id, price FROM {} ORDER BY price DESC, id LIMIT 1000",
            "SELECT id, price FROM {} ORDER BY price DESC NULLS LAST, id LIMIT 1000"),
}


def encoded(i):
    """{"id": i, "customer": …, "price": …, "made": None} in Avro."""
    zigzag, key = i << 1, b""
    while zigzag > 0x7F:
        key += bytes([zigzag & 0x7F | 0x80])
        zigzag >>= 7
    name = b"customer %d" % (i * 31 % 1000)
    price = struct.pack("<d", (i * 7919 % 100_003) / 7)
    return key + bytes([zigzag, len(name) << 1]) + name + b"\x02" + price + b"\0"


async def per_call(server, count, call):
    """Milliseconds of the server's processor, and of the caller's clock, a call."""
    cpu, start = server.cpu_s(), time.monotonic()
    for i in range(count):
        await call(i)
    clock = time.monotonic() - start
    return {"server_ms": round((server.cpu_s() - cpu) * 1000 / count, 3), "clock_ms": round(clock * 1000 / count, 3)}


async def control(server, client):
    find = client.admin.tables.find_by_organization_project_and_name
    words = dict(organization_name="ada", project_name="p", table_name="orders")
    me = client.admin.organizations.find_me
    project = (await client.admin.projects.find_by_organization_and_name("ada", "p"))["projectID"]

    async def update(i):
        await client.admin.projects.update(project, display_name=f"n{i}", public=None, description=None, site_url=None, photo_url=None)

    return {"table by name": await per_call(server, CALLS, lambda i: find(**words)), "me": await per_call(server, CALLS, lambda i: me()),
            "update a project": await per_call(server, CALLS, update)}


async def by_key(server, rows):
    """The key view by the native door: what the server takes for the same keys, a process a call."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")}
    words = ["--server", server.endpoints["flight"], "--secret", SECRETS["root"], "--json"]

    async def ask(*given):
        await asyncio.to_thread(subprocess.run, [BINARY, *given, *words], stdout=subprocess.DEVNULL, check=True, env=environment)

    async def page(i):
        await ask("scan", "ada/p/orders", "--from", str(i * 7919 % rows), "--limit", "1000")

    return {"firth get": await per_call(server, NATIVE, lambda i: ask("get", "ada/p/orders", str(i * 7919 % rows))),
            "firth scan of 1000": await per_call(server, NATIVE, page)}


async def index(server, client, instance, rows):
    connection = client.connection

    async def lookup(i):
        cursors = await connection.query_index(instance.instance_id, json.dumps({"id": i * 7919 % rows}))
        page = await connection.read(cursors.replay_cursors[0], 1)
        assert len(page.records) == 1

    cursor = (await connection.query_index(instance.instance_id, "")).replay_cursors[0]
    where = [cursor]

    async def page(i):
        reply = await connection.read(where[0], 1000)
        where[0] = reply.next_cursor or cursor

    log = (await connection.query_log(instance.instance_id, peek=False)).replay_cursors[0]
    at = [log]

    async def log_page(i):
        reply = await connection.read(at[0], 1000)
        at[0] = reply.next_cursor or log

    return {"lookup (two calls)": await per_call(server, CALLS, lookup), "index page of 1000": await per_call(server, PAGES, page),
            "log page of 1000": await per_call(server, PAGES, log_page), **await by_key(server, rows)}


def subscribe(connection, cursor):
    return connection.stub.Subscribe(gateway_pb2.SubscribeRequest(cursor=cursor), metadata=connection.request_metadata)


async def write_one(connection, instance, k):
    record = gateway_pb2.Record(avro_data=bytes([k % 60 << 1, 0]))
    await connection.write([gateway_pb2.InstanceRecords(instance_id=instance.instance_id.bytes, records=[record])])


async def delivery(client):
    """From the beginning of a write until the record is in the subscriber's hands, by its own connection."""
    table = await client.create_table("ada/p/news", schema="type T @schema { k: Int! @key, v: String }")
    instance, other = table.primary_instance, Connection(secret=SECRETS["ada"])
    await other.ensure_connected()
    cursor = (await other.query_log(instance.instance_id, peek=False)).change_cursors[0]
    stream = subscribe(other, cursor)
    written, seen = [], []
    waiting = asyncio.ensure_future(stream.read())
    await asyncio.sleep(0.3)
    for i in range(DELIVERIES):
        start = time.monotonic()

        async def hear():
            nonlocal cursor, waiting
            records = []
            while not records:
                await waiting
                waiting = asyncio.ensure_future(stream.read())
                reply = await other.read(cursor, 1000)
                cursor, records = reply.next_cursor, reply.records
            seen.append(time.monotonic() - start)

        hearing = asyncio.ensure_future(hear())
        await write_one(client.connection, instance, i)
        written.append(time.monotonic() - start)
        await hearing
    waiting.cancel()
    stream.cancel()
    behind = sorted(b - a for a, b in zip(written, seen))
    return {"write_ms": round(statistics.median(written) * 1000, 2), "behind_the_write_ms": round(statistics.median(behind) * 1000, 2),
            "behind_p99_ms": round(behind[int(len(behind) * 0.99)] * 1000, 2)}


async def subscribers(server, client):
    table = await client.create_table("ada/p/crowd", schema="type T @schema { k: Int! @key, v: String }")
    instance, connection = table.primary_instance, client.connection
    cursor = (await connection.query_log(instance.instance_id, peek=False)).change_cursors[0]
    before, cpu = server.private_bytes(), server.cpu_s()
    streams = [subscribe(connection, cursor) for _ in range(SUBSCRIBERS)]
    waiting = [asyncio.ensure_future(stream.read()) for stream in streams]
    await asyncio.sleep(2)
    held = (server.private_bytes() - before) / 1e6
    idle = server.cpu_s()
    await asyncio.sleep(3)
    idle = server.cpu_s() - idle
    start = time.monotonic()
    await write_one(connection, instance, 1)
    await asyncio.gather(*waiting)
    told = time.monotonic() - start
    for stream in streams:
        stream.cancel()
    return {"subscribers": SUBSCRIBERS, "memory_mb": round(held, 1), "all_told_ms": round(told * 1000), "idle_cpu_s_per_s": round(idle / 3, 4),
            "server_cpu_s": round(server.cpu_s() - cpu, 2)}


async def warehouse(server, client):
    found = {}
    for name, (theirs, ours) in QUERIES.items():
        times = {"warehouse": [], "firth sql": []}
        for _ in range(PAIRS + 1):
            start = server.cpu_s()
            job = await client.query_warehouse(theirs.format("`ada/p/orders`"))
            while not job._job_data.replay_cursors:
                await job.poll()
            a = [tuple(v for k, v in r.items() if k[0] != "@") for r in await (await job.get_cursor()).read_all()]
            middle = server.cpu_s()
            text = subprocess.run(
                [BINARY, "sql", ours.format('"ada/p/orders"'), "--server", server.endpoints["flight"], "--secret", SECRETS["root"], "--json"],
                capture_output=True, text=True, check=True,
                env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")}).stdout
            end = server.cpu_s()
            b = [tuple(json.loads(line).values()) for line in text.splitlines() if line.startswith("{")]
            assert len(a) == len(b) and all(
                x == y or abs(float(x) - float(y)) < 1e-6 * abs(float(x)) for p, q in zip(a, b) for x, y in zip(p, q)), name
            times["warehouse"].append(middle - start)
            times["firth sql"].append(end - middle)
        median = {side: statistics.median(values[1:]) for side, values in times.items()}
        found[name] = {side + "_s": round(value, 3) for side, value in median.items()}
        found[name]["ratio"] = round(median["warehouse"] / max(median["firth sql"], 0.01), 2)
    return found


def show(part, values):
    print(f"{part:10} {json.dumps(values)}", flush=True)


async def main(rows):
    with tempfile.TemporaryDirectory(prefix="beneath-bench-") as folder:
        users = "".join(f'[[user]]\nname = "{name}"\nsecret = "{secret}"\nrole = "{"admin" if name == "root" else "none"}"\n'
                        for name, secret in SECRETS.items())
        with Server(f"{folder}/data", ["beneath-http", "beneath-grpc", "flight"], config=users, access=()) as server:
            config.BENEATH_CONTROL_HOST = "http://" + server.endpoints["beneath_http"]
            config.BENEATH_GATEWAY_HOST_GRPC = server.endpoints["beneath_grpc"]
            client = beneath.Client(secret=SECRETS["ada"])
            me = await client.admin.organizations.find_me()
            await client.admin.projects.create(organization_id=me["organizationID"], project_name="p", display_name=None, public=False,
                                               description=None, site_url=None, photo_url=None)
            await client.start()
            instance = (await client.create_table("ada/p/orders", schema=SCHEMA)).primary_instance
            cpu, start = server.cpu_s(), time.monotonic()
            for first in range(0, rows, 10_000):
                # Encoded here: the client's own encoder takes a millisecond a record.
                records = [gateway_pb2.Record(avro_data=encoded(i)) for i in range(first, min(rows, first + 10_000))]
                await client.connection.write([gateway_pb2.InstanceRecords(
                    instance_id=instance.instance_id.bytes, records=records)])
            found = {"rows": rows, "write": {"server_us_per_record": round((server.cpu_s() - cpu) * 1e6 / rows, 2),
                                             "records_per_s": round(rows / (time.monotonic() - start))}}
            show("write", found["write"])
            for part, measured in (
                    ("control", control(server, client)), ("index", index(server, client, instance, rows)),
                    ("delivery", delivery(client)), ("crowd", subscribers(server, client)), ("queries", warehouse(server, client))):
                found[part] = await measured
                show(part, found[part])
            await client.stop()
    keep("beneath", found)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000))
