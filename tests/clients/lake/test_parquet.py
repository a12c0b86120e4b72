"""Strangers read the Parquet files of a table, and count and sum what our SQL does."""

import datetime
import json

import duckdb
import polars
import pyarrow as pa
import pyarrow.dataset
import pyarrow.feather
import pyarrow.flight
import pyarrow.parquet
import pytest

ROWS = 20_000


def test_sql_counts_while_rows_are_appended_and_cut(server, produce):
    producer = produce("live", "events", ROWS)
    looks = 0
    while producer.runs:
        before = producer.acknowledged
        row, = server.sql("SELECT count(*) AS n, count(DISTINCT n) AS d, max(n)::BIGINT AS top, "
                          "sum(n)::BIGINT AS total FROM live.events")
        # Every acknowledged row, none twice, and a prefix of what the one producer sends.
        assert row["n"] >= before and row["n"] == row["d"] == row["top"] + 1
        assert row["total"] == row["n"] * row["top"] // 2
        server.cut("live/events")
        looks += 1
    assert producer.wait() == 0 and looks > 2
    row, = server.sql("SELECT count(*) AS n, sum(n)::BIGINT AS total FROM live.events")
    assert row == {"n": ROWS, "total": ROWS * (ROWS - 1) // 2}


def test_strangers_count_and_sum_the_same(server, produce):
    producer = produce("live", "events", ROWS)
    while producer.runs:
        server.cut("live/events")
    assert producer.wait() == 0
    files = server.cut("live/events")["files"]
    assert files
    ours = server.sql("SELECT name, count(*) AS n, sum(n)::BIGINT AS total, sum(small)::BIGINT AS s FROM live.events "
                      "GROUP BY name ORDER BY name")
    duck = duckdb.connect().execute(
        "SELECT name, count(*), sum(n)::BIGINT, sum(small)::BIGINT FROM read_parquet(?) GROUP BY name ORDER BY name",
        [files]).fetchall()
    assert duck == [tuple(row.values()) for row in ours] and len(duck) == 7
    frame = polars.scan_parquet(files).group_by("name").agg(
        polars.len().alias("n"), polars.col("n").sum().alias("total"), polars.col("small").cast(polars.Int64).sum())
    assert frame.sort("name").collect().rows() == duck
    table = pa.dataset.dataset(files).to_table(columns=["n", "small", "__offset", "__commit", "__change"])
    assert table.num_rows == ROWS and set(table["__change"].to_pylist()) == {0}
    assert sorted(table["__offset"].to_pylist()) == list(range(ROWS))


def test_types_come_back_as_they_were(server, tmp_path):
    """Through files that DuckDB reads by itself, and those that it cannot."""
    utc = datetime.timezone.utc
    rows = pa.table({
        "flag": pa.array([True, None]),
        "tiny": pa.array([-128, 127], pa.int8()), "short": pa.array([-2 ** 15, None], pa.int16()),
        "utiny": pa.array([255, 0], pa.uint8()), "uint": pa.array([2 ** 32 - 1, None], pa.uint32()),
        "ulong": pa.array([2 ** 64 - 1, None], pa.uint64()),
        "price": pa.array(["1.25", None]).cast(pa.decimal128(9, 2)),
        "day": pa.array([datetime.date(2020, 2, 29), None]),
        "s": pa.array([1, None], pa.timestamp("s")), "ms": pa.array([2, None], pa.timestamp("ms")),
        "us": pa.array([datetime.datetime(2020, 1, 1, tzinfo=utc), None], pa.timestamp("us", "UTC")),
        "ns": pa.array([1_577_836_800_000_000_001, None], pa.timestamp("ns")),
        "at": pa.array([datetime.time(1, 2, 3), None], pa.time64("us")),
        "raw": pa.array([b"\x00\xff", None]), "word": pa.array(["naïve", None]),
        "list": pa.array([[1, None], None], pa.list_(pa.int16())),
        "pair": pa.array([{"x": 1, "y": ["a"]}, None], pa.struct([("x", pa.uint8()), ("y", pa.list_(pa.string()))])),
    })
    odd = rows.append_column("took", pa.array([5, None], pa.duration("us")))
    for name, table in (("plain", rows), ("odd", odd)):
        file = tmp_path / f"{name}.parquet"
        pa.parquet.write_table(table, file)
        server.load(f"types/{name}", file)
        columns = ", ".join(f'typeof("{column}") AS t_{column}, "{column}"::VARCHAR AS "{column}"'
                            for column in rows.column_names)
        statement = f"SELECT {columns} FROM types.{name} ORDER BY tiny"
        from_log = server.sql(statement)
        assert server.cut(f"types/{name}")["rows"] == 2
        assert server.sql(statement) == from_log
        assert len(from_log) == 2 and from_log[0]["ulong"] == str(2 ** 64 - 1)


def test_far_times_do_not_stop_a_table(server, tmp_path):
    """A second or millisecond beyond what microseconds hold is read as it was, from the log and from files."""
    def rows(k, seconds, millis):
        return pa.table({"k": pa.array([k], pa.int32()), "s": pa.array([seconds], pa.timestamp("s")),
                         "ms": pa.array([millis], pa.timestamp("ms")), "utc": pa.array([millis], pa.timestamp("ms", "UTC"))})

    times = [(1, 2), (2 ** 62, 3), (4, -2 ** 62), (5, 9_300_000_000_000_000)]
    statement = "SELECT k, s, ms FROM far.t ORDER BY k"
    for k, (seconds, millis) in enumerate(times):
        file = tmp_path / f"{k}.arrow"
        pyarrow.feather.write_feather(rows(k, seconds, millis), str(file))
        server.load("far/t", file)
        for _ in range(2):  # from the log, from a file
            assert server.sql("SELECT count(*) AS n, count(s) AS s, count(ms) AS ms FROM far.t") == [
                {"n": k + 1, "s": k + 1, "ms": k + 1}]
            cut = server.cut("far/t")
        assert cut["rows"] == k + 1
        assert bool(cut.get("history")) == (k == 0)  # Iceberg has no such times
    client = pyarrow.flight.connect("grpc://" + server.endpoints["flight"])
    table = client.do_get(pyarrow.flight.Ticket(json.dumps({"sql": statement}))).read_all()
    assert table["s"].cast(pa.int64()).to_pylist() == [s for s, _ in times]
    assert table["ms"].cast(pa.int64()).to_pylist() == [ms for _, ms in times]
    # With a time zone SQL has microseconds only: it says so, and reads the rest.
    with pytest.raises(AssertionError, match="the column 'utc' has values that SQL cannot hold"):
        server.sql("SELECT utc FROM far.t")
    read = client.do_get(pyarrow.flight.Ticket(json.dumps({"path": "far/t"}))).read_all().sort_by("k")
    assert read["utc"].cast(pa.int64()).to_pylist() == [ms for _, ms in times]


def test_a_killed_server_goes_on(server, produce):
    producer = produce("live", "events", ROWS)
    while producer.runs:
        server.cut("live/events")
    assert producer.wait() == 0
    server.end(9)
    server.start()
    assert server.sql("SELECT count(*) AS n FROM live.events") == [{"n": ROWS}]
    assert server.cut("live/events")["rows"] == ROWS
