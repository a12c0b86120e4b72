"""`firth sql` and the ticket {"sql": …}: joins and counts over tables that producers append to meanwhile.

Counts are checked against what the producer knows to be acknowledged: never fewer than before the query, and
exactly all when it has stopped.
"""

import csv
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet
import pytest

from conftest import BINARY, Server, action, clean_environment, descriptor, put, run_command

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


LONG = "SELECT count(*) AS n FROM range(200000) a, range(200000) b WHERE a.range + b.range < 0"


def wait_for(what):
    for _ in range(300):
        if (found := what()) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come")


def progress_of(client, name):
    try:
        return action(client, "query.progress", name=name)
    except pa.ArrowKeyError:
        return None


def test_progress_and_cancel_by_name(server, client):
    # In a process of its own: pyarrow takes a cancelled call for an interrupt of the whole process.
    script = ("import sys, pyarrow.flight as flight\n"
              "flight.connect(sys.argv[1]).do_get(flight.Ticket(sys.argv[2])).read_all()\n")
    reader = subprocess.Popen(
        [sys.executable, "-c", script, f"grpc://{server.address}", json.dumps({"sql": LONG, "name": "mine"})],
        stderr=subprocess.PIPE, text=True, env=clean_environment())
    try:
        told = wait_for(lambda: progress_of(client, "mine"))
        assert told["rows"] == 0 and 0 <= told.get("part", 0) <= 1
        with pytest.raises(pa.ArrowInvalid, match="another query of yours"):
            client.do_get(flight.Ticket(json.dumps({"sql": "SELECT 1", "name": "mine"}))).read_all()
        action(client, "query.cancel", name="mine")
        assert reader.wait(60) != 0
        assert "cancelled" in reader.stderr.read() or reader.returncode == -signal.SIGINT
    finally:
        reader.kill()
        reader.wait()
        reader.stderr.close()
    wait_for(lambda: True if progress_of(client, "mine") is None else None)
    with pytest.raises(pa.ArrowInvalid, match="1 to 64"):
        client.do_get(flight.Ticket(json.dumps({"sql": "SELECT 1", "name": "x" * 65}))).read_all()


def test_progress_is_shown_before_the_first_row(server):
    """On a terminal, which a command gets from a pseudo-terminal here."""
    ours, theirs = pty.openpty()
    command = subprocess.Popen([BINARY, "sql", LONG, "--server", server.address], stderr=theirs,
                               stdout=subprocess.DEVNULL, env=clean_environment())
    os.close(theirs)
    shown = b""
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and b"reading: " not in shown:
            if select.select([ours], [], [], 1)[0]:
                shown += os.read(ours, 4096)
    finally:
        command.kill()
        command.wait()
        os.close(ours)
    assert b"reading: " in shown and (b"%" in shown or b" s" in shown), shown


def plan_of(client, sql):
    return client.do_get(flight.Ticket(json.dumps({"sql": sql, "plan": True}))).read_all()["plan"].to_pylist()


def test_what_reads_files_filters_them(client, path):
    put(client, path, ORDERS, create=True)
    action(client, "lake.cut", path=path)
    sql = f'SELECT customer FROM "{path}" WHERE id >= 3 AND price < 9'
    plan = "\n".join(plan_of(client, sql))
    scan = plan[plan.index("PARQUET"):]
    assert "Filters:" in scan and "id>=3" in scan.replace(" ", "") and "FILTER" not in plan[:plan.index("PARQUET")]
    assert "firth_rows" not in plan
    # The same statement with rows that are not in files, which the plan reads beside them.
    put(client, path, ORDERS)
    assert "firth_rows" in "\n".join(plan_of(client, sql)).lower()
    assert query(client, sql)["customer"].to_pylist() == ["ada", "ada"]
