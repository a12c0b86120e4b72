"""Appends rows with the unmodified Fluss client, in the environment of that client: appender.py ADDRESS DATABASE
TABLE ROWS. Writes how many rows are acknowledged, a line after each batch."""

import asyncio
import os
import sys

import fluss
import pyarrow as pa

BATCH_ROWS = 250


async def main(address, database, table_name, rows):
    connection = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": address}))
    admin = connection.get_admin()
    path = fluss.TablePath(database, table_name)
    schema = pa.schema([("n", pa.int64()), ("name", pa.string()), ("small", pa.int8())])
    await admin.create_database(database, ignore_if_exists=True)
    await admin.create_table(path, fluss.TableDescriptor(fluss.Schema(schema)))
    writer = (await connection.get_table(path)).new_append().create_writer()
    for begin in range(0, rows, BATCH_ROWS):
        numbers = range(begin, min(rows, begin + BATCH_ROWS))
        await writer.write_arrow_batch(pa.record_batch(
            [pa.array(numbers, pa.int64()), pa.array([f"name {n % 7}" for n in numbers]),
             pa.array([n % 100 - 50 for n in numbers], pa.int8())], schema=schema)).wait()
        print(numbers.stop, flush=True)
    connection.close()


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
# The client's own threads may abort the interpreter while it shuts down, when all is done.
os._exit(0)
