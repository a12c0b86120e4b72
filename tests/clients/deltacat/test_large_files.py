"""Parquet files of more than a megabyte, which are taken by what their footers say."""

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROWS = 200_000
RANDOM = np.random.default_rng(3)


def sample(start=0):
    return pa.table({"id": pa.array(range(start, start + ROWS), pa.int64()),
                     "real": pa.array(RANDOM.random(ROWS)),
                     "text": pa.array([None if i % 11 == 0 else f"text {i % 977}" for i in range(ROWS)])})


def write(client, table, data, mode="auto", format="parquet"):
    return client.catalog.write(data, namespace="large", table=table, mode=mode, format=format)


def test_what_was_written_is_read(client, server):
    first, second = sample(), sample(ROWS)
    write(client, "twice", first)
    write(client, "twice", second)
    found = client.catalog.read(namespace="large", table="twice", read_as="pyarrow")
    assert found.equals(pa.concat_tables([first, second]))
    sums = server.sql("SELECT count(*) AS n, count(text) AS t, sum(id) AS s, max(real) AS m FROM large.twice")[0]
    assert int(sums["n"]) == 2 * ROWS and int(sums["t"]) == 2 * (ROWS - first["text"].null_count)
    assert int(sums["s"]) == sum(range(2 * ROWS))
    plan = client.catalog.plan(namespace="large", table="twice", filter_predicate={"eq": ["id", ROWS + 5]})
    assert (plan.total_files, plan.total_records) == (1, ROWS)
    plan = client.catalog.plan(namespace="large", table="twice", filter_predicate={"gt": ["real", 2]})
    assert plan.total_files == 2  # a column of floats may hide NaN


def test_columns_that_fit_otherwise(client):
    client.catalog.create_table(namespace="large", table="wider", schema_def=[
        {"name": "id", "type": "int64"}, {"name": "real", "type": "double"}, {"name": "text", "type": "string"},
        {"name": "more", "type": "int32"}])
    data = sample()
    write(client, "wider", data)
    found = client.catalog.read(namespace="large", table="wider", read_as="pyarrow")
    assert found["real"].equals(data["real"]) and found["more"].null_count == ROWS


@pytest.mark.parametrize("harm", ["count", "cut", "front", "nulls"])
def test_files_that_are_not_what_they_say(client, server, tmp_path, harm):
    table = "harm_" + harm
    client.catalog.create_table(namespace="large", table=table, schema_def=[
        {"name": "id", "type": "int64"}, {"name": "real", "type": "double"},
        {"name": "text", "type": "string", "nullable": harm != "nulls"}])
    path = tmp_path / "a.parquet"
    pq.write_table(sample(), path)
    count = ROWS
    if harm == "count":
        count = ROWS + 1
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    elif harm == "front":
        path.write_bytes(path.read_bytes()[1000:])  # the footer names bytes that are not there
    with httpx.Client(base_url=server.url) as http:
        answer = http.post(f"/v1/namespaces/large/tables/{table}/commit",
                           json={"manifest_entries": [{"path": str(path), "record_count": count}]})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] in ("invalid_data", "invalid_schema")
    assert client.catalog.describe_table(namespace="large", table=table).total_files == 0
