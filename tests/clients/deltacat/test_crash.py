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
