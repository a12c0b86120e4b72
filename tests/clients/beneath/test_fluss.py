"""One table, two clients: what Beneath's writes pyfluss reads, and the other way round, for each type: plain, required,
in a list and in a record; the extremes of each, and null.
"""

import asyncio
import datetime
import decimal
import math
import os
import pathlib
import pickle
import subprocess
import uuid

import beneath
import pytest

from conftest import new_project, numbers, point_at
from server import SECRETS, Server

DEPS = pathlib.Path(os.environ.get("FIRTH_DEPS", pathlib.Path(__file__).parents[3] / ".deps"))
UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)


def ms(count):
    return EPOCH + datetime.timedelta(milliseconds=count)


# A type of the schema language, values of it as Beneath's client knows them; what they are elsewhere.
TYPES = {
    "String": (["", "größe \U0001f600", "a\0b", "x" * 500], None),
    "Bytes": ([b"", b"\x00\xff", bytes(range(256))], None),
    "Bytes4": ([b"\0\0\0\0", b"\xff\xff\xff\xff", b"abcd"], None),
    "Boolean": ([True, False], None),
    "Int": ([-2**63, 2**63 - 1, 0, -1], None),
    "Int64": ([-2**63, 2**63 - 1, 0, -1], None),
    "Int32": ([-2**31, 2**31 - 1, 0, -1], None),
    "Float": ([0.0, 5e-324, 1.7976931348623157e308, -math.inf, math.inf, 0.1], None),
    "Float64": ([0.0, 5e-324, 1.7976931348623157e308, -math.inf, math.inf, 0.1], None),
    "Float32": ([0.0, 2.0**-149, (2 - 2.0**-23) * 2.0**127, -math.inf, 0.25], None),
    "Numeric": ([decimal.Decimal(0), decimal.Decimal(10**127), decimal.Decimal(-(10**127)), decimal.Decimal(-1)], str),
    "Timestamp": ([ms(0), ms(-1), ms(1614834367123), ms(9223372036853), ms(-9223372036853)], None),
    "UUID": ([uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")], str),
    "Color": (["RED", "GREEN"], None),
}
KEY_TYPES = ["String", "Bytes", "Bytes4", "Int", "Int32", "Int64", "Timestamp", "UUID"]


def schema_of(type_):
    return f"""
      enum Color {{ RED GREEN }}
      type Inner {{ x: {type_}, y: {type_}!, z: [{type_}!] }}
      type T @schema {{ id: Int! @key  v: {type_}  r: {type_}!  l: [{type_}!]  m: Inner  n: [Inner!]  c: Color }}
    """


def rows_of(values):
    """Each value in each place; the last row has null wherever that may be."""
    rows = [{"id": i, "v": v, "r": v, "l": [v, values[0]], "m": {"x": v, "y": v, "z": [v]},
             "n": [{"x": None, "y": v, "z": None}, {"x": v, "y": values[0], "z": []}], "c": "GREEN"}
            for i, v in enumerate(values)]
    nulls = {"id": len(rows), "v": None, "r": values[0], "l": None, "m": None, "n": None, "c": None}
    empty = {"id": len(rows) + 1, "v": values[0], "r": values[0], "l": [], "m": {"x": None, "y": values[0], "z": None},
             "n": [], "c": "RED"}
    return rows + [nulls, empty]


def mapped(value, change):
    if isinstance(value, dict):
        return {name: v if name in ("id", "c") else mapped(v, change) for name, v in value.items()}
    if isinstance(value, list):
        return [mapped(v, change) for v in value]
    return value if value is None or change is None else change(value)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fluss")
    running = Server(folder / "data", "--fluss", "127.0.0.1:0", "--access-anonymous", "admin")
    with open(folder / "pyfluss.log", "wb") as log, subprocess.Popen(
            [DEPS / "venv" / "fluss10" / "bin" / "python", pathlib.Path(__file__).parent / "pyfluss_driver.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log) as running.pyfluss:
        yield running
        running.pyfluss.stdin.close()
        running.pyfluss.wait(timeout=60)
    running.stop()


@pytest.fixture
def place(both):
    """The path of a project, and pyfluss: a coroutine that calls a function of pyfluss_driver.py."""
    point_at(both)
    path = asyncio.run(new_project(SECRETS["ada"], f"f_{next(numbers)}"))

    def call(function, *words):
        pickle.dump((function, [both.endpoints["fluss"], *words]), both.pyfluss.stdin)
        both.pyfluss.stdin.flush()
        answer, error = pickle.load(both.pyfluss.stdout)
        assert error is None, error
        return answer

    async def pyfluss(function, *words):
        return await asyncio.to_thread(call, function, *words)

    return path, pyfluss


def plain(record):
    return {name: value for name, value in record.items() if not name.startswith("@meta")}


async def read(cursor):
    return await cursor.read_all(max_records=10_000) or []


async def select(client, sql):
    return await read(await (await client.query_warehouse(sql)).get_cursor())


@pytest.mark.parametrize("type_", TYPES)
async def test_each_type(place, type_):
    """Beneath's client writes and pyfluss reads; pyfluss writes into the same table, and Beneath's reads all three views."""
    project, pyfluss = place
    values, change = TYPES[type_]
    rows, path = rows_of(values), f"{project}/t"
    client = beneath.Client(secret=SECRETS["ada"])
    await client.start()
    table = await client.create_table(path, schema=schema_of(type_))
    written = ms(1_600_000_000_123)
    await client.write(table.primary_instance, [{**row, "@meta": {"timestamp": written}} for row in rows])
    await client.stop()

    shown = [{**mapped(row, change), "__timestamp": written} for row in rows]
    assert await pyfluss("changes", path, len(rows)) == [("+I", row) for row in shown]
    assert await pyfluss("lookup", path, [{"id": row["id"]} for row in rows] + [{"id": -1}]) == [*shown, None]

    later = [{**row, "id": 100 + row["id"], "__timestamp": ms(1_700_000_000_000 + i)} for i, row in enumerate(shown)]
    await pyfluss("write", path, later)
    instance = table.primary_instance
    expected = rows + [{**row, "id": 100 + row["id"]} for row in rows]
    for cursor in (await instance.query_log(), await instance.query_index()):
        found = await read(cursor)
        assert [plain(record) for record in found] == expected
        assert [record["@meta.timestamp"] for record in found] == [written] * len(rows) + [r["__timestamp"] for r in later]
    found = [plain(record) for record in await select(client, f"SELECT * FROM `{path}` ORDER BY id")]
    # In the warehouse there are no null lists, and UUIDs are text.
    warehouse = {"UUID": str}.get(type_)
    assert found == [no_null_lists(mapped(row, warehouse)) for row in expected]


def no_null_lists(row, lists=("l", "n", "z")):
    if isinstance(row, list):
        return [no_null_lists(item) for item in row]
    if not isinstance(row, dict):
        return row
    return {name: [] if value is None and name in lists else no_null_lists(value) for name, value in row.items()}


@pytest.mark.parametrize("type_", KEY_TYPES)
async def test_each_type_of_key(place, type_):
    """Both clients find each other's rows by keys of one column and of two."""
    project, pyfluss = place
    values, change = TYPES[type_]
    values = [v for v in values if v not in ("x" * 500,)]
    path = f"{project}/k"
    client = beneath.Client(secret=SECRETS["ada"])
    await client.start()
    table = await client.create_table(path, schema=f"type T @schema {{ a: {type_}! @key  b: Int32! @key  v: Int }}")
    rows = [{"a": v, "b": b, "v": i} for i, (v, b) in enumerate((v, b) for v in values for b in (-1, 1))]
    await client.write(table.primary_instance, rows)
    await client.stop()
    keys = [mapped({"a": row["a"]}, change) | {"b": row["b"]} for row in rows]
    assert [row["v"] for row in await pyfluss("lookup", path, keys)] == [row["v"] for row in rows]
    await pyfluss("write", path, [{**key, "v": -i, "__timestamp": None} for i, key in enumerate(keys)])
    found = {(record["a"], record["b"]): record["v"] for record in await read(await table.primary_instance.query_index())}
    assert found == {(row["a"], row["b"]): -i for i, row in enumerate(rows)}


async def test_rows_without_a_time(place):
    """A row that pyfluss writes without a time has that of its commit, for both clients and in each view."""
    project, pyfluss = place
    path = f"{project}/t"
    client = beneath.Client(secret=SECRETS["ada"])
    await client.start()
    table = await client.create_table(path, schema="type T @schema { k: Int! @key  v: String }")
    now = datetime.datetime.now(UTC)
    await client.write(table.primary_instance, {"k": 1, "v": "old", "@meta": {"timestamp": now - datetime.timedelta(hours=1)}})
    await client.force_flush()
    await pyfluss("write", path, [{"k": 1, "v": "no time", "__timestamp": None}, {"k": 2, "v": "no time", "__timestamp": None}])
    instance = table.primary_instance

    async def index():
        return {r["k"]: (r["v"], r["@meta.timestamp"]) for r in await read(await instance.query_index())}

    found = await index()
    assert [found[k][0] for k in (1, 2)] == ["no time"] * 2
    assert all(abs((found[k][1] - now).total_seconds()) < 60 for k in (1, 2))
    log = await read(await instance.query_log())
    assert [r["v"] for r in log] == ["old", "no time", "no time"] and log[1]["@meta.timestamp"] == found[1][1]
    times = await select(client, f"SELECT k, UNIX_MILLIS(__timestamp) AS t FROM `{path}` WHERE v = 'no time' ORDER BY k")
    assert [ms(row["t"]) for row in times] == [found[1][1], found[2][1]]
    await client.write(instance, {"k": 1, "v": "new"})
    await client.stop()
    assert (await index())[1][0] == "new"
    await pyfluss("delete", path, [{"k": 2}])
    assert sorted(await index()) == [1]
    assert [r["k"] for r in await read(await instance.query_log())] == [1, 1, 2, 1]


# Types of Fluss: values, and what Beneath's client sees.
DAY = datetime.date(2024, 2, 29)
STAMP = datetime.datetime(2024, 2, 29, 13, 14, 15, 123456)
FLUSS = {
    "bool": ("pa.bool_()", [True, False], None),
    "int8": ("pa.int8()", [-128, 127], None),
    "int16": ("pa.int16()", [-2**15, 2**15 - 1], None),
    "int32": ("pa.int32()", [-2**31, 2**31 - 1], None),
    "int64": ("pa.int64()", [-2**63, 2**63 - 1], None),
    "float32": ("pa.float32()", [1.5, -math.inf, 2.0**-149], None),
    "float64": ("pa.float64()", [math.pi, math.inf, 5e-324], None),
    "text": ("pa.string()", ["", "größe \U0001f600"], None),
    "bytes": ("pa.binary()", [b"", b"\x00\xff"], None),
    "fixed": ("pa.binary(3)", [b"abc", b"\0\0\0"], None),
    "date": ("pa.date32()", [DAY, datetime.date(1969, 12, 31)], str),
    "price": ("pa.decimal128(10, 2)", [decimal.Decimal("99999999.99"), decimal.Decimal("-0.01")], str),
    "whole": ("pa.decimal128(38, 0)", [decimal.Decimal(10**38 - 1), decimal.Decimal(1 - 10**38)], None),
    "stamp_ms": ("pa.timestamp('ms')", [STAMP.replace(microsecond=123000), datetime.datetime(1969, 12, 31)],
                 lambda v: v.replace(tzinfo=UTC)),
    "zoned_ms": ("pa.timestamp('ms', 'UTC')", [ms(-1), ms(1_700_000_000_001)], None),
    "list": ("pa.list_(pa.int64())", [[], [1, -2**63]], None),
    "row": ("pa.struct([('x', pa.int32()), ('y', pa.string())])", [{"x": 1, "y": None}, {"x": None, "y": "ä"}], None),
}


@pytest.mark.parametrize("type_", FLUSS)
async def test_each_type_of_fluss(place, type_):
    """pyfluss makes a keyed table and a log and fills them, and Beneath's client reads log, index and warehouse."""
    project, pyfluss = place
    arrow, values, change = FLUSS[type_]
    client = beneath.Client(secret=SECRETS["root"])
    rows = [{"id": i, "v": v} for i, v in enumerate([*values, None])]
    seen = [{"id": row["id"], "v": row["v"] if row["v"] is None or change is None else change(row["v"])} for row in rows]
    for key in (["id"], []):
        path = f"{project.split('/')[1]}_{len(key)}/t"
        await pyfluss("create", path, [("id", "pa.int64()"), ("v", arrow)], key)
        await pyfluss("write", path, rows)
        instance = (await client.find_table(f"_/{path}")).primary_instance
        assert [plain(r) for r in await read(await instance.query_log())] == seen
        if key:
            assert [plain(r) for r in await read(await instance.query_index())] == seen
        found = await select(client, f"SELECT * FROM `_/{path}` ORDER BY id")
        assert [plain(r) for r in found] == [no_null_lists(row, ["v"] if type_ == "list" else []) for row in seen]


async def test_a_list_with_null(place):
    """Only other clients can write one: log and index show it, and the warehouse says that it cannot."""
    project, pyfluss = place
    path = f"{project.split('/')[1]}_l/t"
    await pyfluss("create", path, [("id", "pa.int64()"), ("v", "pa.list_(pa.int64())")], ["id"])
    await pyfluss("write", path, [{"id": 1, "v": [1, None]}])
    client = beneath.Client(secret=SECRETS["root"])
    instance = (await client.find_table(f"_/{path}")).primary_instance
    for cursor in (await instance.query_log(), await instance.query_index()):
        assert [plain(r) for r in await read(cursor)] == [{"id": 1, "v": [1, None]}]
    with pytest.raises(Exception, match="warehouse query error"):
        await select(client, f"SELECT v FROM `_/{path}`")
    [found] = await select(client, f"SELECT v[OFFSET(0)] AS x, v[OFFSET(1)] AS y FROM `_/{path}`")
    assert (found["x"], found["y"]) == (1, None)
