"""Run in pyfluss's environment: calls, pickled, from standard input; their answers, pickled, to standard output."""

import asyncio
import os
import pickle
import sys
import traceback

import fluss
import pyarrow as pa


CONNECTIONS = {}


async def connect(address):
    if address not in CONNECTIONS:
        CONNECTIONS[address] = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": address}))
    return CONNECTIONS[address]


def name_of(path):
    *leading, table = path.split("/")
    return fluss.TablePath("_x2F_".join(leading), table)


async def create(address, path, columns, key):
    """`columns`: names, and types as pyarrow writes them in Python."""
    admin = (await connect(address)).get_admin()
    await admin.create_database(path.split("/")[0], ignore_if_exists=True)
    schema = pa.schema([pa.field(name, eval(type_, {"pa": pa}), name not in key) for name, type_ in columns])
    schema = fluss.Schema(schema, primary_keys=key) if key else fluss.Schema(schema)
    await admin.create_table(name_of(path), fluss.TableDescriptor(schema))


async def write(address, path, rows):
    table = await (await connect(address)).get_table(name_of(path))
    keyed = table.has_primary_key()
    writer = table.new_upsert().create_writer() if keyed else table.new_append().create_writer()
    for row in rows:
        (writer.upsert if keyed else writer.append)(row)
    await writer.flush()


async def delete(address, path, keys):
    table = await (await connect(address)).get_table(name_of(path))
    writer = table.new_upsert().create_writer()
    for key in keys:
        writer.delete(key)
    await writer.flush()


async def changes(address, path, count):
    """The log of a keyed table: the kind of each change, and its row."""
    table = await (await connect(address)).get_table(name_of(path))
    scanner = await table.new_scan().create_log_scanner()
    scanner.subscribe_buckets({0: fluss.EARLIEST_OFFSET})
    found = []
    for _ in range(60):
        found += [(record.change_type.short_string(), dict(record.row)) for record in await scanner.poll(500)]
        if len(found) >= count:
            return found
    raise AssertionError(f"{len(found)} of {count} changes: {found}")


async def lookup(address, path, keys):
    table = await (await connect(address)).get_table(name_of(path))
    lookuper = table.new_lookup().create_lookuper()
    return [await lookuper.lookup(key) for key in keys]


async def serve(calls, answers):
    while True:
        try:
            function, words = await asyncio.to_thread(pickle.load, calls)
        except EOFError:
            return
        try:
            answer = (await globals()[function](*words), None)
        except Exception:
            answer = (None, traceback.format_exc())
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    to_caller = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the client itself prints
    asyncio.run(serve(sys.stdin.buffer, to_caller))
    os._exit(0)  # the client's threads may outlive the interpreter
