"""Every type that the clients can declare: rows in, rows and Arrow out."""

import datetime
import decimal
import math

import pyarrow as pa
import pytest

import bridge
from bridge import IS_NEW, append, create, read_rows, settle

UTC = datetime.timezone.utc
DAY = datetime.date(2024, 2, 29)
STAMP = datetime.datetime(2024, 2, 29, 13, 14, 15, 123456)

# Column, type, values.
SCALARS = [
    ("bool", pa.bool_(), [True, False, None]),
    ("i8", pa.int8(), [-128, 127, None]),
    ("i16", pa.int16(), [-(2**15), 2**15 - 1, None]),
    ("i32", pa.int32(), [-(2**31), 2**31 - 1, None]),
    ("i64", pa.int64(), [-(2**63), 2**63 - 1, None]),
    ("f32", pa.float32(), [1.5, -0.0, None]),
    ("f64", pa.float64(), [math.pi, float("inf"), None]),
    ("text", pa.string(), ["", "größe \U0001f600", None]),
    ("bytes", pa.binary(), [b"", b"\x00\xff", None]),
    ("date", pa.date32(), [DAY, datetime.date(1969, 12, 31), None]),
    ("dec", pa.decimal128(10, 2), [decimal.Decimal("12345678.90"), decimal.Decimal("-0.01"), None]),
    ("big", pa.decimal128(38, 10), [decimal.Decimal("1234567890123456789012345678.0123456789"),
                                    decimal.Decimal("-1.0000000000"), None]),
    ("t_s", pa.time32("s"), [datetime.time(23, 59, 59), datetime.time(0), None]),
    ("t_ms", pa.time32("ms"), [datetime.time(1, 2, 3, 4000), datetime.time(0), None]),
    ("ts_s", pa.timestamp("s"), [STAMP.replace(microsecond=0), datetime.datetime(1970, 1, 1), None]),
    ("ts_ms", pa.timestamp("ms"), [STAMP.replace(microsecond=123000), datetime.datetime(1970, 1, 1), None]),
    ("ts_us", pa.timestamp("us"), [STAMP, datetime.datetime(1970, 1, 1), None]),
]


async def make(admin, path, connection, columns, **options):
    await create(admin, path, [(name, kind) for name, kind, _ in columns], **options)
    return await connection.get_table(path)


async def test_rows_of_all_plain_types(admin, path, connection):
    table = await make(admin, path, connection, SCALARS)
    rows = [{name: values[i] for name, _, values in SCALARS} for i in range(3)]
    await append(table, rows)
    for got, sent in zip(await read_rows(table, 3), rows):
        assert list(got) == list(sent)
        for name, value in sent.items():
            assert got[name] == value, name


async def test_arrow_of_all_plain_types(admin, path, connection):
    table = await make(admin, path, connection, SCALARS)
    sent = pa.table({name: pa.array(values, kind) for name, kind, values in SCALARS})
    writer = table.new_append().create_writer()
    writer.write_arrow(sent)
    await writer.flush()
    got = await settle((await bridge.batch_scanner(table)).to_arrow())
    assert got.schema.names == sent.schema.names
    for name in sent.schema.names:
        assert got.column(name).to_pylist() == sent.column(name).to_pylist(), name


async def test_each_column_alone(admin, path, connection):
    table = await make(admin, path, connection, SCALARS)
    sent = pa.table({name: pa.array(values, kind) for name, kind, values in SCALARS})
    writer = table.new_append().create_writer()
    writer.write_arrow(sent)
    await writer.flush()
    for name in sent.schema.names:
        got = await settle((await bridge.batch_scanner(table, columns=[name])).to_arrow())
        assert got.schema.names == [name]
        assert got.column(name).to_pylist() == sent.column(name).to_pylist(), name


async def test_local_timestamps(admin, path, connection):
    columns = [("ltz", pa.timestamp("us", tz="UTC"), [STAMP.replace(tzinfo=UTC), None])]
    table = await make(admin, path, connection, columns)
    await append(table, [[STAMP.replace(tzinfo=UTC)], [None]])
    rows = await read_rows(table, 2)
    assert rows[0]["ltz"].replace(tzinfo=UTC) == STAMP.replace(tzinfo=UTC)
    assert rows[1]["ltz"] is None


async def test_nested_types(admin, path, connection):
    if not IS_NEW:
        pytest.skip("the older client has rows of plain types only")
    struct = pa.struct([("x", pa.int32()), ("y", pa.string())])
    columns = [("tags", pa.list_(pa.string()), None), ("attrs", pa.map_(pa.string(), pa.int64()), None),
               ("point", struct, None), ("deep", pa.list_(pa.struct([("l", pa.list_(pa.int32()))])), None)]
    table = await make(admin, path, connection, columns)
    sent = [
        {"tags": ["a", None, "bc"], "attrs": {"k": 1, "l": None}, "point": {"x": 1, "y": None},
         "deep": [{"l": [1, 2]}, {"l": []}]},
        {"tags": [], "attrs": {}, "point": None, "deep": None},
        {"tags": None, "attrs": None, "point": {"x": None, "y": "z"}, "deep": []},
    ]
    await append(table, sent)
    got = await read_rows(table, 3)
    for sent_row, got_row in zip(sent, got):
        attrs = got_row.pop("attrs")
        expected = dict(sent_row)
        expected_attrs = expected.pop("attrs")
        assert got_row == expected
        assert (None if attrs is None else dict(attrs)) == expected_attrs
    # Any column alone, of a batch that holds nested ones.
    got = await settle((await bridge.batch_scanner(table, columns=["point"])).to_arrow())
    assert got.column("point").to_pylist() == [row["point"] for row in sent]


async def test_fixed_size_binary(admin, path, connection):
    if not IS_NEW:
        pytest.skip("the older client cannot declare it")
    table = await make(admin, path, connection, [("y", pa.binary(4), None)])
    await append(table, [[b"abcd"], [None]])
    assert [row["y"] for row in await read_rows(table, 2)] == [b"abcd", None]
