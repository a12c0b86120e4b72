"""`firth sql` and the ticket {"sql": …}: joins and counts over tables that producers append to meanwhile.

Counts are checked against what the producer knows to be acknowledged: never fewer than before the query, and
exactly all when it has stopped.
"""

import csv
import io
import json
import threading

import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet
import pytest

from conftest import Server, action, descriptor, put, run_command

ORDERS = pa.table({
    "id": pa.array([1, 2, 3, 4], pa.int64()),
    "customer": pa.array(["ada", "bob", "ada", None]),
    "price": pa.array([1.5, 2.5, 3.5, None], pa.float64()),
})
CUSTOMERS = pa.table({"name": ["ada", "bob", "eve"], "city": ["Oslo", "Bergen", "Oslo"]})


def query(client, sql, options=None):
    return client.do_get(flight.Ticket(json.dumps({"sql": sql})), options).read_all()


@pytest.fixture(params=["remote", "local"])
def store(request, server, tmp_path):
    """Run a command at a server or in a folder, where the two tables are `path`/orders and `path`/customers."""
    where = ("--server", server.address) if request.param == "remote" else ("--data", tmp_path / "store")
    path = "sql_" + request.param + "_" + request.node.name.split("[")[0]

    def run(*words):
        return run_command(*words, *where)

    for name, rows in (("orders", ORDERS), ("customers", CUSTOMERS)):
        file = tmp_path / f"{name}.parquet"
        pa.parquet.write_table(rows, file)
        loaded = run("load", f"{path}/{name}", file)
        assert loaded.status == 0, loaded.err
    run.path = path
    return run


def test_join_and_aggregate(store):
    sql = (f"SELECT city, count(*) AS n, sum(price) AS total FROM {store.path}.orders o "
           f'JOIN "{store.path}/customers" c ON o.customer = c.name GROUP BY city ORDER BY city')
    rows = [{"city": "Bergen", "n": 1, "total": 2.5}, {"city": "Oslo", "n": 2, "total": 5.0}]
    told = store("sql", sql, "--json")
    assert told.status == 0, told.err
    assert told.rows == rows
    shown = store("sql", sql).out.splitlines()
    assert shown[0].split() == ["city", "n", "total"] and shown[2].split() == ["Bergen", "1", "2.5"]
    text = store("sql", sql, "--csv").out
    assert [dict(row) for row in csv.DictReader(io.StringIO(text))] == [
        {"city": "Bergen", "n": "1", "total": "2.5"}, {"city": "Oslo", "n": "2", "total": "5"}]


def test_plan_and_file(store, tmp_path):
    sql = f"SELECT customer, count(*) AS n FROM {store.path}.orders WHERE price > 2 GROUP BY customer"
    plan = store("sql", sql, "--plan")
    assert plan.status == 0 and "GROUP_BY" in plan.out
    lines = plan.out.splitlines()
    assert f"reads {store.path}/orders: customer, price" in lines
    assert lines[-1] == f"reads {3 * 5 + 3 * 8} bytes"
    assert store("sql", "SELECT nope", "--plan").status == 1
    file = tmp_path / "out.parquet"
    told = store("sql", sql + " ORDER BY customer", "--parquet", file, "--json")
    assert told.status == 0 and told.json == {"file": str(file), "rows": 2}, told.err
    assert pyarrow.parquet.read_table(file).to_pylist() == [{"customer": "ada", "n": 1}, {"customer": "bob", "n": 1}]
    failed = tmp_path / "failed.parquet"
    assert store("sql", "SELECT customer::INT FROM " + store.path + ".orders", "--parquet", failed).status == 1
    assert not list(tmp_path.glob("failed.parquet*"))


def test_past(store):
    table = f'"{store.path}/orders"'
    assert store("sql", f"SELECT count(*) AS n FROM {table} AT (TIMESTAMP => '2200-01-01')", "--json").rows == [{"n": 4}]
    told = store("sql", f"SELECT * FROM {table} AT (VERSION => 999999)")
    assert told.status == 1 and "999999" in told.err


def test_table_named_twice(store):
    told = store("sql", f"SELECT count(*) AS n FROM {store.path}.orders a JOIN {store.path}.orders b "
                        "ON a.customer = b.customer", "--json")
    assert told.rows == [{"n": 5}]
    assert store("sql", f"SELECT id FROM {store.path}.orders WHERE price IS NULL", "--json").rows == [{"id": 4}]
    assert store("sql", "SELECT 1 AS one WHERE false", "--json").rows == []


@pytest.mark.parametrize("sql", [
    "SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "COPY (SELECT 1) TO '/tmp/x.csv'",
    "ATTACH '/tmp/x.db'", "SELECT 1; SELECT 2", "INSTALL httpfs", "SET threads = 9", "SELECT nope", "SELEC 1",
    "SELECT * FROM nowhere.nothing"])
def test_refused_in_one_line(server, sql):
    told = server.cli("sql", sql)
    assert told.status == 1 and told.out == "" and told.err.startswith("firth: ") and told.err.count("\n") == 1


def test_ticket_and_info(client, path):
    put(client, path, ORDERS, create=True)
    sql = f'SELECT id, price FROM "{path}" ORDER BY id'
    assert query(client, sql).equals(ORDERS.select(["id", "price"]))
    info = client.get_flight_info(flight.FlightDescriptor.for_command(json.dumps({"sql": sql})))
    assert info.schema.names == ["id", "price"]
    assert client.do_get(info.endpoints[0].ticket).read_all().num_rows == 4
    with pytest.raises(pa.ArrowInvalid, match="limit"):
        client.do_get(flight.Ticket(json.dumps({"sql": sql, "limit": 1}))).read_all()


def test_partitions_buckets_and_new_columns(client, path):
    put(client, path, pa.table({"day": ["mon", "tue", "mon"], "id": pa.array([1, 2, 3], pa.int64())}),
        create=True, partition_by=["day"], bucket_by=["id"], buckets=3)
    action(client, "alter", path=path, add="note:text")
    put(client, path, pa.table({"day": ["wed"], "id": pa.array([4], pa.int64()), "note": ["x"]}))
    rows = query(client, f'SELECT day, count(*) AS n, max(note) AS note FROM "{path}" GROUP BY day ORDER BY day')
    assert rows.to_pylist() == [{"day": "mon", "n": 2, "note": None}, {"day": "tue", "n": 1, "note": None},
                                {"day": "wed", "n": 1, "note": "x"}]


def test_keyed_table_shows_current_rows(client, path):
    first = pa.table({"id": pa.array(range(10_000), pa.int64()), "name": [f"n{i}" for i in range(10_000)]})
    put(client, path, first, create=True, key=["id"], buckets=3)
    put(client, path, pa.table({"id": pa.array([5], pa.int64()), "name": ["changed"]}))
    put(client, path, pa.table({"id": pa.array([6, 7], pa.int64())}), delete=True)
    action(client, "alter", path=path, add="extra:int32")
    assert query(client, f'SELECT count(*) AS n, sum(id)::BIGINT AS s FROM "{path}"').to_pylist() == [
        {"n": 9_998, "s": sum(range(10_000)) - 13}]
    assert query(client, f'SELECT extra, name FROM "{path}" WHERE id BETWEEN 5 AND 8 ORDER BY id').to_pylist() == [
        {"extra": None, "name": "changed"}, {"extra": None, "name": "n8"}]


def test_counts_while_a_producer_appends(server, client, path):
    rows = pa.table({"id": pa.array(range(500), pa.int64()), "label": ["some text"] * 500})
    put(client, path, rows, create=True)
    acknowledged = [500]
    stop = threading.Event()
    failures = []

    def produce():
        try:
            with server.client() as producer:
                writer, reader = producer.do_put(descriptor(path), rows.schema)
                with writer:
                    while not stop.is_set():
                        writer.write_with_metadata(rows.to_batches()[0], b"commit")
                        reader.read()
                        acknowledged[0] += 500
                    writer.done_writing()
        except Exception as failure:  # told by the main thread
            failures.append(failure)

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        seen = []
        for _ in range(40):
            before = acknowledged[0]
            (row,) = query(client, f'SELECT count(*) AS n, count(label) AS labels FROM "{path}"').to_pylist()
            assert row["n"] >= before and row["n"] % 500 == 0 and row["labels"] == row["n"]
            seen.append(row["n"])
            (both,) = query(client, f'SELECT (SELECT count(*) FROM "{path}") AS a, '
                                    f'(SELECT count(id) FROM "{path}") AS b').to_pylist()
            assert both["a"] == both["b"] >= row["n"]
        assert seen == sorted(seen) and seen[-1] > seen[0]
    finally:
        stop.set()
        thread.join()
    assert not failures
    assert query(client, f'SELECT count(*) AS n FROM "{path}"').to_pylist() == [{"n": acknowledged[0]}]


def test_rights(tmp_path):
    running = Server(tmp_path / "data")
    try:
        secret = (running.folder / "admin.secret").read_text().strip()
        admin = flight.FlightCallOptions(headers=[(b"authorization", b"Bearer " + secret.encode())])
        with running.client() as client:
            for name in ("open", "shut"):
                put(client, "r/" + name, ORDERS, options=admin, create=True)
            action(client, "user.put", options=admin, name="ada")
            issued = action(client, "secret.issue", options=admin, user="ada")["secret"]
            ada = flight.FlightCallOptions(headers=[(b"authorization", b"Bearer " + issued.encode())])
            action(client, "grant", options=admin, user="ada", path="r/open", role="reader")
            action(client, "grant", options=admin, user="ada", path="r/shut", rights=["see"])
            assert query(client, "SELECT count(*) AS n FROM r.open", ada).to_pylist() == [{"n": 4}]
            for sql in ("SELECT * FROM r.shut", "SELECT 1 FROM r.open, r.shut",
                        "SELECT (SELECT max(id) FROM r.shut)"):
                with pytest.raises(flight.FlightUnauthorizedError):
                    query(client, sql, ada)
            with pytest.raises((flight.FlightUnauthorizedError, flight.FlightUnauthenticatedError)):
                query(client, "SELECT * FROM r.open")
    finally:
        assert running.stop() == 0
