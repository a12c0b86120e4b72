"""Formats and types, written by the client, read by it in every way, and by SQL."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

FORMATS = ["parquet", "csv", "tsv", "psv", "json", "feather"]
ROWS = 3_000


def sample():
    numbers = [None if i % 7 == 0 else i for i in range(ROWS)]
    return pa.table({
        "id": pa.array(range(ROWS), pa.int64()),
        "number": pa.array(numbers, pa.int32()),
        "real": pa.array([None if i % 5 == 0 else i / 8 for i in range(ROWS)], pa.float64()),
        "text": pa.array([f"tea, \"cup\" {i}\tä|ö" for i in range(ROWS)], pa.string()),
        "yes": pa.array([i % 2 == 0 for i in range(ROWS)], pa.bool_()),
        "day": pa.array([datetime.date(1970, 1, 1) + datetime.timedelta(days=i) for i in range(ROWS)], pa.date32()),
        "at": pa.array([datetime.datetime(2020, 1, 1) + datetime.timedelta(microseconds=i) for i in range(ROWS)],
                       pa.timestamp("us")),
    })


def write(client, table, data, format):
    client.catalog.write(data, namespace="formats", table=table, mode="auto", format=format)


def read(client, table, read_as="pyarrow", **options):
    return client.catalog.read(namespace="formats", table=table, read_as=read_as, **options)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format(client, server, format):
    data = sample()
    write(client, "all_" + format, data, format)
    found = read(client, "all_" + format)
    assert found.column_names == data.column_names
    for name in data.column_names:
        assert found[name].to_pylist() == data[name].to_pylist(), name
    sums = server.sql(f"SELECT count(*) AS n, count(number) AS c, sum(number) AS s, sum(real) AS r, "
                      f'min("day")::TEXT AS d, max("at")::TEXT AS a FROM formats.all_{format}')[0]
    assert int(sums["n"]) == ROWS
    assert int(sums["c"]) == ROWS - data["number"].null_count
    assert int(sums["s"]) == sum(n for n in data["number"].to_pylist() if n is not None)
    assert float(sums["r"]) == sum(r for r in data["real"].to_pylist() if r is not None)
    assert sums["d"] == "1970-01-01" and sums["a"].startswith("2020-01-01 00:00:00.002999")


@pytest.mark.parametrize("format", FORMATS)
def test_filters_columns_and_limits(client, format):
    table = "filtered_" + format
    for start in (0, 10, 20):
        write(client, table, sample().slice(start, 10), format)
    found = read(client, table, columns=["id", "text"], filter_predicate={"gte": ["number", 15]})
    assert found.column_names == ["id", "text"]
    assert sorted(found["id"].to_pylist()) == [15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 26, 27, 29]
    # Files that cannot match are not even named.
    plan = client.catalog.plan(namespace="formats", table=table, filter_predicate={"eq": ["id", 25]})
    assert plan.total_files == 1 and plan.total_records == 10
    assert read(client, table, limit=2).num_rows == 20
    assert read(client, table, limit=1, offset=2)["id"].to_pylist() == list(range(20, 30))
    whole = client.catalog.plan(namespace="formats", table=table)
    page = client.catalog.plan(namespace="formats", table=table, limit=2)
    assert (page.total_files, page.raw["returned_files"], page.raw["truncated"]) == (3, 2, True)
    assert page.raw["next_file_offset"] == 2 and page.raw["snapshot_id"] == whole.raw["snapshot_id"]


@pytest.mark.parametrize("predicate, expected", [
    ({"eq": ["id", 3]}, [3]),
    ({"neq": ["id", 3]}, [0, 1, 2, 4, 5, 6, 7, 8, 9]),
    ({"in": ["id", [1, 4, 99]]}, [1, 4]),
    ({"between": ["id", 2, 4]}, [2, 3, 4]),
    ({"is_null": "number"}, [0, 7]),
    ({"not": {"is_null": "number"}}, [1, 2, 3, 4, 5, 6, 8, 9]),
    ({"and": [{"gt": ["id", 2]}, {"lt": ["id", 5]}]}, [3, 4]),
    ({"or": [{"lte": ["id", 0]}, {"gte": ["id", 9]}]}, [0, 9]),
    ({}, list(range(10))),
])
def test_predicates(client, predicate, expected):
    if not client.catalog.table_exists(namespace="formats", table="predicates"):
        write(client, "predicates", sample().slice(0, 10), "parquet")
    found = read(client, "predicates", filter_predicate=predicate)
    assert sorted(found["id"].to_pylist()) == expected


@pytest.mark.parametrize("predicate, code", [
    ({"like": ["id", 3]}, "invalid_filter_predicate"),
    ({"eq": ["nothing", 3]}, "unknown_column"),
    ({"eq": ["id"]}, "invalid_filter_predicate"),
    ({"and": [{"eq": ["id", 1]}]}, "invalid_filter_predicate"),
    ({"eq": ["id", 1], "gt": ["id", 0]}, "invalid_filter_predicate"),
])
def test_predicates_that_are_refused(client, refused, predicate, code):
    if not client.catalog.table_exists(namespace="formats", table="predicates"):
        write(client, "predicates", sample().slice(0, 10), "parquet")
    with refused() as error:
        client.catalog.plan(namespace="formats", table="predicates", filter_predicate=predicate)
    assert (error.status, error.code) == (400, code)


def test_every_way_to_read(client):
    data = sample().slice(0, 100)
    write(client, "ways", data, "parquet")
    assert read(client, "ways", "pyarrow").equals(data)
    frame = read(client, "ways", "pandas")
    assert isinstance(frame, pd.DataFrame) and frame["id"].tolist() == list(range(100))
    lazy = read(client, "ways", "polars")
    assert isinstance(lazy, pl.LazyFrame) and lazy.collect()["text"].to_list() == data["text"].to_pylist()
    array = read(client, "ways", "numpy")
    assert isinstance(array, np.ndarray) and array.shape == (100, 7)


@pytest.mark.parametrize("make", [
    lambda: pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    lambda: pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    lambda: pa.table({"a": [1, 2], "b": ["x", "y"]}),
], ids=["pandas", "polars", "pyarrow"])
def test_every_kind_of_frame(client, make):
    table = "kind_" + type(make()).__module__.split(".")[0]
    write(client, table, make(), "parquet")
    assert read(client, table).to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_types_at_their_limits(client, server):
    data = pa.table({
        "i8": pa.array([-2**7, 2**7 - 1, None], pa.int8()),
        "u8": pa.array([0, 2**8 - 1, None], pa.uint8()),
        "i64": pa.array([-2**63, 2**63 - 1, None], pa.int64()),
        "u64": pa.array([0, 2**64 - 1, None], pa.uint64()),
        "f32": pa.array([1.5, -3.4e38, None], pa.float32()),
        "f64": pa.array([1e308, -1e-308, None], pa.float64()),
        "text": pa.array(["", "\u0000ü\n", None], pa.string()),
        "zoned": pa.array([0, 10**15, None], pa.timestamp("us", "UTC")),
        "list": pa.array([[1, None], [], None], pa.list_(pa.int64())),
        "struct": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": None}, None],
                           pa.struct([("a", pa.int32()), ("b", pa.string())])),
    })
    write(client, "limits", data, "parquet")
    assert read(client, "limits").to_pylist() == data.to_pylist()
    write(client, "limits_feather", data, "feather")
    assert read(client, "limits_feather").to_pylist() == data.to_pylist()
    row = server.sql("SELECT i64::TEXT AS i, u64::TEXT AS u FROM formats.limits ORDER BY i64 LIMIT 1")[0]
    assert row == {"i": str(-2**63), "u": "0"}


def test_declared_types(client, refused):
    types = {"a": "int64", "b": "string", "c": "double", "d": "bool", "e": "binary", "f": "date32",
             "g": "timestamp[us]", "h": "timestamp[ns, tz=UTC]", "i": "decimal128(20, 2)",
             "j": "list<item: string>", "k": "struct<x: int32, y: list<item: double>>", "l": "float32"}
    client.catalog.create_table(namespace="formats", table="declared",
                                schema_def=[{"name": name, "type": text} for name, text in types.items()])
    shown = {f["name"]: f["type"] for f in
             client.catalog.describe_table(namespace="formats", table="declared").schema}
    assert shown["h"] == "timestamp[ns, tz=UTC]" and shown["k"] == "struct<x: int32, y: list<item: double>>"
    assert shown["f"].startswith("date32") and shown["i"] == "decimal128(20, 2)" and shown["l"] == "float"
    for wrong in ("int63", "list<int64", "timestamp[h]", "decimal128(99, 2)", ""):
        with refused() as error:
            client.catalog.create_table(namespace="formats", table="wrong",
                                        schema_def=[{"name": "a", "type": wrong}])
        assert (error.status, error.code) == (400, "invalid_schema")
