"""Killed in the midst of `write_full`, of checkpoints and of changes of versions: what was answered stays, and the next
call succeeds."""

import asyncio
import random

import beneath

from conftest import new_project, point_at
from server import SECRETS

TRIES = 6
ROWS = 2000


async def full(path, number):
    client = beneath.Client(secret=SECRETS["ada"])
    await client.start()
    await client.write_full(path, [{"k": k, "n": number} for k in range(ROWS)], key="k")
    await client.stop()


async def counters(path):
    client = beneath.Client(secret=SECRETS["ada"])
    await client.connection.ensure_connected()
    organization, project, name = path.split("/")
    table = await client.admin.tables.find_by_organization_project_and_name(organization, project, name)
    instances = await client.admin.tables.find_instances(table["tableID"])
    return table, instances


async def test_write_full(own_server):
    path = await new_project(SECRETS["ada"], "p") + "/t"
    await full(path, 0)
    written = 0
    seeded = random.Random(7)
    for number in range(1, TRIES + 1):
        task = asyncio.ensure_future(full(path, number))
        await asyncio.sleep(seeded.uniform(0, 0.5))
        finished = task.done() and task.exception() is None
        own_server.kill()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        own_server.start()
        point_at(own_server)
        table, instances = await counters(path)
        # The counters and the versions are one.
        assert table["instancesCreatedCount"] - table["instancesDeletedCount"] == len(instances)
        assert table["instancesMadeFinalCount"] >= sum(1 for i in instances if i["madeFinalOn"])
        primary = table["primaryTableInstance"]
        assert primary is not None
        client = beneath.Client(secret=SECRETS["ada"])
        found = await client.find_table(path)
        rows = await (await found.primary_instance.query_index()).read_all()
        if primary["madeFinalOn"] is not None:
            # A version is made primary when it is whole.
            assert len(rows) == ROWS and len({row["n"] for row in rows}) == 1
            assert rows[0]["n"] >= written
            written = rows[0]["n"]
        if finished:
            assert rows[0]["n"] == number
    await full(path, 99)
    client = beneath.Client(secret=SECRETS["ada"])
    found = await client.find_table(path)
    rows = await (await found.primary_instance.query_index()).read_all()
    assert {row["n"] for row in rows} == {99} and len(rows) == ROWS


async def test_checkpoints(own_server):
    path = await new_project(SECRETS["ada"], "p")
    for number in range(4):
        client = beneath.Client(secret=SECRETS["ada"])
        await client.start()
        checkpoints = await client.checkpointer(path)
        assert await checkpoints.get("at", default=-1) == number - 1
        await checkpoints.set("at", number)
        await client.stop()
        own_server.kill()
        own_server.start()
        point_at(own_server)
