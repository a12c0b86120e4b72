"""Queues of users, with boto3."""

import json
import time
import threading

import boto3
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def sqs(server):
    return boto3.client("sqs")


@pytest.fixture
def queue(sqs):
    return sqs.create_queue(QueueName="mine")["QueueUrl"]


def receive(sqs, queue, **options):
    return sqs.receive_message(QueueUrl=queue, **options).get("Messages", [])


def test_send_receive_delete(sqs, queue):
    sent = sqs.send_message(QueueUrl=queue, MessageBody="één")
    [message] = receive(sqs, queue)
    assert (message["Body"], message["MessageId"]) == ("één", sent["MessageId"])
    assert receive(sqs, queue) == []
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_batches(sqs, queue):
    entries = [{"Id": str(n), "MessageBody": f"body {n}"} for n in range(10)]
    assert len(sqs.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 10
    got = receive(sqs, queue, MaxNumberOfMessages=10)
    assert [message["Body"] for message in got] == [entry["MessageBody"] for entry in entries]
    answer = sqs.delete_message_batch(QueueUrl=queue, Entries=[
        {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(got)] [:9] + [{"Id": "x", "ReceiptHandle": "bad"}])
    assert len(answer["Successful"]) == 9 and [f["Id"] for f in answer["Failed"]] == ["x"]


def test_visibility(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="m")
    [first] = receive(sqs, queue, VisibilityTimeout=1)
    assert receive(sqs, queue) == []
    began = time.monotonic()
    [second] = receive(sqs, queue, WaitTimeSeconds=10)
    assert 0.5 < time.monotonic() - began < 5
    with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"], VisibilityTimeout=0)
    assert len(receive(sqs, queue)) == 1


def test_long_polls_hold_no_thread(server, sqs, queue):
    """More waiters than the door has threads, and a message for each."""
    got = []

    def wait():
        got.extend(receive(boto3.session.Session().client("sqs"), queue, WaitTimeSeconds=20))

    threads = [threading.Thread(target=wait) for _ in range(12)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    assert receive(sqs, queue, WaitTimeSeconds=1) == []
    for number in range(12):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    for thread in threads:
        thread.join(timeout=15)
    assert sorted(int(message["Body"]) for message in got) == list(range(12))


def test_errors(sqs, queue):
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="none")
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.send_message(QueueUrl="http://elsewhere/0/none", MessageBody="x")
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        sqs.send_message(QueueUrl=queue, MessageBody="x" * ((1 << 20) + 1))
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        receive(sqs, queue, MaxNumberOfMessages=11)
    # Only the last part of the address counts.
    sqs.send_message(QueueUrl="http://elsewhere/1/mine", MessageBody="y")
    assert [message["Body"] for message in receive(sqs, queue)] == ["y"]


def test_system_queues_read_empty(sqs, server):
    url = sqs.get_queue_url(QueueName="sleeper-farm-IngestJobQ")["QueueUrl"]
    assert url in sqs.list_queues(QueueNamePrefix="sleeper-farm")["QueueUrls"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"tableName": "none", "files": []}))
    assert receive(sqs, url) == []


def test_hidden_messages_survive_a_kill(server, sqs, queue):
    for body in ("hidden", "short", "seen"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    hidden = receive(sqs, queue, VisibilityTimeout=600)[0]
    short = receive(sqs, queue, VisibilityTimeout=1)[0]
    server.restart()
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="mine")["QueueUrl"]
    got = [m["Body"] for _ in range(2) for m in receive(sqs, url, MaxNumberOfMessages=10, WaitTimeSeconds=2)]
    assert sorted(got) == ["seen", "short"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=hidden["ReceiptHandle"])
    with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
        sqs.delete_message(QueueUrl=url, ReceiptHandle=short["ReceiptHandle"])
    sqs.purge_queue(QueueUrl=url)
    assert receive(sqs, url) == []


def test_survives_a_kill(server, sqs, queue):
    ids = {sqs.send_message(QueueUrl=queue, MessageBody=str(n))["MessageId"] for n in range(20)}
    server.restart()
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="mine")["QueueUrl"]
    got = receive(sqs, url, MaxNumberOfMessages=10) + receive(sqs, url, MaxNumberOfMessages=10)
    assert {message["MessageId"] for message in got} == ids
