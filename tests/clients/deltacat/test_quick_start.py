"""The client's first page: write a table, read it back; also after a stop and after a kill, and through the
other doors."""

import pyarrow as pa
import pytest

CATS = pa.table({"id": [1, 2, 3], "name": ["Cheshire", "Dinah", "Felix"], "age": [3, 7, 5]})


def write(client, data=CATS, table="cool_cats", mode="auto", format="parquet", namespace="default"):
    return client.catalog.write(data, namespace=namespace, table=table, mode=mode, format=format)


def read(client, table="cool_cats", namespace="default", **options):
    return client.catalog.read(namespace=namespace, table=table, read_as="pyarrow", **options)


def test_write_and_read_back(client):
    session = write(client)
    assert session.status == "COMMITTED"
    assert session.raw["total_records"] == 3 and session.raw["files_registered"] == 1
    frame = client.catalog.read(namespace="default", table="cool_cats", read_as="pandas")
    assert frame.to_dict("list") == CATS.to_pydict()


def test_sql_reads_the_same_rows(server, client):
    write(client, table="seen_by_sql")
    write(client, pa.table({"id": [4], "name": [None], "age": [None]}, CATS.schema), table="seen_by_sql")
    rows = server.sql('SELECT * FROM "default".seen_by_sql ORDER BY id')
    assert rows[:3] == CATS.to_pylist()
    assert rows[3] == {"id": 4, "name": None, "age": None}


@pytest.mark.parametrize("format", ["parquet", "csv", "json", "feather"])
def test_rows_survive_a_kill(own_server, format):
    client = own_server.connect()
    write(client, format=format)
    own_server.kill()
    own_server.start()
    client = own_server.connect()
    assert read(client).to_pydict() == CATS.to_pydict()
    write(client, format=format)
    assert own_server.stop() == 0
    own_server.start()
    client = own_server.connect()
    assert read(client).num_rows == 6
    assert own_server.sql('SELECT sum(age) AS s FROM "default".cool_cats') in ([{"s": 30}], [{"s": "30"}])


def test_a_large_table(client):
    rows = 300_000
    data = pa.table({"id": pa.array(range(rows)), "half": pa.array([i / 2 for i in range(rows)]),
                     "text": pa.array([f"row {i}" for i in range(rows)])})
    write(client, data, table="large")
    assert read(client, table="large").equals(data)
