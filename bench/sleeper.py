#!/usr/bin/env python3
# Python: venv/sleeper
"""Sleeper's queries on a table of a million rows: the server's time for an exact query, and rows a second and core of a
range query.

    FIRTH_BINARY=build/firth .deps/venv/sleeper/bin/python bench/sleeper.py [--rows N] [--queries N]

The time of a query is the server's CPU time, where the tracker is looked at as rarely as the client does, and what passes
between its message and the tracker's word COMPLETED, where it is looked at all the time.
"""

import argparse
import io
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
import uuid

from common import BINARY, ROOT, cpu_s, keep

os.environ.setdefault("FIRTH_BINARY", BINARY)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=100)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firth-bench-") as folder:
        measure(pathlib.Path(folder), arguments)


def measure(folder, arguments):
    sys.path.insert(0, str(ROOT / "tests" / "clients" / "sleeper"))
    import boto3
    import pyarrow as pa
    import pyarrow.parquet as pq
    from sdk_client import SdkClient
    from server import INSTANCE, Server

    server = Server(folder / "data")
    pid = server.process.pid
    server.add_table("t", [("key", "StringType")], [("time", "LongType")], [("value", "StringType"), ("n", "LongType")])
    client, tracker = SdkClient(INSTANCE), boto3.resource("dynamodb").Table(f"sleeper-{INSTANCE}-query-tracking-table")
    file, count = io.BytesIO(), arguments.rows
    pq.write_table(pa.table({"key": [f"key{i * 7919 % count:09}" for i in range(count)], "time": list(range(count)),
                             "value": [f"value {i}" for i in range(count)], "n": list(range(count))}), file)
    boto3.client("s3").put_object(Bucket=client.properties["sleeper.data.bucket"], Key="for_ingest/all.parquet",
                                  Body=file.getvalue())
    job = str(uuid.uuid4())
    started = time.monotonic()
    client.ingest_parquet_files_from_s3("t", [client.properties["sleeper.data.bucket"] + "/for_ingest/all.parquet"], job)
    lookup = boto3.resource("dynamodb").Table(f"sleeper-{INSTANCE}-ingest-job-lookup")
    while True:
        found = lookup.get_item(Key={"JobId": job}).get("Item")
        if found and found["LastUpdateType"] in ("finished", "failed"):
            assert found["LastUpdateType"] == "finished", found
            break
        time.sleep(0.02)
    ingest_s = time.monotonic() - started
    queue = client.sqs.get_queue_by_name(QueueName=client.properties["sleeper.query.queue.url"].rsplit("/", 1)[1])

    def ask(regions, pause_s=0.002):
        """Seconds until the tracker says so, and the rows that it counts."""
        id_ = str(uuid.uuid4())
        begun = time.monotonic()
        queue.send_message(MessageBody=json.dumps({"queryId": id_, "tableName": "t", "type": "Query", "regions": regions}))
        while True:
            time.sleep(pause_s)
            item = tracker.get_item(Key={"queryId": id_, "subQueryId": "-"})["Item"]
            if item["lastKnownState"] in ("COMPLETED", "FAILED"):
                assert item["lastKnownState"] == "COMPLETED", item
                return time.monotonic() - begun, int(item["rowCount"])

    def exact(i):
        key = f"key{i * 104_729 % count:09}"
        return [{"key": {"min": key, "minInclusive": True, "max": key, "maxInclusive": True}, "stringsBase64Encoded": False}]

    everything = [{"key": {"min": "", "minInclusive": True, "max": None, "maxInclusive": False}, "stringsBase64Encoded": False}]
    ask(everything)  # cuts what is not in files yet
    for i in range(5):
        ask(exact(i))
    waits = [ask(exact(i))[0] for i in range(arguments.queries)]
    before = cpu_s(pid)
    for i in range(arguments.queries):
        assert ask(exact(i), pause_s=0.2)[1] == 1
    exact_cpu = (cpu_s(pid) - before) / arguments.queries
    before = cpu_s(pid)
    range_s, rows = ask(everything, pause_s=0.05)
    range_cpu = cpu_s(pid) - before
    assert rows == count
    assert server.end(15) == 0
    result = {"rows": count,
              "ingest_s": ingest_s, "exact_cpu_ms": exact_cpu * 1000, "exact_wait_ms_median": statistics.median(waits) * 1000,
              "exact_wait_ms_least": min(waits) * 1000, "range_rows_a_cpu_s": count / range_cpu, "range_s": range_s}
    print(f"a job of {count:,} rows                 {ingest_s:10.2f} s")
    print(f"exact query, server's CPU            {result['exact_cpu_ms']:10.2f} ms")
    print(f"exact query, message to COMPLETED    {result['exact_wait_ms_median']:10.2f} ms median, {result['exact_wait_ms_least']:.2f} least")
    print(f"range query                          {result['range_rows_a_cpu_s'] / 1e6:10.2f} M rows a CPU second")
    keep("sleeper", result)


if __name__ == "__main__":
    main()
