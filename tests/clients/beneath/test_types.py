"""Every type of the schema language, there and back; the schema language's own refusals."""

import datetime
import decimal
import json
import math
import uuid

import pytest
from beneath.connection import GraphQLError
from beneath.proto import gateway_pb2
from grpc.aio import AioRpcError

from avro_bytes import long

UTC = datetime.timezone.utc
SCHEMA = """
  # a comment
  enum Color { RED GREEN }
  type Inner { x: Int32!  y: [Float32!] }
  "Everything"
  type All @schema {
    key: String! @key
    s: String, b: Bytes, f: Bytes4, t: Boolean, i: Int, j: Int64, k: Int32, x: Float, y: Float64, z: Float32
    n: Numeric
    at: Timestamp
    u: UUID
    c: Color
    inner: Inner
    inners: [Inner!]!
    names: [String!]
    again: Bytes4!
  }
"""
EMPTY = dict.fromkeys("s b f t i j k x y z n at u c inner names".split(), None)
FULL = [
    {**EMPTY, "key": "nothing", "inners": [], "again": b"\0\0\0\0"},
    {"key": "all", "s": "héllo", "b": b"\x00\xff", "f": b"abcd", "t": True, "i": -2**63, "j": 2**63 - 1, "k": -2**31,
     "x": 1.5, "y": -math.inf, "z": 0.25, "n": decimal.Decimal(-10**127), "at": datetime.datetime(1969, 12, 31, 23, 59,
     59, 999000, tzinfo=UTC), "u": uuid.UUID(int=2**127 + 1), "c": "GREEN", "inner": {"x": 2**31 - 1, "y": [0.5, -1.0]},
     "inners": [{"x": 0, "y": None}, {"x": 1, "y": []}], "names": ["a", ""], "again": b"\xff\xff\xff\xff"},
    {**EMPTY, "key": "small", "inners": [], "again": b"wxyz", "n": decimal.Decimal(0), "i": 0, "names": []},
]


async def test_every_type(client, project):
    await client.start()
    table = await client.create_table(f"{project}/all", schema=SCHEMA)
    await client.write(table.primary_instance, FULL)
    await client.stop()
    for cursor in (await table.primary_instance.query_log(), await table.primary_instance.query_index()):
        found = {r.pop("key"): r for r in await cursor.read_all()}
        for record in FULL:
            wanted = {k: v for k, v in record.items() if k != "key"}
            seen = {k: v for k, v in found[record["key"]].items() if k != "@meta.timestamp"}
            assert seen == wanted


async def test_numbers_that_are_none(client, project):
    await client.start()
    table = await client.create_table(f"{project}/t", schema="type T @schema { k: Int! @key, x: Float! }")
    await client.write(table.primary_instance, {"k": 1, "x": math.nan})
    await client.stop()
    [record] = await (await table.primary_instance.query_log()).read_all()
    assert math.isnan(record["x"])


@pytest.mark.parametrize("schema, text", [
    ("type T { k: Int! @key }", "@schema"),
    ("type T @schema { k: Int! }", "key"),
    ("type T @schema { k: Int @key }", "required"),
    ("type T @schema { k: Float! @key }", "key"),
    ("type T @schema { k: Long! @key }", "Long"),
    ("type T @schema { k: Int! @key k: Int }", "twice"),
    ("type T @schema { K: Int! @key }", "name a field"),
    ("type T @schema { k: Int! @key(x: 1) }", "no arguments"),
    ("type T @schema @foo { k: Int! @key }", "@foo"),
    ("type T @schema { k: Int! @key l: [Int] }", "required"),
    ("type T @schema { k: Int! @key l: [[Int!]!] }", "list of lists"),
    ("type T @schema { k: Int! @key t: T }", "itself"),
    ("type T @schema { k: Int! @key } type T { x: Int }", "twice"),
    ("type T @schema { k: Int! @key } type Int { x: Int }", "primitive"),
    ("type T @schema { k: Int! @key } enum E { }", "no symbols"),
    ("type T @schema { k: Int! @key } type U { }", "no fields"),
    ("type T @schema { k: Int! @key } type U @schema { k: Int! @key }", "only one"),
    ("type T @schema @key(fields: \"k\") { k: Int! @key }", "type and on fields"),
    ("type T @schema @key(fields: [\"k\", \"k\"]) { k: Int! }", "twice"),
    ("type T @schema @key(fields: \"q\") { k: Int! }", "not in the schema"),
    ("type T @schema @index(fields: \"k\") { k: Int! @key }", "secondary"),
    ("type T @schema { k: Bytes0! @key }", "Bytes0"),
    ("type T @schema { k: Int! @key 'doc", "no end"),
    ("", "@schema"),
])
async def test_refused_schemas(client, project, schema, text):
    with pytest.raises(GraphQLError) as error:
        await client.create_table(f"{project}/t", schema=schema)
    assert "Error creating table" in str(error.value) and text in str(error.value)


async def test_deep_and_broad_schemas_are_refused(client, project):
    chain = "".join(f"type T{i} {{ x: T{i + 1}! }}\n" for i in range(500)) + "type T500 { x: Int }"
    wide = "".join(f"type T{i} {{ a: T{i + 1}! b: T{i + 1}! c: T{i + 1}! d: T{i + 1}! }}\n" for i in range(10))
    for nested in (chain, wide + "type T10 { x: Int }"):
        with pytest.raises(GraphQLError, match="deep|at most"):
            await client.create_table(f"{project}/t", schema="type R @schema { k: Int! @key t: T0 }\n" + nested)


async def test_spellings_and_canonical_forms(client):
    compile_schema = client.admin.tables.compile_schema
    for root in ("@schema", "@stream", "@table", '@schema(name: "my-name")'):
        out = await compile_schema("GraphQL", f'type T {root} {{ "doc" k: Bytes2! @key l: [Bytes2!] }}')
        assert json.loads(out["canonicalAvroSchema"]) == {"type": "record", "name": "T", "fields": [
            {"name": "k", "type": {"type": "fixed", "name": "bytes2", "size": 2}},
            {"name": "l", "type": ["null", {"type": "array", "items": "bytes2"}]}]}
    again = await compile_schema("Avro", out["canonicalAvroSchema"])
    assert again == {"canonicalAvroSchema": out["canonicalAvroSchema"], "canonicalIndexes": "[]"}
    for bad in ('{"type":"map","values":"int"}', '{"type":"record","name":"T","fields":[{"name":"a","type":["int","null"]}]}',
                '{"type":"record","name":"T","fields":[{"name":"a","type":{"type":"fixed","name":"x","size":2}}]}',
                '["null","int"]', '"int"', "{", "[" * 5000):
        with pytest.raises(GraphQLError):
            await compile_schema("Avro", bad)


@pytest.mark.parametrize("type, good, bad", [
    ("Int32", [long(5), long(-2**31)], [long(2**31), b"", b"\x80" * 11, long(5) + b"x"]),
    ("String", [b"\x02a"], [b"\x02\xff", b"\x01", b"\x7f" + b"a", long(2**40)]),
    ("UUID", [b"\x48" + b"6ba7b810-9dad-11d1-80b4-00c04fd430c8", b"\x40" + b"6BA7B8109DAD11D180B400C04FD430C8",
              long(45) + b"urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8"], [b"\x02a"]),
    ("Timestamp", [long(9223372036853)], [long(9223372036855)]),
    ("Bytes3", [b"abc"], [b"ab", b"abcd"]),
])
async def test_records_are_checked(client, project, type, good, bad):
    table = await client.create_table(f"{project}/t", schema=f"type T @schema {{ k: {type}! @key }}")
    instance = table.primary_instance.instance_id.bytes

    async def write(data):
        await client.connection.write([gateway_pb2.InstanceRecords(
            instance_id=instance, records=[gateway_pb2.Record(avro_data=d) for d in data])])

    await write(good)
    for data in bad:
        with pytest.raises(AioRpcError) as error:
            await write(good + [data])
        assert error.value.code().name == "INVALID_ARGUMENT"
    assert len(await (await table.primary_instance.query_log()).read_all()) == len(good)
