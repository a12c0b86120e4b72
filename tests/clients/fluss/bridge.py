"""What differs between the two clients, 0.1.0 and 1.0.0, so that one test serves both.

The older one reads synchronously, the newer one returns awaitables; `settle` takes either.
"""

import contextlib
import importlib.metadata
import inspect
import time

import fluss
import pyarrow as pa

VERSION = tuple(int(part) for part in importlib.metadata.version("pyfluss").split("."))
IS_NEW = VERSION >= (1, 0, 0)
EARLIEST = fluss.EARLIEST_OFFSET

WAIT_S = 30


async def settle(value):
    return await value if inspect.isawaitable(value) else value


def config(address, **properties):
    names = {"bootstrap.servers": address}
    names.update({name.replace("__", "-").replace("_", "."): str(value) for name, value in properties.items()})
    return fluss.Config(names)


@contextlib.asynccontextmanager
async def connect(address, **properties):
    connection = await fluss.FlussConnection.create(config(address, **properties))
    try:
        yield connection
    finally:
        await settle(connection.close())


def sasl(user, secret):
    return {"security_protocol": "sasl", "security_sasl_mechanism": "PLAIN",
            "security_sasl_username": user, "security_sasl_password": secret}


async def create(admin, path, schema, primary_keys=None, **options):
    """Create a table of a pyarrow schema, or of (name, type) pairs."""
    if not isinstance(schema, pa.Schema):
        schema = pa.schema(schema)
    made = fluss.Schema(schema, primary_keys=primary_keys) if primary_keys else fluss.Schema(schema)
    await admin.create_table(path, fluss.TableDescriptor(made, **options))


async def append(table, rows):
    writer = table.new_append().create_writer()
    for row in rows:
        writer.append(row)
    await writer.flush()


async def upsert(table, rows, columns=None):
    builder = table.new_upsert()
    if columns:
        builder = builder.partial_update_by_name(columns)
    writer = builder.create_writer()
    for row in rows:
        writer.upsert(row)
    await writer.flush()


async def delete(table, keys):
    writer = table.new_upsert().create_writer()
    for key in keys:
        writer.delete(key)
    await writer.flush()


def projected(table, columns=None):
    scan = table.new_scan()
    return scan.project_by_name(columns) if columns else scan


async def record_scanner(table, offsets={0: EARLIEST}, columns=None):
    scanner = await projected(table, columns).create_log_scanner()
    scanner.subscribe_buckets(dict(offsets))
    return scanner


async def batch_scanner(table, offsets={0: EARLIEST}, columns=None):
    scan = projected(table, columns)
    # The older client has another name for it in some releases.
    make = getattr(scan, "create_record_batch_log_scanner", None) or scan.create_batch_scanner
    scanner = await make()
    scanner.subscribe_buckets(dict(offsets))
    return scanner


async def poll_records(scanner, count):
    """Poll until there are `count` records, in the order in which they came."""
    records = []
    deadline = time.monotonic() + WAIT_S
    while len(records) < count and time.monotonic() < deadline:
        polled = await settle(scanner.poll(1000))
        records.extend(polled[i] for i in range(len(polled)))
    assert len(records) == count, f"{len(records)} records instead of {count}"
    return records


async def read_rows(table, count, columns=None, offsets={0: EARLIEST}):
    """The rows of the first `count` records."""
    return [record.row for record in await poll_records(await record_scanner(table, offsets, columns), count)]


async def read_changes(table, count, **options):
    """(change, row) of the first `count` records of a changelog."""
    records = await poll_records(await record_scanner(table, **options), count)
    return [(record.change_type.short_string(), record.row) for record in records]


async def latest(admin, path, buckets=(0,)):
    return await admin.list_offsets(path, list(buckets), fluss.OffsetSpec.latest())


class Refused:
    """Expect a FlussError, and keep its code."""

    def __init__(self, code, text=None):
        self.code, self.text = code, text

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        assert kind is not None, f"nothing was refused; code {self.code} was expected"
        if not issubclass(kind, fluss.FlussError):
            return False
        assert error.error_code == self.code, f"{error.error_code}: {error.message}"
        if self.text:
            assert self.text in error.message, error.message
        return True
