"""Tables with merge keys: time travel, replacing, transactions, rolling back; each write is one commit."""

import time
import uuid

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SCHEMA = [{"name": "k", "type": "int64", "is_merge_key": True}, {"name": "v", "type": "string"}]


def pairs(**rows):
    return pa.table({"k": pa.array([int(k[1:]) for k in rows], pa.int64()), "v": pa.array(list(rows.values()), pa.string())})


def write(client, table, rows, mode="auto", format="parquet"):
    return client.catalog.write(rows, namespace="keyed", table=table, mode=mode, format=format)


def held(client, table, **options):
    found = client.catalog.read(namespace="keyed", table=table, read_as="pyarrow", **options)
    return dict(sorted(zip(found["k"].to_pylist(), found["v"].to_pylist())))


@pytest.fixture
def table(client):
    name = "t" + uuid.uuid4().hex
    client.catalog.create_table(namespace="keyed", table=name, schema_def=SCHEMA)
    return name


def test_as_of(client, table):
    steps = [(pairs(_1="a", _2="b"), "auto"), (pairs(_2="c", _3="d"), "merge"), (pairs(_1="x"), "delete"),
             (pairs(_1="back"), "auto")]
    wanted, stood = {}, []
    for rows, mode in steps:
        write(client, table, rows, mode)
        for k, v in zip(rows["k"].to_pylist(), rows["v"].to_pylist()):
            if mode == "delete":
                wanted.pop(k)
            else:
                wanted[k] = v
        stood.append((time.time_ns(), dict(sorted(wanted.items()))))
    for when, then in stood:
        assert held(client, table, as_of=when) == then
    assert held(client, table) == stood[-1][1]


def test_replace_and_truncate(client, server, table):
    write(client, table, pairs(_1="a", _2="b", _3="c"))
    before = time.time_ns()
    write(client, table, pairs(_2="new", _9="z"), mode="replace")
    assert held(client, table) == {2: "new", 9: "z"}
    assert held(client, table, as_of=before) == {1: "a", 2: "b", 3: "c"}
    assert len(server.sql(f"SELECT * FROM keyed.{table}")) == 2
    assert client.catalog.describe_table(namespace="keyed", table=table).table_version == "1"
    client.catalog.truncate_table(namespace="keyed", table=table)
    assert held(client, table) == {}
    write(client, table, pairs(_1="again"))
    assert held(client, table) == {1: "again"}


def test_rollback(client, table, refused):
    made = time.time_ns()
    write(client, table, pairs(_1="a", _2="b"))
    good = time.time_ns()
    write(client, table, pairs(_1="bad", _3="bad"))
    write(client, table, pairs(_2="x"), mode="delete")
    done = client.catalog.rollback_table(namespace="keyed", table=table, as_of=good)
    assert done.raw["rolled_back"] is True
    assert held(client, table) == {1: "a", 2: "b"}
    bad = time.time_ns()
    client.catalog.rollback_table(namespace="keyed", table=table, as_of=made)
    assert held(client, table) == {} and held(client, table, as_of=bad) == {1: "a", 2: "b"}
    with refused() as error:
        client.catalog.rollback_table(namespace="keyed", table=table, as_of=1)
    assert (error.status, error.code) == (404, "table_not_found")


def test_rollback_of_a_table_without_keys(client):
    name = "t" + uuid.uuid4().hex
    times = []
    for i, format in enumerate(["parquet", "csv", "feather"]):
        write(client, name, pa.table({"id": [i]}), format=format)
        times.append(time.time_ns())
    write(client, name, pa.table({"id": [7], "more": ["x"]}))
    read = lambda **options: sorted(  # noqa: E731
        client.catalog.read(namespace="keyed", table=name, read_as="pyarrow", **options)["id"].to_pylist())
    assert read() == [0, 1, 2, 7]
    client.catalog.rollback_table(namespace="keyed", table=name, as_of=times[1])
    assert read() == [0, 1]
    assert read(as_of=times[2]) == [0, 1, 2]
    assert [f["name"] for f in client.catalog.describe_table(namespace="keyed", table=name).schema] == ["id", "more"]
    write(client, name, pa.table({"id": [8], "more": ["y"]}))
    assert read() == [0, 1, 8]


def test_transaction(client, server, table):
    other = server.connect()
    write(client, table, pairs(_1="a", _2="b"))
    with client.transaction():
        write(client, table, pairs(_2="c", _3="d"))
        assert held(client, table) == {1: "a", 2: "c", 3: "d"}
        write(client, table, pairs(_1="x"), mode="delete")
        write(client, table, pairs(_3="e"), mode="merge")
        write(client, table + "log", pa.table({"id": [1]}))
        assert held(client, table) == {2: "c", 3: "e"}
        assert held(other, table) == {1: "a", 2: "b"}
    assert held(other, table) == {2: "c", 3: "e"}
    assert other.catalog.read(namespace="keyed", table=table + "log").num_rows == 1


def test_transaction_that_replaces(client, server, table):
    other = server.connect()
    write(client, table, pairs(_1="a", _2="b"))
    with client.transaction():
        write(client, table, pairs(_5="e"), mode="replace")
        write(client, table, pairs(_6="f"))
        assert held(client, table) == {5: "e", 6: "f"}
    assert held(other, table) == {5: "e", 6: "f"}


def test_made_inside_a_transaction(client, server, table):
    other, name = server.connect(), table + "new"
    with client.transaction():
        client.catalog.create_table(namespace="keyed", table=name, schema_def=SCHEMA)
        write(client, name, pairs(_1="a", _2="b"))
        write(client, name, pairs(_2="c", _3="d"))
        write(client, name, pairs(_1="x"), mode="delete")
        assert held(client, name) == {2: "c", 3: "d"}
        write(client, table, pairs(_7="g"))
        assert not other.catalog.table_exists(namespace="keyed", table=name)
    assert held(other, name) == {2: "c", 3: "d"}
    assert held(other, table) == {7: "g"}
    write(client, name, pairs(_3="e", _4="f"))
    assert held(other, name) == {2: "c", 3: "e", 4: "f"}
    rows = server.sql(f"SELECT k, v FROM keyed.{name} ORDER BY k")
    assert [(int(row["k"]), row["v"]) for row in rows] == [(2, "c"), (3, "e"), (4, "f")]
    with client.transaction():  # emptied before it was ever committed
        client.catalog.create_table(namespace="keyed", table=name + "2", schema_def=SCHEMA)
        write(client, name + "2", pairs(_1="a"))
        write(client, name + "2", pairs(_5="z"), mode="replace")
    assert held(other, name + "2") == {5: "z"}


def test_columns_that_come_inside_a_transaction(client, server, table):
    other = server.connect()
    write(client, table, pairs(_1="a", _2="b"))
    wider = pa.table({"k": pa.array([2, 3], pa.int64()), "v": ["B", "C"], "more": pa.array([20, 30], pa.int64())})
    with client.transaction():
        write(client, table, pairs(_4="d"))
        write(client, table, wider)
        found = client.catalog.read(namespace="keyed", table=table, read_as="pyarrow").sort_by("k")
        assert found.to_pydict() == {"k": [1, 2, 3, 4], "v": ["a", "B", "C", "d"], "more": [None, 20, 30, None]}
        assert held(other, table) == {1: "a", 2: "b"}
    found = other.catalog.read(namespace="keyed", table=table, read_as="pyarrow").sort_by("k")
    assert found.to_pydict() == {"k": [1, 2, 3, 4], "v": ["a", "B", "C", "d"], "more": [None, 20, 30, None]}
    # One that loses leaves nothing of its column behind, and another may have that place.
    with pytest.raises(Exception, match="409|concurrent"):
        with client.transaction():
            write(client, table, wider.append_column("lost", pa.array(["x", "y"])))
            write(other, table, wider.append_column("won", pa.array([1.5, 2.5])))
    found = other.catalog.read(namespace="keyed", table=table, read_as="pyarrow").sort_by("k")
    assert found["won"].to_pylist() == [None, 1.5, 2.5, None] and "lost" not in found.column_names
    assert len(server.sql(f"SELECT * FROM keyed.{table}")) == 4


def test_it_survives_a_kill(own_server):
    client = own_server.connect()
    with client.transaction():
        client.catalog.create_table(namespace="keyed", table="t", schema_def=SCHEMA)
        write(client, "t", pairs(_1="a", _2="b"))
    own_server.kill()
    own_server.start()
    client = own_server.connect()
    assert held(client, "t") == {1: "a", 2: "b"}
    write(client, "t", pairs(_2="c"))
    assert held(client, "t") == {1: "a", 2: "c"}


def test_transaction_that_is_given_up(client, server, table):
    write(client, table, pairs(_1="a"))
    with pytest.raises(RuntimeError):
        with client.transaction():
            write(client, table, pairs(_1="never"))
            raise RuntimeError("no")
    assert held(client, table) == {1: "a"}


def test_writers_of_one_table_conflict(client, server, table, refused):
    other = server.connect()
    write(client, table, pairs(_1="a"))
    with refused() as error:
        with client.transaction():
            write(client, table, pairs(_1="mine"))
            write(other, table, pairs(_2="theirs"))
    assert (error.status, error.code) == (409, "concurrent_modification")
    assert held(client, table) == {1: "a", 2: "theirs"}


def test_a_write_is_one_commit_and_a_repeat_gets_its_answer(server, client, table):
    with httpx.Client(base_url=server.url) as http:
        session = http.post(f"/v1/namespaces/keyed/tables/{table}/write-sessions",
                            json={"mode": "auto", "format": "parquet"}).json()
        import pathlib
        folder = pathlib.Path(session["data_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pairs(_1="a", _2="b"), folder / "output.parquet")
        body = {"session_version": 1, "operation_id": "op",
                "entries": [{"path": str(folder / "output.parquet"), "record_count": 2}]}
        first = http.post(f"/v1/write-sessions/{session['session_id']}/commit", json=body)
        again = http.post(f"/v1/write-sessions/{session['session_id']}/commit", json=body)
    assert first.status_code == again.status_code == 200 and first.json()["total_records"] == 2
    assert again.json()["session_version"] == first.json()["session_version"]
    assert client.catalog.describe_table(namespace="keyed", table=table).delta_count == 1


def test_staged_by_hand(server, client, table):
    with httpx.Client(base_url=server.url) as http:
        staged = http.post(f"/v1/namespaces/keyed/tables/{table}/stage", params={"mode": "WriteMode.AUTO"})
        assert staged.status_code == 200, staged.text
        staged = staged.json()
        import pathlib
        folder = pathlib.Path(staged["data_dir"])
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pairs(_4="d"), folder / "mine.parquet")
        done = http.post(f"/v1/namespaces/keyed/tables/{table}/commit", json={
            "validation_token": staged["validation_token"],
            "manifest_entries": [{"path": str(folder / "mine.parquet"), "record_count": 1}]})
        assert done.status_code == 200 and done.json()["total_records"] == 1, done.text
        wrong = http.post("/v1/namespaces/keyed/tables/other/commit", json={
            "validation_token": staged["validation_token"], "manifest_entries": []})
        assert wrong.status_code == 400
    assert held(client, table) == {4: "d"}
