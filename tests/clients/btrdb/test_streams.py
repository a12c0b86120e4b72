"""The calls that a user makes, by the unmodified client: streams, points, windows, revisions, errors."""

import math
import pathlib
import re
import signal
import uuid

import btrdb
import btrdb.exceptions as errors
import btrdb.grpcinterface
import grpc
import pyarrow as pa
import pytest

BASE = 1500000000000000000


def make(conn, collection="site/pmu1", name="C1MAG", **annotations):
    return conn.create(uuid.uuid4(), collection, tags={"name": name, "unit": "amps"}, annotations=annotations)


def points(values):
    return [(point.time, point.value) for point, _ in values]


def test_info(conn):
    info = conn.info()
    assert info["majorVersion"] == 5 and info["minorVersion"] >= 30 and info["build"]


def test_points_and_revisions(conn):
    stream = make(conn)
    assert stream.version() == 10
    first = [(BASE + i * 10, float(i)) for i in range(100)]
    assert stream.insert(first) == 11
    assert stream.insert([(BASE + 5, -0.0), (BASE + 10, 7.5)]) == 12
    assert points(stream.values(BASE, BASE + 10**6, version=11)) == first
    now = points(stream.values(BASE, BASE + 10**6))
    assert len(now) == 102 and now[1] == (BASE + 5, 0.0) and math.copysign(1, now[1][1]) == -1
    assert stream.delete(BASE, BASE + 500) == 13
    assert stream.earliest()[0].time == BASE + 500 and stream.latest()[0].time == BASE + 990
    assert stream.nearest(BASE + 505, 0, backward=True)[0].time == BASE + 500
    assert points(stream.values(BASE, BASE + 10**6, version=12)) == now
    with pytest.raises(errors.VersionNotAvailable):
        stream.values(BASE, BASE + 1, version=99)


def test_windows_of_the_published_example(conn):
    stream = make(conn)
    stream.insert([(BASE + i * 10**8, i + 1.0) for i in range(10)])
    aligned = [point for point, _ in stream.aligned_windows(BASE, BASE + 10**9, 28)]
    assert [(p.time, p.count) for p in aligned] == [
        (1499999999814008832, 1), (1500000000082444288, 3), (1500000000350879744, 3), (1500000000619315200, 2)]
    windows = [point for point, _ in stream.windows(BASE, BASE + 10**9, 3 * 10**8)]
    assert [p.mean for p in windows] == [2, 5, 8] and [p.count for p in windows] == [3, 3, 3]
    assert windows[0].stddev == pytest.approx(0.816496580927726, abs=1e-15)
    arrow = stream.arrow_windows(BASE, BASE + 10**9, 3 * 10**8)
    assert arrow["mean"].to_pylist() == [2, 5, 8]
    assert stream.arrow_aligned_windows(BASE, BASE + 10**9, 28)["count"].to_pylist() == [1, 3, 3, 2]
    assert len(stream.windows(BASE + 10**12, BASE + 10**12 + 5, 10)) == 0


def test_arrow_points(conn):
    stream = make(conn)
    table = pa.table({"time": pa.array([BASE + i for i in range(120_000)], pa.timestamp("ns", "UTC")),
                      "value": [i / 7 for i in range(120_000)]})
    stream.arrow_insert(table)
    assert stream.version() == 13  # the client sends 50,000 points a call
    back = stream.arrow_values(BASE, BASE + 10**6)
    assert back.num_rows == 120_000
    assert back["value"].to_pylist() == table["value"].to_pylist()
    assert not any(field.nullable for field in back.schema)
    assert stream.arrow_values(BASE + 10**9, BASE + 10**9 + 1).num_rows == 0
    assert stream.count() == 120_000


@pytest.mark.parametrize("policy, expected", [
    ("never", [1.0, 2.0, 1.0]), ("equal", [1.0, 2.0]), ("retain", [1.0]), ("replace", [1.0])])
def test_merge_policies(conn, policy, expected):
    stream = make(conn)
    stream.insert([(BASE, 1.0)])
    stream.insert([(BASE, 2.0), (BASE, 1.0)], merge=policy)
    assert [value for _, value in points(stream.values(BASE, BASE + 1))] == expected


def test_facts(conn):
    stream = make(conn, location="north")
    make(conn, "site/pmu2")
    stream = conn.stream_from_uuid(stream.uuid)  # a handle that has not cached what it sent
    assert stream.tags() == {"name": "C1MAG", "unit": "amps", "ingress": "", "distiller": ""}
    assert stream.annotations() == ({"location": "north"}, 1)
    assert sorted(conn.list_collections("site")) == ["site/pmu1", "site/pmu2"]
    assert [s.uuid for s in conn.streams_in_collection("site/pmu1")] == [stream.uuid]
    assert len(conn.streams_in_collection("site", is_collection_prefix=True)) == 2
    assert conn.streams("site/pmu1/C1MAG")[0].uuid == stream.uuid
    stream.update(tags={"unit": "volts"}, annotations={"impedance": {"source": 0.0}}, collection="other")
    assert stream.tags()["unit"] == "volts" and stream.collection == "other"
    assert stream.annotations()[0] == {"location": "north", "impedance": {"source": 0.0}}
    tags, annotations = conn.collection_metadata("other")
    assert tags == {"name": 1, "unit": 1, "ingress": 0, "distiller": 0}
    assert annotations == {"location": 1, "impedance": 1}


@pytest.mark.parametrize("collection", ["a/", "/a", "a//b", "/", "_x_", "a/_x5F_/_x", "ä ö/😀", "." * 255])
def test_collections_come_back_as_they_were(conn, collection):
    stream = make(conn, collection)
    assert conn.list_collections() == [collection]
    assert conn.stream_from_uuid(stream.uuid).collection == collection
    assert [s.uuid for s in conn.streams_in_collection(collection)] == [stream.uuid]


def test_errors_have_their_classes(conn):
    stream = make(conn)
    with pytest.raises(errors.StreamExists):
        conn.create(stream.uuid, "site/pmu1", tags={"name": "x"})
    with pytest.raises(errors.AmbiguousStream):
        make(conn)
    with pytest.raises(errors.InvalidCollection):
        make(conn, "")
    with pytest.raises(errors.InvalidTimeRange):
        stream.values(BASE, BASE)
    with pytest.raises(errors.BadValue):
        stream.insert([(BASE, float("nan"))])
    with pytest.raises(errors.InvalidPointWidth):
        stream.aligned_windows(BASE, BASE + 1, 64)
    assert stream.version() == 10
    assert not conn.stream_from_uuid(uuid.uuid4()).exists()
    stream.obliterate()
    assert not conn.stream_from_uuid(stream.uuid).exists()
    with pytest.raises(errors.RecycledUUID):
        conn.create(stream.uuid, "site/pmu1", tags={"name": "x"})
    assert conn.list_collections("site") == []


def test_a_wrong_key_is_refused(server):
    with pytest.raises(errors.BTrDBError, match="invalid api key"):
        server.connect("not a key of anybody")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_everything_is_there_after_a_restart(server, how):
    conn = server.connect()
    stream = make(conn, note="kept")
    for i in range(20):
        stream.insert([(BASE + i, float(i))])
    stream.delete(BASE + 3, BASE + 5)
    server.end(how)
    server.start()
    again = server.connect().stream_from_uuid(stream.uuid)
    assert again.version() == 31
    assert [v for _, v in points(again.values(BASE, BASE + 100))] == [float(i) for i in range(20) if i not in (3, 4)]
    assert len(again.values(BASE, BASE + 100, version=20)) == 10
    assert again.annotations()[0] == {"note": "kept"}
    assert again.insert([(BASE + 99, 1.0)]) == 32


def test_our_definitions_are_the_clients():
    """Every message and method of ours has the names, numbers and types of the client's own file."""
    def read(text):
        text = re.sub(r"//[^\n]*", "", text)
        found = set(re.findall(r"rpc (\w+)\s*\(\s*(stream )?\s*(\w+)\)\s*returns\s*\((stream )?(\w+)\)", text))
        for name, body in re.findall(r"(?:message|enum) (\w+)\s*\{((?:[^{}]|\{[^{}]*\})*)\}", text):
            for field in re.findall(r"((?:repeated )?[\w.]+ )?(\w+)\s*=\s*(\d+)\s*;", body):
                found.add((name, *(part.strip() for part in field)))
        return found
    theirs = read((pathlib.Path(btrdb.grpcinterface.__file__).parent / "btrdb.proto").read_text())
    top = pathlib.Path(__file__).resolve().parents[3]
    ours = read((top / "src/firth/doors/btrdb/proto/btrdb.proto").read_text())
    renamed = {("StreamInfoResponse", "StreamDescriptor", "stream_descriptor", "4"):
               ("StreamInfoResponse", "StreamDescriptor", "descriptor", "4")}
    ours = {renamed.get(fact, fact) for fact in ours}
    left_out = {fact for fact in theirs - ours if "Compaction" not in fact[0] and fact[0] != "ReducedResolutionRange"}
    assert len(ours) > 150 and not left_out and not ours - theirs
