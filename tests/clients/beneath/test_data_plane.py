"""The data plane by its contract: records, limits of writes, filters, retention of the warehouse, use and quotas."""

import asyncio
import base64
import datetime
import decimal
import math
import struct
import time
import uuid

import beneath
import pytest
from beneath.connection import Connection
from beneath.proto import gateway_pb2
from grpc.aio import AioRpcError

from avro_bytes import long
from conftest import new_project, point_at
from server import SECRETS

UTC = datetime.timezone.utc
counter = iter(range(1, 1000))


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return long(len(value)) + value


def part(table, *records, at=0):
    return gateway_pb2.InstanceRecords(instance_id=table.primary_instance.instance_id.bytes,
                                       records=[gateway_pb2.Record(avro_data=data, timestamp=at) for data in records])


async def refused(awaitable, words="", code="INVALID_ARGUMENT"):
    with pytest.raises(AioRpcError) as error:
        await awaitable
    assert error.value.code().name == code and words in error.value.details(), error.value


async def table_of(client, project, schema, **words):
    table = await client.create_table(f"{project}/t{next(counter)}", schema=schema, **words)
    await client.connection.ensure_connected()
    return table


UUID_TEXT = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
# type -> what is taken, with the value that it is read as; and what is not
RECORDS = {
    "Boolean!": ([(b"\0", False), (b"\1", True)], [b"\2", b"\xff", b""]),
    "Int!": ([(long(2**63 - 1), 2**63 - 1), (long(-2**63), -2**63)], [b"\xff" * 10 + b"\1", b"\x80"]),
    "Int32!": ([(long(2**31 - 1), 2**31 - 1), (long(-2**31), -2**31)], [long(2**31), long(-2**31 - 1)]),
    "Float!": ([(struct.pack("<d", 1.5), 1.5), (struct.pack("<d", math.inf), math.inf)], [b"\0" * 7, b"\0" * 9]),
    "Float32!": ([(struct.pack("<f", 0.25), 0.25), (struct.pack("<f", -math.inf), -math.inf)], [b"\0" * 3, b"\0" * 8]),
    "String!": ([(text("é\0"), "é\0"), (text(""), "")], [text(b"\xff"), text(b"\xc0\x80"), text(b"\xed\xa0\x80"), long(3) + b"ab", long(-1)]),
    "Bytes!": ([(text(b"\xff\0"), b"\xff\0"), (text(b""), b"")], [long(2) + b"a", long(2**40)]),
    "Bytes3!": ([(b"abc", b"abc")], [b"ab", b"abcd", b""]),
    "Numeric!": ([(text(b""), 0), (text(b"\x7f"), 127), (text(b"\xff"), -1), (text(b"\0\0\x01"), 1), (text((10**128 - 1).to_bytes(54, "big", signed=True)), 10**128 - 1)],
                 [text((10**128).to_bytes(54, "big", signed=True)), text((-(10**128)).to_bytes(54, "big", signed=True)), text(b"\1" * 200)]),
    "Timestamp!": ([(long(0), datetime.datetime(1970, 1, 1, tzinfo=UTC)), (long(-1), datetime.datetime(1969, 12, 31, 23, 59, 59, 999000, UTC))],
                   [long(9223372036854), long(-9223372036854)]),
    "UUID!": ([(text(t), uuid.UUID(UUID_TEXT)) for t in (UUID_TEXT, UUID_TEXT.upper(), UUID_TEXT.replace("-", ""), "urn:uuid:" + UUID_TEXT)],
              [text(UUID_TEXT[:-1]), text(UUID_TEXT + "0"), text("x" * 36), text(""), text("{" + UUID_TEXT + "}")]),
    "E!": ([(long(0), "A"), (long(1), "B")], [long(2), long(-1), b""]),
    "R!": ([(b"\0", {"x": None}), (b"\2" + long(5), {"x": 5})], [b"\2", b"\4\0", long(-1)]),
    "[Int!]!": ([(b"\0", []), (long(2) + long(1) + long(2) + b"\0", [1, 2]), (long(-2) + long(2) + long(1) + long(2) + b"\0", [1, 2])],
                [b"", long(2) + long(1), long(1) + long(1), long(-1) + long(9) + long(1) + b"\0"]),
    "Int": ([(b"\0", None), (b"\2" + long(7), 7)], [b"\4", b"\2", long(-1) + b"\0"]),
}


@pytest.mark.parametrize("type_", RECORDS)
async def test_records(client, project, type_):
    """What is taken is read again; of a write with one bad record nothing is stored."""
    good, bad = RECORDS[type_]
    table = await table_of(client, project, f"enum E {{ A B }} type R {{ x: Int }} type T @schema {{ k: Int! @key, v: {type_} }}")
    write = client.connection.write
    await write([part(table, *[long(i) + data for i, (data, _) in enumerate(good)])])
    for data in bad:
        await refused(write([part(table, long(50) + good[0][0], long(51) + data)]))
        await refused(write([part(table, long(50) + good[0][0] + b"\0")]))
    for cursor in (await table.primary_instance.query_log(), await table.primary_instance.query_index()):
        found = await cursor.read_all()
        assert [r["v"] for r in found] == [decimal.Decimal(v) if type_ == "Numeric!" else v for _, v in good]


async def test_limits_of_a_write(client, project):
    """64 instances, 10 000 records each, 8 192 bytes a record, keys of 1 024 bytes, requests of more than 10 MiB."""
    schema = "type T @schema { k: String! @key, v: Bytes }"
    tables = [await table_of(client, project, schema) for _ in range(3)]
    write = client.connection.write
    widest = lambda k: text(k) + b"\2" + text(b"x" * (8192 - len(text(k)) - 3))  # noqa: E731
    assert len(widest("a")) == 8192
    await write([part(tables[0], widest("a"))])
    await refused(write([part(tables[0], widest("a") + b"\0")]), "8192")
    await write([part(tables[1], text("k" * 1000) + b"\0")])
    await refused(write([part(tables[1], text("k" * 1100) + b"\0")]), "1024")
    reply = await write([part(t, *[widest(f"{i:06}") for i in range(426)]) for t in tables])  # 10.47 MB, nearly all that the client sends
    assert len(reply.write_id) == 16
    await write([part(tables[2], *[text(f"{i}") + b"\0" for i in range(10_000)])])
    for table, count in zip(tables, (427, 427, 10_426)):
        assert len(await (await table.primary_instance.query_log()).read_all(max_bytes=10**9)) == count
    # Instances of one table, and of others.
    table = tables[0]
    instances = [table.primary_instance] + [await t.create_instance() for t in tables for _ in range(21)]
    assert len(instances) == 64
    one = [gateway_pb2.InstanceRecords(instance_id=i.instance_id.bytes, records=[gateway_pb2.Record(avro_data=text("z") + b"\0", timestamp=5)])
           for i in instances]
    await write(one)
    for instance in instances[1:]:
        assert [r["k"] for r in await (await instance.query_log()).read_all()] == ["z"]
    await refused(write(one + [part(tables[1], text("z") + b"\0")]), "64")
    # All or nothing, whatever is wrong with one of them.
    before = len(await (await table.primary_instance.query_log()).read_all(max_bytes=10**9))
    last = instances[-1]
    await last.update(make_final=True)
    stranger = beneath.Client(secret=SECRETS["bob"])
    theirs = await table_of(stranger, await new_project(SECRETS["bob"], f"theirs_{next(counter)}"), schema)
    for other, words, code in ((one[-1], "final", "INVALID_ARGUMENT"), (part(theirs, text("z") + b"\0"), "not allowed", "PERMISSION_DENIED"),
                               (gateway_pb2.InstanceRecords(instance_id=b"\0" * 16, records=one[0].records), "not found", "INVALID_ARGUMENT"),
                               (part(tables[1], b"\xff"), "", "INVALID_ARGUMENT"), (part(tables[1]), "records", "INVALID_ARGUMENT")):
        await refused(write([part(table, text("lost") + b"\0"), other]), words, code)
    assert len(await (await table.primary_instance.query_log()).read_all(max_bytes=10**9)) == before


async def test_order_and_visibility(client, project):
    """Acknowledged is visible to whatever begins afterwards, in the order of acknowledgement; the warehouse within 5 s."""
    table = await table_of(client, project, "type T @schema { k: Int! @key, v: Int! }")
    seen = []
    for turn in range(8):
        records = [long(k) + long(turn) for k in range(5)]
        before = time.time()
        await client.connection.write([part(table, *records)])
        seen += [(k, turn) for k in range(5)]
        log = await (await table.primary_instance.query_log()).read_all()
        assert [(r["k"], r["v"]) for r in log] == seen
        assert before - 0.01 <= log[-1]["@meta.timestamp"].timestamp() <= time.time() + 0.01
        index = await (await table.primary_instance.query_index()).read_all()
        assert [(r["k"], r["v"]) for r in index] == [(k, turn) for k in range(5)]
        job = await client.query_warehouse(f"SELECT COUNT(*) AS n, MAX(v) AS v FROM `{project}/{table._identifier.table}`")
        [row] = await (await job.get_cursor()).read_all()
        assert (row["n"], row["v"]) == (len(seen), turn)


async def test_peeks_and_cursors_of_an_empty_log(client, project):
    table = await table_of(client, project, "type T @schema { k: Int! @key }")
    connection, id_ = client.connection, table.primary_instance.instance_id
    log, peek, index = await connection.query_log(id_, peek=False), await connection.query_log(id_, peek=True), await connection.query_index(id_, "")
    assert [len(r.replay_cursors) for r in (log, peek, index)] == [0, 1, 1] and [len(r.change_cursors) for r in (log, peek, index)] == [1, 1, 1]
    for cursor in (peek.replay_cursors[0], index.replay_cursors[0]):
        page = await connection.read(cursor, 10)
        assert not page.records and not page.next_cursor
    for cursor in (log.change_cursors[0], peek.change_cursors[0], index.change_cursors[0]):
        page = await connection.read(cursor, 10)
        assert not page.records and page.next_cursor
    # A final instance's change cursor stays usable, too.
    await connection.write([part(table, long(1))])
    await table.primary_instance.update(make_final=True)
    for cursor in (log.change_cursors[0], peek.change_cursors[0], index.change_cursors[0]):
        page = await connection.read(cursor, 10)
        assert len(page.records) == 1 and page.next_cursor
        page = await connection.read(page.next_cursor, 10)
        assert not page.records and page.next_cursor


async def test_every_cursor_after_a_restart(own_server):
    """Each kind goes on after a restart, any number of times, for whoever has the right to read."""
    path = await new_project(SECRETS["ada"], "p")
    client = beneath.Client(secret=SECRETS["ada"])
    table = await table_of(client, path, "type T @schema { k: Int! @key }")
    connection, id_ = client.connection, table.primary_instance.instance_id
    await connection.write([part(table, *[long(k) for k in range(20)])])
    log, peek, index = await connection.query_log(id_, peek=False), await connection.query_log(id_, peek=True), await connection.query_index(id_, '{"k": {"_gte": 5}}')
    await connection.write([part(table, *[long(k) for k in range(20, 30)])])
    job = await client.query_warehouse(f"SELECT k FROM `{path}/{table._identifier.table}` ORDER BY k")
    await job.get_cursor()
    cursors = {"log": log.replay_cursors[0], "peek": peek.replay_cursors[0], "index": index.replay_cursors[0], "changes": log.change_cursors[0],
               "of the index": index.change_cursors[0], "job": job._job_data.replay_cursors[0]}
    wanted = {"log": list(range(20)), "peek": list(range(19, -1, -1)), "index": list(range(5, 30)), "changes": list(range(20, 30)),
              "of the index": list(range(20, 30)), "job": list(range(30))}
    halves = {name: await connection.read(cursor, 4) for name, cursor in cursors.items()}
    own_server.kill()
    own_server.start()
    point_at(own_server)
    client = beneath.Client(secret=SECRETS["ada"])
    await client.connection.ensure_connected()
    for name, cursor in cursors.items():
        schema = job.schema if name == "job" else table.schema
        numbers = lambda page: [schema.pb_to_record(r, False)["k"] for r in page.records]  # noqa: E731
        for _ in range(2):
            assert numbers(await client.connection.read(cursor, 1000)) == wanted[name], name
            assert numbers(halves[name]) + numbers(await client.connection.read(halves[name].next_cursor, 1000)) == wanted[name], name


B64 = lambda b: base64.b64encode(b).decode()  # noqa: E731
DAY1, DAY2 = datetime.datetime(2021, 3, 4, tzinfo=UTC), datetime.datetime(2022, 1, 1, tzinfo=UTC)
# key type -> keys in order; filters' values with the number of the key that they are; values that are refused
VALUES = {
    "String": (["", "a", "ab", "é"], [('"a"', 1), ('"é"', 3), ('"\\u00e9"', 3)], ["1", "null", "true", "1.5", "[]"]),
    "Bytes": ([b"", b"a", b"a\0", b"\xff"], [(f'"{B64(b"a")}"', 1), ('"/w=="', 3), ('""', 0)], ['"a"', '"/w"', '"_w=="', "1", "null"]),
    "Bytes2": ([b"\0\0", b"ab", b"\xff\xff"], [(f'"{B64(b"ab")}"', 1)], [f'"{B64(b"a")}"', f'"{B64(b"abc")}"', "1", "null"]),
    "Int": ([-2**63, -1, 0, 17, 2**53 + 1, 2**63 - 1], [("17", 3), ('"17"', 3), ('"0x11"', 3), ('"-1"', 1), (str(2**53 + 1), 4), (f'"{2**63 - 1}"', 5), (str(-2**63), 0)],
            ["17.0", "1e1", '"1.5"', '""', '"x"', str(2**63), f'"{-2**63 - 1}"', "true", "null"]),
    "Int32": ([-2**31, 0, 2**31 - 1], [("0", 1), (str(2**31 - 1), 2)], ["0.5", '"a"', "null"]),
    "Timestamp": ([datetime.datetime(1955, 1, 1, tzinfo=UTC), DAY1, DAY2], [
        ('"2021-03-04T00:00:00Z"', 1), ('"2021-03-04T02:00:00+02:00"', 1), ('"2021-03-04T00:00:00"', 1), ('"2021-03-04"', 1), ('"2022-01"', 2), ('"2022"', 2),
        ('"1955"', 0), (str(int(DAY1.timestamp() * 1000)), 1), (f'"{int(DAY1.timestamp() * 1000)}"', 1), (str(-473385600000), 0)],
        ['"yesterday"', '"2021-02-30"', '"2021-3-4"', "1.5", "true", "null", '""']),
    "UUID": ([uuid.UUID(int=1), uuid.UUID(UUID_TEXT), uuid.UUID(int=2**128 - 1)], [(f'"{UUID_TEXT}"', 1), (f'"{UUID_TEXT.replace("-", "")}"', 1), (f'"{UUID_TEXT.upper()}"', 1)],
             ['"x"', f'"{UUID_TEXT[:-1]}"', "1", "null"]),
}


@pytest.mark.parametrize("type_", VALUES)
async def test_values_of_filters(client, project, type_):
    keys, values, wrong = VALUES[type_]
    table = await table_of(client, project, f"type T @schema {{ k: {type_}! @key }}")
    await client.start()
    await client.write(table.primary_instance, [{"k": k} for k in reversed(keys)])
    await client.stop()

    async def found(filter):
        return [r["k"] for r in await (await table.primary_instance.query_index(filter=filter)).read_all()]

    aliases = {"_eq": ["eq", "=", "=="], "_gt": ["gt", ">"], "_gte": ["gte", ">="], "_lt": ["lt", "<"], "_lte": ["lte", "<="]}
    for value, at in values:
        expected = {"_eq": keys[at:at + 1], "_gt": keys[at + 1:], "_gte": keys[at:], "_lt": keys[:at], "_lte": keys[:at + 1]}
        assert await found(f'{{"k": {value}}}') == keys[at:at + 1], value
        for name, wanted in expected.items():
            for alias in (name, *aliases[name]):
                assert await found(f'{{"k": {{"{alias}": {value}}}}}') == wanted, (alias, value)
            for alias in aliases[name][1:] if name != "_eq" else ["=", "==", "is", "IS"]:
                if "\\" not in value:  # escapes are JSON's
                    assert await found(f" k {alias} {value} ") == wanted, (alias, value)
        assert await found(f'{{"k": {{"_gte": {value}, "_lte": {value}}}}}') == keys[at:at + 1]
        assert await found(f'{{"k": {{"_gt": {value}, "_lt": {value}}}}}') == []
        assert "\\" in value or await found(f"k >= {value} and k <= {value}") == keys[at:at + 1]
    for value in wrong:
        for filter in (f'{{"k": {value}}}', f'{{"k": {{"_gt": {value}}}}}'):
            await refused(table.primary_instance.query_index(filter=filter), "error parsing query")
    prefix = '"YQ=="' if type_.startswith("Bytes") else '"a"'
    if type_ in ("String", "Bytes", "Bytes2"):
        wanted = [k for k in keys if k[:1] in ("a", b"a")]
        for filter in (f'{{"k": {{"_prefix": {prefix}}}}}', f'{{"k": {{"prefix": {prefix}}}}}', f"k starts with {prefix}", f"k STARTS WITH {prefix}", f"(k starts with {prefix})"):
            assert await found(filter) == wanted
    else:
        await refused(table.primary_instance.query_index(filter=f'{{"k": {{"_prefix": {values[0][0]}}}}}'), "prefix")


async def test_matching_the_key(client, project):
    """Three fields: equalities first, then a range or a prefix; nothing else."""
    table = await table_of(client, project, 'type T @schema @key(fields: ["a", "b", "c"]) { a: Int! b: String! c: Bytes2! d: Int }')
    rows = [{"a": a, "b": b, "c": c, "d": None} for a in (1, 2) for b in ("x", "xy", "z") for c in (b"\0\1", b"\1\0")]
    await client.start()
    await client.write(table.primary_instance, rows)
    await client.stop()
    of = lambda test: [(r["a"], r["b"], r["c"]) for r in rows if test(r)]  # noqa: E731
    cases = [
        ("{}", lambda r: True), ("  ", lambda r: True), ('{"a": 1}', lambda r: r["a"] == 1), ('{"a": {"_gt": 1}}', lambda r: r["a"] > 1), ('{"a": {"_lte": 1}}', lambda r: r["a"] <= 1),
        ('{"a": 1, "b": "x"}', lambda r: (r["a"], r["b"]) == (1, "x")), ('{"b": "x", "a": 1}', lambda r: (r["a"], r["b"]) == (1, "x")),
        ('{"a": 1, "b": {"_gt": "x"}}', lambda r: r["a"] == 1 and r["b"] > "x"), ('{"a": 1, "b": {"_prefix": "x"}}', lambda r: r["a"] == 1 and r["b"][0] == "x"),
        ('{"a": 2, "b": "xy", "c": "AAE="}', lambda r: (r["a"], r["b"], r["c"]) == (2, "xy", b"\0\1")), ('{"a": 2, "b": "z", "c": {"_gte": "AQA="}}', lambda r: (r["a"], r["b"], r["c"]) == (2, "z", b"\1\0")),
        ('{"a": 2, "b": "z", "c": {"_prefix": "AA=="}}', lambda r: (r["a"], r["b"], r["c"]) == (2, "z", b"\0\1")), ("a = 1 and b = 'x'", lambda r: (r["a"], r["b"]) == (1, "x")),
        ("a=1,b starts with \"x\"", lambda r: r["a"] == 1 and r["b"][0] == "x"), ("(a == 1) && (b > 'x')", lambda r: r["a"] == 1 and r["b"] > "x"), ("a = 1 & b >= 'x' AND b < 'z'", lambda r: r["a"] == 1 and "x" <= r["b"] < "z"),
    ]
    for filter, test in cases:
        cursor = await table.primary_instance.query_index(filter=filter)
        assert [(r["a"], r["b"], r["c"]) for r in await cursor.read_all()] == of(test), filter
    for filter in ('{"b": "x"}', '{"c": "AAE="}', '{"d": 1}', '{"a": 1, "c": "AAE="}', '{"a": 1, "d": 1}', '{"a": {"_gt": 1}, "b": "x"}', '{"a": 1, "b": {"_prefix": "x"}, "c": "AAE="}',
                   '{"a": 1, "b": "x", "c": "AAE=", "d": 1}', "b = 'x'", "a > 1 and b = 'x'", '{"A": 1}'):
        await refused(table.primary_instance.query_index(filter=filter), "indexed fields")
    for filter in ('{"a": {"_gt": 1, "_gte": 1}}', '{"a": {"_eq": 1, "_gt": 0}}', '{"a": {"_lt": 1, "_lte": 1}}', '{"b": {"_prefix": "x", "_gt": "a"}}', '{"a": {"_gt": 1, "_lt": 2, "_eq": 1}}',
                   '{"a": {}}', '{"a": {"_like": 1}}', '{"a": {"_gt": {"_gt": 1}}}', "a > 1 and a > 2", "a = 1 and a = 2", "a is null"):
        await refused(table.primary_instance.query_index(filter=filter), "error parsing query")
    for filter in ("{", "[1]", '"a"', "a", "a =", "a = 1 or a = 2", "not a = 1", "a between 1 and 2", "a = b", "= 1"):
        await refused(table.primary_instance.query_index(filter=filter), "couldn't parse")
    for partitions in (0, 1, 32):
        reply = await client.connection.stub.QueryIndex(gateway_pb2.QueryIndexRequest(
            instance_id=table.primary_instance.instance_id.bytes, partitions=partitions), metadata=client.connection.request_metadata)
        assert len(reply.replay_cursors) == len(reply.change_cursors) == 1
    for partitions in (-1, 33):
        await refused(client.connection.stub.QueryIndex(gateway_pb2.QueryIndexRequest(
            instance_id=table.primary_instance.instance_id.bytes, partitions=partitions), metadata=client.connection.request_metadata))


async def test_the_index_while_it_changes(client, project):
    """No key twice in one replay, and none skipped that was there throughout, however many come and change meanwhile."""
    table = await table_of(client, project, "type T @schema { k: Int! @key, v: Int! }")
    steady = list(range(0, 3000, 3))
    for at in range(0, len(steady), 500):
        await client.connection.write([part(table, *[long(k) + long(0) for k in steady[at:at + 500]])])
    stop = asyncio.Event()

    async def disturb():
        turn = 0
        while not stop.is_set():
            turn += 1
            await client.connection.write([part(table, *[long((turn * 7 + i * 31) % 3100) + long(turn) for i in range(40)])])

    task = asyncio.ensure_future(disturb())
    try:
        for limit in (7, 50, 333):
            cursor, seen = await table.primary_instance.query_index(), []
            while (page := await cursor.read_next(limit=limit)) is not None:
                seen += [r["k"] for r in page]
            assert len(seen) == len(set(seen)) and seen == sorted(seen) and set(steady) <= set(seen)
    finally:
        stop.set()
        await task


async def test_retention_of_the_warehouse(client, project):
    """Rows whose own time is past are not in any query that begins later, nor in the bytes that it scans; others are."""
    table = await table_of(client, project, "type T @schema { k: Int! @key }", warehouse_retention=datetime.timedelta(seconds=60))
    path = f"`{project}/{table._identifier.table}`"
    now = int(time.time() * 1000)
    await client.connection.write([part(table, long(1), at=now), part(await table_of(client, project, "type T @schema { k: Int! @key }"), long(1))])
    await client.connection.write([part(table, long(2), at=now - 56_000)])
    await client.connection.write([part(table, long(3), at=now - 61_000)])  # expired when it comes
    await client.connection.write([part(table, long(4), at=now + 60_000)])

    async def rows():
        job = await client.query_warehouse(f"SELECT k FROM {path} ORDER BY k")
        found = [r["k"] for r in await (await job.get_cursor()).read_all()]
        assert job.bytes_scanned == 8 * len(found)
        return found

    assert await rows() == [1, 2, 4]
    await asyncio.sleep(max(0, now / 1000 + 4.1 - time.time()))
    assert await rows() == [1, 4]
    # Log and index keep what is theirs.
    assert [r["k"] for r in await (await table.primary_instance.query_log()).read_all()] == [1, 2, 3, 4]
    assert [r["k"] for r in await (await table.primary_instance.query_index()).read_all()] == [1, 2, 3, 4]


async def test_use_of_each_kind(client, project):
    """Reads by call, writes by instance, at least 1 024 bytes each; scans at least 1 MiB; by who calls and who pays."""
    admin = client.admin
    tables = [await table_of(client, project, "type T @schema { k: Int! @key, v: Bytes }") for _ in range(2)]
    user = (await admin.organizations.find_me())["personalUserID"]

    async def used():
        me = await admin.organizations.find_me()
        text = (f'{{ getUserUsage(userID: "{user}", period: "M", from: "{datetime.datetime.now(UTC):%Y-%m-01T00:00:00Z}") '
                "{ readOps readBytes readRecords writeOps writeBytes writeRecords scanOps scanBytes } }")
        buckets = (await client.connection.query_control(variables={}, query=text))["getUserUsage"]
        total = {k: sum(b[k] for b in buckets) for k in ("readOps", "readBytes", "readRecords", "writeOps", "writeBytes", "writeRecords", "scanOps", "scanBytes")}
        return total, (me["readUsage"], me["writeUsage"])

    async def difference(awaitable):
        (a, x) = await used()
        await awaitable
        (b, y) = await used()
        return {k: b[k] - a[k] for k in a if b[k] != a[k]}, (y[0] - x[0], y[1] - x[1])

    wide = b"\2" + text(b"x" * 3000)
    size = len(long(1) + wide)
    found = await difference(client.connection.write([part(tables[0], long(1) + wide, long(2) + b"\0"), part(tables[1], long(1) + b"\0")]))
    assert found == (dict(writeOps=2, writeBytes=size + 2 + 1024, writeRecords=3), (0, size + 2 + 1024))
    log = (await client.connection.query_log(tables[0].primary_instance.instance_id, peek=False)).replay_cursors[0]
    assert await difference(client.connection.read(log, 1)) == (dict(readOps=1, readBytes=size, readRecords=1), (size, 0))
    other = (await client.connection.query_index(tables[1].primary_instance.instance_id, "")).replay_cursors[0]
    assert await difference(client.connection.read(other, 10)) == (dict(readOps=1, readBytes=1024, readRecords=1), (1024, 0))
    sql = f"SELECT COUNT(v) AS n FROM `{project}/{tables[0]._identifier.table}`"
    assert await difference(client.query_warehouse(sql)) == (dict(scanOps=1, scanBytes=1 << 20), (0, 0))
    assert await difference(client.query_warehouse(sql, analyze=True)) == ({}, (0, 0))
    # What is refused is not counted.
    with pytest.raises(AioRpcError):
        await difference(client.connection.write([part(tables[0], b"\xff")]))
    assert await difference(asyncio.sleep(0)) == ({}, (0, 0))


@pytest.mark.parametrize("of", ["service", "organization", "user"])
async def test_quotas(server, of):
    """Of a service, of whom is billed, of a user that another organization is billed for: what crosses is the last, per kind."""
    root, ada = beneath.Client(secret=SECRETS["root"]), beneath.Client(secret=SECRETS["ada"])
    organization = await root.admin.organizations.create(f"quota_{of}_{next(counter)}")
    user = (await ada.admin.organizations.find_me())["personalUserID"]
    await root.admin.organizations.invite_user(organization["organizationID"], user, True, True, False)
    await ada.admin.organizations.accept_invite(organization["organizationID"])
    try:
        await ada.admin.projects.create(organization["organizationID"], "p")
        path = f"{organization['name']}/p"
        table = await table_of(ada, path, "type T @schema { k: Int! @key }")
        words = dict(organization_name=organization["name"], project_name="p", service_name="s")
        service = await ada.admin.services.create(**words)
        await ada.admin.services.update_permissions_for_table(service["serviceID"], str(table.table_id), True, True)
        client = ada if of == "user" else beneath.Client(secret=(await ada.admin.services.issue_secret(service["serviceID"], "x"))["token"])
        await client.connection.ensure_connected()

        async def limit(read, write, scan):
            if of == "service":
                await ada.admin.services.update(**words, read_quota_bytes=read, write_quota_bytes=write, scan_quota_bytes=scan)
            elif of == "organization":
                await root.admin.organizations.update_quota(organization["organizationID"], read, write, scan)
            else:
                await root.admin.organizations.update_user_quota(user, read, write, scan)

        if of == "user":  # the user was used before, in other tests
            await limit(None, None, None)
        write = lambda: client.connection.write([part(table, long(1))])  # noqa: E731
        await write()
        cursor = (await client.connection.query_log(table.primary_instance.instance_id, peek=False)).replay_cursors[0]
        read = lambda: client.connection.read(cursor, 10)  # noqa: E731
        scan = lambda: client.query_warehouse(f"SELECT k FROM `{path}/{table._identifier.table}`")  # noqa: E731
        await read()
        await scan()
        if of == "user":
            await limit(1, 1, 1)
            for call in (write, read, scan):
                await refused(call(), "quota", "RESOURCE_EXHAUSTED")
        else:
            # 1 024 bytes are used: a quota of one more lets one more call pass.
            await limit(1025, 1025, (1 << 20) + 16)
            for call in (write, read, scan):
                await call()
                await refused(call(), "quota", "RESOURCE_EXHAUSTED")
            # A scan is refused for what it would scan.
            await limit(10**9, 10**9, (2 << 20) + 7)
            await write()
            await refused(scan(), "quota", "RESOURCE_EXHAUSTED")
        # The analysis of a query uses nothing.
        assert (await client.query_warehouse(f"SELECT k FROM `{path}/{table._identifier.table}`", analyze=True)).bytes_scanned >= 8
        # In force for the next call.
        await limit(*((0, 0, 0) if of == "service" else (None, None, None)))
        for call in (write, read, scan):
            await call()
    finally:
        await ada.admin.organizations.leave(user)


async def test_pings_and_anonymous_callers(server):
    for secret, authenticated in ((None, False), (SECRETS["ada"], True)):
        connection = Connection(secret=secret)
        await connection.ensure_connected(check_authenticated=False)
        pong = await connection.stub.Ping(gateway_pb2.PingRequest(client_id="beneath-python", client_version="1.4.2"), metadata=connection.request_metadata)
        assert pong.authenticated == authenticated and pong.version_status == "stable"
        for id_ in ("beneath-js", "beneath-java"):
            assert (await connection.stub.Ping(gateway_pb2.PingRequest(client_id=id_, client_version="99.0.0"))).version_status == "stable"
    with pytest.raises(beneath.AuthenticationError):
        await Connection().ensure_connected()
    path = await new_project(SECRETS["ada"], f"open_{next(counter)}", public=True)
    client = beneath.Client(secret=SECRETS["ada"])
    table = await table_of(client, path, "type T @schema { k: Int! @key }")
    await client.connection.write([part(table, long(1))])
    anonymous = Connection()
    await anonymous.ensure_connected(check_authenticated=False)
    reply = await anonymous.stub.QueryLog(gateway_pb2.QueryLogRequest(instance_id=table.primary_instance.instance_id.bytes))
    assert len((await anonymous.stub.Read(gateway_pb2.ReadRequest(cursor=reply.replay_cursors[0]))).records) == 1
    await refused(anonymous.stub.Write(gateway_pb2.WriteRequest(instance_records=[part(table, long(2))])), "not allowed", "PERMISSION_DENIED")
    await client.admin.projects.update((await client.admin.projects.find_by_organization_and_name(*path.split("/")))["projectID"], public=False)
    await refused(anonymous.stub.Read(gateway_pb2.ReadRequest(cursor=reply.replay_cursors[0])), "not allowed", "PERMISSION_DENIED")
