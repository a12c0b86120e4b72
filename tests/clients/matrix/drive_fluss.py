import asyncio
import datetime
import json
import os

import fluss
import pyarrow as pa

from cells import rows_of_dicts, rows_of_table
from tables import TABLES

ADDRESS = json.loads(os.environ["MATRIX_ENDPOINTS"])["fluss"]


def name_of(path):
    *leading, table = path.split("/")
    return fluss.TablePath("_x2F_".join(leading), table)


async def connect():
    return await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": ADDRESS}))


def make(name):
    _, path, key, rows = TABLES[name]
    asyncio.run(make_table(name_of(path), key, rows()))


async def make_table(path, key, rows):
    connection = await connect()
    admin = connection.get_admin()
    await admin.create_database("farm", ignore_if_exists=True)
    schema = fluss.Schema(rows.schema, primary_keys=key) if key else fluss.Schema(rows.schema)
    await admin.create_table(path, fluss.TableDescriptor(schema))
    table = await connection.get_table(path)
    writer = table.new_upsert().create_writer() if key else table.new_append().create_writer()
    for row in rows.to_pylist():
        (writer.upsert if key else writer.append)(row)
    await writer.flush()


def read(path, count):
    return asyncio.run(read_table(name_of(path), count))


async def read_table(path, count):
    """All rows of a log; of a keyed table its changes, folded, and a few keys looked up."""
    connection = await connect()
    table = await connection.get_table(path)
    buckets = (await connection.get_admin().get_table_info(path)).num_buckets
    scan = table.new_scan()
    if not table.has_primary_key():
        scanner = await scan.create_record_batch_log_scanner()
        scanner.subscribe_buckets({b: fluss.EARLIEST_OFFSET for b in range(buckets)})
        return rows_of_table(await scanner.to_arrow())
    scanner = await scan.create_log_scanner()
    scanner.subscribe_buckets({b: fluss.EARLIEST_OFFSET for b in range(buckets)})
    held, seen = {}, 0
    keys = (await connection.get_admin().get_table_info(path)).get_primary_keys()
    for _ in range(60):
        for record in await scanner.poll(500):
            seen += 1
            place = tuple(record.row[k] for k in keys)
            if record.change_type.short_string() in ("-D", "-U"):
                held.pop(place, None)
            else:
                held[place] = record.row
        if seen >= count:
            break
    lookuper = table.new_lookup().create_lookuper()
    for place in list(held)[::100]:
        found = await lookuper.lookup(dict(zip(keys, place)))
        assert rows_of_dicts([found]) == rows_of_dicts([held[place]]), place
    return rows_of_dicts(held.values())


def write(path, rows, remove=False):
    """Append or upsert rows, or delete theirs: a dict each, whose `at` is in ns."""
    asyncio.run(write_rows(name_of(path), rows, remove))


async def write_rows(path, rows, remove):
    connection = await connect()
    table = await connection.get_table(path)
    keyed = table.has_primary_key()
    keys = (await connection.get_admin().get_table_info(path)).get_primary_keys() if keyed else []
    writer = table.new_upsert().create_writer() if keyed else table.new_append().create_writer()
    call = writer.append if not keyed else writer.delete if remove else writer.upsert
    for row in rows:
        if keyed and remove:
            call({k: row[k] for k in keys})
            continue
        at = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=row["at"] // 1000)
        call({**row, "at": at})
    await writer.flush()
