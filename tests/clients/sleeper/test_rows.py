"""Rows in, rows out: the methods of the client that this door has, with all their parameters."""

import random
import uuid

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

KEY_VALUE = dict(row_keys=[("key", "StringType")], values=[("value", "StringType")])


def job():
    return str(uuid.uuid4())


def write(client, jobs, table, rows, expect="finished"):
    id_ = job()
    client.write_single_batch(table, rows, id_)
    assert jobs.wait(id_) == expect
    return id_


def test_first_page(server, client, jobs):
    server.add_table("my_table", **KEY_VALUE)
    write(client, jobs, "my_table", [{"key": "my_key", "value": "my_value"}, {"key": "my_key2", "value": "my_value2"}])
    assert client.exact_key_query("my_table", {"key": ["my_key", "nope"]}) == [{"key": "my_key", "value": "my_value"}]
    assert client.exact_key_query("my_table", [{"key": "my_key2"}, {"key": "my_key"}]) == [
        {"key": "my_key", "value": "my_value"}, {"key": "my_key2", "value": "my_value2"}]
    assert client.exact_key_query("my_table", {"key": ["absent"]}) == []


def test_batch_writer_and_duplicates(server, client, jobs):
    server.add_table("t", [("k", "LongType")], values=[("v", "StringType")])
    id_ = job()
    with client.create_batch_writer("t", id_) as writer:
        writer.write([{"k": k, "v": f"a{k}"} for k in range(1000)])
        writer.write([{"k": k, "v": f"b{k}"} for k in range(500, 1500)])
    assert jobs.wait(id_) == "finished"
    found = client.range_key_query("t", [{"k": [0, None]}])
    assert len(found) == 2000
    assert [row["k"] for row in found] == sorted(row["k"] for row in found)
    assert sorted(row["v"] for row in client.exact_key_query("t", {"k": [700]})) == ["a700", "b700"]


def test_ranges(server, client, jobs):
    server.add_table("t", [("k", "LongType")])
    keys = [-2**63, -5, 0, 1, 2, 3, 10, 2**63 - 1]
    write(client, jobs, "t", [{"k": k} for k in keys])

    def ask(*regions):
        return [row["k"] for row in client.range_key_query("t", [{"k": region} for region in regions])]

    assert ask([1, 3]) == [1, 2]
    assert ask([1, True, 3, True]) == [1, 2, 3]
    assert ask([1, False, 3, True]) == [2, 3]
    assert ask([1, False, 3, False]) == [2]
    assert ask([2, None]) == [2, 3, 10, 2**63 - 1]
    assert ask([2, True, None, False]) == [2, 3, 10, 2**63 - 1]
    assert ask([-2**63, True, -5, True]) == [-2**63, -5]
    assert ask([1, 3], [2, True, 10, True], [1, 3], [0, True, 0, True]) == [0, 1, 2, 3, 10]
    assert ask([3, True, 3, False]) == []
    with pytest.raises(Exception):
        client.range_key_query("t", [{"k": [3, 1]}], "upside-down")
    assert "min is above max" in jobs.query("upside-down")["errors"]


def test_several_keys(server, client, jobs):
    server.add_table("t", [("a", "StringType"), ("b", "LongType")], [("s", "LongType")], [("v", "StringType")])
    rows = [{"a": a, "b": b, "s": s, "v": f"{a}{b}{s}"} for a in "xyz" for b in range(4) for s in (2, 1)]
    random.Random(5).shuffle(rows)
    write(client, jobs, "t", rows)
    in_order = sorted(rows, key=lambda r: (r["a"], r["b"], r["s"]))
    assert client.exact_key_query("t", [{"a": "y", "b": 2}]) == [r for r in in_order if r["a"] == "y" and r["b"] == 2]
    assert client.exact_key_query("t", {"b": [1, 3]}) == [r for r in in_order if r["b"] in (1, 3)]
    assert client.range_key_query("t", [{"a": ["x", "z"], "b": [1, True, 2, True]}]) == [
        r for r in in_order if r["a"] < "z" and 1 <= r["b"] <= 2]
    # Boxes that overlap take each row once.
    assert client.range_key_query("t", [{"a": ["x", None], "b": [3, None]}, {"a": ["y", "z"], "b": [0, None]}]) == [
        r for r in in_order if r["b"] == 3 or r["a"] == "y"]


def test_types(server, client, jobs):
    server.add_table("t", [("k", "IntType")], values=[
        ("text", "StringType"), ("list", {"ListType": {"elementType": "LongType"}}), ("long", "LongType")])
    rows = [{"k": 1, "text": "ünïcödé \U0001f33e", "list": [1, -2**63], "long": 2**63 - 1},
            {"k": -2**31, "text": "", "list": [7], "long": -2**63}]
    write(client, jobs, "t", rows)
    assert client.range_key_query("t", [{"k": [-2**31, None]}]) == sorted(rows, key=lambda r: r["k"])


def test_text_is_ordered_by_bytes(server, client, jobs):
    server.add_table("t", [("k", "StringType")])
    keys = ["", "a", "ab", "b", "é", "￿", "\U00010000", "Z", "~"]
    write(client, jobs, "t", [{"k": k} for k in keys])
    by_bytes = sorted(keys, key=str.encode)
    assert [r["k"] for r in client.range_key_query("t", [{"k": ["", None]}])] == by_bytes
    assert [r["k"] for r in client.range_key_query("t", [{"k": ["b", "￿"]}])] == [
        k for k in by_bytes if b"b" <= k.encode() < "￿".encode()]


def parquet(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def test_files_and_folders(server, client, jobs):
    server.add_table("t", [("k", "LongType")], values=[("v", "StringType", True)])
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="users-files", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    for key, number in {"data/a.parquet": 1, "data/deep/b.parquet": 2, "data-old/c.parquet": 3, "one.parquet": 4}.items():
        # Surplus columns, another order, optional columns: all fine.
        table = pa.table({"extra": [1.5], "v": pa.array([None if number == 2 else f"v{number}"]), "k": pa.array([number], pa.int32())})
        s3.put_object(Bucket="users-files", Key=key, Body=parquet(table))
    s3.put_object(Bucket="users-files", Key="data/_SUCCESS", Body=b"")
    id_ = job()
    client.ingest_parquet_files_from_s3("t", ["users-files/data", "s3://users-files//one.parquet", "users-files/one.parquet.crc"], id_)
    assert jobs.wait(id_) == "finished"
    assert client.range_key_query("t", [{"k": [0, None]}]) == [
        {"k": 1, "v": "v1"}, {"k": 2, "v": None}, {"k": 4, "v": "v4"}]
    id_ = job()
    client.ingest_parquet_files_from_s3("t", ["users-files/data/", "users-files/nothing"], id_)
    assert jobs.wait(id_) == "refused"
    assert len(client.range_key_query("t", [{"k": [0, None]}])) == 3


def test_many_regions(server, client, jobs):
    server.add_table("t", [("k", "LongType")])
    write(client, jobs, "t", [{"k": k} for k in range(0, 4000, 2)])
    found = client.exact_key_query("t", {"k": list(range(3000))})
    assert [row["k"] for row in found] == list(range(0, 3000, 2))


def test_reused_query_id(server, client, jobs):
    server.add_table("t", **KEY_VALUE)
    write(client, jobs, "t", [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    assert client.exact_key_query("t", {"key": ["a"]}, "same") == [{"key": "a", "value": "1"}]
    assert client.exact_key_query("t", {"key": ["b"]}, "same") == [{"key": "b", "value": "2"}]
    assert client.exact_key_query("t", {"key": ["c"]}, "same") == []
