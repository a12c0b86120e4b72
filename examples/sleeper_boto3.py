"""A Sleeper instance without its client: files into a bucket by s3fs, a job by SQS, a query and its result.

    make run
    .deps/venv/sleeper/bin/python examples/sleeper_boto3.py [http://localhost:4566]

The Sleeper client does the same in one line each: `write_single_batch`, `exact_key_query`.
"""

import json
import os
import sys
import time
import uuid

os.environ.update(AWS_ENDPOINT_URL=sys.argv[1] if len(sys.argv) > 1 else "http://localhost:4566",
                  AWS_DEFAULT_REGION="eu-west-2", AWS_ACCESS_KEY_ID="anonymous", AWS_SECRET_ACCESS_KEY="anonymous")

import boto3  # noqa: E402
import botocore.session  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import s3fs  # noqa: E402
import urllib3  # noqa: E402
from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402

INSTANCE, TABLE = "nyc", "taxis"


def properties():
    account = boto3.client("sts").get_caller_identity()["Account"]
    body = boto3.client("s3").get_object(Bucket=f"sleeper-{INSTANCE}-config-{account}", Key="instance.properties")["Body"]
    return dict(line.split("=", 1) for line in body.read().decode().splitlines())


def make_table(url):
    """The one call that boto3 has no method for: signed JSON."""
    body = json.dumps({"properties": {"sleeper.table.name": TABLE}, "schema": {
        "rowKeyFields": [{"name": "zone", "type": "StringType"}], "sortKeyFields": [{"name": "at", "type": "LongType"}],
        "valueFields": [{"name": "cents", "type": "LongType"}]}}).encode()
    request = AWSRequest("POST", url + "/sleeper/tables", data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(botocore.session.Session().get_credentials(), "execute-api", "eu-west-2").add_auth(request)
    answer = urllib3.request("POST", request.url, body=body, headers=dict(request.headers.items()), retries=False)
    assert answer.status in (201, 409), answer.data  # 409: it is there already


def wait(look):
    while not (found := look()):
        time.sleep(0.05)
    return found


def main():
    place = properties()
    make_table(place["sleeper.rest.api.url"])
    rows = pa.table({"zone": [f"zone {i % 50}" for i in range(1000)], "at": list(range(1000)), "cents": list(range(1000))})
    files, path = s3fs.S3FileSystem(anon=False), f"{place['sleeper.data.bucket']}/for_ingest/{uuid.uuid4()}.parquet"
    with files.open(path, "wb") as file:
        pq.write_table(rows, file)

    sqs, dynamo, job = boto3.client("sqs"), boto3.resource("dynamodb"), str(uuid.uuid4())
    sqs.send_message(QueueUrl=place["sleeper.ingest.job.queue.url"],
                     MessageBody=json.dumps({"id": job, "tableName": TABLE, "files": [path]}))
    jobs = dynamo.Table(f"sleeper-{INSTANCE}-ingest-job-lookup")
    ended = wait(lambda: (item := jobs.get_item(Key={"JobId": job}).get("Item"))
                 and item["LastUpdateType"] in ("finished", "failed") and item)
    print(f"job {job}: {ended['LastUpdateType']}")

    query = str(uuid.uuid4())
    sqs.send_message(QueueUrl=place["sleeper.query.queue.url"], MessageBody=json.dumps({
        "queryId": query, "tableName": TABLE, "type": "Query",
        "regions": [{"zone": {"min": "zone 7", "max": "zone 7", "maxInclusive": True}, "stringsBase64Encoded": False}]}))
    tracker = dynamo.Table(place["sleeper.query.tracker.table.name"])
    done = wait(lambda: (item := tracker.get_item(Key={"queryId": query, "subQueryId": "-"})["Item"])
                and item["lastKnownState"] in ("COMPLETED", "FAILED") and item)
    print(f"query {query}: {done['lastKnownState']}, {done['rowCount']} rows")
    for name in files.ls(f"{place['sleeper.query.results.bucket']}/query-{query}"):
        # Whole, and not as a Python file: Arrow's threads may still hold one when the interpreter ends, which aborts it.
        print(pq.read_table(pa.BufferReader(files.cat_file(name))).slice(0, 3).to_pylist())


main()
