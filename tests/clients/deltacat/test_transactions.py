"""Transactions: what they see, what others see, how they end, what they meet."""

import time
import uuid

import httpx
import pyarrow as pa
import pytest

ONE = pa.table({"id": [1]})
TWO = pa.table({"id": [2]})


def write(client, table, data=ONE, mode="auto"):
    return client.catalog.write(data, namespace="tx", table=table, mode=mode, format="parquet")


def ids(client, table, **options):
    return sorted(client.catalog.read(namespace="tx", table=table, **options)["id"].to_pylist())


@pytest.fixture
def other(server):
    return server.connect()


def test_all_at_once(client, other):
    write(client, "a")
    with client.transaction(commit_message="both") as tx:
        write(client, "a", TWO, mode="add")
        write(client, "b", TWO)
        assert ids(client, "a") == [1, 2] and ids(client, "b") == [2]
        assert client.catalog.table_exists(namespace="tx", table="b")
        assert "b" in [t.name for t in client.catalog.list_tables(namespace="tx")]
        assert ids(other, "a") == [1]
        assert not other.catalog.table_exists(namespace="tx", table="b")
        assert tx.id
    assert ids(other, "a") == [1, 2] and ids(other, "b") == [2]


def test_rolled_back(client, other):
    write(client, "back")
    with pytest.raises(RuntimeError):
        with client.transaction():
            write(client, "back", TWO, mode="add")
            write(client, "back_new", TWO)
            raise RuntimeError("no")
    assert ids(client, "back") == [1]
    assert not other.catalog.table_exists(namespace="tx", table="back_new")


def test_versions_and_states(server, client):
    with httpx.Client(base_url=server.url) as http:
        begun = http.post("/v1/transactions", json={"commit_message": "m"}).json()
        assert (begun["status"], begun["transaction_version"], begun["commit_message"]) == ("RUNNING", 1, "m")
        assert begun["expires_at"] - begun["created_at"] > 15 * 60 * 10**9
        base = f"/v1/transactions/{begun['transaction_id']}"
        beaten = http.post(base + "/heartbeat", json={"transaction_version": 1}).json()
        assert beaten["transaction_version"] == 1 and beaten["expires_at"] >= begun["expires_at"]
        params = {"transaction_id": begun["transaction_id"], "transaction_version": 1,
                  "operation_id": str(uuid.uuid4())}
        made = http.post("/v1/namespaces/tx/tables", json={"table": "versions"}, params=params)
        assert made.status_code == 201 and made.json()["transaction_version"] == 2
        # The same operation again is answered as it was, whatever version it names.
        assert http.post("/v1/namespaces/tx/tables", json={"table": "versions"}, params=params).json() == made.json()
        other = http.post("/v1/namespaces/tx/tables", json={"table": "other"}, params=params)
        assert other.json()["error"]["code"] == "operation_payload_mismatch"
        for verb in ("heartbeat", "commit", "abort"):
            wrong = http.post(f"{base}/{verb}", json={"transaction_version": 1})
            assert (wrong.status_code, wrong.json()["error"]["code"]) == (409, "transaction_version_mismatch")
        assert not client.catalog.table_exists(namespace="tx", table="versions")
        done = http.post(base + "/commit", json={"transaction_version": 2})
        assert done.json()["status"] == "COMMITTED" and done.json()["finalized_at"]
        assert http.post(base + "/commit", json={"transaction_version": 2}).json()["status"] == "COMMITTED"
        for verb in ("heartbeat", "abort"):
            late = http.post(f"{base}/{verb}", json={"transaction_version": 2})
            assert (late.status_code, late.json()["error"]["code"]) == (409, "transaction_not_running")
        assert http.get(base).json()["status"] == "COMMITTED"
        assert http.get("/v1/transactions/absent").json()["error"]["code"] == "transaction_not_found"
    assert client.catalog.table_exists(namespace="tx", table="versions")


CONFLICTS = [
    # what the transaction does, what another does meanwhile, does the transaction lose
    ("add", "add", False), ("add", "append", False), ("add", "replace", True), ("add", "drop", True),
    ("add", "schema", True), ("add", "alter", False),
    ("append", "add", False), ("append", "append", True), ("append", "replace", True), ("append", "alter", True),
    ("replace", "add", True), ("replace", "append", True), ("replace", "replace", True),
    ("drop", "add", True), ("alter", "alter", True), ("alter", "append", True), ("rename", "rename", True),
]


def act(client, table, what):
    if what in ("add", "append", "replace"):
        write(client, table, TWO, mode=what)
    elif what == "drop":
        client.catalog.drop_table(namespace="tx", table=table)
    elif what == "alter":
        client.catalog.alter_table(namespace="tx", table=table, table_properties={str(uuid.uuid4()): 1})
    elif what == "schema":
        write(client, table, pa.table({"id": [3], "more": [1]}))
    elif what == "rename":
        client.catalog.rename_table(namespace="tx", table=table, new_name=table + str(uuid.uuid4()))


@pytest.mark.parametrize("mine, theirs, loses", CONFLICTS, ids=lambda value: str(value))
def test_conflicts(client, other, refused, mine, theirs, loses):
    table = f"conflict_{mine}_{theirs}"
    write(client, table)
    if not loses:
        with client.transaction():
            act(client, table, mine)
            act(other, table, theirs)
        assert len(ids(client, table)) >= 2
        return
    with refused() as error:
        with client.transaction() as tx:
            act(client, table, mine)
            act(other, table, theirs)
    assert (error.status, error.code) == (409, "concurrent_modification")
    assert tx.get().status == "FAILED"


def test_two_makers_of_one_table(client, other, refused):
    with refused() as error:
        with client.transaction():
            write(client, "made_twice", ONE)
            write(other, "made_twice", TWO)
    assert error.code == "concurrent_modification"
    assert ids(client, "made_twice") == [2]


def test_an_earlier_time(client, refused):
    write(client, "earlier")
    then = time.time_ns()
    write(client, "earlier", TWO)
    with client.transaction(as_of=then):
        assert ids(client, "earlier") == [1]
    with refused() as error:
        with client.transaction(as_of=then):
            write(client, "earlier", TWO)
    assert (error.status, error.code) == (400, "transaction_read_only")
    assert ids(client, "earlier") == [1, 2]


def test_definitions(client, other):
    write(client, "old_name")
    with client.transaction():
        client.catalog.create_namespace(namespace="tx_new", properties={"a": 1})
        client.catalog.create_table(namespace="tx_new", table="t", schema_def=[{"name": "id", "type": "int64"}])
        client.catalog.rename_table(namespace="tx", table="old_name", new_name="new_name")
        client.catalog.alter_table(namespace="tx", table="new_name", table_properties={"k": "v"})
        client.catalog.write(ONE, namespace="tx_new", table="t", mode="append", format="parquet")
        assert client.catalog.describe_table(namespace="tx", table="new_name").table_properties == {"k": "v"}
        assert client.catalog.describe_table(namespace="tx_new", table="t").total_records == 1
        assert not other.catalog.namespace_exists(namespace="tx_new")
        assert other.catalog.table_exists(namespace="tx", table="old_name")
    assert other.catalog.read(namespace="tx_new", table="t").num_rows == 1
    assert ids(other, "new_name") == [1] and not other.catalog.table_exists(namespace="tx", table="old_name")


def test_a_replace_and_a_schema_inside(client, other):
    write(client, "inside")
    with client.transaction():
        write(client, "inside", pa.table({"id": [5], "more": ["x"]}))
        write(client, "inside", pa.table({"id": [6], "more": ["y"]}), mode="replace")
        write(client, "inside", pa.table({"id": [7], "more": ["z"]}), mode="append")
        assert ids(client, "inside") == [6, 7]
        assert ids(other, "inside") == [1]
    assert other.catalog.read(namespace="tx", table="inside").sort_by("id").to_pydict() == {
        "id": [6, 7], "more": ["y", "z"]}


def test_it_survives_a_kill(own_server):
    client = own_server.connect()
    client.catalog.write(ONE, namespace="tx", table="t", mode="auto", format="parquet")
    tx = client.transaction()
    tx.__enter__()
    client.catalog.write(TWO, namespace="tx", table="t", mode="add", format="parquet")
    own_server.kill()
    own_server.start()
    assert own_server.connect().catalog.read(namespace="tx", table="t").num_rows == 1
    with httpx.Client(base_url=own_server.url) as http:
        base = f"/v1/transactions/{tx.id}"
        found = http.get(base).json()
        assert found["status"] == "RUNNING"
        http.post(base + "/commit", json={"transaction_version": found["transaction_version"]}).raise_for_status()
    assert own_server.connect().catalog.read(namespace="tx", table="t").num_rows == 2
