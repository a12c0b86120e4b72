"""The data plane's calls: what a write refuses, pages, peeks, cursors, retention, subscriptions."""

import asyncio
import datetime
import pathlib
import random
import re
import time

import beneath
import pytest
from beneath.proto import gateway_pb2
from grpc.aio import AioRpcError

from conftest import new_project, point_at
from server import SECRETS

UTC = datetime.timezone.utc
SCHEMA = "type T @schema { k: Int! @key, v: String }"


def record(k, timestamp=0):
    """Avro's bytes of {"k": k, "v": None}."""
    zigzag, out = k << 1, b""
    while zigzag > 0x7f:
        out += bytes([zigzag & 0x7f | 0x80])
        zigzag >>= 7
    return gateway_pb2.Record(avro_data=out + bytes([zigzag, 0]), timestamp=timestamp)


def records_of(instance, *records):
    return gateway_pb2.InstanceRecords(instance_id=instance.instance_id.bytes, records=records)


async def refused(awaitable, text="", code="INVALID_ARGUMENT"):
    with pytest.raises(AioRpcError) as error:
        await awaitable
    assert error.value.code().name == code, error.value
    assert text in error.value.details(), error.value


async def numbers(cursor):
    return [r["k"] for r in await cursor.read_all() or []]


def test_the_interface_is_that_of_the_client():
    """Our .proto says what the client's package says, field by field."""
    root = pathlib.Path(__file__).resolve().parents[3]
    text = (root / "src/firth/doors/beneath/proto/beneath_gateway.proto").read_text()
    text = re.sub(r"//.*", "", text)
    ours = {}
    for name, body in re.findall(r"message (\w+) \{((?:[^{}]|\{[^{}]*\})*)\}", text):
        for enum, symbols in re.findall(r"enum (\w+) \{([^}]*)\}", body):
            ours[f"{name}.{enum}"] = {s: int(n) for s, n in re.findall(r"(\w+) = (\d+)", symbols)}
        body = re.sub(r"enum \w+ \{[^}]*\}", "", body)
        ours[name] = {field: (kind, int(number), bool(repeated)) for repeated, kind, field, number
                      in re.findall(r"(repeated )?(\w+) (\w+) = (\d+);", body)}
    kinds = {3: "int64", 5: "int32", 8: "bool", 9: "string", 12: "bytes"}
    theirs = {}
    for name, message in gateway_pb2.DESCRIPTOR.message_types_by_name.items():
        theirs[name] = {}
        for field in message.fields:
            kind = kinds.get(field.type) or (field.message_type or field.enum_type).name
            theirs[name][field.name] = (kind, field.number, field.label == field.LABEL_REPEATED)
        for enum in message.enum_types:
            theirs[f"{name}.{enum.name}"] = {v.name: v.number for v in enum.values}
    assert ours == theirs
    service = gateway_pb2.DESCRIPTOR.services_by_name["Gateway"]
    calls = {name: (of, bool(stream), reply) for name, of, stream, reply
             in re.findall(r"rpc (\w+)\((\w+)\) returns \((stream )?(\w+)\)", text)}
    assert calls == {m.name: (m.input_type.name, m.name == "Subscribe", m.output_type.name) for m in service.methods}
    assert service.full_name == "gateway.v1.Gateway"


async def test_versions_of_clients(client):
    await client.connection.ensure_connected()

    async def ping(id, version):
        return await client.connection.stub.Ping(gateway_pb2.PingRequest(client_id=id, client_version=version))

    for version, status in (("1.4.2", "stable"), ("1.4.1", "warning"), ("1.3.9", "deprecated"), ("2.0.0", "stable")):
        pong = await ping("beneath-python", version)
        assert (pong.version_status, pong.recommended_version, pong.authenticated) == (status, "1.4.2", False)
    await refused(ping("beneath-cobol", "1.0.0"))
    await refused(ping("beneath-python", "new"))


async def test_what_a_write_refuses(client, project):
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    other = await client.create_table(f"{project}/u", schema="type T @schema { k: String! @key }")
    instance, write = table.primary_instance, client.connection.write
    reply = await write([records_of(instance, record(1))])
    assert len(reply.write_id) == 16
    await refused(write([]), "records")
    await refused(write([records_of(instance)]), "records")
    await refused(write([records_of(instance, record(2)), records_of(instance, record(3))]), "twice")
    await refused(write([gateway_pb2.InstanceRecords(instance_id=b"x", records=[record(2)])]), "16 bytes")
    await refused(write([gateway_pb2.InstanceRecords(instance_id=b"x" * 16, records=[record(2)])]), "not found")
    await refused(write([records_of(instance, *[record(2)] * 10_001)]), "10000")
    await refused(write([records_of(instance, gateway_pb2.Record(avro_data=b"\0" * 8193))]), "8192")
    long_key = gateway_pb2.Record(avro_data=b"\xd4\x10" + b"a" * 1066)
    await refused(write([records_of(other.primary_instance, long_key)]), "key")
    await refused(write([records_of(instance, record(2)), records_of(other.primary_instance, gateway_pb2.Record(avro_data=b"\xff"))]))
    bob = beneath.Client(secret=SECRETS["bob"])
    await refused(bob.connection.write([records_of(instance, record(2))]), code="PERMISSION_DENIED")
    assert await numbers(await instance.query_log()) == [1]


async def test_one_write_of_many_tables(client, project):
    tables = [await client.create_table(f"{project}/t{i}", schema=SCHEMA) for i in range(3)]
    await client.connection.write([records_of(t.primary_instance, record(i), record(i + 10)) for i, t in enumerate(tables)])
    for i, table in enumerate(tables):
        assert await numbers(await table.primary_instance.query_log()) == [i, i + 10]


async def test_pages_peeks_and_changes(client, project):
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    instance, read = table.primary_instance, client.connection.read
    empty = await client.connection.query_log(instance.instance_id, peek=False)
    assert not empty.replay_cursors and len(empty.change_cursors) == 1
    for start in range(0, 100, 10):
        await client.connection.write([records_of(instance, *[record(k) for k in range(start, start + 10)])])
    cursor = await instance.query_log()
    pages = []
    while (page := await cursor.read_next(limit=25)) is not None:
        pages.append([r["k"] for r in page])
    assert pages == [list(range(i, i + 25)) for i in range(0, 100, 25)]
    peek = await instance.query_log(peek=True)
    assert [r["k"] for r in await peek.read_next(limit=7)] == list(range(99, 92, -1))
    assert await numbers(peek) == list(range(92, -1, -1))
    changes = empty.change_cursors[0]
    seen = []
    for _ in range(3):
        reply = await read(changes, 60)
        seen.append(len(reply.records))
        assert reply.next_cursor
        changes = reply.next_cursor
    assert seen == [60, 40, 0]
    assert len((await read(empty.change_cursors[0], 0)).records) == 50
    await refused(read(changes, 1001), "1000")
    await refused(read(changes, -1))
    for forged in (b"", b"x", changes[:-1], changes + b"x", b"\x01" * 60, bytes([changes[0] ^ 1]) + changes[1:]):
        await refused(read(forged, 10))
    await refused(client.connection.stub.QueryLog(gateway_pb2.QueryLogRequest(
        instance_id=instance.instance_id.bytes, partitions=33), metadata=client.connection.request_metadata))
    await refused(client.connection.stub.QueryLog(gateway_pb2.QueryLogRequest(
        instance_id=instance.instance_id.bytes, partitions=2, peek=True), metadata=client.connection.request_metadata))
    bob = beneath.Client(secret=SECRETS["bob"])
    await refused(bob.connection.read(changes, 10), code="PERMISSION_DENIED")
    await table.delete()
    await refused(read(changes, 10), "not found")


async def test_no_index(client, project):
    table = await client.create_table(f"{project}/t", schema=SCHEMA, use_index=False)
    await refused(table.primary_instance.query_index(), "useIndex")


async def test_any_timestamp_is_kept(client, project):
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    times = [-1, -2**63, 2**63 - 1, 1614834367123]
    await client.connection.write([records_of(table.primary_instance, *[record(i, t) for i, t in enumerate(times)])])
    log = await client.connection.query_log(table.primary_instance.instance_id, peek=False)
    page = await client.connection.read(log.replay_cursors[0], 10)
    assert [r.timestamp for r in page.records] == times and not page.next_cursor


async def test_retention_is_exact(client, project):
    now = lambda: int(time.time() * 1000)  # noqa: E731
    table = await client.create_table(f"{project}/t", schema=SCHEMA, use_warehouse=False,
                                      log_retention=datetime.timedelta(seconds=3600),
                                      index_retention=datetime.timedelta(seconds=60))
    start = now()
    ages = {1: 0, 2: 58_500, 3: 61_000, 4: 3_599_000 - 400, 5: 3_601_000}
    await client.connection.write([records_of(
        table.primary_instance, *[record(k, start - age) for k, age in ages.items()])])
    instance = table.primary_instance
    assert await numbers(await instance.query_log()) == [1, 2, 3, 4]
    assert await numbers(await instance.query_index()) == [1, 2]
    assert await numbers(await instance.query_log(peek=True)) == [4, 3, 2, 1]
    await asyncio.sleep(max(0, start + 1600 - now()) / 1000)
    assert await numbers(await instance.query_log()) == [1, 2, 3]
    assert await numbers(await instance.query_index()) == [1]


async def test_subscriptions(client, project):
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    instance, stub = table.primary_instance, client.connection.stub
    log = await client.connection.query_log(instance.instance_id, peek=False)
    metadata = client.connection.request_metadata

    def subscribe(cursor):
        return stub.Subscribe(gateway_pb2.SubscribeRequest(cursor=cursor), metadata=metadata)

    stream = subscribe(log.change_cursors[0])
    first = asyncio.ensure_future(stream.read())
    await asyncio.sleep(0.3)
    assert not first.done()
    before = time.monotonic()
    written = await client.connection.write([records_of(instance, record(1))])
    assert (await asyncio.wait_for(first, 1)).write_id == written.write_id
    assert time.monotonic() - before < 0.5
    written = await client.connection.write([records_of(instance, record(2))])
    assert (await asyncio.wait_for(stream.read(), 1)).write_id == written.write_id
    late = subscribe(log.change_cursors[0])
    assert (await asyncio.wait_for(late.read(), 1)).write_id == written.write_id
    late.cancel()
    index = await client.connection.query_index(instance.instance_id, "")
    await refused(subscribe(index.replay_cursors[0]).read())
    with pytest.raises(AioRpcError) as error:
        await stub.Subscribe(gateway_pb2.SubscribeRequest(cursor=log.change_cursors[0])).read()
    assert error.value.code().name == "PERMISSION_DENIED"
    await table.delete()
    with pytest.raises(AioRpcError) as error:
        await asyncio.wait_for(stream.read(), 10)
    assert error.value.code().name == "INVALID_ARGUMENT"


async def test_many_subscribers(client, project):
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    instance, metadata = table.primary_instance, client.connection.request_metadata
    log = await client.connection.query_log(instance.instance_id, peek=False)
    streams = [client.connection.stub.Subscribe(gateway_pb2.SubscribeRequest(cursor=log.change_cursors[0]),
                                                metadata=metadata) for _ in range(1000)]
    waiting = [asyncio.ensure_future(s.read()) for s in streams]
    await asyncio.sleep(1)
    written = await client.connection.write([records_of(instance, record(1))])
    found = await asyncio.wait_for(asyncio.gather(*waiting), 20)
    assert {m.write_id for m in found} == {written.write_id}
    for stream in streams:
        stream.cancel()


async def test_subscriptions_do_not_hold_a_stop_up(own_server):
    path = await new_project(SECRETS["ada"], "p")
    client = beneath.Client(secret=SECRETS["ada"])
    table = await client.create_table(f"{path}/t", schema=SCHEMA)
    cursor = await table.primary_instance.query_log()
    stream = client.connection.stub.Subscribe(gateway_pb2.SubscribeRequest(cursor=cursor.changes_cursor),
                                              metadata=client.connection.request_metadata)
    waiting = asyncio.ensure_future(stream.read())
    await asyncio.sleep(0.3)
    before = time.monotonic()
    await asyncio.to_thread(own_server.restart)
    assert time.monotonic() - before < 20
    with pytest.raises(AioRpcError):
        await waiting
    point_at(own_server)


async def test_no_wake_up_is_lost(client, project):
    """Whatever the moment between a stream's beginning, a look at the log and a write: who waits is told, each time."""
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    instance, connection = table.primary_instance, client.connection
    rng = random.Random(6)
    cursor = (await connection.query_log(instance.instance_id, peek=False)).change_cursors[0]
    metadata = connection.request_metadata
    # A stream of its own for each write.
    for turn in range(100):
        stream = connection.stub.Subscribe(gateway_pb2.SubscribeRequest(cursor=cursor), metadata=metadata)
        told = asyncio.ensure_future(stream.read())
        await asyncio.sleep(rng.choice((0, 0, 0.001, 0.003, 0.01)))
        written = await connection.write([records_of(instance, record(turn))])
        assert (await asyncio.wait_for(told, 2)).write_id == written.write_id
        stream.cancel()
        page = await connection.read(cursor, 1000)
        assert len(page.records) == 1
        cursor = page.next_cursor
    # One stream for all, with bursts and pauses: told of the last write, always.
    stream = connection.stub.Subscribe(gateway_pb2.SubscribeRequest(cursor=cursor), metadata=metadata)
    seen, count = 0, 300

    async def follow():
        nonlocal cursor, seen
        while seen < count:
            await stream.read()
            while (page := await connection.read(cursor, 1000)).records:
                seen += len(page.records)
                cursor = page.next_cursor

    following = asyncio.ensure_future(follow())
    written = 0
    while written < count:
        burst = min(count - written, rng.choice((1, 1, 2, 10)))
        await asyncio.gather(*[connection.write([records_of(instance, record(written + i))]) for i in range(burst)])
        written += burst
        await asyncio.sleep(rng.choice((0, 0, 0.002, 0.01)))
    await asyncio.wait_for(following, 5)
    stream.cancel()
