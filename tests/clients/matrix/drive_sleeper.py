import io
import json
import os
import pathlib
import sys
import time
import uuid

ENDPOINTS = json.loads(os.environ["MATRIX_ENDPOINTS"])
os.environ.update(AWS_ENDPOINT_URL="http://" + ENDPOINTS["aws"], AWS_ACCESS_KEY_ID="root",
                  AWS_SECRET_ACCESS_KEY=json.loads(os.environ["MATRIX_SECRETS"])["root"],
                  AWS_DEFAULT_REGION="eu-west-2", AWS_EC2_METADATA_DISABLED="true")
HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "sleeper"))
CHECKOUT = os.environ.get("SLEEPER_PYTHON_DIR", "").split(":")[0]
if CHECKOUT:
    sys.path.insert(0, str(pathlib.Path(CHECKOUT) / "src"))

import boto3  # noqa: E402
import botocore.session  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import urllib3  # noqa: E402
from boto3.dynamodb.conditions import Key  # noqa: E402
from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402

from cells import rows_of_dicts  # noqa: E402
from tables import BATCH, TABLES  # noqa: E402


def which():
    return f"the unmodified client of {CHECKOUT}" if CHECKOUT else "its calls through boto3 and s3fs"


def connect(instance):
    if not CHECKOUT:
        from sdk_client import SdkClient
        return SdkClient(instance)
    from sleeper.client import SleeperClient
    return SleeperClient(instance)


def rest(method, path, body):
    url = os.environ["AWS_ENDPOINT_URL"] + path
    data = json.dumps(body).encode()
    request = AWSRequest(method=method, url=url, data=data, headers={"Content-Type": "application/json"})
    SigV4Auth(botocore.session.Session().get_credentials(), "execute-api", "eu-west-2").add_auth(request)
    answer = urllib3.request(method, url, body=data, headers=dict(request.headers.items()), retries=False)
    assert answer.status == 201, answer.data


def type_of(arrow):
    names = {pa.int32(): "IntType", pa.int64(): "LongType", pa.string(): "StringType", pa.binary(): "ByteArrayType"}
    if pa.types.is_list(arrow):
        return {"ListType": {"elementType": names[arrow.value_type]}}
    if pa.types.is_map(arrow):
        return {"MapType": {"keyType": names[arrow.key_type], "valueType": names[arrow.item_type]}}
    return names[arrow]


def make(name):
    """Half of the rows come in a Parquet file of the user's own bucket, the others in a batch of the client's; those
    have neither maps nor nulls, which it cannot write."""
    _, path, _, rows = TABLES[name]
    instance, table = path.split("/", 1)
    data = rows()
    fields = [{"name": f.name, "type": type_of(f.type), "nullable": f.nullable} for f in data.schema]
    rest("POST", "/sleeper/tables", {"properties": {"sleeper.table.name": table}, "schema": {
        "rowKeyFields": fields[:1], "sortKeyFields": fields[1:2], "valueFields": fields[2:]}})
    client = connect(instance)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="harvest", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    file = io.BytesIO()
    pq.write_table(data.slice(BATCH), file)
    s3.put_object(Bucket="harvest", Key="rows/part.parquet", Body=file.getvalue())
    jobs = [str(uuid.uuid4()), str(uuid.uuid4())]
    client.ingest_parquet_files_from_s3(table, ["harvest/rows"], jobs[0])
    first = data.slice(0, BATCH).to_pylist()
    with client.create_batch_writer(table, jobs[1]) as writer:
        writer.write([{k: v for k, v in row.items() if k != "m"} for row in first])
    lookup = boto3.resource("dynamodb").Table(f"sleeper-{instance}-ingest-job-lookup")
    until = time.monotonic() + 60
    for job in jobs:
        while True:
            found = lookup.query(KeyConditionExpression=Key("JobId").eq(job))["Items"]
            if found and found[0]["LastUpdateType"] == "finished":
                break
            assert time.monotonic() < until and not (found and found[0]["LastUpdateType"] == "failed"), found
            time.sleep(0.05)


def read(path, count):
    instance, *rest_of_path = path.split("/")
    table = ".".join(rest_of_path)
    client = connect(instance)
    fields = json.loads(rest_get(instance, table))["schema"]["rowKeyFields"]
    least = {"IntType": -2**31, "LongType": -2**63, "StringType": "", "ByteArrayType": ""}
    region = {fields[0]["name"]: [least[fields[0]["type"]], True, None, False]}
    found = client.range_key_query(table, [region])
    first = fields[0]["name"]
    if found and not isinstance(found[0][first], bytes):
        some = client.exact_key_query(table, {first: [found[0][first]]})
        assert rows_of_dicts(some[:1]) == rows_of_dicts(found[:1])
    return rows_of_dicts(found)


def rest_get(instance, table):
    url = os.environ["AWS_ENDPOINT_URL"] + f"/{instance}/sleeper/tables/{table}"
    request = AWSRequest(method="GET", url=url)
    SigV4Auth(botocore.session.Session().get_credentials(), "execute-api", "eu-west-2").add_auth(request)
    answer = urllib3.request("GET", url, headers=dict(request.headers.items()), retries=False)
    assert answer.status == 200, answer.data
    return answer.data
