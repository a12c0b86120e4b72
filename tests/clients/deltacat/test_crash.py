"""The server is killed between an upload, its commit and the answer, again and again: nothing acknowledged is
lost, nothing is applied twice, and what was not acknowledged can be sent again."""

import pathlib
import random
import threading
import time
import uuid

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

ROUNDS = 6


def test_writers_while_the_server_is_killed(own_server):
    dice = random.Random(7)
    acknowledged, uncertain, stop, lock = set(), set(), threading.Event(), threading.Lock()

    def send(http, method, path, body):
        """Until there is an answer: the server may be away for a while."""
        while True:
            try:
                return http.request(method, path, json=body)
            except httpx.TransportError:
                time.sleep(0.05)

    def writer(number):
        with httpx.Client(base_url=own_server.url, timeout=30) as http:
            for i in range(1_000):
                if stop.is_set():
                    return
                value = number * 1_000_000 + i
                opened = send(http, "POST", "/v1/namespaces/n/tables/t/write-sessions",
                              {"mode": "auto", "format": "parquet"})
                assert opened.status_code == 200, opened.text
                session = opened.json()
                folder = pathlib.Path(session["data_dir"])
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(pa.table({"id": [value]}), folder / "output.parquet")
                with lock:
                    uncertain.add(value)
                done = send(http, "POST", f"/v1/write-sessions/{session['session_id']}/commit",
                            {"session_version": 1, "operation_id": str(uuid.uuid4()),
                             "entries": [{"path": str(folder / "output.parquet"), "record_count": 1}]})
                assert done.status_code == 200, done.text
                with lock:
                    acknowledged.add(value)

    failures = []

    def guarded(number):
        try:
            writer(number)
        except BaseException as raised:  # noqa: BLE001 - reported below
            failures.append(repr(raised))

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(ROUNDS):
        time.sleep(0.3 + dice.random() / 2)
        own_server.kill()
        own_server.start()
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join(60)
    assert failures == []
    found = own_server.connect().catalog.read(namespace="n", table="t")["id"].to_pylist()
    assert len(found) == len(set(found)), "a row was applied twice"
    assert acknowledged <= set(found) <= uncertain
    assert len(acknowledged) > 30
    counted = own_server.sql("SELECT count(*) AS n FROM n.t")[0]["n"]
    assert int(counted) == len(found)


def answered(http, method, path, body=None):
    """What the server answers, however long it takes to come back."""
    while True:
        try:
            return http.request(method, path, json=body)
        except httpx.TransportError:
            time.sleep(0.02)


class Killed:
    """Kills the server so long after a call was sent, and starts it again; None: before."""

    def __init__(self, server, http, delay_s):
        self.server, self.http, self.delay_s = server, http, delay_s

    def call(self, method, path, body=None):
        if self.delay_s is None:
            self.server.kill()
            self.server.start()
            return answered(self.http, method, path, body)
        found = []
        thread = threading.Thread(target=lambda: found.append(answered(self.http, method, path, body)))
        thread.start()
        time.sleep(self.delay_s)
        self.server.kill()
        self.server.start()
        thread.join(60)
        return found[0]


DELAYS_S = [None, 0, 0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.01, 0.05]


def test_a_kill_at_each_step_of_a_write(own_server):
    """Between opening, upload, commit and its answer: the client asks again and gets one answer, and one row."""
    with httpx.Client(base_url=own_server.url, timeout=30) as http:
        for number, delay_s in enumerate(DELAYS_S):
            killed = Killed(own_server, http, delay_s)
            opened = killed.call("POST", "/v1/namespaces/n/tables/t/write-sessions", {"mode": "auto", "format": "parquet"})
            session = opened.json()
            folder = pathlib.Path(session["data_dir"])
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"id": [number]}), folder / "output.parquet")
            path = f"/v1/write-sessions/{session['session_id']}/commit"
            body = {"session_version": 1, "operation_id": str(uuid.uuid4()),
                    "entries": [{"path": str(folder / "output.parquet"), "record_count": 1}]}
            first = killed.call("POST", path, body)
            assert first.status_code == 200, first.text
            again = answered(http, "POST", path, body)
            assert again.status_code == 200 and again.json()["session_version"] == first.json()["session_version"] == 2
            found = own_server.connect().catalog.read(namespace="n", table="t")["id"].to_pylist()
            assert sorted(found) == list(range(number + 1)), delay_s


def test_a_kill_at_each_step_of_a_transaction(own_server):
    with httpx.Client(base_url=own_server.url, timeout=30) as http:
        for number, delay_s in enumerate(DELAYS_S):
            killed = Killed(own_server, http, delay_s)
            begun = answered(http, "POST", "/v1/transactions", {}).json()
            id_, version = begun["transaction_id"], begun["transaction_version"]
            for table in ("a", "b"):
                session = answered(http, "POST", f"/v1/namespaces/n/tables/{table}/write-sessions", {
                    "mode": "auto", "format": "parquet", "transaction_id": id_, "transaction_version": version,
                    "operation_id": str(uuid.uuid4())}).json()
                folder = pathlib.Path(session["data_dir"])
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(pa.table({"id": [number]}), folder / "output.parquet")
                done = killed.call("POST", f"/v1/write-sessions/{session['session_id']}/commit", {
                    "session_version": session["session_version"], "operation_id": str(uuid.uuid4()),
                    "transaction_version": session["transaction_version"],
                    "entries": [{"path": str(folder / "output.parquet"), "record_count": 1}]})
                assert done.status_code == 200, done.text
                version = done.json()["transaction_version"]
            ended = killed.call("POST", f"/v1/transactions/{id_}/commit", {"transaction_version": version})
            assert ended.status_code == 200, ended.text
            assert answered(http, "POST", f"/v1/transactions/{id_}/commit", {"transaction_version": version}).status_code == 200
            client = own_server.connect()
            for table in ("a", "b"):
                found = client.catalog.read(namespace="n", table=table)["id"].to_pylist()
                assert sorted(found) == list(range(number + 1)), (table, delay_s)
