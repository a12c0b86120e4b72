"""What Beneath writes, SQL reads; what the command line loads, Beneath reads: each type, both ways."""

import asyncio
import datetime
import decimal
import json
import os
import pathlib
import subprocess

import beneath
import pytest
from beneath.connection import GraphQLError
from grpc.aio import AioRpcError

from conftest import new_project, point_at
from server import BINARY, SECRETS, Server
from test_types import FULL, SCHEMA


@pytest.fixture
def both(tmp_path):
    running = Server(tmp_path / "data", "--flight", "127.0.0.1:0")
    point_at(running)
    yield running
    running.stop()


def firth(server, *words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}
    done = subprocess.run([BINARY, *words, "--server", server.endpoints["flight"], "--secret", SECRETS["root"], "--json"],
                          env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


async def test_sql_reads_what_beneath_wrote(both):
    path = await new_project(SECRETS["ada"], "p")
    client = beneath.Client(secret=SECRETS["ada"])
    await client.start()
    table = await client.create_table(f"{path}/everything", schema=SCHEMA)
    await client.write(table.primary_instance, FULL)
    await client.stop()
    rows = await asyncio.to_thread(
        firth, both, "sql", f'SELECT *, epoch_ms("at") AS at_ms, hex(b) AS b_hex, hex(f) AS f_hex, hex("again") AS again_hex, '
        '"inner".x AS inner_x, "inner".y AS inner_y, len(names) AS names_n, isinf(y) AND y < 0 AS y_low, inners[1].x AS first_x, '
        f'inners[2].y AS second_y FROM "{path}/everything" ORDER BY key')
    row = {r["key"]: r for r in rows}["all"]
    record = {r["key"]: r for r in FULL}["all"]
    assert (row["s"], row["t"], row["i"], row["k"], row["x"]) == ("héllo", True, -2**63, -2**31, 1.5)
    assert row["n"] == str(record["n"]) and row["u"] == str(record["u"]) and row["c"] == "GREEN"
    assert row["at_ms"] == -1 and row["b_hex"] == "00FF" and row["inner_x"] == 2**31 - 1 and row["names_n"] == 2
    assert (row["j"], row["z"], row["y_low"], row["f_hex"], row["again_hex"]) == (2**63 - 1, 0.25, True, "61626364", "FFFFFFFF")
    assert (row["inner_y"], row["names"], row["first_x"], row["second_y"]) == ([0.5, -1.0], ["a", ""], 0, [])
    nothing = {r["key"]: r for r in rows}["nothing"]
    assert all(nothing[name] is None for name in "s b f t i j k x y z n at u c inner names".split()) and nothing["inners"] == []


async def test_beneath_reads_what_was_loaded(both, tmp_path):
    lines = [{"id": 1, "text": "a", "price": 1.5, "yes": True, "tags": ["x"], "part": {"n": 1}},
             {"id": 2, "text": None, "price": None, "yes": None, "tags": None, "part": None}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    await asyncio.to_thread(firth, both, "load", "shop/things", str(file))
    client = beneath.Client(secret=SECRETS["root"])
    table = await client.find_table("_/shop/things")
    cursor = await table.primary_instance.query_log()
    found = await cursor.read_all()
    assert [{k: v for k, v in r.items() if k != "@meta.timestamp"} for r in found] == lines
    assert all(abs((r["@meta.timestamp"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 600
               for r in found)
    assert not table.use_index
    with pytest.raises(AioRpcError, match="useIndex"):
        await table.primary_instance.query_index()
    await asyncio.to_thread(firth, both, "load", "shop/things", str(file))
    assert [r["id"] for r in await cursor.read_next_changes()] == [1, 2]
    with pytest.raises(GraphQLError, match="ot allowed"):
        await beneath.Client(secret=SECRETS["ada"]).find_table("_/shop/things")


# Every type that a file brings: how it is made, how it shows here, and in the warehouse.
MAKE = r"""
import datetime, decimal, sys
import pyarrow as pa, pyarrow.parquet as pq
day, at = datetime.date(2021, 3, 4), datetime.datetime(2021, 3, 4, 5, 6, 7, 89123)
columns = {
    "i8": pa.array([-128, None], pa.int8()), "i16": pa.array([-2**15, None], pa.int16()), "i32": pa.array([-2**31, None], pa.int32()),
    "i64": pa.array([-2**63, None], pa.int64()), "u8": pa.array([255, None], pa.uint8()), "u16": pa.array([2**16 - 1, None], pa.uint16()),
    "u32": pa.array([2**32 - 1, None], pa.uint32()), "u64": pa.array([2**64 - 1, None], pa.uint64()), "f32": pa.array([0.25, None], pa.float32()),
    "f64": pa.array([-0.1, None], pa.float64()), "yes": pa.array([True, None]), "text": pa.array(["\u00e9", None]), "wide": pa.array(["w", None], pa.large_string()),
    "bytes": pa.array([b"\0\xff", None]), "fixed": pa.array([b"abc", None], pa.binary(3)), "day": pa.array([day, None], pa.date32()),
    "s": pa.array([at.replace(microsecond=0), None], pa.timestamp("s")), "ms": pa.array([at.replace(microsecond=89000), None], pa.timestamp("ms", "UTC")), "us": pa.array([at, None], pa.timestamp("us", "UTC")),
    "price": pa.array([decimal.Decimal("12.50"), None], pa.decimal128(10, 2)), "whole": pa.array([decimal.Decimal(10**30), None], pa.decimal128(38, 0)),
    "list": pa.array([[1, 2], None], pa.list_(pa.int64())), "part": pa.array([{"x": 1, "y": "z"}, None], pa.struct([("x", pa.int32()), ("y", pa.string())])),
    "clock": pa.array([datetime.time(1, 2, 3), None], pa.time64("us")), "map": pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int64())),
    "word": pa.array(["d", None]).dictionary_encode(),
}
pq.write_table(pa.table({"id": pa.array([1, 2]), **columns}), sys.argv[1])
"""
AT = datetime.datetime(2021, 3, 4, 5, 6, 7, tzinfo=datetime.timezone.utc)
SHOWN = {
    "i8": -128, "i16": -2**15, "i32": -2**31, "i64": -2**63, "u8": 255, "u16": 2**16 - 1, "u32": 2**32 - 1, "u64": decimal.Decimal(2**64 - 1), "f32": 0.25, "f64": -0.1,
    "yes": True, "text": "\u00e9", "wide": "w", "bytes": b"\0\xff", "fixed": b"abc", "whole": decimal.Decimal(10**30), "list": [1, 2], "part": {"x": 1, "y": "z"},
    "ms": AT + datetime.timedelta(milliseconds=89), "word": "d",
}


async def test_beneath_reads_each_type_that_was_loaded(both, tmp_path):
    file = tmp_path / "types.parquet"
    python = pathlib.Path(os.environ.get("FIRTH_DEPS", pathlib.Path(__file__).parents[3] / ".deps")) / "venv" / "native" / "bin" / "python"
    await asyncio.to_thread(subprocess.run, [python, "-c", MAKE, file], check=True)
    await asyncio.to_thread(firth, both, "load", "shop/types", str(file))
    client = beneath.Client(secret=SECRETS["root"])
    table = await client.find_table("_/shop/types")
    log = await (await table.primary_instance.query_log()).read_all()
    job = await client.query_warehouse("SELECT * FROM `_/shop/types` ORDER BY id")
    warehouse = await (await job.get_cursor()).read_all()
    for name in SHOWN:
        assert [r[name] for r in log] == [SHOWN[name], None], name
        empty = [] if isinstance(SHOWN[name], list) else None  # a list of the warehouse is never null
        assert [r[name] for r in warehouse] == [SHOWN[name], empty], name
    # What has no counterpart is text, and says all of it.
    for name, begins in (("day", "2021-03-04"), ("us", "2021-03-04 05:06:07.089123"), ("price", "12.50"), ("clock", "01:02:03"), ("map", "")):
        for rows in (log, warehouse):
            assert isinstance(rows[0][name], str) and rows[0][name].startswith(begins) and rows[1][name] is None, (name, rows[0][name])
    assert all("a" in rows[0]["map"] and "1" in rows[0]["map"] for rows in (log, warehouse))
    assert log[0]["s"] == AT or log[0]["s"].startswith("2021-03-04 05:06:07")
