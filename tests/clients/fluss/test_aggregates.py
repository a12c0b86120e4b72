"""Tables that aggregate: each function of a column, by what keys hold after some writes.

The Python clients cannot say which function a column has; other clients can. So such a table is made by a request
that is written here byte by byte, and then used through the client. The answers are those of the original, 0.9.1.
"""

import datetime
import decimal
import json
import socket
import struct

import fluss
import pytest

from bridge import IS_NEW, read_changes

CREATE_TABLE = 1005
HEADER = struct.Struct(">ihhi")

INT, TEXT, BOOL = {"type": "INTEGER"}, {"type": "STRING"}, {"type": "BOOLEAN"}
TINY = {"type": "TINYINT"}
MONEY = {"type": "DECIMAL", "precision": 6, "scale": 2}
TIME = {"type": "TIMESTAMP_WITHOUT_TIME_ZONE", "precision": 6}


def varint(number):
    text = b""
    while number > 127:
        text += bytes([number & 127 | 128])
        number >>= 7
    return text + bytes([number])


def member(number, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def request_of_table(path, description):
    name = member(1, path.database_name) + member(2, path.table_name)
    return member(1, name) + member(2, json.dumps(description)) + varint(3 << 3) + varint(0)


def make(server, path, kind, function, engine="aggregation", column="v"):
    """Make a table k, v, note; the code of the refusal, or 0."""
    columns = [{"name": "k", "data_type": INT}, {"name": "v", "data_type": kind}, {"name": "note", "data_type": TEXT}]
    for one in columns:
        if one["name"] == column:
            one["agg_function"] = function
    body = request_of_table(path, {
        "version": 1, "schema": {"version": 1, "columns": columns, "primary_key": ["k"]}, "partition_key": [],
        "bucket_key": ["k"], "bucket_count": 1, "properties": {"table.merge-engine": engine} if engine else {},
        "custom_properties": {}})
    host, port = server.fluss.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(HEADER.pack(8 + len(body), CREATE_TABLE, 0, 7) + body)
        answer = connection.makefile("rb")
        (length,) = struct.unpack(">i", answer.read(4))
        body = answer.read(length)
    if body[0] == 0:
        return 0
    assert body[0] == 1 and body[5] == 8  # an error, whose first member is its code
    return body[6]


def money(*numbers):
    return [None if number is None else decimal.Decimal(number) for number in numbers]


def day(*days):
    return [None if number is None else datetime.datetime(2024, 1, number, 0, 0, 0, 5) for number in days]


# Function, its parameters, type, what is written to one key, what the key holds after each write.
CASES = [
    ("sum", None, INT, [1, 5, None, 3, -2], [1, 6, 6, 9, 7]),
    ("SUM", None, INT, [1, 5], [1, 6]),
    ("sum", None, MONEY, money("1.25", None, "-2.50"), money("1.25", "1.25", "-1.25")),
    ("product", None, TINY, [100, 100, None, 3], [100, 16, 16, 48]),
    ("max", None, TEXT, ["b", "a", None, "", "z"], ["b", "b", "b", "b", "z"]),
    ("max", None, TIME, day(2, 1, None, 3), day(2, 2, 2, 3)),
    ("min", None, INT, [1, 5, None, -2], [1, 1, 1, -2]),
    ("last_value", None, TEXT, ["b", "a", None, "z"], ["b", "a", None, "z"]),
    ("last-value", None, INT, [1, None, 3], [1, None, 3]),
    ("last_value_ignore_nulls", None, INT, [1, None, 3], [1, 1, 3]),
    ("first_value", None, INT, [1, 5, None], [1, 1, 1]),
    ("first_value_ignore_nulls", None, INT, [None, 5, 6], [None, 5, 5]),
    ("listagg", None, TEXT, ["b", "a", None, "", "z"], ["b", "b,a", "b,a", "b,a,", "b,a,,z"]),
    ("listagg", {"delimiter": "; "}, TEXT, ["b", "a"], ["b", "b; a"]),
    ("string_agg", {"delimiter": "|"}, TEXT, ["b", None, "a"], ["b", "b", "b|a"]),
    ("bool_and", None, BOOL, [True, False, None, True], [True, False, False, False]),
    ("bool_or", None, BOOL, [False, True, None, False], [False, True, True, True]),
]


def described(name, parameters=None):
    return {"type": name, **({"parameters": parameters} if parameters else {})}


@pytest.mark.parametrize("name, parameters, kind, written, held", CASES, ids=lambda value: str(value)[:24])
async def test_each_function(server, connection, path, database, name, parameters, kind, written, held):
    assert make(server, path, kind, described(name, parameters)) == 0
    table = await connection.get_table(path)
    writer = table.new_upsert().create_writer()
    lookuper = table.new_lookup().create_lookuper()
    for value, expected in zip(written, held):
        await writer.upsert({"k": 1, "v": value, "note": "whole"}).wait()
        assert await lookuper.lookup({"k": 1}) == {"k": 1, "v": expected, "note": "whole"}
    # The same in one batch, and then in writes of some columns.
    for value in written:
        writer.upsert({"k": 2, "v": value, "note": "batch"})
    await writer.flush()
    assert await lookuper.lookup({"k": 2}) == {"k": 2, "v": held[-1], "note": "batch"}
    some = table.new_upsert().partial_update_by_name(["k", "v"]).create_writer()
    for value in written:
        await some.upsert({"k": 3, "v": value}).wait()
    assert await lookuper.lookup({"k": 3}) == {"k": 3, "v": held[-1], "note": None}
    if not IS_NEW:
        return  # the older client reads no changelog
    changes = await read_changes(table, 3 * (2 * len(written) - 1))
    changes = [(change, row) for change, row in changes if row["k"] == 1]
    assert [change for change, _ in changes] == ["+I"] + ["-U", "+U"] * (len(written) - 1)
    assert [row["v"] for change, row in changes if change != "-U"] == held


@pytest.mark.parametrize("kind, function, code", [
    (TEXT, {"type": "sum"}, 39), (INT, {"type": "bool_or"}, 39), (INT, {"type": "listagg"}, 39),
    (INT, {"type": "sum", "parameters": {"delimiter": "|"}}, 39),
    (TEXT, {"type": "listagg", "parameters": {"delimiter": ""}}, 39),
    (TEXT, {"type": "listagg", "parameters": {"other": "x"}}, 39),
    (INT, {"type": "median"}, 39), (INT, {}, 15), (INT, "sum", 15),
])
async def test_functions_that_no_column_has(server, admin, path, kind, function, code):
    assert make(server, path, kind, function) == code
    assert not await admin.table_exists(path)


async def test_a_key_has_no_function(server, path):
    assert make(server, path, INT, {"type": "sum"}, column="k") == 15


async def test_without_the_engine_functions_are_only_kept(server, connection, path):
    assert make(server, path, INT, {"type": "sum"}, engine=None) == 0
    table = await connection.get_table(path)
    writer = table.new_upsert().create_writer()
    for value in (1, 5):
        await writer.upsert({"k": 1, "v": value, "note": None}).wait()
    assert (await table.new_lookup().create_lookuper().lookup({"k": 1}))["v"] == 5


async def test_a_restart_keeps_the_functions(private_server):
    path = fluss.TablePath("fluss", "sums")
    assert make(private_server, path, INT, {"type": "sum"}) == 0
    for turn, end in enumerate((private_server.stop, private_server.kill)):
        connection = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": private_server.fluss}))
        table = await connection.get_table(path)
        await table.new_upsert().create_writer().upsert({"k": 1, "v": 10, "note": None}).wait()
        assert (await table.new_lookup().create_lookuper().lookup({"k": 1}))["v"] == 10 * (turn + 1)
        end()
        private_server.start()
