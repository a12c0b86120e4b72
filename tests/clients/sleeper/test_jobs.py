"""What becomes of jobs: the tracker's word, refusals in the words that clients know, all or nothing."""

import json
import uuid

import boto3
import pyarrow as pa
import pytest

from test_rows import parquet, write


@pytest.fixture
def bucket(server):
    boto3.client("s3").create_bucket(Bucket="incoming")
    return "incoming"


def put(bucket, key, table):
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=table if isinstance(table, bytes) else parquet(table))
    return f"{bucket}/{key}"


def ingest(client, jobs, files, table="t"):
    id_ = str(uuid.uuid4())
    client.ingest_parquet_files_from_s3(table, files, id_)
    return jobs.wait(id_), id_


def send(queue, message):
    url = boto3.client("sqs").get_queue_url(QueueName=f"sleeper-farm-{queue}")["QueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody=message if isinstance(message, str) else json.dumps(message))


def test_finished_job(server, client, jobs):
    table_id = server.add_table("t", [("k", "LongType")])
    id_ = write(client, jobs, "t", [{"k": 1}, {"k": 2}])
    events = jobs.events(table_id, id_)
    assert [event["UpdateType"] for event in events] == ["started", "addedFiles", "finished"]
    finished = events[-1]
    assert finished["RowsRead"] == finished["RowsWritten"] == 2
    assert finished["JobCommittedWhenFilesAdded"] is True
    assert len({event["JobRunId"] for event in events}) == 1
    # The same id again is another run.
    client.write_single_batch("t", [{"k": 3}], id_)
    while len(jobs.events(table_id, id_)) < 6:
        pass
    assert len(client.range_key_query("t", [{"k": [0, None]}])) == 3


def test_no_rows(server, client, jobs):
    server.add_table("t", [("k", "LongType")])
    write(client, jobs, "t", [])
    assert client.range_key_query("t", [{"k": [0, None]}]) == []


@pytest.mark.parametrize("message, reason", [
    ("not json", "Error parsing JSON. Reason: "),
    ("[1]", "Error parsing JSON. Reason: "),
    ('{"tableName": "t", "id": "x"}', 'Missing property "files"'),
    ('{"tableName": "t", "files": ["a/b.parquet", null]}', "One of the files was null"),
    ('{"tableName": "none", "files": []}', "Table not found"),
    ('{"tableName": "t", "files": ["nowhere/b.parquet"]}', "Could not find one or more paths: nowhere/b.parquet"),
    ("[" * 100000, "Error parsing JSON. Reason: "),
])
def test_refused(server, jobs, message, reason):
    server.add_table("t", [("k", "LongType")])
    send("IngestJobQ", message)
    table = boto3.resource("dynamodb").Table("sleeper-farm-ingest-job-lookup")
    for _ in range(1000):
        found = table.query(IndexName="by-validation", KeyConditionExpression="LastValidationResult = :r",
                            ExpressionAttributeValues={":r": "REJECTED"})["Items"]
        if found:
            break
    [event] = jobs.events(found[0]["TableId"], found[0]["JobId"])
    assert event["ValidationResult"] == "REJECTED"
    assert any(r.startswith(reason) for r in event["ValidationReasons"]), event["ValidationReasons"]
    assert event["JsonMessage"] == message


@pytest.mark.parametrize("id_, reason", [
    ("Not-Lower", "Job Ids must only contain lowercase alphanumerics and dashes."),
    ("a" * 64, "Job IDs are only allowed to be up to 63 characters long."),
])
def test_refused_bulk_import(server, jobs, id_, reason):
    table_id = server.add_table("t", [("k", "LongType")])
    send("BulkImportEMRServerlessQ", {"id": id_, "tableName": "t", "files": ["config/x.parquet"]})
    assert jobs.wait(id_) == "refused"
    assert reason in jobs.events(table_id, id_)[0]["ValidationReasons"]


def test_bulk_import(server, client, jobs, bucket):
    table_id = server.add_table("t", [("k", "LongType")])
    put(bucket, "a/1.parquet", pa.table({"k": [1]}))
    for number, queue in enumerate(["BulkImportEMRQ", "BulkImportPersistentEMRQ", "BulkImportEMRServerlessQ", "BulkImportEKSQ"]):
        send(queue, {"id": f"job-{number}", "tableName": "t", "files": [f"{bucket}/a"], "platformSpec": {"x": "1"}})
        assert jobs.wait(f"job-{number}") == "finished"
        assert jobs.events(table_id, f"job-{number}")[0]["ValidationResult"] == "ACCEPTED"
    assert len(client.exact_key_query("t", {"k": [1]})) == 4


@pytest.mark.parametrize("table, reason", [
    (pa.table({"other": [1]}), "column 'k': it is missing"),
    (pa.table({"k": ["1"], "v": ["x"]}), "column 'k': string cannot be taken as int32"),
    (pa.table({"k": [1.0], "v": ["x"]}), "column 'k': double cannot be taken as int32"),
    (pa.table({"k": [2**40], "v": ["x"]}), "column 'k': "),
    (pa.table({"k": pa.array([1, None]), "v": ["x", "y"]}), "column 'k': it has nulls"),
    (pa.table({"k": [1], "v": pa.array([None], pa.string())}), "column 'v': it has nulls"),
    (b"not parquet at all", ""),
    (b"PAR1" + b"\xff" * 100 + b"PAR1", ""),
    (b"", ""),
])
def test_failed_whole(server, client, jobs, bucket, table, reason):
    """A good file beside a bad one does not come in."""
    table_id = server.add_table("t", [("k", "IntType")], values=[("v", "StringType")])
    good = put(bucket, "good.parquet", pa.table({"k": [1], "v": ["x"]}))
    bad = put(bucket, "bad.parquet", table)
    end, id_ = ingest(client, jobs, [good, bad])
    assert end == "failed"
    [text] = jobs.events(table_id, id_)[-1]["FailureReasons"]
    assert text.startswith(f"{bad}: {reason}"), text
    assert client.range_key_query("t", [{"k": [0, None]}]) == []


def test_generous_where_nothing_is_lost(server, client, jobs, bucket):
    server.add_table("t", [("k", "IntType")], values=[
        ("s", "StringType"), ("b", "ByteArrayType"), ("l", {"ListType": {"elementType": "LongType"}}),
        ("m", {"MapType": {"keyType": "StringType", "valueType": "LongType"}})])
    rows = [{"k": k, "s": f"s{k}", "b": bytes([k]), "l": [k, k], "m": [("x", k)]} for k in range(3)]

    def as_types(**types):
        return pa.table({name: pa.array([row[name] for row in rows], type_) for name, type_ in types.items()})

    map_ = pa.map_(pa.string(), pa.int64())
    files = [
        put(bucket, "1.parquet", as_types(k=pa.int64(), s=pa.string(), b=pa.binary(), l=pa.list_(pa.int64()), m=map_)),
        put(bucket, "2.parquet", as_types(k=pa.uint8(), s=pa.large_string(), b=pa.large_binary(), l=pa.list_(pa.int16()), m=map_)),
        put(bucket, "3.parquet", as_types(k=pa.int8(), s=pa.dictionary(pa.int8(), pa.string()), b=pa.binary(1), l=pa.large_list(pa.int64()), m=map_)),
    ]
    end, id_ = ingest(client, jobs, files)
    assert end == "finished", jobs.last(id_)
    assert client.exact_key_query("t", {"k": [2]}) == [rows[2]] * 3


def test_query_that_fails_says_why(server, client, jobs):
    server.add_table("t", [("k", "LongType")])
    for number, (message, reason) in enumerate([
            ({"tableName": "none", "regions": [{}]}, 'Table could not be found with name: "none"'),
            ({"tableName": "t", "regions": [{"v": {"min": 1}}]}, 'Key "v" was not a row key field in the table schema'),
            ({"tableName": "t", "regions": [{"k": {"min": "x"}}]}, 'key "k": '),
            ({"tableName": "t", "regions": [{"k": {"min": 1.5}}]}, 'key "k": '),
            ({"tableName": "t", "regions": [{"k": {"min": True}}]}, 'key "k": '),
            ({"tableName": "t", "regions": [{"k": {"min": 2**63}}]}, 'key "k": '),
            ({"tableName": "t", "regions": [{"k": {"max": 5}}]}, 'key "k": a range has a min'),
            ({"tableName": "t"}, "regions is to be a list"),
            ({"tableName": "t", "regions": [{}], "queryTimeIteratorClassName": "a.B"}, "the iterator a.B cannot run"),
            ({"tableName": "t", "regions": [{}], "resultsPublisherConfig": {"destination": "MOON"}}, "there is no destination 'MOON'")]):
        id_ = f"failing-{number}"
        send("QueryQueue", {"queryId": id_, "type": "Query", **message})
        while jobs.query(id_)["lastKnownState"] not in ("FAILED", "COMPLETED"):
            pass
        item = jobs.query(id_)
        assert item["lastKnownState"] == "FAILED"
        assert item["errors"].startswith(reason), item["errors"]
    # A region without a field is every row; a message without an id is passed over.
    write(client, jobs, "t", [{"k": 1}])
    send("QueryQueue", {"tableName": "t", "regions": [{}]})
    send("QueryQueue", {"queryId": "all", "tableName": "t", "regions": [{}]})
    while jobs.query("all")["lastKnownState"] != "COMPLETED":
        pass
    assert jobs.query("all")["rowCount"] == 1


def test_results_by_queue_and_requested_fields(server, client, jobs):
    server.add_table("t", [("k", "LongType")], values=[("a", "StringType"), ("b", "ByteArrayType")])
    write(client, jobs, "t", [{"k": k, "a": f"a{k}", "b": b"\x00\xff"} for k in range(5)])
    sqs = boto3.client("sqs")
    mine = sqs.create_queue(QueueName="my-results")["QueueUrl"]
    send("QueryQueue", {"queryId": "q", "tableName": "t", "type": "Query", "regions": [{}], "requestedValueFields": ["b", "zz"],
                        "resultsPublisherConfig": {"destination": "SQS", "sqsResultsUrl": mine, "batchSize": "2"}})
    rows, batches = [], 0
    while len(rows) < 5:
        for message in sqs.receive_message(QueueUrl=mine, MaxNumberOfMessages=1, WaitTimeSeconds=5)["Messages"]:
            body = json.loads(message["Body"])
            assert body["queryId"] == "q"
            assert [f["name"] for f in body["schema"]["valueFields"]] == ["b"]
            rows += body["rows"]
            batches += 1
            sqs.delete_message(QueueUrl=mine, ReceiptHandle=message["ReceiptHandle"])
    assert rows == [{"k": k, "b": "AP8="} for k in range(5)]
    assert batches == 3


def test_tables_by_rest(server):
    call = lambda body: server.rest("POST", "/sleeper/tables", body)
    good = {"properties": {"sleeper.table.name": "t"}, "schema": {"rowKeyFields": [{"name": "k", "type": "LongType"}]}}
    status, answer = call(good)
    assert status == 201 and len(answer["tableId"]) == 32 and answer["tableName"] == "t"
    assert call(good) == (409, {"error": "table_already_exists", "message": call(good)[1]["message"]})
    bad_schemas = [
        None, [], {}, {"rowKeyFields": []}, {"rowKeyFields": [{"name": "k"}]}, {"rowKeyFields": [{"name": "k", "type": "FloatType"}]},
        {"rowKeyFields": [{"name": "k", "type": "LongType", "nullable": True}]},
        {"rowKeyFields": [{"name": "k", "type": {"ListType": {"elementType": "LongType"}}}]},
        {"rowKeyFields": [{"name": "k", "type": "LongType"}], "valueFields": [{"name": "k", "type": "LongType"}]},
        {"rowKeyFields": [{"name": "k", "type": "LongType"}], "valueFields": [{"name": "v", "type": {"MapType": {"keyType": "LongType"}}}]}]
    bad = [b"", b"{", b"[]", b"1", {}, {"properties": {}, "schema": good["schema"]}]
    bad += [{"properties": {"sleeper.table.name": "u"}, "schema": schema} for schema in bad_schemas]
    bad += [{"properties": {"sleeper.table.name": name}, "schema": good["schema"]} for name in ("", "a/b", "a" * 129, "ü")]
    bad += [{**good, "properties": {"sleeper.table.name": "u"}, "splitPoints": points} for points in (["2", "1"], ["1", "1"], ["x"], [1], "1")]
    for body in bad:
        status, answer = call(body)
        assert (status, answer["error"]) == (400, "invalid_request"), (body, answer)
    split = {**good, "properties": {"sleeper.table.name": "split"}, "splitPoints": ["-5", "7"]}
    assert call(split)[0] == 201
    status, answer = server.rest("GET", "/sleeper/tables")
    assert sorted(table["tableName"] for table in answer["tables"]) == ["split", "t"]
    assert server.rest("GET", "/sleeper/tables/t")[1]["schema"]["rowKeyFields"] == [{"name": "k", "type": "LongType", "nullable": False}]
    assert server.rest("DELETE", "/sleeper/tables/t")[0] == 204
    assert server.rest("GET", "/sleeper/tables/t")[0] == 404
    assert server.rest("POST", "/sleeper/other", good)[0] == 404
    assert server.rest("POST", "/sleeper/tables", good, secret="wrong-secret")[0] == 403
    assert server.rest("POST", "/sleeper/tables", good, key="eve", secret="only-looking-around")[0] == 403
