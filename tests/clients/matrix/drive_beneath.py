import asyncio
import decimal
import json
import os
import uuid

os.environ["BENEATH_ENV"] = "dev"
import beneath  # noqa: E402
from beneath import config  # noqa: E402

from cells import rows_of_dicts, value_of  # noqa: E402

ENDPOINTS = json.loads(os.environ["MATRIX_ENDPOINTS"])
SECRETS = json.loads(os.environ["MATRIX_SECRETS"])
config.BENEATH_CONTROL_HOST = "http://" + ENDPOINTS["beneath_http"]
config.BENEATH_GATEWAY_HOST_GRPC = ENDPOINTS["beneath_grpc"]

SCHEMA = """
enum Color { RED GREEN }
type Inner { x: Int32!  y: [Float32!] }
type Keyed @schema {
  id: Int64! @key
  s: String, b: Bytes, f: Bytes4, t: Boolean, i: Int64, k: Int32, x: Float64, z: Float32, n: Numeric
  at: Timestamp, u: UUID, c: Color, r: Inner, names: [String!]
}
"""


def make(path, rows):
    """The rows come as cells: this client's environment has no Arrow that would import."""
    asyncio.run(make_table(path, [{k: value_of(c) for k, c in row.items()} for row in rows]))


async def make_table(path, records):
    client = beneath.Client(secret=SECRETS["ada"])
    me = await client.admin.organizations.find_me()
    await client.admin.projects.create(
        organization_id=me["organizationID"], project_name="farm", display_name=None, public=False, description=None,
        site_url=None, photo_url=None)
    await client.start()
    table = await client.create_table(path, schema=SCHEMA)
    for record in records:
        record["n"] = None if record["n"] is None else decimal.Decimal(record["n"])
        record["u"] = None if record["u"] is None else uuid.UUID(record["u"])
    await client.write(table.primary_instance, records)
    await client.stop()


def read(path, count):
    if not path.startswith("ada/"):
        path = "_/" + path
    return asyncio.run(read_table(path))


async def read_table(path):
    """All records of the log; of a table with an index, those of the index must be the same."""
    client = beneath.Client(secret=SECRETS["ada" if path.startswith("ada/") else "root"])
    instance = (await client.find_table(path)).primary_instance
    found = await (await instance.query_log()).read_all(max_records=100_000, max_bytes=2**30)
    if (await client.find_table(path)).use_index:
        indexed = await (await instance.query_index()).read_all(max_records=100_000, max_bytes=2**30)
        key = lambda r: r["id"]  # noqa: E731
        newest = {key(r): r for r in found}
        assert rows_of_dicts(sorted(newest.values(), key=key)) == rows_of_dicts(sorted(indexed, key=key))
        found = indexed
    return rows_of_dicts([{k: v for k, v in r.items() if not k.startswith("@")} for r in found])
