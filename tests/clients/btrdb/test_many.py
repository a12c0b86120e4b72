"""Several streams at once: joined values, and text for spreadsheets."""

import math
import uuid

import btrdb.exceptions as errors
import pyarrow as pa
import pytest

BASE = 1500000000000000000
SECOND = 10**9


def make(conn, name, points):
    stream = conn.create(uuid.uuid4(), "site/many", tags={"name": name})
    stream.insert(points)
    return stream


def joined(conn, streams, start, end, snap=0, schema=None, versions=None):
    tables = list(conn.ep.arrowMultiValues([s.uuid for s in streams], start, end, versions or [0] * len(streams),
                                           snap, schema))
    return pa.concat_tables(tables)


def rows(table):
    return [tuple(None if isinstance(v, float) and math.isnan(v) else v for v in row.values())
            for row in table.cast(pa.schema([("time", pa.int64())] + [f for f in table.schema][1:])).to_pylist()]


def test_full_outer_join(conn):
    a = make(conn, "a", [(BASE, 1.0), (BASE + 2, 3.0), (BASE + 2, 3.5)])
    b = make(conn, "b", [(BASE + 1, 2.0), (BASE + 2, 4.0), (BASE + 9, 9.0)])
    table = joined(conn, [b, a], BASE, BASE + 9)
    assert table.schema.names == ["time", str(b.uuid), str(a.uuid)]
    assert not any(field.nullable for field in table.schema) and table.schema.field(0).type == pa.timestamp("ns", "UTC")
    assert rows(table) == [(BASE, None, 1.0), (BASE + 1, 2.0, None), (BASE + 2, 4.0, 3.0), (BASE + 2, None, 3.5)]
    a.insert([(BASE + 3, 5.0)])
    assert len(rows(joined(conn, [b, a], BASE, BASE + 9, versions=[0, 11]))) == 4
    assert len(rows(joined(conn, [b, a], BASE, BASE + 9))) == 5
    assert joined(conn, [a, a], BASE + 100, BASE + 200).num_rows == 0


def test_snapping(conn):
    a = make(conn, "a", [(BASE - 5, 0.0), (BASE + 4, 1.0), (BASE + 6, 2.0), (BASE + 14, 3.0), (BASE + 15, 4.0),
                         (BASE + 38, 5.0)])
    b = make(conn, "b", [(BASE + 8, 7.0), (BASE + 12, 8.0), (BASE + 12, 8.5)])
    # [-5, 5) belongs to 0, [5, 15) to 10; 8 and 12 are equally near to 10, so the earlier wins.
    assert rows(joined(conn, [a, b], BASE, BASE + 40, 10)) == [
        (BASE, 1.0, None), (BASE + 10, 2.0, 7.0), (BASE + 20, 4.0, None)]
    assert rows(joined(conn, [b], BASE, BASE + 40, 4)) == [(BASE + 8, 7.0), (BASE + 12, 8.5)]
    assert rows(joined(conn, [b], BASE, BASE + 40, 3)) == [(BASE + 9, 7.0), (BASE + 12, 8.5)]


def test_many_rows_and_templates(conn):
    n = 60_000
    a = make(conn, "a", [(BASE + i, float(i)) for i in range(0, n, 2)])
    b = make(conn, "b", [(BASE + i, float(i)) for i in range(0, n, 3)])
    table = joined(conn, [a, b], BASE, BASE + n)
    assert table.num_rows == len(set(range(0, n, 2)) | set(range(0, n, 3)))
    template = pa.schema([pa.field("t", pa.int64(), nullable=False), pa.field("x", pa.float32()), ("y", pa.float64())])
    cast = joined(conn, [a, b], BASE, BASE + 4, schema=template)
    assert cast.schema == template
    assert [row["t"] for row in cast.to_pylist()] == [BASE, BASE + 2, BASE + 3]
    with pytest.raises(errors.BTRDBServerError):
        joined(conn, [a], BASE, BASE + 4, schema=template)


def test_errors_of_joins(conn):
    a = make(conn, "a", [(BASE, 1.0)])
    with pytest.raises(errors.BTRDBServerError):
        joined(conn, [a], BASE, BASE + 1, versions=[0, 0])
    with pytest.raises(errors.BTRDBServerError):
        joined(conn, [], BASE, BASE + 1)
    with pytest.raises(errors.BTRDBServerError):
        joined(conn, [a], BASE, BASE + 1, snap=-1)
    with pytest.raises(errors.StreamNotFoundError):
        joined(conn, [a, conn.stream_from_uuid(uuid.uuid4())], BASE, BASE + 1)
    with pytest.raises(errors.VersionNotAvailable):
        joined(conn, [a], BASE, BASE + 1, versions=[99])
    with pytest.raises(errors.InvalidTimeRange):
        joined(conn, [a], BASE, BASE)


class Kind:
    def __init__(self, number):
        self.number = number

    def to_proto(self):
        return self.number


ALIGNED, WINDOWS, RAW = Kind(0), Kind(1), Kind(2)


def csv(conn, kind, start, end, width, depth, versions, *streams):
    return [list(row) for row in conn.ep.generateCSV(kind, start, end, width, depth, versions, *streams)]


def test_csv_of_values(conn):
    a = make(conn, "a", [(BASE, 0.1), (BASE + SECOND, 2.0)])
    b = make(conn, "b", [(BASE + SECOND, -1e300), (-SECOND // 2, 5.0)])
    both = csv(conn, RAW, -SECOND, BASE + 10 * SECOND, 0, 0, True, (0, "x", a.uuid), (11, "y, z", b.uuid))
    assert both == [
        ["Timestamp (ns)", "Human-Readable Time (UTC)", "x, ver. 11", "y, z, ver. 11"],
        [str(-SECOND // 2), "1969-12-31T23:59:59Z", "", "5"],
        [str(BASE), "2017-07-14T02:40:00Z", "0.1", ""],
        [str(BASE + SECOND), "2017-07-14T02:40:01Z", "2", "-1e+300"]]


def test_csv_of_windows(conn):
    a = make(conn, "a", [(BASE + i * 10**8, i + 1.0) for i in range(10)])
    head = ["Timestamp (ns)", "Human-Readable Time (UTC)", "x (Min)", "x (Mean)", "x (Max)", "x (Count)"]
    windows = csv(conn, WINDOWS, BASE, BASE + 2 * SECOND, SECOND, 0, False, (0, "x", a.uuid))
    assert windows == [head, [str(BASE), "2017-07-14T02:40:00Z", "1", "5.5", "10", "10"],
                       [str(BASE + SECOND), "2017-07-14T02:40:01Z", "", "", "", ""]]
    aligned = csv(conn, ALIGNED, BASE, BASE + SECOND, 0, 28, False, (0, "x", a.uuid))
    assert aligned[0] == head
    assert [(row[0], row[5]) for row in aligned[1:]] == [
        ("1499999999814008832", "1"), ("1500000000082444288", "3"), ("1500000000350879744", "3"),
        ("1500000000619315200", "2")]


def test_errors_of_csv(conn):
    a = make(conn, "a", [(BASE, 1.0)])
    one = (0, "x", a.uuid)
    with pytest.raises(errors.InvalidTimeRange):
        csv(conn, RAW, BASE, BASE, 0, 0, False, one)
    with pytest.raises(errors.InvalidPointWidth):
        csv(conn, WINDOWS, BASE, BASE + 1, 0, 0, False, one)
    with pytest.raises(errors.InvalidPointWidth):
        csv(conn, ALIGNED, BASE, BASE + 1, 0, 64, False, one)
    with pytest.raises(errors.StreamNotFoundError):
        csv(conn, RAW, BASE, BASE + 1, 0, 0, False, (0, "x", uuid.uuid4()))
    with pytest.raises(errors.VersionNotAvailable):
        csv(conn, RAW, BASE, BASE + 1, 0, 0, False, (5, "x", a.uuid))
    with pytest.raises(errors.BTRDBServerError):
        csv(conn, RAW, BASE, BASE + 1, 0, 0, False)


def test_stream_sets_by_arrow(conn):
    a = make(conn, "a", [(BASE + i * SECOND // 10, float(i)) for i in range(20)])
    b = make(conn, "b", [(BASE + i * SECOND // 10, float(-i)) for i in range(10)])
    both = conn.streams(a.uuid, b.uuid).filter(start=BASE, end=BASE + 2 * SECOND)
    table = both.arrow_values()
    assert table.num_rows == 20
    counts = both.filter(start=BASE, end=BASE + 2 * SECOND, sampling_frequency=1).arrow_values()
    assert counts.num_rows == 2
    windows = both.windows(width=SECOND, depth=0).arrow_values()
    assert windows.num_rows == 2
