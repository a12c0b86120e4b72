"""Strangers open a table's Iceberg metadata, and count and sum what our SQL does: PyIceberg, Polars, and DuckDB with
its own extension."""

import datetime
import pathlib
import random
import time
import warnings

import duckdb
import duckdb_extension_avro
import duckdb_extension_iceberg
import polars
import pyarrow as pa
import pyarrow.parquet
import pytest
from pyiceberg.table import StaticTable

SCHEMA = pa.schema([("k", pa.int64()), ("v", pa.string()), ("small", pa.int8())])


def extension(module):
    return str(next(pathlib.Path(module.__file__).parent.rglob("*.duckdb_extension")))


@pytest.fixture(scope="module")
def duck():
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for module in (duckdb_extension_avro, duckdb_extension_iceberg):
        connection.execute(f"LOAD '{extension(module)}'")
    return connection


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*polars_iceberg.*")
        yield


@pytest.fixture
def put(server, tmp_path):
    """Load rows of SCHEMA into a table, or delete them from it."""
    def run(path, rows, *words):
        file = tmp_path / "rows.parquet"
        pa.parquet.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file)
        server.load(path, file, *words)
    return run


def seen(metadata, duck):
    """What each stranger makes of it: rows, and the sums of k and small."""
    scanned = StaticTable.from_metadata(metadata).scan(selected_fields=("k", "small")).to_arrow()
    frame = polars.scan_iceberg(metadata).select(
        polars.len(), polars.col("k").sum(), polars.col("small").cast(polars.Int64).sum())
    return {
        "pyiceberg": (scanned.num_rows, pa.compute.sum(scanned["k"]).as_py(), pa.compute.sum(scanned["small"]).as_py()),
        "polars": frame.collect().row(0),
        "duckdb": duck.execute(
            "SELECT count(*), sum(k)::BIGINT, sum(small)::BIGINT FROM iceberg_scan(?)", [metadata]).fetchone(),
    }


def ours(server, path):
    row, = server.sql(f"SELECT count(*) AS n, sum(k)::BIGINT AS k, sum(small)::BIGINT AS small FROM {path}")
    return row["n"], row["k"], row["small"]


def test_a_table_without_a_key(server, put, duck):
    for begin in range(0, 3000, 1000):
        put("ice/plain", [{"k": k, "v": "x", "small": k % 100} for k in range(begin, begin + 1000)])
        cut = server.cut("ice/plain")
        for reading in ("history", "current"):
            assert set(seen(cut[reading], duck).values()) == {ours(server, "ice.plain")}


def test_the_current_rows_of_a_keyed_table(server, put, duck):
    chance = random.Random(7)
    held = {}
    for round_number in range(11):
        keys = [chance.randrange(200) for _ in range(60)]
        rows = [{"k": k, "v": f"round {round_number}", "small": chance.randrange(-100, 100)} for k in keys]
        put("ice/keyed", rows, "--key", "k")
        held.update((row["k"], row) for row in rows)
        gone = [{"k": k, "v": None, "small": None} for k in chance.sample(range(200), 15)]
        put("ice/keyed", gone, "--delete")
        for row in gone:
            held.pop(row["k"], None)
        cut = server.cut("ice/keyed")
        if round_number % 5:
            continue
        expected = (len(held), sum(held), sum(row["small"] for row in held.values()))
        assert ours(server, "ice.keyed") == expected
        assert seen(cut["current"], duck) == dict.fromkeys(("pyiceberg", "polars", "duckdb"), expected)
    table = StaticTable.from_metadata(cut["current"]).scan().to_arrow()
    assert {row["k"]: row for row in table.to_pylist()} == held
    # History has them all, and what became of them.
    changes = StaticTable.from_metadata(cut["history"]).scan().to_arrow()
    assert changes.num_rows == cut["rows"] > len(held)
    folded = {}
    for row in sorted(changes.to_pylist(), key=lambda row: row["__offset"]):
        if row["__change"] in (1, 3):
            folded[row["k"]] = row["small"]
        elif row["__change"] == 4:
            del folded[row["k"]]
    assert folded == {k: row["small"] for k, row in held.items()}


def test_earlier_snapshots_are_read_by_id(server, put):
    counts = {}
    for n in range(1, 12):  # more than are merged
        put("ice/past", [{"k": n, "v": "x", "small": 1}])
        counts[server.cut("ice/past")["id"]] = n
    metadata = server.cut("ice/past")["current"]
    table = StaticTable.from_metadata(metadata)
    read = {one.snapshot_id: table.scan(snapshot_id=one.snapshot_id).count() for one in table.snapshots()}
    assert read == counts


def test_earlier_snapshots_are_read_by_time(server, put):
    """In Iceberg and in SQL, as of the moments at which they were the newest."""
    seen_at = []
    for n in range(1, 5):
        put("ice/times", [{"k": n, "v": "x", "small": 1}])
        server.cut("ice/times")
        seen_at.append(time.time())
        time.sleep(0.05)
    table = StaticTable.from_metadata(server.cut("ice/times")["current"])
    for n, at in enumerate(seen_at, 1):
        snapshot = table.snapshot_as_of_timestamp(int(at * 1000))
        assert table.scan(snapshot_id=snapshot.snapshot_id).count() == n
        then = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")
        assert server.sql(f"SELECT count(*) AS n FROM ice.times AT (TIMESTAMP => TIMESTAMP '{then}')") == [{"n": n}]


def test_masks_of_buckets_at_rest_stay_as_they_are(server, put, duck):
    """A publication costs what the logs cost that changed."""
    rows = [{"k": k, "v": "x", "small": 1} for k in range(400)]
    put("ice/buckets", rows, "--key", "k", "--buckets", "4")
    put("ice/buckets", rows[:200])
    held = {}
    for round_number in range(4):
        put("ice/buckets", [{"k": 7, "v": str(round_number), "small": round_number}])
        metadata = server.cut("ice/buckets")["current"]
        expected = (400, sum(range(400)), 399 + round_number)
        assert seen(metadata, duck) == dict.fromkeys(("pyiceberg", "polars", "duckdb"), expected)
        before = held
        held = {file.name: file.stat().st_mtime_ns for file in pathlib.Path(metadata).parent.glob("*-deletes.parquet")}
        tasks = list(StaticTable.from_metadata(metadata).scan().plan_files())
        named = {pathlib.Path(mask.file_path).name for task in tasks for mask in task.delete_files}
        assert len(named) == 4
        if before:
            assert len(named & set(before)) == 3
            assert all(held[name] == before[name] for name in named & set(before))


def test_columns_that_came_later(server, put, duck, tmp_path):
    put("ice/wide", [{"k": 1, "v": "x", "small": 1}])
    server.cut("ice/wide")
    server.cli("alter", "ice/wide", "--add", "extra:int64")
    file = tmp_path / "wide.parquet"
    pa.parquet.write_table(pa.table({"k": [2], "extra": pa.array([5], pa.int64())}), file)
    server.load("ice/wide", file)
    cut = server.cut("ice/wide")
    table = StaticTable.from_metadata(cut["current"]).scan().to_arrow().sort_by("k")
    assert table["extra"].to_pylist() == [None, 5] and table["v"].to_pylist() == ["x", None]
    assert duck.execute("SELECT k, extra FROM iceberg_scan(?) ORDER BY k", [cut["current"]]).fetchall() == [
        (1, None), (2, 5)]
    assert server.sql("SELECT k, extra FROM ice.wide ORDER BY k") == [{"k": 1, "extra": None}, {"k": 2, "extra": 5}]


def test_metadata_is_made_anew_after_a_kill(server, put, duck):
    put("ice/killed", [{"k": 1, "v": "x", "small": 1}])
    server.cut("ice/killed")
    server.end(9)
    server.start()
    put("ice/killed", [{"k": 2, "v": "x", "small": 1}])
    assert set(seen(server.cut("ice/killed")["current"], duck).values()) == {(2, 3, 2)}
