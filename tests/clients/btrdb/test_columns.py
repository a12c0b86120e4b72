"""Columns of a table as streams: what the command line loads and appends, and what such a stream cannot be told."""

import csv
import os
import subprocess

import btrdb.exceptions as errors
import pytest
from conftest import BINARY, Server

HOUR_NS = 3600 * 10**9
BASE_NS = 1_356_998_400 * 10**9  # 2013-01-01


def load(server, tmp_path, rows, *words):
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("place", "at", "temp", "note"), *((*row, "x") for row in rows)])
    subprocess.run([BINARY, "load", "farm/weather", str(file), "--data", str(server.folder), *words], check=True,
                   timeout=60, stdout=subprocess.DEVNULL,
                   env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")})


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path / "data", "--flight", "127.0.0.1:0")
    yield running
    running.stop()


@pytest.fixture
def stream(server, conn, tmp_path):
    rows = [(place, f"2013-01-01T{hour:02}:00:00Z", hour) for hour in range(24) for place in ("a b", "é/\"")]
    load(server, tmp_path, rows, "--schema", "place:text,at:timestamp(ns),temp:float64,note:text", "--time", "at",
         "--series", "place")
    found = conn.streams_in_collection("farm/weather", annotations={"place": "é/\""})
    assert [one.name for one in found] == ["temp[é/\"]"]
    return found[0]


def test_rows_that_are_loaded_are_points(server, conn, stream, tmp_path):
    day = [window for window, _ in stream.windows(BASE_NS, BASE_NS + 24 * HOUR_NS, 6 * HOUR_NS)]
    assert [(w.count, w.min, w.mean, w.max) for w in day] == [(6, i, i + 2.5, i + 5) for i in (0, 6, 12, 18)]
    before = stream.version()
    load(server, tmp_path, [("é/\"", "2013-01-02T00:00:00Z", 99), ("new", "2013-01-02T00:00:00Z", 1)])
    assert stream.latest()[0].value == 99 and stream.version() == before + 1
    assert stream.count(precise=True, version=before) == 24
    assert conn.query("select name from streams where annotations -> 'place' = 'new'") == [{"name": "temp[new]"}]
    stream.insert([(BASE_NS + 1, 0.5)])
    assert stream.nearest(BASE_NS + 1, 0)[0].value == 0.5


def test_what_they_cannot_is_a_mistake_of_the_caller(stream):
    version = stream.version()
    for refused in (lambda: stream.delete(BASE_NS, BASE_NS + 1), stream.obliterate,
                    lambda: stream.insert([(BASE_NS, 1.0)], merge="replace"),
                    lambda: stream.update(tags={"unit": "F"}), lambda: stream.update(collection="else")):
        with pytest.raises(errors.BTRDBServerError, match="421: this series is a column of a table"):
            refused()
    assert stream.version() == version and stream.collection == "farm/weather"
