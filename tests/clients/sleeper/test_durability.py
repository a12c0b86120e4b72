"""Kill the server between a message, its job and its result: what was acknowledged happens, once."""

import os
import random
import signal
import threading
import time
import uuid

import boto3
import pyarrow as pa
from botocore.config import Config

import sdk_client
from conftest import Jobs, connect
from test_rows import parquet

CYCLES = int(os.environ.get("FIRTH_CRASH_CYCLES", "5"))


def impatient(service):
    return boto3.client(service, config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5))


def test_rows_survive_a_kill(server):
    server.add_table("t", [("key", "StringType")], values=[("value", "StringType")])
    client, id_ = connect(), str(uuid.uuid4())
    client.write_single_batch("t", [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}], id_)
    server.restart()  # between the message and the job, or after it
    assert Jobs().wait(id_) == "finished"
    client = connect()
    assert client.range_key_query("t", [{"key": ["", None]}]) == [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]


def upload(s3, bucket, key, rows):
    s3.put_object(Bucket=bucket, Key=key, Body=parquet(pa.table(rows)))


def test_each_message_once(server):
    """Send jobs from several threads, and kill the server under them again and again. A send that was answered has
    put its rows into the table exactly once; one that was not answered, once or not at all."""
    server.add_table("t", [("k", "LongType")], values=[("job", "LongType")])
    bucket = "sleeper-farm-table-data-000000000000"
    chance = random.Random(11)
    answered, unanswered, next_job, lock = set(), set(), [0], threading.Lock()
    stop = threading.Event()

    def send():
        while not stop.is_set():
            with lock:
                next_job[0] += 1
                number = next_job[0]
            try:
                upload(impatient("s3"), bucket, f"for_ingest/{number}.parquet", {"k": [number, number], "job": [number, number]})
            except Exception:
                time.sleep(0.02)
                continue
            try:
                impatient("sqs").send_message(QueueUrl="http://x/0/sleeper-farm-IngestJobQ", MessageBody=(
                    f'{{"tableName": "t", "id": "{number}", "files": ["{bucket}/for_ingest/{number}.parquet"]}}'))
                answered.add(number)
            except Exception:
                unanswered.add(number)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(CYCLES):
        time.sleep(chance.uniform(0.2, 1.0))
        server.restart(signal.SIGKILL)
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    jobs = Jobs()
    for number in answered:
        assert jobs.wait(str(number)) == "finished"
    seen = {}
    for row in connect().range_key_query("t", [{"k": [0, None]}]):
        seen[row["k"]] = seen.get(row["k"], 0) + 1
    assert len(answered) > 3 * CYCLES
    for number in answered:
        assert seen.pop(number, 0) == 2, number
    for number, count in seen.items():
        assert number in unanswered and count == 2, (number, count)


def test_each_query_ends(server):
    """Queries that were answered 200 end, with all their rows, whenever the server is killed."""
    server.add_table("t", [("k", "LongType")])
    client, id_ = connect(), str(uuid.uuid4())
    client.write_single_batch("t", [{"k": k} for k in range(5000)], id_)
    assert Jobs().wait(id_) == "finished"
    sent = []
    for cycle in range(CYCLES):
        sqs = impatient("sqs")
        for number in range(4):
            query = f"q-{cycle}-{number}"
            sqs.send_message(QueueUrl="http://x/0/sleeper-farm-QueryQueue", MessageBody=(
                f'{{"queryId": "{query}", "tableName": "t", "type": "Query", "regions": [{{"k": {{"min": {cycle}}}}}]}}'))
            sent.append((query, 5000 - cycle))
        server.restart(signal.SIGKILL)
    s3, jobs = boto3.resource("s3"), Jobs()
    reader = sdk_client.SdkClient("farm")
    for query, rows in sent:
        assert len(reader.results(query)) == rows
        assert jobs.query(query)["rowCount"] == rows
        # One answer each, whichever run gave it.
        found = list(s3.Bucket("sleeper-farm-query-results-000000000000").objects.filter(Prefix=f"query-{query}/"))
        assert len(found) == 1


def test_objects_survive_a_kill(server):
    boto3.client("s3").create_bucket(Bucket="box")
    answered, stop = {}, threading.Event()

    def put():
        number = 0
        while not stop.is_set():
            number += 1
            body = os.urandom(3000)
            try:
                impatient("s3").put_object(Bucket="box", Key=f"{number}", Body=body)
                answered[f"{number}"] = body
            except Exception:
                time.sleep(0.02)

    thread = threading.Thread(target=put)
    thread.start()
    for _ in range(3):
        time.sleep(0.5)
        server.restart(signal.SIGKILL)
    stop.set()
    thread.join()
    s3 = boto3.client("s3")
    assert len(answered) > 10
    for key, body in answered.items():
        assert s3.get_object(Bucket="box", Key=key)["Body"].read() == body
