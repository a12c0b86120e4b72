"""Rows in and out by pyarrow.flight: put, get, follow, and what a ticket can ask for."""

import datetime
import decimal
import json
import threading

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from conftest import action, descriptor, get, put, ticket

ROWS = pa.table({
    "id": pa.array([1, 2, 3, 4, 5], pa.int64()),
    "name": pa.array(["a", "b", None, "d", "e"], pa.string()),
    "price": pa.array([1.5, 2.5, 3.5, None, 5.5], pa.float64()),
})


def every_type():
    stamp = datetime.datetime(2024, 2, 29, 12, 30, 15, 123456)
    return pa.table({
        "bool": pa.array([True, False, None]),
        "int8": pa.array([-128, 127, None], pa.int8()),
        "int16": pa.array([-2**15, 2**15 - 1, None], pa.int16()),
        "int32": pa.array([-2**31, 2**31 - 1, None], pa.int32()),
        "int64": pa.array([-2**63, 2**63 - 1, None], pa.int64()),
        "float32": pa.array([1.5, float("inf"), None], pa.float32()),
        "float64": pa.array([1e300, -0.0, None], pa.float64()),
        "text": pa.array(["", "größer 日本", None], pa.string()),
        "bytes": pa.array([b"", b"\x00\xff", None], pa.binary()),
        "fixed": pa.array([b"abcd", b"efgh", None], pa.binary(4)),
        "date": pa.array([datetime.date(1969, 12, 31), datetime.date(2038, 1, 19), None], pa.date32()),
        "time": pa.array([datetime.time(23, 59, 59, 999999), datetime.time(), None], pa.time64("us")),
        "ns": pa.array([0, 1_700_000_000_123_456_789, None], pa.timestamp("ns")),
        "utc": pa.array([stamp, stamp, None], pa.timestamp("us", "UTC")),
        "decimal": pa.array([decimal.Decimal("1.23"), decimal.Decimal("-99999999.99"), None], pa.decimal128(10, 2)),
        "list": pa.array([[1, None], [], None], pa.list_(pa.int32())),
        "struct": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": None}, None],
                           pa.struct([("a", pa.int32()), ("b", pa.string())])),
        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    })


def test_put_and_get(client, path):
    answer = put(client, path, ROWS, create=True)
    assert answer["rows"] == 5 and answer["commit"] > 0
    assert get(client, path).equals(ROWS)


def test_every_type(client, path):
    rows = every_type()
    put(client, path, rows, create=True)
    assert get(client, path).to_pylist() == rows.to_pylist()


def test_types_that_libraries_make_become_plain(client, path):
    rows = pa.table({
        "dictionary": pa.array(["x", "y", "x"]).dictionary_encode(),
        "large": pa.array(["p", None, "r"], pa.large_string()),
        "view": pa.array(["u", "v", None], pa.string_view()),
        "nothing": pa.nulls(3),
    })
    put(client, path, rows, create=True)
    stored = get(client, path)
    assert [str(kind) for kind in stored.schema.types] == ["string"] * 4
    assert stored.to_pydict() == rows.to_pydict()


def test_put_by_path_needs_a_table(client, path):
    with pytest.raises(KeyError, match=path):
        put(client, path, ROWS)
    put(client, path, ROWS, create=True)
    assert put(client, path, ROWS)["rows"] == 5
    assert get(client, path).num_rows == 10


def test_put_without_rows(client, path):
    assert put(client, path, ROWS.schema.empty_table(), create=True)["rows"] == 0
    empty = get(client, path)
    assert empty.num_rows == 0 and empty.schema.equals(ROWS.schema)


def test_columns_may_be_absent_and_reordered(client, path):
    put(client, path, ROWS, create=True)
    put(client, path, pa.table({"price": [9.0], "id": pa.array([6], pa.int32())}))
    assert get(client, path).to_pylist()[-1] == {"id": 6, "name": None, "price": 9.0}


def test_a_broken_put_writes_nothing(client, path):
    put(client, path, ROWS, create=True)
    with pytest.raises(pa.ArrowException):
        put(client, path, pa.table({"id": ["not a number"]}))
    assert get(client, path).num_rows == 5


def test_commits_on_demand(client, path):
    writer, reader = client.do_put(descriptor(path, create=True), ROWS.schema)
    with writer:
        for batch in ROWS.to_batches(max_chunksize=2):
            writer.write_with_metadata(batch, b"commit")
            answer = json.loads(reader.read().to_pybytes())
            assert answer["rows"] == batch.num_rows
            assert get(client, path)["id"].to_pylist()[-1] == batch["id"][-1].as_py()
        writer.done_writing()
        assert reader.read() is None


def test_commits_need_not_be_awaited(client, path):
    rows = pa.table({"id": pa.array(range(3_000), pa.int64())})
    writer, reader = client.do_put(descriptor(path, create=True), rows.schema)
    with writer:
        for batch in rows.to_batches(max_chunksize=10):
            writer.write_with_metadata(batch, b"commit")
        answers = []
        while sum(answer["rows"] for answer in answers) < 3_000:
            answers.append(json.loads(reader.read().to_pybytes()))
        assert get(client, path)["id"].to_pylist() == list(range(3_000))
        commits = [answer["commit"] for answer in answers]
        assert commits == sorted(set(commits))
        writer.done_writing()
        assert reader.read() is None


def test_large_put_is_cut_into_commits(client, path):
    rows = pa.table({"text": pa.array(["x" * 1000] * 200_000)})
    writer, reader = client.do_put(descriptor(path, create=True), rows.schema)
    with writer:
        writer.write_table(rows, max_chunksize=10_000)
        writer.done_writing()
        answers = []
        while (answer := reader.read()) is not None:
            answers.append(json.loads(answer.to_pybytes()))
    assert sum(answer["rows"] for answer in answers) == 200_000
    assert len({answer["commit"] for answer in answers}) == len(answers) >= 3
    assert get(client, path, columns=["text"]).num_rows == 200_000


def test_one_large_batch_is_cut_too(client, path):
    rows = pa.table({"text": pa.array(["y" * 1000] * 150_000)})
    writer, reader = client.do_put(descriptor(path, create=True), rows.schema)
    with writer:
        writer.write_batch(rows.to_batches()[0])
        writer.done_writing()
        answers = []
        while (answer := reader.read()) is not None:
            answers.append(json.loads(answer.to_pybytes()))
    assert [answer["rows"] for answer in answers] == [50_000] * 3


def test_projection(client, path):
    put(client, path, ROWS, create=True)
    assert get(client, path, columns=["price", "id"]).equals(ROWS.select(["price", "id"]))
    with pytest.raises(pa.ArrowException, match="nope"):
        get(client, path, columns=["nope"])


@pytest.mark.parametrize("condition, ids", [
    ({"column": "id", "op": ">", "value": 3}, [4, 5]),
    ({"column": "name", "op": "=", "value": "b"}, [2]),
    ({"column": "name", "op": "!=", "value": "b"}, [1, 4, 5]),
    ({"column": "price", "op": "null"}, [4]),
    ({"column": "name", "op": "not_null"}, [1, 2, 4, 5]),
    ({"column": "id", "op": "in", "value": [1, 5, 9]}, [1, 5]),
])
def test_filter(client, act, condition, ids):
    table = "t/filtered"
    if not any(one["path"] == table for one in act("tables", prefix="t")):
        put(client, table, ROWS, create=True)
    assert get(client, table, filter=[condition])["id"].to_pylist() == ids
    shown = get(client, table, filter=[condition], columns=["price"])
    assert shown.column_names == ["price"] and shown.num_rows == len(ids)


def test_filters_all_hold(client, path):
    put(client, path, ROWS, create=True)
    conditions = [{"column": "id", "op": ">=", "value": 2}, {"column": "price", "op": "<", "value": 5}]
    assert get(client, path, filter=conditions)["id"].to_pylist() == [2, 3]


def test_offsets_and_limit(client, path):
    put(client, path, ROWS, create=True)
    assert get(client, path, **{"from": 3})["id"].to_pylist() == [4, 5]
    assert get(client, path, **{"from": 1, "to": 3})["id"].to_pylist() == [2, 3]
    assert get(client, path, **{"from": -2})["id"].to_pylist() == [4, 5]
    assert get(client, path, **{"from": "latest"}).num_rows == 0
    assert get(client, path, **{"from": "earliest", "limit": 2})["id"].to_pylist() == [1, 2]
    with pytest.raises(pa.ArrowException, match="offsets from 0 to 5"):
        get(client, path, **{"from": 6})


def test_as_of(client, path):
    first = put(client, path, ROWS, create=True)["commit"]
    put(client, path, ROWS)
    assert get(client, path, as_of=first).num_rows == 5
    assert get(client, path).num_rows == 10


def test_hidden_columns(client, path):
    commit = put(client, path, ROWS, create=True)["commit"]
    rows = get(client, path, hidden=True, columns=["id"])
    assert rows.column_names[0] == "id"
    assert rows["__offset"].to_pylist() == [0, 1, 2, 3, 4]
    assert set(rows["__commit"].to_pylist()) == {commit}


def test_partitions_and_buckets(client, act, path):
    rows = pa.table({"day": ["mon", "mon", "tue"], "id": pa.array([1, 2, 3], pa.int64())})
    put(client, path, rows, create=True, partition_by=["day"], bucket_by=["id"], buckets=4)
    assert sorted(get(client, path)["id"].to_pylist()) == [1, 2, 3]
    assert sorted(get(client, path, partition=["mon"])["id"].to_pylist()) == [1, 2]
    found = [get(client, path, partition=["mon"], bucket=bucket).num_rows for bucket in range(4)]
    assert sum(found) == 2
    with pytest.raises(KeyError, match="wed"):
        get(client, path, partition=["wed"])
    with pytest.raises(pa.ArrowInvalid, match="bucket"):
        get(client, path, **{"from": 1})
    listed = act("partitions", path=path)
    assert sorted(one["values"] for one in listed) == [["mon"], ["tue"]]
    assert sum(bucket["end"] for one in listed for bucket in one["buckets"]) == 3


def test_upsert_and_delete(client, path):
    rows = pa.table({"id": pa.array([1, 2], pa.int64()), "name": ["a", "b"]})
    put(client, path, rows, create=True, key=["id"])
    put(client, path, pa.table({"id": pa.array([2], pa.int64()), "name": ["B"]}))
    put(client, path, pa.table({"id": pa.array([1], pa.int64())}), delete=True)
    changes = get(client, path, hidden=True)
    assert changes["__change"].to_pylist() == ["+I", "+I", "-U", "+U", "-D"]
    assert changes["name"].to_pylist() == ["a", "b", "b", "B", "a"]


def test_current_rows(client, act, path):
    ids = pa.array(range(10_000), pa.int64())
    put(client, path, pa.table({"id": ids, "name": [f"n{i}" for i in range(10_000)]}), create=True, key=["id"],
        buckets=2)
    put(client, path, pa.table({"id": pa.array([7], pa.int64()), "name": ["seven"]}))
    put(client, path, pa.table({"id": pa.array(range(100, 10_000), pa.int64())}), delete=True)
    rows = get(client, path, current=True).sort_by("id")
    assert rows["id"].to_pylist() == list(range(100)) and rows["name"].to_pylist()[7] == "seven"
    assert get(client, path, current=True, columns=["name"], filter=[{"column": "id", "value": 7}]).to_pylist() == [
        {"name": "seven"}]
    assert get(client, path, current=True, limit=10).num_rows == 10
    act("alter", path=path, add="extra:int32", rename={"name": "label"})
    put(client, path, pa.table({"id": pa.array([8], pa.int64()), "extra": pa.array([1], pa.int32())}))
    rows = get(client, path, current=True).sort_by("id").to_pylist()
    assert rows[7] == {"id": 7, "label": "seven", "extra": None}
    assert rows[8] == {"id": 8, "label": "n8", "extra": 1}


def test_current_rows_need_a_key(client, path):
    put(client, path, ROWS, create=True)
    with pytest.raises(pa.ArrowException, match="has no key"):
        get(client, path, current=True)


def test_follow(client, path):
    put(client, path, ROWS, create=True)
    stream = client.do_get(ticket(path, follow=True))
    assert stream.read_chunk().data.num_rows == 5
    for count in (1, 3):
        put(client, path, ROWS.slice(0, count))
        got = 0
        while got < count:
            got += stream.read_chunk().data.num_rows
        assert got == count
    stream.cancel()
    with pytest.raises(pa.ArrowCancelled):
        while True:
            stream.read_chunk()


def test_follow_from_the_end_with_filter_and_limit(client, path):
    put(client, path, ROWS, create=True)
    stream = client.do_get(ticket(path, follow=True, limit=2, filter=[{"column": "id", "op": ">", "value": 3}],
                                  **{"from": "latest"}))
    assert stream.schema.equals(ROWS.schema)  # the read has begun
    put(client, path, ROWS)
    assert stream.read_all()["id"].to_pylist() == [4, 5]


def test_follow_sees_new_partitions(client, path):
    rows = pa.table({"day": ["mon"], "id": pa.array([1], pa.int64())})
    put(client, path, rows, create=True, partition_by=["day"])
    stream = client.do_get(ticket(path, follow=True, limit=2))
    assert stream.read_chunk().data["day"].to_pylist() == ["mon"]
    put(client, path, pa.table({"day": ["tue"], "id": pa.array([2], pa.int64())}))
    assert stream.read_all()["day"].to_pylist() == ["tue"]


def test_follow_outlives_a_change_of_columns(client, act, path):
    put(client, path, ROWS, create=True)
    stream = client.do_get(ticket(path, follow=True, limit=6))
    assert stream.read_chunk().data.num_rows == 5
    act("alter", path=path, drop=["price"], rename={"name": "label"}, add="extra:int32")
    put(client, path, pa.table({"id": pa.array([9], pa.int64()), "label": ["z"], "extra": pa.array([7], pa.int32())}))
    assert stream.read_all().to_pylist() == [{"id": 9, "name": "z", "price": None}]


def test_many_followers_hold_no_threads(server, path):
    """More reads that follow than the door has threads, and puts still get through."""
    with server.client() as writer:
        put(writer, path, ROWS, create=True)
        streams = [writer.do_get(ticket(path, follow=True, **{"from": "latest"})) for _ in range(100)]
        for stream in streams:
            assert stream.schema.equals(ROWS.schema)
        put(writer, path, ROWS)
        for stream in streams:
            assert stream.read_chunk().data.num_rows == 5
            stream.cancel()


def test_a_dropped_table_ends_a_follower(client, act, path):
    put(client, path, ROWS, create=True)
    stream = client.do_get(ticket(path, follow=True))
    assert stream.read_chunk().data.num_rows == 5
    act("drop", path=path)
    with pytest.raises(KeyError):
        stream.read_chunk()


def test_concurrent_puts(server, path):
    with server.client() as first:
        put(first, path, ROWS, create=True)
    failed = []

    def work():
        try:
            with server.client() as client:
                for _ in range(10):
                    put(client, path, ROWS)
        except Exception as error:  # shown below
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with server.client() as client:
        offsets = get(client, path, hidden=True)["__offset"].to_pylist()
        assert sorted(offsets) == list(range(5 + 4 * 10 * 5))


def test_flight_info(client, path):
    put(client, path, ROWS, create=True)
    info = client.get_flight_info(descriptor(path))
    assert info.schema.equals(ROWS.schema) and info.total_records == 5 and info.total_bytes > 0
    assert len(info.endpoints) == 1
    assert client.do_get(info.endpoints[0].ticket).read_all().equals(ROWS)
    assert client.get_schema(descriptor(path)).schema.equals(ROWS.schema)
    command = descriptor(path, columns=["id"])
    info = client.get_flight_info(command)
    assert info.schema.names == ["id"]
    assert client.do_get(info.endpoints[0].ticket).read_all().num_rows == 5


def test_list_flights(client, path):
    put(client, path + "/one", ROWS, create=True)
    put(client, path + "/two", ROWS, create=True)
    for criteria in (path.encode(), json.dumps({"prefix": path}).encode()):
        listed = [b"/".join(info.descriptor.path).decode() for info in client.list_flights(criteria)]
        assert listed == [path + "/one", path + "/two"]
    assert len(list(client.list_flights())) >= 2


@pytest.mark.parametrize("text, says", [
    (b"", "a ticket is JSON"),
    (b"{", "not JSON"),
    (b"{}", "needs `path`"),
    (b'{"path": ""}', "at least one segment"),
    (b'{"path": "a//b"}', "segment"),
    (b'{"path": "t", "colunms": []}', "no `colunms`; it has"),
    (b'{"path": "t", "limit": -1}', "0 or more"),
    (b'{"path": "t", "follow": true, "to": 4}', "has no end"),
    (b'{"path": "t", "from": "soon"}', "earliest or latest"),
    (b'{"path": "t", "filter": [{"column": "x", "op": "~"}]}', "one of ="),
])
def test_wrong_tickets(client, text, says):
    with pytest.raises(pa.ArrowInvalid, match=says):
        client.do_get(flight.Ticket(text)).read_all()


def test_wrong_puts(client, path):
    with pytest.raises(pa.ArrowInvalid, match="descriptor"):
        put(client, "", ROWS)
    with pytest.raises(pa.ArrowInvalid, match="no `keys`"):
        put(client, path, ROWS, create=True, keys=["id"])
    with pytest.raises(pa.ArrowException, match="nope"):
        put(client, path, ROWS, create=True, key=["nope"])
    with pytest.raises(pa.ArrowNotImplementedError):
        client.do_exchange(descriptor(path))[1].read_all()
    assert action(client, "tables", prefix=path) == []
