"""The calls of the Sleeper client, made through the SDKs it is built on: what stands in for it where it cannot be had.

Written from what the client sends: the names, addresses, messages and waits are those of its releases from 0.35.3 on.
"""

import contextlib
import json
import tempfile
import time
import uuid

import boto3
import pyarrow as pa
import pyarrow.parquet
import s3fs
from boto3.dynamodb.conditions import Key


def required(type_):
    """The type with nothing nullable inside."""
    if pa.types.is_list(type_):
        return pa.list_(pa.field("element", required(type_.value_type), nullable=False))
    if pa.types.is_struct(type_):
        return pa.struct([pa.field(f.name, required(f.type), nullable=False) for f in type_])
    return type_


class SdkClient:
    def __init__(self, instance):
        account = boto3.client("sts").get_caller_identity()["Account"]
        self.s3 = boto3.resource("s3")
        self.sqs = boto3.resource("sqs")
        self.dynamo = boto3.resource("dynamodb")
        self.files = s3fs.S3FileSystem(anon=False)
        text = self.s3.Object(f"sleeper-{instance}-config-{account}", "instance.properties").get()["Body"].read().decode()
        self.properties = dict(line.split("=", 1) for line in text.splitlines())

    def write_single_batch(self, table_name, rows_to_write, job_id=None):
        with self.create_batch_writer(table_name, job_id) as writer:
            writer.write(rows_to_write)

    @contextlib.contextmanager
    def create_batch_writer(self, table_name, job_id=None):
        class Writer:
            rows = []

            def write(self, rows):
                self.rows = self.rows + list(rows)

        writer = Writer()
        try:
            yield writer
        finally:
            # The types are those of the first row alone, and every column is required.
            first = pa.Table.from_pydict({name: [value] for name, value in (writer.rows[0] if writer.rows else {}).items()})
            schema = pa.schema([pa.field(f.name, required(f.type), nullable=False) for f in first.schema])
            bucket, key = self.properties["sleeper.data.bucket"], f"for_ingest/{job_id or uuid.uuid4()}.parquet"
            with tempfile.NamedTemporaryFile() as file:
                with pyarrow.parquet.ParquetWriter(file.name, schema) as parquet:
                    if writer.rows:
                        columns = {name: [row[name] for row in writer.rows] for name in schema.names}
                        parquet.write_table(pa.Table.from_pydict(columns, schema=schema))
                self.s3.meta.client.upload_file(file.name, bucket, key)
            self.ingest_parquet_files_from_s3(table_name, [f"{bucket}/{key}"], job_id)

    def ingest_parquet_files_from_s3(self, table_name, files, job_id=None):
        message = {"id": job_id, "files": files, "tableName": table_name}
        self.sqs.Queue(self.properties["sleeper.ingest.job.queue.url"]).send_message(MessageBody=json.dumps(message))

    def exact_key_query(self, table_name, keys, query_id=None):
        if isinstance(keys, dict):
            keys = [{field: value} for field, values in keys.items() for value in values]
        return self.query(table_name, [{f: (v, True, v, True) for f, v in region.items()} for region in keys], query_id)

    def range_key_query(self, table_name, regions, query_id=None):
        full = [{f: tuple(r) if len(r) == 4 else (r[0], True, r[1], False) for f, r in region.items()} for region in regions]
        return self.query(table_name, full, query_id)

    def query(self, table_name, regions, query_id=None):
        query_id = query_id or str(uuid.uuid4())
        message = {"queryId": query_id, "tableName": table_name, "type": "Query", "regions": [
            {**{f: {"min": r[0], "minInclusive": r[1], "max": r[2], "maxInclusive": r[3]} for f, r in region.items()},
             "stringsBase64Encoded": False} for region in regions]}
        name = self.properties["sleeper.query.queue.url"].rsplit("/", 1)[1]
        self.sqs.get_queue_by_name(QueueName=name).send_message(MessageBody=json.dumps(message))
        return self.results(query_id)

    def results(self, query_id):
        table = self.dynamo.Table(self.properties["sleeper.query.tracker.table.name"])
        until = time.monotonic() + 120
        while time.monotonic() < until:
            time.sleep(0.05)
            items = table.query(KeyConditionExpression=Key("queryId").eq(query_id) & Key("subQueryId").eq("-"))["Items"]
            state = items[0]["lastKnownState"] if items else None
            if state == "FAILED":
                raise RuntimeError(items[0].get("errors"))
            if state == "COMPLETED":
                return self.rows(query_id)
        raise TimeoutError(query_id)

    def rows(self, query_id):
        rows = []
        bucket = self.properties["sleeper.query.results.bucket"]
        for summary in self.s3.Bucket(bucket).objects.filter(Prefix=f"query-{query_id}"):
            if summary.key.endswith(".parquet"):
                # Not as a Python file: Arrow's threads may hold one when the interpreter ends, which aborts it.
                body = pyarrow.BufferReader(self.files.cat_file(f"{bucket}/{summary.key}"))
                rows += pyarrow.parquet.read_table(body).to_pylist()
        return rows
