"""Read, append and follow with the client of Apache Fluss, unmodified (pip install pyfluss==1.0.0 pandas; 0.1.0 does
as well).

Run `make run` first: it loads the flights and the weather. Then: python examples/fluss_flights.py
"""

import asyncio
import inspect
import sys

import fluss
import pyarrow as pa

SERVER = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9123"


async def result(made):
    """What 1.0.0 is to be awaited for, and 0.1.0 gives at once."""
    return await made if inspect.isawaitable(made) else made


async def read_flights(conn):
    """The mean delay of each carrier: two of nineteen columns come over the wire."""
    table = await conn.get_table(fluss.TablePath("nyc", "flights"))
    scanner = await table.new_scan().project_by_name(["carrier", "dep_delay"]).create_record_batch_log_scanner()
    scanner.subscribe(bucket_id=0, start_offset=fluss.EARLIEST_OFFSET)
    flights = await result(scanner.to_pandas())
    print(f"{len(flights)} flights; mean delay at departure, in minutes:")
    print(flights.groupby("carrier").dep_delay.mean().sort_values().round(1).to_string())


async def append_and_follow(conn):
    """A table of our own: one writes, another follows."""
    admin = conn.get_admin()
    path = fluss.TablePath("fluss", "delays_seen")
    schema = fluss.Schema(pa.schema([("flight", pa.string()), ("minutes", pa.int32())]))
    await admin.create_table(path, fluss.TableDescriptor(schema), ignore_if_exists=True)
    table = await conn.get_table(path)
    scanner = await table.new_scan().create_log_scanner()
    end = await admin.list_offsets(path, [0], fluss.OffsetSpec.latest())
    scanner.subscribe(bucket_id=0, start_offset=end[0])

    writer = table.new_append().create_writer()
    for flight, minutes in [("UA1545", 2), ("AA1141", 33), ("B6725", -1)]:
        writer.append({"flight": flight, "minutes": minutes})
    await writer.flush()
    for record in await result(scanner.poll(5000)):
        print(f"offset {record.offset}: {record.row}")


async def main():
    conn = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": SERVER}))
    await read_flights(conn)
    await append_and_follow(conn)
    await result(conn.close())


asyncio.run(main())
