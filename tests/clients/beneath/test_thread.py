"""The thin thread: connect, make a project and a table, write, read the log, start again."""

import datetime

import beneath
import pytest
from grpc.aio import AioRpcError

from conftest import new_project, point_at
from server import SECRETS

SCHEMA = """
  " Numbers and their names "
  type Number @schema {
    n: Int! @key
    name: String
    at: Timestamp
  }
"""


async def everything(cursor):
    return await cursor.read_all() or []


async def test_records_come_back_as_they_were_written(client, project):
    await client.start()
    table = await client.create_table(f"{project}/numbers", schema=SCHEMA)
    now = datetime.datetime(2021, 3, 4, 5, 6, 7, 123000, tzinfo=datetime.timezone.utc)
    records = [{"n": n, "name": f"number {n}", "at": now} for n in range(2500)]
    await client.write(table.primary_instance, records)
    await client.stop()
    cursor = await table.primary_instance.query_log()
    found = await everything(cursor)
    assert [(r["n"], r["name"], r["at"]) for r in found] == [(r["n"], r["name"], r["at"]) for r in records]


async def test_a_restart_keeps_everything(own_server):
    secret = SECRETS["ada"]
    path = await new_project(secret, "kept")
    client = beneath.Client(secret=secret)
    await client.start()
    table = await client.create_table(f"{path}/numbers", schema=SCHEMA)
    await client.write(table.primary_instance, [{"n": n, "name": None, "at": None} for n in range(10)])
    await client.stop()
    cursor = await table.primary_instance.query_log()
    await cursor.read_next(limit=3)
    own_server.kill()
    own_server.start()
    point_at(own_server)
    client = beneath.Client(secret=secret)
    table = await client.find_table(f"{path}/numbers")
    assert [r["n"] for r in await everything(await table.primary_instance.query_log())] == list(range(10))
    again = table.restore_cursor(replay_cursor=cursor.replay_cursor, changes_cursor=cursor.changes_cursor)
    assert [r["n"] for r in await everything(again)] == list(range(3, 10))


async def test_a_wrong_secret_is_refused(server):
    for secret in ("no-such-secret", "x"):
        with pytest.raises(AioRpcError) as refused:
            await beneath.Client(secret=secret).connection.ensure_connected()
        assert refused.value.code().name == "UNAUTHENTICATED"
        assert refused.value.details().startswith("authentication error")
