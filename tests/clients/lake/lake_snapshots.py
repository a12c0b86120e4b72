"""The lake snapshot as the unmodified Fluss client sees it, in the environment of that client: lake_snapshots.py ADDRESS
DATABASE TABLE [write]. With `write`, the table is made if it is absent, and four rows go to each of its partitions.
Writes, as JSON, the snapshot and the ends of the table's buckets."""

import asyncio
import json
import os
import sys

import fluss
import pyarrow as pa

SCHEMA = pa.schema([("n", pa.int64()), ("region", pa.string())])
REGIONS = ["eu", "us"]
BUCKETS = 2


async def write(connection, admin, path):
    await admin.create_database(path.database_name, ignore_if_exists=True)
    await admin.create_table(path, fluss.TableDescriptor(
        fluss.Schema(SCHEMA), partition_keys=["region"], bucket_count=BUCKETS,
        properties={"table.datalake.enabled": "true"}), ignore_if_exists=True)
    for region in REGIONS:
        await admin.create_partition(path, {"region": region}, ignore_if_exists=True)
    writer = (await connection.get_table(path)).new_append().create_writer()
    for region in REGIONS:
        for n in range(4):
            writer.append({"n": n, "region": region})
            await writer.flush()


async def main(address, database, table, *mode):
    connection = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": address}))
    admin = connection.get_admin()
    path = fluss.TablePath(database, table)
    if mode == ("write",):
        await write(connection, admin, path)
    ends = {}
    for partition in await admin.list_partition_infos(path):
        offsets = await admin.list_partition_offsets(
            path, partition.partition_name, list(range(BUCKETS)), fluss.OffsetSpec.latest())
        ends.update({f"{partition.partition_id}/{bucket}": offset for bucket, offset in offsets.items()})
    try:
        snapshot = await admin.get_latest_lake_snapshot(path)
    except fluss.FlussError as error:
        print(json.dumps({"code": error.error_code, "ends": ends}))
        return
    for bucket in snapshot.get_table_buckets():
        assert snapshot.get_bucket_offset(bucket) == snapshot.table_buckets_offset[bucket]
    print(json.dumps({"id": snapshot.snapshot_id, "ends": ends, "reached": {
        f"{bucket.partition_id}/{bucket.bucket_id}": offset
        for bucket, offset in snapshot.table_buckets_offset.items()}}))


asyncio.run(main(*sys.argv[1:]))
sys.stdout.flush()
# The client's own threads may abort the interpreter while it shuts down, when all is done.
os._exit(0)
