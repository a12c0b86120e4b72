"""Write modes, and schemas that grow."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DATA = pa.table({"id": [1, 2], "name": ["a", "b"]})
MORE = pa.table({"id": [3], "name": ["c"]})


def write(client, table, data, mode="auto", format="parquet", **options):
    return client.catalog.write(data, namespace="modes", table=table, mode=mode, format=format, **options)


def rows(client, table, **options):
    found = client.catalog.read(namespace="modes", table=table, read_as="pyarrow", **options)
    return sorted(found.to_pylist(), key=lambda row: row["id"])


def test_auto_creates_then_adds(client):
    write(client, "auto", DATA)
    write(client, "auto", MORE)
    assert rows(client, "auto") == DATA.to_pylist() + MORE.to_pylist()
    plan = client.catalog.plan(namespace="modes", table="auto")
    assert [task.delta_type for task in plan.scan_tasks] == ["add", "add"]
    positions = [task.stream_position for task in plan.scan_tasks]
    assert positions == sorted(set(positions)) and positions[0] >= 1
    assert plan.requires_mor is False


def test_create(client, refused):
    write(client, "create", DATA, mode="create")
    with refused() as error:
        write(client, "create", MORE, mode="create")
    assert (error.status, error.code) == (409, "table_already_exists")
    assert rows(client, "create") == DATA.to_pylist()


@pytest.mark.parametrize("mode", ["add", "append", "replace"])
def test_needs_a_table(client, refused, mode):
    with refused() as error:
        write(client, "absent", DATA, mode=mode)
    assert (error.status, error.code) == (404, "table_not_found")


def test_append_is_ordered(client):
    write(client, "append", DATA)
    write(client, "append", MORE, mode="append")
    plan = client.catalog.plan(namespace="modes", table="append")
    assert [task.delta_type for task in plan.scan_tasks] == ["add", "append"]
    assert rows(client, "append") == DATA.to_pylist() + MORE.to_pylist()


def test_replace_keeps_history(client):
    first = write(client, "replace", DATA)
    before = client.catalog.plan(namespace="modes", table="replace")
    write(client, "replace", MORE, mode="replace")
    assert rows(client, "replace") == MORE.to_pylist()
    described = client.catalog.describe_table(namespace="modes", table="replace")
    assert (described.total_records, described.delta_count, described.table_version) == (1, 1, "1")
    # What stood before is still there for those who ask for that time.
    middle = (first.raw["expires_at"] - 3600 * 10**9)
    import time

    now = time.time_ns()
    assert middle < now
    assert rows(client, "replace", as_of=now) == MORE.to_pylist()
    assert pq.read_table(before.scan_tasks[0].files[0].path).to_pylist() == DATA.to_pylist()


def test_as_of(client, refused):
    import time

    earlier = time.time_ns()
    write(client, "as_of", DATA)
    between = time.time_ns()
    write(client, "as_of", MORE)
    later = time.time_ns()
    write(client, "as_of", DATA, mode="replace")
    assert rows(client, "as_of", as_of=between) == DATA.to_pylist()
    assert rows(client, "as_of", as_of=later) == DATA.to_pylist() + MORE.to_pylist()
    assert rows(client, "as_of") == DATA.to_pylist()
    with refused() as error:
        rows(client, "as_of", as_of=earlier)
    assert (error.status, error.code) == (404, "table_not_found")


def test_unknown_mode_and_modes_that_need_keys(client, refused):
    write(client, "modes", DATA)
    for mode in ("upsert", "merge", "delete", "replace_partition"):
        with refused() as error:
            write(client, "modes", MORE, mode=mode)
        assert (error.status, error.code) == (400, "invalid_write_mode")


@pytest.mark.parametrize("format", ["parquet", "csv", "json", "feather"])
def test_schema_grows(client, server, format):
    table = "grows_" + format
    write(client, table, DATA, format=format)
    wider = pa.table({"id": [3], "name": ["c"], "size": [1.5]})
    write(client, table, wider, format=format)
    expected = [dict(row, size=None) for row in DATA.to_pylist()] + wider.to_pylist()
    assert rows(client, table) == expected
    assert rows(client, table, filter_predicate={"gt": ["size", 1.0]}) == wider.to_pylist()
    # A later write without the column is filled with nulls.
    write(client, table, pa.table({"id": [4], "name": ["d"]}), format=format)
    assert rows(client, table)[-1] == {"id": 4, "name": "d", "size": None}
    assert len(server.sql(f"SELECT * FROM modes.{table} WHERE size IS NULL")) == 3


def test_schema_that_may_not_grow(client, refused):
    client.catalog.create_table(namespace="modes", table="fixed",
                                schema_def=[{"name": "id", "type": "int64"}],
                                table_properties={"schema_evolution_mode": "disabled"})
    with pytest.raises(Exception):  # the client refuses it by itself
        write(client, "fixed", DATA)
    write(client, "fixed", pa.table({"id": [7]}))
    assert rows(client, "fixed") == [{"id": 7}]


def test_types_are_cast_to_the_table(client):
    write(client, "cast", DATA)
    write(client, "cast", pa.table({"id": pa.array([9], pa.int32()), "name": ["z"]}))
    assert rows(client, "cast")[-1] == {"id": 9, "name": "z"}


def test_files_by_path(client, tmp_path, server):
    path = tmp_path / "given.parquet"
    pq.write_table(DATA, path)
    client.catalog.write(str(path), namespace="modes", table="by_path", mode="auto", format="parquet")
    assert rows(client, "by_path") == DATA.to_pylist()
    # It stays where it is, and is not ours to remove.
    assert client.catalog.plan(namespace="modes", table="by_path").scan_tasks[0].files[0].path == str(path)
    # Another type: its rows are written.
    other = tmp_path / "narrow.parquet"
    pq.write_table(pa.table({"id": pa.array([3], pa.int32()), "name": ["c"]}), other)
    client.catalog.write(str(other), namespace="modes", table="by_path", mode="auto", format="parquet")
    assert rows(client, "by_path") == DATA.to_pylist() + MORE.to_pylist()
    assert server.sql("SELECT count(*) AS n FROM modes.by_path")[0]["n"] in (3, "3")
    client.catalog.drop_table(namespace="modes", table="by_path", purge=True)
    assert path.exists()


@pytest.mark.parametrize("header", [True, False])
def test_text_by_path_with_and_without_names(client, server, tmp_path, header):
    table = f"text_{header}"
    write(client, table, DATA)
    path = tmp_path / "given.csv"
    path.write_text(("id,name\n" if header else "") + "3,c\n4,\n")
    client.catalog.write(str(path), namespace="modes", table=table, mode="auto", format="csv")
    assert [row["id"] for row in rows(client, table)] == [1, 2, 3, 4]
    assert server.sql(f"SELECT name FROM modes.{table} WHERE id = 4") == [{"name": None}]


def test_one_column_of_text_with_nothing_in_a_line(client, server):
    client.catalog.write(pa.table({"a": ["", None, "NA", "null"]}), namespace="modes", table="one", mode="auto",
                         format="csv")
    found = server.sql("SELECT a FROM modes.one")
    assert [row["a"] for row in found] == ["", None, "NA", "null"]


def test_an_empty_write_makes_the_table(client):
    write(client, "empty", DATA.slice(0, 0))
    described = client.catalog.describe_table(namespace="modes", table="empty")
    assert [field["name"] for field in described.schema] == ["id", "name"]
    assert (described.total_records, described.total_files) == (0, 0)
    write(client, "empty", DATA)
    assert rows(client, "empty") == DATA.to_pylist()


KEYED = [{"name": "k", "type": "int64", "is_merge_key": True}, {"name": "v", "type": "string"}]


def keyed(client, table):
    found = client.catalog.read(namespace="modes", table=table, read_as="pyarrow")
    return dict(zip(found["k"].to_pylist(), found["v"].to_pylist()))


def test_merge_keys(client, server, refused):
    table = "keyed"
    client.catalog.create_table(namespace="modes", table=table, schema_def=KEYED)
    assert keyed(client, table) == {}
    write(client, table, pa.table({"k": [1, 2, 2], "v": ["a", "b", "c"]}))
    assert keyed(client, table) == {1: "a", 2: "c"}
    write(client, table, pa.table({"k": [2, 3], "v": ["d", None]}), mode="merge", format="csv")
    assert keyed(client, table) == {1: "a", 2: "d", 3: ""} or keyed(client, table) == {1: "a", 2: "d", 3: None}
    write(client, table, pa.table({"k": [1]}), mode="delete")
    assert sorted(keyed(client, table)) == [2, 3]
    write(client, table, pa.table({"k": [1], "v": ["back"]}))
    plan = client.catalog.plan(namespace="modes", table=table, filter_predicate={"eq": ["v", "d"]})
    assert plan.requires_mor is False and plan.raw["merge_keys"] == ["k"]
    found = client.catalog.read(namespace="modes", table=table, filter_predicate={"eq": ["v", "a"]})
    assert found.num_rows == 0  # a row that was replaced does not come back
    assert client.catalog.describe_table(namespace="modes", table=table).merge_keys == ["k"]
    for mode in ("add", "append"):
        with refused() as error:
            write(client, table, pa.table({"k": [1], "v": ["x"]}), mode=mode)
        assert (error.status, error.code) == (400, "invalid_write_mode")
    assert len(server.sql(f"SELECT * FROM modes.{table}")) == 3


def test_table_versions(client, refused):
    write(client, "versions", DATA)
    write(client, "versions", pa.table({"other": ["x"]}), mode="create", table_version="2")
    catalog = client.catalog
    assert [v.raw["table_version"] for v in catalog.list_table_versions(namespace="modes", table="versions")] == [
        "1", "2"]
    assert client.catalog.read(namespace="modes", table="versions").to_pydict() == {"other": ["x"]}
    assert rows(client, "versions", table_version="1") == DATA.to_pylist()
    shown = catalog.describe_table(namespace="modes", table="versions", table_version="1")
    assert (shown.table_version, shown.total_records) == ("1", 2)
    assert catalog.table_exists(namespace="modes", table="versions", table_version="2")
    assert not catalog.table_exists(namespace="modes", table="versions", table_version="3")
    for version, status in (("2", 409), ("1", 409), ("x", 400)):
        with refused() as error:
            write(client, "versions", DATA, mode="create", table_version=version)
        assert error.status == status
    with refused() as error:
        rows(client, "versions", table_version="7")
    assert (error.status, error.code) == (404, "table_version_not_found")
    write(client, "versions", pa.table({"other": ["y"]}), mode="replace")
    assert catalog.read(namespace="modes", table="versions").to_pydict() == {"other": ["y"]}
    assert catalog.describe_table(namespace="modes", table="versions").table_version == "2"


def test_truncate(client):
    import time

    write(client, "truncate", DATA)
    before = time.time_ns()
    assert client.catalog.truncate_table(namespace="modes", table="truncate").raw["truncated"] is True
    assert rows(client, "truncate") == []
    assert rows(client, "truncate", as_of=before) == DATA.to_pylist()
    write(client, "truncate", MORE)
    assert rows(client, "truncate") == MORE.to_pylist()


def test_commit_without_a_session(client, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(DATA, path)
    done = client.catalog.commit(namespace="modes", table="sessionless", format="parquet", mode="auto",
                                 entries=[{"path": str(path), "record_count": 2}])
    assert (done.committed, done.total_records) == (True, 2)
    assert rows(client, "sessionless") == DATA.to_pylist()


def test_writers_that_grow_a_schema_at_once(server):
    import concurrent.futures

    def one(number):
        client = server.connect()
        for i in range(5):
            write(client, "race", pa.table({"id": [number * 100 + i], f"c{number}": [number]}))

    write(server.connect(), "race", pa.table({"id": [-1]}))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(6)))
    found = rows(server.connect(), "race")
    assert len(found) == 31
    for row in found[1:]:
        number = row["id"] // 100
        assert {name: value for name, value in row.items() if value is not None} == {
            "id": row["id"], f"c{number}": number}
