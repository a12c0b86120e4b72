"""SQL over `streams`: the client's own statements, those that users are told of, and what is refused."""

import collections
import concurrent.futures
import uuid

import btrdb.exceptions as errors
import pytest
from conftest import Server


@pytest.fixture
def streams(conn):
    made = {}
    for collection, name, unit, annotations in [
            ("site/pmu1", "C1MAG", "amps", {"location": "north", "phase": "A"}),
            ("site/pmu1", "L1ANG", "deg", {}),
            ("site/pmu2", "C1MAG", "amps", {"location": "south"}),
            ("other", "Änderung", "volts", {"empty": None})]:
        made[collection, name] = conn.create(
            uuid.uuid4(), collection, tags={"name": name, "unit": unit}, annotations=annotations)
    return made


def test_the_clients_own_statements(conn, streams):
    assert sorted(conn.list_unique_names()) == ["C1MAG", "L1ANG", "Änderung"]
    assert conn.list_unique_names("site/pmu2") == ["C1MAG"]
    assert sorted(conn.list_unique_units("site")) == ["amps", "deg"]
    assert sorted(conn.list_unique_annotations()) == ["empty", "location", "phase"]
    assert sorted(conn.list_unique_annotations("site/pmu2")) == ["location"]


def test_what_users_are_told_of(conn, streams):
    query = conn.query
    assert query("SELECT COUNT(uuid) FROM streams WHERE collection=$1::text", ["site/pmu1"]) == [{"count": 2}]
    found = query("SELECT name FROM streams WHERE annotations->$1::text IS NOT NULL", ["location"])
    assert found == [{"name": "C1MAG"}, {"name": "C1MAG"}]
    both = query("select * from streams where name = $1 or name = $2;", ["L1ANG", "Änderung"])
    assert [row["name"] for row in both] == ["Änderung", "L1ANG"]
    first = both[1]
    assert first == {"uuid": str(streams["site/pmu1", "L1ANG"].uuid), "collection": "site/pmu1", "name": "L1ANG",
                     "unit": "deg", "ingress": "", "distiller": "", "property_version": 1, "annotations": {}}
    ids = ",".join(f"'{stream.uuid}'" for stream in streams.values())
    rows = query(f"SELECT uuid, annotations, name, unit, distiller, ingress FROM streams WHERE uuid IN ({ids})")
    assert len(rows) == 4 and all(isinstance(row["annotations"], dict) for row in rows)


@pytest.mark.parametrize("statement, params, answer", [
    ("select count(*) from streams", [], [{"count": 4}]),
    ("select COUNT(DISTINCT name) AS n, min(name), max(property_version) from streams", [],
     [{"n": 3, "min": "C1MAG", "max": 1}]),
    ("select unit, count(*) from streams group by unit order by count(*) desc, unit", [],
     [{"unit": "amps", "count": 2}, {"unit": "deg", "count": 1}, {"unit": "volts", "count": 1}]),
    ("select lower(name) l, upper(name), length(name) from streams where collection = 'other'", [],
     [{"l": "änderung", "upper": "ÄNDERUNG", "length": 8}]),
    ("select distinct collection from streams order by 1 desc limit 2 offset 1", [],
     [{"collection": "site/pmu1"}, {"collection": "other"}]),
    ("select name from streams where name like $1 and not (unit = 'amps')", ["L_ANG"], [{"name": "L1ANG"}]),
    ("select name from streams where name ilike 'ä%'", [], [{"name": "Änderung"}]),
    ("select name from streams where name !~ '[0-9]'", [], [{"name": "Änderung"}]),
    ("select name from streams where name ~* '^l.*g$'", [], [{"name": "L1ANG"}]),
    ("select coalesce(annotations -> 'phase', 'none') from streams where collection = 'site/pmu1' order by name", [],
     [{"coalesce": "A"}, {"coalesce": "none"}]),
    ("select name from streams where annotations ? 'empty' and annotations -> 'absent' is null", [],
     [{"name": "Änderung"}]),
    ("select exist(annotations, 'phase') from streams where name = 'C1MAG' order by exist desc", [],
     [{"exist": True}, {"exist": False}]),
    ("select skeys(annotations) k from streams where collection like 'site/%' order by k", [],
     [{"k": "location"}, {"k": "location"}, {"k": "phase"}]),
    ("select s.name as \"N\", property_version::text, cast(name as varchar(2)) from streams s where s.unit in ('deg')",
     [], [{"N": "L1ANG", "property_version": "1", "name": "L1"}]),
    ("select 'it''s' a, true b, -5 c, - 7 d, $1::bigint, $2 from streams limit 1", ["7", "x"],
     [{"a": "it's", "b": True, "c": -5, "d": -7, "int8": 7, "?column?": "x"}]),
    ("select count(*) from streams where property_version > -1", [], [{"count": 4}]),
    ("select count(*) from streams where property_version >= $1", ["1"], [{"count": 4}]),
    ("select name from streams where unit not in ('amps', null)", [], []),
    ("select name from streams limit 0", [], []),
    ("select count(*) from streams where false", [], [{"count": 0}]),
    ("select name, count(*) from streams where false group by name", [], []),
])
def test_statements(conn, streams, statement, params, answer):
    assert conn.query(statement, params) == answer


@pytest.mark.parametrize("statement, params", [
    ("", []), ("selec", []), ("select", []), ("select 1", []), ("select * from other", []),
    ("delete from streams", []), ("drop table streams", []), ("select 1 from streams; select 2 from streams", []),
    ("select nothing from streams", []), ("select * from streams, streams", []), ("select $1 from streams", []),
    ("select 1 from streams", ["unused"]), ("select * from streams where uuid = 'no uuid'", []),
    ("select * from streams where name", []), ("select * from streams where property_version = name", []),
    ("select name, count(*) from streams", []), ("select nofunction(name) from streams", []),
    ("select * from streams where name ~ '('", []), ("select 'x'::json from streams", []),
    ("select * from streams limit -1", []), ("with a as (select 1) select * from streams", []),
    ("select * from streams for update", []), ("select * into t from streams", []),
    ("select name from streams union select unit from streams", []), ("select 'x'::bigint from streams", []),
    ("select min(uuid) from streams", []), ("select * from (select * from streams) s", []),
    ("select " + "not " * 5000 + "true from streams", []), ("select 1" + "+1" * 20000 + " from streams", []),
    ("select '" + "x" * 70000 + "' from streams", []), ("select count(*) over () from streams", []),
])
def test_what_is_refused(conn, streams, statement, params):
    with pytest.raises(errors.BadSQLValue):
        conn.query(statement, params)
    assert conn.query("select count(*) from streams") == [{"count": 4}]


def test_parameters_are_values(conn, streams):
    assert conn.query("select name from streams where name = $1", ["' or true --"]) == []


def test_more_than_its_memory_holds(tmp_path):
    # Annotations are large, so that a few streams are more than the least memory.
    server = Server(tmp_path / "data", "--streams-sql-memory-bytes", str(1 << 20))
    try:
        conn = server.connect()
        names = [f"n{i * 7919 % 1500:04}" for i in range(1500)]

        def make(name):
            conn.create(uuid.uuid4(), "many", tags={"name": name, "unit": name[-1]},
                        annotations={f"key{i}": name * 40 for i in range(6)})

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(make, names))
        query = server.connect().query
        rows = query("select name, annotations from streams order by name desc")
        assert [row["name"] for row in rows] == sorted(names, reverse=True)
        assert all(row["annotations"]["key3"] == row["name"] * 40 for row in rows)
        rows = query("select distinct annotations -> 'key1' k from streams")
        assert sorted(row["k"] for row in rows) == sorted(name * 40 for name in names)
        rows = query("select annotations, count(*) n, min(name) name from streams group by annotations")
        assert collections.Counter(row["name"] for row in rows) == collections.Counter(names)
        assert query("select count(distinct annotations) from streams") == [{"count": 1500}]
        assert list((tmp_path / "data" / "spill").iterdir()) == []
    finally:
        server.stop()
    # Without disk it is said.
    server = Server(tmp_path / "data", "--streams-sql-memory-bytes", str(1 << 20), "--query-spill-bytes", "0")
    try:
        query = server.connect().query
        with pytest.raises(errors.BTRDBServerError, match="426"):
            query("select name, annotations from streams order by name")
        assert len(query("select name, annotations from streams")) == 1500
        assert query("select name from streams order by name limit 1") == [{"name": "n0000"}]
    finally:
        server.stop()


def test_many_that_are_made_at_once(server):
    conn = server.connect()

    def make(i):
        # Each place is wanted by four, each id by two.
        try:
            conn.create(uuid.UUID(int=i // 2), "busy", tags={"name": f"n{i // 4}"})
            return "made"
        except (errors.StreamExists, errors.AmbiguousStream) as error:
            return type(error).__name__

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        told = collections.Counter(pool.map(make, range(400)))
    assert told["made"] == 100 and sum(told.values()) == 400
    assert conn.query("select count(*), count(distinct name) n from streams") == [{"count": 100, "n": 100}]
    again = server.connect().streams_in_collection("busy")
    assert sorted(stream.name for stream in again) == sorted(f"n{i}" for i in range(100))
