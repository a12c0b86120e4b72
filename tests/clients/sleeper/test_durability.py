"""Kill the server between a message, its job and its result: what was acknowledged happens, once."""

import json
import os
import random
import signal
import socket
import threading
import time
import uuid

import boto3
import pyarrow as pa
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
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


def await_answers(answered, more):
    """Until as many more were answered; how long that takes is the machine's affair."""
    wanted, until = len(answered) + more, time.monotonic() + 60
    while len(answered) < wanted:
        assert time.monotonic() < until, "nothing is answered"
        time.sleep(0.02)


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
        await_answers(answered, 4)
        time.sleep(chance.uniform(0, 0.3))
        server.restart(signal.SIGKILL)
    await_answers(answered, 1)
    stop.set()
    for thread in threads:
        thread.join()
    jobs = Jobs()
    for number in answered:
        assert jobs.wait(str(number)) == "finished"
    seen = {}
    for row in connect().range_key_query("t", [{"k": [0, None]}]):
        seen[row["k"]] = seen.get(row["k"], 0) + 1
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
        await_answers(answered, 5)
        server.restart(signal.SIGKILL)
    stop.set()
    thread.join()
    s3 = boto3.client("s3")
    for key, body in answered.items():
        assert s3.get_object(Bucket="box", Key=key)["Body"].read() == body


def stored_blobs(server):
    return {path for path in (server.folder / "objects").rglob("*") if path.is_file()}


class HalfSent:
    """A signed request of which only the first bytes have been sent."""

    def __init__(self, server, service, method, path, headers, body, sent):
        request = AWSRequest(method=method, url=server.url + path, data=body, headers=headers)
        SigV4Auth(boto3.Session().get_credentials(), service, "eu-west-2").add_auth(request)
        host, port = server.address.split(":")
        self.socket = socket.create_connection((host, int(port)))
        lines = [f"{method} {path} HTTP/1.1", f"Host: {server.address}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "host"]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body[:sent])


def test_half_a_body_is_nothing(server):
    """Killed while a body comes in: neither the object nor the message is there, and its bytes go at the next start."""
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    s3.create_bucket(Bucket="box")
    s3.put_object(Bucket="box", Key="whole", Body=b"whole")
    url = sqs.create_queue(QueueName="mine")["QueueUrl"]
    before = stored_blobs(server)
    body = os.urandom(40 << 20)
    unsigned = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    halves = [HalfSent(server, "s3", "PUT", "/box/half", unsigned, body, 30 << 20)]
    message = json.dumps({"QueueUrl": url, "MessageBody": "x" * 10_000}).encode()
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}
    halves.append(HalfSent(server, "sqs", "POST", "/", headers, message, 5_000))
    until = time.monotonic() + 20
    while len(stored_blobs(server)) < len(before) + 2:  # pieces of 8 MiB
        assert time.monotonic() < until, "no piece of the body came in"
        time.sleep(0.02)
    server.restart(signal.SIGKILL)
    for half in halves:
        half.socket.close()
    while stored_blobs(server) != before:
        assert time.monotonic() < until + 20, stored_blobs(server) - before
        time.sleep(0.05)
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="box")["Contents"]] == ["whole"]
    assert s3.get_object(Bucket="box", Key="whole")["Body"].read() == b"whole"
    url = sqs.get_queue_url(QueueName="mine")["QueueUrl"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_a_hidden_message_stays_hidden(server):
    """Received, and the server killed: hidden for its time, its receipt good, and back when the time is over."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="mine")["QueueUrl"]
    for body in ("first", "second"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    first = sqs.receive_message(QueueUrl=url, VisibilityTimeout=60)["Messages"][0]
    second = sqs.receive_message(QueueUrl=url, VisibilityTimeout=4)["Messages"][0]
    hidden_until = time.monotonic() + 4
    assert (first["Body"], second["Body"]) == ("first", "second")
    server.restart(signal.SIGKILL)
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="mine")["QueueUrl"]
    if time.monotonic() < hidden_until - 1:
        assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])
    back = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    assert [message["Body"] for message in back] == ["second"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=back[0]["ReceiptHandle"])
    server.restart(signal.SIGKILL)
    sqs = boto3.client("sqs")
    counts = sqs.get_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName="mine")["QueueUrl"], AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"
