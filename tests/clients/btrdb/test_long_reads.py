"""Answers that take long: bounded memory, one snapshot, and an end when nobody reads any more.

Goal: a hundred million windows are streamed while the server's memory stays as it is; more are refused; a read that was
begun shows nothing of inserts and deletes that come after; a call whose client goes away stops working. Method: the
client's own generators, read a part of and left.
"""

import pathlib
import uuid

import btrdb
import pyarrow as pa
import pytest

BASE_NS = 1_500_000_000_000_000_000
WINDOWS = 100_000_000


def resident_mb(server):
    for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the server is gone")


def points(first, count):
    return pa.table({"time": pa.array(range(BASE_NS + first * 1000, BASE_NS + (first + count) * 1000, 1000),
                                      pa.timestamp("ns", tz="UTC")),
                     "value": pa.array([float(first + i) for i in range(count)])})


@pytest.fixture
def stream(server):
    made = server.connect().create(uuid.uuid4(), "long", tags={"name": "x", "unit": "V"})
    made.arrow_insert(points(0, 400_000))
    return made


def test_very_many_windows_in_bounded_memory(server, stream):
    connection = server.connect()
    end = BASE_NS + WINDOWS * 10
    before = resident_mb(server)
    read = connection.ep.arrowWindows(stream.uuid, BASE_NS, end, 10, 0)
    windows = counted = 0
    most = before
    for table, _ in read:
        assert table["time"][0].value == BASE_NS + windows * 10
        windows += table.num_rows
        counted += sum(table["count"].to_pylist()) if windows < 1_000_000 else 0
        most = max(most, resident_mb(server))
        if windows >= 10_000_000:
            break
    assert counted > 9_000  # one window in a hundred has a point
    assert most - before < 150, f"{before} MB, then {most} MB"
    # Nobody reads on: the call ends, and with it the work.
    read.close()
    connection.ep = None
    del connection, read
    assert server.rests(0.2, within_s=30), "the server works on for a client that is gone"


def test_more_windows_are_refused(server, stream):
    with pytest.raises(btrdb.exceptions.BTRDBServerError, match="421"):
        list(server.connect().ep.arrowWindows(stream.uuid, BASE_NS, BASE_NS + WINDOWS * 10 + 10, 10, 0))


def test_a_read_is_of_one_version(server, stream):
    connection = server.connect()
    version = stream.version()
    read = connection.ep.arrowRawValues(stream.uuid, BASE_NS, BASE_NS + 10**12)
    tables = [next(read)]
    writer = server.connect().stream_from_uuid(stream.uuid)
    writer.delete(BASE_NS + 100_000 * 1000, BASE_NS + 300_000 * 1000)
    writer.arrow_insert(points(400_000, 50_000))
    tables += list(read)
    assert {answered for _, answered in tables} == {version}
    values = [value for table, _ in tables for value in table["value"].to_pylist()]
    assert values == [float(i) for i in range(400_000)]
    assert writer.count(BASE_NS, BASE_NS + 10**12, precise=True) == 250_000
