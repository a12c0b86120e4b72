"""Input that is made to hurt: documents, variables, schemas, records, cursors, filters, secrets, frames. All of it is refused
with its protocol's error, and the server lives on and stays small.
"""

import asyncio
import json
import os
import random
import struct

import aiohttp
import beneath
import grpc
import pytest
from beneath import config
from beneath.connection import GraphQLError
from beneath.proto import gateway_pb2, gateway_pb2_grpc
from grpc.aio import AioRpcError

from avro_bytes import long
from conftest import new_project, point_at
from server import SECRETS, Server

SCHEMA = "type T @schema { k: Int! @key  v: String  l: [Inner!] } type Inner { x: Int }"
GROWTH_BYTES_MAX = 400 << 20


@pytest.fixture(scope="module")
def hardy(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("hostile") / "data")
    point_at(running)
    asyncio.run(new_project(SECRETS["ada"], "p"))
    before = resident(running)
    yield running
    grown = resident(running) - before
    running.stop()
    assert grown < GROWTH_BYTES_MAX, grown


@pytest.fixture
def ada(hardy):
    point_at(hardy)
    return beneath.Client(secret=SECRETS["ada"])


def resident(server):
    with open(f"/proc/{server.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


async def post(body, **headers):
    """Status and text; (None, "") where the connection was cut."""
    headers = {"Authorization": "Bearer " + SECRETS["ada"], "Content-Type": "application/json", **headers}
    try:
        async with aiohttp.ClientSession() as session, session.post(
                config.BENEATH_CONTROL_HOST + "/graphql", data=body, headers=headers) as answer:
            return answer.status, await answer.text()
    except (aiohttp.ClientError, ConnectionError):
        return None, ""


async def lives():
    assert await post('{"query": "{ ping }"}') == (200, '{"data":{"ping":"pong"}}')


DEEP = 100_000
DOCUMENTS = {
    "selections": "{ me " + "{ projects " * DEEP,
    "closed selections": "{ organizationByName(name: \"ada\") " + "{ projects { organization " * 200 + "{ name }" + "} }" * 200 + " }",
    "lists": "{ organizationByName(name: " + "[" * DEEP,
    "objects": "{ organizationByName(name: " + "{a:" * DEEP,
    "types": "query Q($a: " + "[" * DEEP,
    "names": "{ " + "ping " * 1_000_000 + "}",
    "aliases": "{ " + " ".join(f"a{i}: ping" for i in range(50_000)) + " }",
    "costly aliases": '{ organizationByName(name: "ada") { '
                      + " ".join(f"a{i}: projects {{ tables {{ project {{ tables {{ schema }} }} }} }}" for i in range(1500)) + " } }",
    "text": '{ organizationByName(name: "' + "x" * 10_000_000 + '") { name } }',
    "number": "{ organizationByName(name: " + "9" * 100_000 + ") { name } }",
    "fragments": "query { ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "directives": "{ ping " + "@skip(if: false) " * 30_000 + "}",
    "variables": "query Q(" + " ".join(f"$v{i}: Int" for i in range(30_000)) + ") { ping }",
    "comments": "#" * 5_000_000,
    "zeros": "{ ping \0 }", "escapes": '{ organizationByName(name: "\\ud800\\u0000\\q") { name } }',
    "unfinished": '{ organizationByName(name: "',
    "strings": '{ organizationByName(name: """' + '"" ' * 100_000,
}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_documents(ada, name):
    status, text = await post(json.dumps({"query": DOCUMENTS[name]}))
    assert status is None or 400 <= status < 500 or (status == 200 and "errors" in json.loads(text)), (status, text[:200])
    if text and text[0] == "{":
        assert json.loads(text)["errors"][0]["message"] and len(text) < 5000
    await lives()


BODIES = {
    "nothing": b"", "no JSON": b"{", "list": b"[]", "batch": b'[{"query": "{ ping }"}]', "text": b'"{ ping }"',
    "no query": b"{}", "query of another type": b'{"query": {"a": 1}}', "variables of another type": b'{"query": "{ ping }", "variables": 7}',
    "deep": b'{"query": "{ ping }", "variables": ' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    "deep lists": b'{"query": "{ ping }", "variables": {"a":' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "bytes": bytes(range(256)) * 100, "no text": b'{"query": "{ ping \xff }"}', "long": b" " * (5 << 20),
    "twice": b'{"query": "{ me { name } }", "query": "{"}',
}


@pytest.mark.parametrize("name", BODIES)
async def test_bodies(ada, name):
    status, text = await post(BODIES[name])
    assert status is None or 400 <= status < 500, (status, text[:200])
    await lives()


async def test_variables_of_wrong_types(ada):
    for value in (1, 1.5, True, [], ["a"], {}, {"a": 1}, "not-a-uuid", "0" * 32, "g" * 32, "", "x" * 100_000, None):
        status, text = await post(json.dumps({
            "query": "query Q($id: UUID!) { tableByID(tableID: $id) { name } }", "variables": {"id": value}}))
        assert status in (200, 422) and json.loads(text)["errors"], (value, status, text[:100])
    for name in ("a/b", "", "..", "x" * 100_000, "\0", "é", "a b", "'; --", "%00", "_" * 129):
        with pytest.raises((GraphQLError, ValueError)):
            await ada.admin.organizations.find_by_name(name)
        with pytest.raises((GraphQLError, ValueError)):
            await beneath.Client(secret=SECRETS["root"]).admin.organizations.create(name)


HUGE = 2**40
SCHEMAS = {
    "long": "#" * 300_000, "long name": f"type {'T' * 100_000} @schema {{ k: Int! @key }}",
    "deep lists": "type T @schema { k: Int! @key l: " + "[" * DEEP, "brackets": "{" * DEEP, "annotations": "type T " + "@schema " * 30_000,
    "fields": "type T @schema { k: Int! @key " + " ".join(f"f{i}: Int" for i in range(20_000)) + " }",
    "symbols": "type T @schema { k: Int! @key e: E } enum E { " + " ".join(f"S{i}" for i in range(40_000)) + " }",
    "types": "type T @schema { k: Int! @key } " + " ".join(f"type T{i} {{ x: Int }}" for i in range(10_000)),
    "keys": "type T @schema @key(fields: [" + ",".join(['"k"'] * 20_000) + "]) { k: Int! }",
    "wide bytes": f"type T @schema {{ k: Int! @key b: Bytes{HUGE} }}", "zero": "type T @schema { k: Int! @key \0 }",
    "doubling": "type T @schema { k: Int! @key t: T0 } " + " ".join(
        f"type T{i} {{ a: T{i + 1} b: T{i + 1} }}" for i in range(40)) + " type T40 { x: Int }",
    "quotes": '"' * 100_001, "escapes": '"\\' * 50_000,
}
AVRO = {
    "deep": '{"type":"record","name":"T","fields":[{"name":"a","type":' + '{"type":"array","items":' * DEEP,
    "deep types": '{"type":' * DEEP, "brackets": "[" * DEEP,
    "wide": '{"type":"record","name":"T","fields":[{"name":"a","type":{"type":"fixed","name":"bytes%d","size":%d}}]}' % (HUGE, HUGE),
    "negative": '{"type":"record","name":"T","fields":[{"name":"a","type":{"type":"fixed","name":"bytes-1","size":-1}}]}',
    "itself": '{"type":"record","name":"T","fields":[{"name":"a","type":"T"}]}', "numbers": '{"type":1e999}', "null": "null",
    "doubling": '{"type":"record","name":"T","fields":[%s]}' % ",".join(
        f'{{"name":"a{i}","type":{{"type":"record","name":"R{i}","fields":[{{"name":"x","type":"{"int" if i == 0 else f"R{i - 1}"}"}},'
        f'{{"name":"y","type":"{"int" if i == 0 else f"R{i - 1}"}"}}]}}}}' for i in range(30)),
    "no names": '{"type":"record","fields":[{"type":"int"}]}', "names": '{"type":"record","name":{},"fields":{}}',
}


@pytest.mark.parametrize("kind, name", [("GraphQL", n) for n in SCHEMAS] + [("Avro", n) for n in AVRO])
async def test_schemas(ada, kind, name):
    with pytest.raises((GraphQLError, ValueError)) as error:
        await ada.admin.tables.compile_schema(kind, (SCHEMAS if kind == "GraphQL" else AVRO)[name])
    assert len(str(error.value)) < 3000
    await lives()


async def test_indexes(ada):
    schema = '{"type":"record","name":"T","fields":[{"name":"k","type":"long"}]}'
    for bad in ("[" * DEEP, "{}", "7", '[{"fields":"k","key":true}]', '[{"fields":[],"key":true}]', '[{"fields":["q"],"key":true}]',
                '[{"fields":["k"],"key":false}]', '[{"fields":["k","k"],"key":true}]', '[{"fields":[1],"key":true}]',
                '[{"fields":["k"],"key":true},{"fields":["k"],"key":true}]', '[{"fields":["k"],"key":"yes"}]', "[null]"):
        with pytest.raises((GraphQLError, ValueError)):
            await ada.admin.tables.compile_schema("Avro", schema, bad)


async def refused(awaitable, *codes):
    with pytest.raises(AioRpcError) as error:
        await awaitable
    assert error.value.code().name in (codes or ("INVALID_ARGUMENT",)), error.value
    assert len(error.value.details()) < 2000


async def table_of(client, name):
    table = await client.create_table("ada/p/" + name, schema=SCHEMA, update_if_exists=True)
    await client.connection.ensure_connected()
    return table.primary_instance


async def test_records(ada):
    """Lengths and counts that lie, blocks in their other form, whatever chance makes of good records."""
    instance = await table_of(ada, "records")

    def write(data):
        return ada.connection.write([gateway_pb2.InstanceRecords(
            instance_id=instance.instance_id.bytes, records=[gateway_pb2.Record(avro_data=data)])])

    key, null = long(1), b"\0"
    good = key + long(1) + long(2) + b"ab" + long(1) + long(2) + (long(1) + long(7)) * 2 + null
    other = key + null + long(1) + long(-2) + long(4) + (long(1) + long(7)) * 2 + null  # a block that gives its size
    for data in (good, other):
        await write(data)
    lists = key + null + long(1)
    for data in (lists + long(2**62), lists + long(-(2**63)) + long(1), lists + long(2**31) + null * 100, lists + long(-1) + long(2**62),
                 lists + long(-2) + long(1) + (long(1) + long(7)) * 2 + null,  # its size is wrong
                 key + long(1) + long(2**40), key + long(1) + long(-1), key + long(2), key + long(-1), key + b"\xff" * 11,
                 lists + (long(1) + long(0)) * 8191, b"\xff" * 8192, b""):
        await refused(write(data))
    rng = random.Random(7)
    accepted = 2
    for _ in range(2000):
        data = bytearray(rng.choice([good, other]))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data))
            match rng.randrange(3):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    del data[at]
                case 2:
                    data.insert(at, rng.randrange(256))
        try:
            await write(bytes(data))
            accepted += 1
        except AioRpcError as error:
            assert error.code().name == "INVALID_ARGUMENT", error
    found = await (await instance.query_log()).read_all(max_records=10_000)
    assert len(found) == accepted and 2 < accepted < 2000


async def test_cursors(ada):
    """One bit of a good cursor, bytes more and less, cursors of one thing used for another."""
    instance = await table_of(ada, "cursors")
    await ada.start()
    await ada.write(instance, [{"k": k, "v": "x" * (k % 7), "l": None} for k in range(100)])
    await ada.force_flush()
    connection = ada.connection
    log, peek = [await connection.query_log(instance.instance_id, peek=p) for p in (False, True)]
    index = await connection.query_index(instance.instance_id, '{"k": {"_gt": 3}}')
    job = await ada.query_warehouse("SELECT k FROM `ada/p/cursors`")
    while not job._job_data.replay_cursors:
        await job.poll()
    good = [log.replay_cursors[0], log.change_cursors[0], peek.replay_cursors[0], index.replay_cursors[0], index.change_cursors[0],
            job._job_data.replay_cursors[0]]
    good += [(await connection.read(cursor, 10)).next_cursor for cursor in good]
    rng = random.Random(8)
    for cursor in good:
        assert len(cursor) <= 1024
        for bit in rng.sample(range(len(cursor) * 8), min(100, len(cursor) * 8)):
            forged = bytearray(cursor)
            forged[bit // 8] ^= 1 << bit % 8
            await refused(connection.read(bytes(forged), 10))
        for forged in (cursor[:-1], cursor + b"\0", cursor * 2, cursor[::-1], b"\0" * len(cursor), cursor + b"x" * 2000, b""):
            await refused(connection.read(forged, 10))
    for _ in range(300):
        await refused(connection.read(rng.randbytes(rng.randrange(1, 200)), 10))
    for limit in (-1, 1001, 2**31 - 1, -(2**31)):
        await refused(connection.read(good[0], limit))
    await ada.stop()


FILTERS = [
    "{", "[]", "[" * DEEP, '{"k":' * DEEP, '{"k": {"_eq": 1, "_eq": 2, "_gt": 1}}', '{"k": {}}', '{"k": null}', '{"k": 1.5}', '{"k": 1e400}',
    '{"k": 9223372036854775808}', '{"k": {"_gt": 1, "_gte": 1}}', '{"k": {"_prefix": 1}}',
    '{"k": {"_like": 1}}', '{"k": {"_eq": {"_eq": 1}}}', '{"k": [1]}', '{"v": "x"}', '{"k": 1, "v": "x"}', '{"": 1}', '{"k": true}',
    '{"k": "0x"}', '{"k": ""}', '{"k": "1_000"}', '{"k": "٣"}', "k", "k =", "= 1", "k = 1 or k = 2", "k = 1;", "(" * DEEP, "k = '" + "x" * 70_000 + "'",
    "k = 1 and " * 10_000, "k starts with 1", "k starts", "k = 1, , k = 2", "k == == 1", "k = 'a\\", "k > 1 and k > 2", "\0", "k = \ud7ff", "k = 1 k = 2",
    "{" + " " * 70_000 + "}", '{"k": {"_gt": "zzz"}}', '{"k": -0.0001}', "k = 1e3.", "k is not null", "k is null",
]


async def test_filters(ada):
    instance = await table_of(ada, "filters")
    for text in FILTERS:
        await refused(ada.connection.query_index(instance.instance_id, text))
    rng = random.Random(9)
    pieces = ['{"k":', "}", '{"_gt":', "1", '"1"', ",", "k", " = ", " and ", "(", ")", "'x'", "null", " starts with ", ">=", "[", "]", "\\", '"', "é", "\0"]
    for _ in range(2000):
        text = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 12)))
        try:
            await ada.connection.query_index(instance.instance_id, text)
        except AioRpcError as error:
            assert error.code().name == "INVALID_ARGUMENT", (text, error)


async def test_secrets(hardy):
    point_at(hardy)
    for header in ("Bearer", "Bearer ", "Basic YTpi", "bearer x", "Bearer " + "x" * 257, "Bearer " + "x" * 6000, "Bearer a b",
                   SECRETS["ada"], "Bearer  " + SECRETS["ada"], "Bearer " + SECRETS["ada"] + "x", "Bearer " + SECRETS["ada"][:-1]):
        status, text = await post('{"query": "{ ping }"}', Authorization=header)
        assert status == 400 and text.startswith("authentication error"), (header[:30], status, text[:100])
        async with grpc.aio.insecure_channel(hardy.grpc) as channel:
            stub = gateway_pb2_grpc.GatewayStub(channel)
            ping = gateway_pb2.PingRequest(client_id="beneath-python", client_version="1.4.2")
            if header.isprintable():
                with pytest.raises(AioRpcError) as error:
                    await stub.Ping(ping, metadata=[("authorization", header)])
                assert error.value.code().name == "UNAUTHENTICATED" and error.value.details().startswith("authentication error")
    status, _ = await post('{"query": "{ ping }"}', Authorization="bEARER " + SECRETS["ada"])
    assert status == 200


async def test_frames(hardy, ada):
    """Requests that are too long, also once they are unpacked; bytes that are no message."""
    instance = await table_of(ada, "frames")
    words = {"metadata": ada.connection.request_metadata}
    async with grpc.aio.insecure_channel(hardy.grpc, options=[("grpc.max_send_message_length", -1)],
                                         compression=grpc.Compression.Gzip) as channel:
        stub = gateway_pb2_grpc.GatewayStub(channel)
        bomb = gateway_pb2.WriteRequest(instance_records=[gateway_pb2.InstanceRecords(
            instance_id=instance.instance_id.bytes, records=[gateway_pb2.Record(avro_data=bytes(100 << 20))])])
        await refused(stub.Write(bomb, **words), "RESOURCE_EXHAUSTED", "INVALID_ARGUMENT")
        for name in ("Ping", "Write", "QueryLog", "QueryIndex", "QueryWarehouse", "PollWarehouseJob", "Read"):
            raw = channel.unary_unary(f"/gateway.v1.Gateway/{name}", request_serializer=bytes, response_deserializer=bytes)
            for junk in (b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a" * 1000):
                # What cannot be read is an internal error of the transport's own, which clients do not retry.
                await refused(raw(junk, **words), "INTERNAL", "INVALID_ARGUMENT")
        raw = channel.unary_unary("/gateway.v1.Gateway/Nothing", request_serializer=bytes, response_deserializer=bytes)
        await refused(raw(b"", **words), "UNIMPLEMENTED")
    host, port = hardy.grpc.rsplit(":", 1)
    for junk in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4000), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + struct.pack(">I", 0xFFFFFF00) * 100):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(junk)
        await asyncio.wait_for(reader.read(), 30)
        writer.close()
    await lives()


async def test_paths_and_methods(hardy, ada):
    async with aiohttp.ClientSession() as session:
        for method, path in (("GET", "/graphql"), ("PUT", "/graphql"), ("POST", "/graphql/../../etc/passwd"), ("DELETE", "/x" * 2000)):
            async with session.request(method, config.BENEATH_CONTROL_HOST + path) as answer:
                assert 400 <= answer.status < 500, (method, path[:40], answer.status)
    # A packed body is not unpacked, or not beyond its bound.
    import gzip
    status, _ = await post(gzip.compress(b" " * (64 << 20) + b'{"query": "{ ping }"}'), **{"Content-Encoding": "gzip"})
    assert status is None or 400 <= status < 500
    await lives()
