"""Spark with Iceberg's runtime opens a table's metadata, and counts and sums what our SQL does: `make interop`."""

import json
import os
import pathlib
import random
import signal
import subprocess

import pyarrow as pa
import pyarrow.parquet
import pytest
from pyspark.sql import SparkSession

BINARY = os.environ["FIRTH_BINARY"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}
SCHEMA = pa.schema([("k", pa.int64()), ("v", pa.string()), ("small", pa.int8()), ("at", pa.timestamp("us", "UTC")),
                    ("price", pa.decimal128(12, 3))])


@pytest.fixture(scope="module")
def spark():
    jar, = (pathlib.Path(os.environ["FIRTH_DEPS"]) / "interop").glob("iceberg-spark-runtime-*.jar")
    session = (SparkSession.builder.master("local[2]").config("spark.jars", str(jar))
               .config("spark.ui.enabled", "false").config("spark.driver.host", "127.0.0.1")
               .config("spark.driver.bindAddress", "127.0.0.1").config("spark.sql.session.timeZone", "UTC")
               .getOrCreate())
    yield session
    session.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interop") / "data"
    process = subprocess.Popen(
        [BINARY, "serve", "--data", folder, "--flight", "127.0.0.1:0", "--access-anonymous", "admin"],
        env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout.readline().strip() == "ready"
    yield json.loads((folder / "endpoints.json").read_text())["flight"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0


@pytest.fixture
def firth(server):
    def run(*words):
        done = subprocess.run([BINARY, *map(str, words), "--json", "--server", server], env=ENVIRONMENT,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line]
    return run


def rows(keys, chance):
    return [{"k": k, "v": f"v{k}", "small": chance.randrange(-100, 100), "at": 1_700_000_000_000_000 + k,
             "price": f"{k}.125"} for k in keys]


def load(firth, tmp_path, path, some, *words):
    table = pa.table({
        "k": [row["k"] for row in some], "v": [row["v"] for row in some],
        "small": pa.array([row["small"] for row in some], pa.int8()),
        "at": pa.array([row["at"] for row in some], pa.timestamp("us", "UTC")),
        "price": pa.array([row["price"] for row in some]).cast(pa.decimal128(12, 3)),
    }, schema=SCHEMA)
    file = tmp_path / "rows.parquet"
    pa.parquet.write_table(table, file)
    firth("load", path, file, *words)


SUMS = "count(*) AS n, CAST(sum(k) AS BIGINT) AS k, CAST(sum(small) AS BIGINT) AS small, CAST(sum(price) AS VARCHAR(40)) AS price"


def agree(firth, spark, path, metadata):
    spark.read.format("iceberg").load(metadata).createOrReplaceTempView("stranger")
    theirs = spark.sql(f"SELECT {SUMS} FROM stranger").collect()[0].asDict()
    ours, = firth("sql", f"SELECT {SUMS} FROM {path}")
    assert theirs == ours
    return ours["n"]


def test_a_table_without_a_key(firth, spark, tmp_path):
    chance = random.Random(1)
    for begin in (0, 1000, 2000):
        load(firth, tmp_path, "spark/plain", rows(range(begin, begin + 1000), chance))
        cut, = firth("lake", "cut", "spark/plain")
        for reading in ("history", "current"):
            assert agree(firth, spark, "spark.plain", cut[reading]) == begin + 1000
    frame = spark.read.format("iceberg").load(cut["current"]).where("k = 1234").collect()
    assert [(row["v"], str(row["price"]), row["at"].microsecond) for row in frame] == [("v1234", "1234.125", 1234)]


def test_the_current_rows_of_a_keyed_table(firth, spark, tmp_path):
    chance = random.Random(2)
    for _ in range(6):
        load(firth, tmp_path, "spark/keyed", rows(sorted({chance.randrange(300) for _ in range(90)}), chance), "--key", "k")
        load(firth, tmp_path, "spark/keyed", rows(chance.sample(range(300), 20), chance), "--delete")
        cut, = firth("lake", "cut", "spark/keyed")
        assert agree(firth, spark, "spark.keyed", cut["current"]) > 0


def test_snapshots_by_id(firth, spark, tmp_path):
    counts = {}
    for n in range(1, 5):
        load(firth, tmp_path, "spark/past", rows([n], random.Random(n)))
        cut, = firth("lake", "cut", "spark/past")
        counts[cut["id"]] = n
    for snapshot, count in counts.items():
        frame = spark.read.format("iceberg").option("snapshot-id", snapshot).load(cut["current"])
        assert frame.count() == count
