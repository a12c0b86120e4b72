"""The index: filters in both forms, the winner of a key, cursors, changes that match a filter."""

import base64
import datetime
import json
import random
import uuid

import beneath
import pytest
from grpc.aio import AioRpcError

UTC = datetime.timezone.utc


async def write(client, table, records):
    await client.start()
    await client.write(table.primary_instance, records)
    await client.stop()


async def index(table, filter=""):
    cursor = await table.primary_instance.query_index(filter=filter)
    return await cursor.read_all() or []


async def refused(awaitable, text):
    with pytest.raises(AioRpcError) as error:
        await awaitable
    assert error.value.code().name == "INVALID_ARGUMENT"
    assert text in error.value.details()


PAIRS = """
  type Pair @schema(name: "pairs") @key(fields: ["a", "b"]) { a: String! b: Int! c: Float }
"""


@pytest.fixture
def rows():
    return [{"a": a, "b": b, "c": float(b)} for a in ("aa", "ab", "b") for b in (-5, 0, 7)]


@pytest.mark.parametrize("filter, wanted", [
    ("", 9), ("{}", 9),
    ('{"a": "aa"}', 3), ('{"a": {"_eq": "ab"}}', 3), ('{"a": "nobody"}', 0),
    ('{"a": {"_prefix": "a"}}', 6), ('{"a": {"_prefix": ""}}', 9), ('{"a": {"_gt": "aa"}}', 6),
    ('{"a": {"_gte": "aa", "_lt": "b"}}', 6), ('{"a": {">": "aa", "<=": "ab"}}', 3),
    ('{"a": "aa", "b": {"_gt": -5}}', 2), ('{"a": "aa", "b": {"lte": "0"}}', 2),
    ('{"a": "aa", "b": "0x7"}', 1), ('{"a": "b", "b": 7}', 1), ('{"a": {"_gt": "b", "_lt": "a"}}', 0),
    ("a = 'aa'", 3), ("a == \"aa\" and b >= 0", 2), ("(a is 'ab'), (b < 0)", 1),
    ("a starts with 'a'", 6), ("a > 'aa' && a < 'b'", 3), ("a = 'aa' & b = 7", 1),
    ("A = 'aa'", None), ('{"b": 1}', None), ('{"a": {"_gt": "a"}, "b": 1}', None),
    ('{"c": 1}', None), ('{"a": "aa", "c": 1}', None), ('{"a": {}}', None), ('{"a": null}', None),
    ('{"a": 1}', None), ('{"a": "aa", "b": 1.5}', None), ('{"a": "aa", "b": 9223372036854775808}', None),
    ('{"a": "aa", "b": {"_prefix": "1"}}', None), ('{"a": {"_eq": "a", "_gt": "b"}}', None),
    ('{"a": {"_like": "a"}}', None), ('{"a": {"_gt": "a", "_lt": "b", "_lte": "c"}}', None),
    ("[1]", None), ("{", None), ("a =", None), ("a ~ 'x'", None), ("a = 'x' or b = 1", None),
])
async def test_filters(client, project, rows, filter, wanted):
    table = await client.create_table(f"{project}/pairs", schema=PAIRS, update_if_exists=True)
    await write(client, table, rows)
    if wanted is None:
        await refused(table.primary_instance.query_index(filter=filter), "")
        return
    found = await index(table, filter)
    assert len(found) == wanted
    assert [(r["a"], r["b"]) for r in found] == sorted((r["a"], r["b"]) for r in found)


async def test_what_the_refusals_say(client, project):
    table = await client.create_table(f"{project}/pairs", schema=PAIRS)
    await refused(table.primary_instance.query_index(filter="a ~ 1"), "couldn't parse")
    await refused(table.primary_instance.query_index(filter='{"b": 1}'), "error parsing query")
    await refused(table.primary_instance.query_index(filter='{"b": 1}'), "indexed fields")


async def test_the_greatest_timestamp_wins(client, project):
    table = await client.create_table(
        f"{project}/t", schema="type T @schema { k: String! @key v: Int! }")
    at = lambda ms: {"timestamp": datetime.datetime.fromtimestamp(ms / 1000, UTC)}  # noqa: E731
    await write(client, table, [{"k": "x", "v": 1, "@meta": at(2000)}, {"k": "x", "v": 2, "@meta": at(1000)},
                                {"k": "y", "v": 3, "@meta": at(1000)}, {"k": "y", "v": 4, "@meta": at(1000)}])
    assert [(r["k"], r["v"]) for r in await index(table)] == [("x", 1), ("y", 4)]
    log = await (await table.primary_instance.query_log()).read_all()
    assert [r["v"] for r in log] == [1, 2, 3, 4]
    assert log[1]["@meta.timestamp"] == datetime.datetime.fromtimestamp(1, UTC)


KEYS = {
    "Bytes": (b"\x00\x01", b"\x00", b"\xff", b""),
    "Bytes3": (b"abc", b"abd", b"\x00\xff\x01"),
    "Int": (-2**63, -1, 0, 2**63 - 1),
    "Int32": (-2**31, -1, 0, 2**31 - 1),
    "Timestamp": tuple(datetime.datetime(y, 1, 2, tzinfo=UTC) for y in (1955, 1970, 2021)),
    "UUID": tuple(uuid.UUID(int=i << 96 | 5) for i in (1, 0x80000000, 0xffffffff)),
    "String": ("", "a", "ab", "b", "é", "\x00", "\U0001f600"),
}


def text_of(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, uuid.UUID) else value


@pytest.mark.parametrize("type", KEYS)
async def test_keys_sort_and_are_found(client, project, type):
    table = await client.create_table(
        f"{project}/t", schema=f"type T @schema {{ k: {type}! @key, v: Int! }}")
    values = KEYS[type]
    await write(client, table, [{"k": k, "v": i} for i, k in enumerate(values)])
    order = sorted(values, key=lambda k: k.encode() if isinstance(k, str) else k)
    assert [r["k"] for r in await index(table)] == order
    for i, key in enumerate(values):
        found = await index(table, json.dumps({"k": text_of(key)}))
        assert [r["v"] for r in found] == [i]
        found = await index(table, json.dumps({"k": {"_gt": text_of(key)}}))
        assert [r["k"] for r in found] == order[order.index(key) + 1:]
        found = await index(table, json.dumps({"k": {"_lte": text_of(key)}}))
        assert [r["k"] for r in found] == order[:order.index(key) + 1]


async def test_pages_and_changes_of_a_filter(client, project):
    table = await client.create_table(f"{project}/pairs", schema=PAIRS)
    await write(client, table, [{"a": "a", "b": b, "c": None} for b in range(25)])
    cursor = await table.primary_instance.query_index(filter='{"a": "a"}')
    seen = []
    while (page := await cursor.read_next(limit=10)) is not None:
        page = list(page)
        seen.append([r["b"] for r in page])
    assert [b for page in seen for b in page] == list(range(25)) and [len(p) for p in seen[:2]] == [10, 10]
    again = beneath.Client(secret=client.connection.secret)
    await write(again, await again.find_table(f"{project}/pairs"),
                [{"a": a, "b": 100, "c": 1.0} for a in ("a", "b")])
    changes = list(await cursor.read_next_changes())
    assert [(r["a"], r["b"]) for r in changes] == [("a", 100)]
    assert list(await cursor.read_next_changes()) == []


async def pages(cursor, limit=1):
    """The keys of a replay; its cursors are as short as they must be, and go on as another object's."""
    seen = []
    while (page := await cursor.read_next(limit=limit)) is not None:
        seen += [r["k"] for r in page]
        assert len(cursor.replay_cursor) <= 1024
    return seen


async def test_long_keys_have_short_cursors(client, project):
    table = await client.create_table(f"{project}/t", schema="type T @schema { k: String! @key }")
    keys = [f"{c}" * 1000 for c in "abc"]
    await write(client, table, [{"k": k} for k in keys])
    assert await pages(await table.primary_instance.query_index(filter='{"k": {"_prefix": ""}}')) == keys


async def test_long_keys_that_cannot_be_packed(client, project):
    """Noise of any length: pages of one, a key and what begins with it, changes; all without keeping anything for readers."""
    table = await client.create_table(f"{project}/t", schema="type T @schema { k: Bytes! @key, n: Int }")
    rng = random.Random(4)
    noise = lambda n: bytes(rng.randrange(2, 254) for _ in range(n))  # noqa: E731
    beginning = noise(950)
    keys = sorted([noise(1018) for _ in range(5)] + [beginning + noise(n) for n in (1, 30, 60, 68)] + [beginning, noise(400)])
    await write(client, table, [{"k": k, "n": None} for k in keys])
    instance = table.primary_instance
    for limit in (1, 3, 1000):
        assert await pages(await instance.query_index(), limit) == keys
    alike = [k for k in keys if k.startswith(beginning)]
    for key in keys:
        cursor = await instance.query_index(filter=json.dumps({"k": text_of(key)}))
        assert len(cursor.replay_cursor) <= 1024 and len(cursor.changes_cursor) <= 1024
        assert await pages(cursor) == [key]
        cursor = await instance.query_index(filter=json.dumps({"k": {"_prefix": text_of(key[:980])}}))
        assert await pages(cursor) == [k for k in keys if k.startswith(key[:980])]
    cursor = await instance.query_index(filter=json.dumps({"k": {"_prefix": text_of(beginning + alike[-1][950:990])}}))
    again = beneath.Client(secret=client.connection.secret)
    await write(again, await again.find_table(f"{project}/t"), [{"k": k, "n": 1} for k in keys])
    assert [r["k"] for r in await cursor.read_next_changes()] == [k for k in keys if k.startswith(alike[-1][:990])]
    middle = keys[len(keys) // 2]
    cursor = await instance.query_index(filter=json.dumps({"k": {"_gte": text_of(middle[:400])}}))
    assert await pages(cursor) == [k for k in keys if k >= middle[:400]]
    # Bounds of which a cursor cannot hold all are refused; nothing else is.
    await refused(instance.query_index(filter=json.dumps({"k": {"_lt": text_of(noise(1000))}})), "too long")
    assert await pages(await instance.query_index(filter=json.dumps({"k": {"_lt": text_of(b"z" * 1000)}}))) == [
        k for k in keys if k < b"z" * 1000]
