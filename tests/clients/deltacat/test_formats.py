"""Formats and types, written by the client, read by it in every way, and by SQL."""

import datetime
import decimal

import fastavro
import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

FORMATS = ["parquet", "csv", "tsv", "psv", "json", "feather", "orc", "avro"]
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
    data = sample()
    if format == "orc":
        data = data.drop_columns(["at"])  # ORC's times are of nanoseconds: another type, so not the files but their rows are taken
    for start in (0, 10, 20):
        write(client, table, data.slice(start, 10), format)
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


AVRO = {"type": "record", "name": "row", "fields": [
    {"name": "i", "type": "int"}, {"name": "l", "type": ["null", "long"]}, {"name": "f", "type": ["float", "null"]},
    {"name": "d", "type": "double"}, {"name": "b", "type": "boolean"}, {"name": "s", "type": "string"},
    {"name": "e", "type": {"type": "enum", "name": "suit", "symbols": ["clubs", "hearts"]}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "ms", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "us", "type": ["null", {"type": "long", "logicalType": "local-timestamp-micros"}]},
    {"name": "n", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}},
    {"name": "list", "type": {"type": "array", "items": ["null", "long"]}},
    {"name": "map", "type": {"type": "map", "values": "int"}},
    {"name": "in", "type": ["null", {"type": "record", "name": "inner", "fields": [{"name": "x", "type": "long"}]}]}]}


def avro_rows(count):
    return [{"i": i - 5, "l": None if i % 3 == 0 else 2**62 + i, "f": None if i % 4 == 0 else i / 2, "d": i / 7, "b": i % 2 == 0,
             "s": f"text ä {i}", "e": ["clubs", "hearts"][i % 2], "day": datetime.date(2020, 2, 28) + datetime.timedelta(days=i % 99),
             "ms": datetime.datetime(1969, 12, 31, tzinfo=datetime.timezone.utc) + datetime.timedelta(hours=i),
             "us": None if i % 5 == 0 else datetime.datetime(2020, 1, 1, microsecond=i % 10**6),
             "n": decimal.Decimal(i - 50) / 1000, "list": [None if j % 2 else j for j in range(i % 4)],
             "map": {f"k{j}": j for j in range(i % 3)}, "in": None if i % 6 == 0 else {"x": i}} for i in range(count)]


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_avro_of_others(client, server, tmp_path, codec):
    """Files as Avro's own libraries write them, in several blocks, taken by their path."""
    path, rows = tmp_path / "rows.avro", avro_rows(2_000)
    with open(path, "wb") as file:
        fastavro.writer(file, AVRO, rows, codec=codec, sync_interval=4_000)
    with httpx.Client(base_url=server.url, timeout=30) as http:  # the client cannot send the statistics of decimals
        answer = http.post(f"/v1/namespaces/formats/tables/avro_{codec}/commit", params={"content_type": "avro"},
                           json={"manifest_entries": [{"path": str(path), "record_count": 2_000}]})
    assert answer.status_code == 200, answer.text
    found = server.sql(f'SELECT count(*) AS n, sum(i) AS i, sum(l::DECIMAL(38)) AS l, count(f) AS f, sum(d) AS d, min("day")::TEXT AS day, '
                       f'max(ms)::TEXT AS ms, sum(n)::TEXT AS dec, sum(len(list)) AS items, sum("in".x) AS x, '
                       f'count(*) FILTER (e = \'hearts\') AS hearts FROM formats.avro_{codec}')[0]
    assert int(found["n"]) == 2_000 and int(found["i"]) == sum(r["i"] for r in rows)
    assert int(found["l"].partition(".")[0]) == sum(r["l"] for r in rows if r["l"] is not None)
    assert int(found["f"]) == 1_500 and float(found["d"]) == pytest.approx(sum(r["d"] for r in rows))
    assert found["day"] == "2020-02-28" and found["ms"].startswith("1970-03-24 07:00")
    assert decimal.Decimal(found["dec"]) == sum(r["n"] for r in rows)
    assert int(found["items"]) == sum(len(r["list"]) for r in rows) and int(found["hearts"]) == 1_000
    assert int(found["x"]) == sum(r["in"]["x"] for r in rows if r["in"])


@pytest.mark.parametrize("codec", ["uncompressed", "deflate", "snappy"])
def test_avro_of_polars(client, server, tmp_path, codec):
    path, data = tmp_path / "rows.avro", pl.from_arrow(sample())
    data.write_avro(path, compression=codec)
    with httpx.Client(base_url=server.url, timeout=30) as http:  # the client reads a file for its statistics, and not in every codec
        answer = http.post(f"/v1/namespaces/formats/tables/polars_{codec}/commit", params={"content_type": "avro"},
                           json={"manifest_entries": [{"path": str(path), "record_count": ROWS}]})
    assert answer.status_code == 200, answer.text
    found = server.sql(f"SELECT count(*) AS n, sum(number) AS s, count(DISTINCT text) AS t FROM formats.polars_{codec}")[0]
    assert int(found["n"]) == int(found["t"]) == ROWS
    assert int(found["s"]) == sum(n for n in sample()["number"].to_pylist() if n is not None)
    if codec != "snappy":  # which fastavro reads with a library that the client does not ask for
        assert read(client, "polars_" + codec).to_pylist() == sample().to_pylist()


@pytest.mark.parametrize("harm", ["cut", "marker", "count", "union", "itself", "codec", "schema"])
def test_avro_that_is_refused(client, server, tmp_path, harm):
    path, schema = tmp_path / "rows.avro", AVRO
    rows = avro_rows(50)
    if harm == "union":
        schema, rows = {"type": "record", "name": "r", "fields": [{"name": "u", "type": ["int", "string"]}]}, [{"u": 1}]
    if harm == "itself":
        schema = {"type": "record", "name": "r", "fields": [{"name": "next", "type": ["null", "r"]}]}
        rows = [{"next": {"next": None}}]
    with open(path, "wb") as file:
        fastavro.writer(file, schema, rows, codec="null")
    data = bytearray(path.read_bytes())
    if harm == "cut":
        data = data[:-100]
    elif harm == "marker":
        data[-1] ^= 1
    elif harm == "count":
        at = data.index(data[-16:]) + 16
        data[at] += 2  # one record more than there are
    elif harm == "codec":
        data = data.replace(b"\x08null", b"\x08null", 1).replace(b"avro.codec\x08null", b"avro.codec\x08lzma")
    elif harm == "schema":
        data = data.replace(b'"record"', b'"rec0rd"', 1)
    path.write_bytes(bytes(data))
    with httpx.Client(base_url=server.url, timeout=30) as http:
        answer = http.post(f"/v1/namespaces/formats/tables/refused_avro_{harm}/commit", params={"content_type": "avro"},
                           json={"manifest_entries": [{"path": str(path)}]})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] in ("invalid_data", "invalid_schema"), answer.text
    assert not client.catalog.table_exists(namespace="formats", table="refused_avro_" + harm)


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
