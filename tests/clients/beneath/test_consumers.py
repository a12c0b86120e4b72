"""Checkpoints, consumers, pipelines' parts, dry clients: the client's own idioms."""

import asyncio

import beneath
import pytest

from server import SECRETS

SCHEMA = "type T @schema { k: Int! @key }"


async def test_checkpoints(client, project):
    await client.start()
    checkpoints = await client.checkpointer(project)
    assert await checkpoints.get("a", default="none") == "none"
    await checkpoints.set("a", {"x": [1, b"2"]})
    await client.stop()
    again = beneath.Client(secret=SECRETS["ada"])
    await again.start()
    checkpoints = await again.checkpointer(project)
    assert await checkpoints.get("a") == {"x": [1, b"2"]}
    prefixed = await again.checkpointer(project, key_prefix="p:")
    assert await prefixed.get("a") is None
    await again.stop()


async def write(project, numbers):
    client = beneath.Client(secret=SECRETS["ada"])
    await client.start()
    table = await client.create_table(f"{project}/t", schema=SCHEMA, update_if_exists=True)
    await client.write(table.primary_instance, [{"k": k} for k in numbers])
    await client.stop()


async def test_a_consumer_goes_on_where_it_stopped(project):
    seen = []

    async def consume():
        client = beneath.Client(secret=SECRETS["ada"])
        await client.start()
        consumer = await client.consumer(f"{project}/t", subscription_path=f"{project}/reader", batch_size=7)

        async def callback(record):
            seen.append(record["k"])

        await consumer.subscribe(callback, stop_when_idle=True)
        await client.stop()

    await write(project, range(20))
    await consume()
    assert seen == list(range(20))
    await consume()
    assert seen == list(range(20))
    await write(project, range(20, 50))
    await consume()
    assert seen == list(range(50))


async def test_a_subscription_hears_of_new_records(project):
    await write(project, [1])
    client = beneath.Client(secret=SECRETS["ada"])
    await client.start()
    consumer = await client.consumer(f"{project}/t")
    seen = asyncio.Queue()

    async def callback(record):
        await seen.put(record["k"])

    task = asyncio.ensure_future(consumer.subscribe(callback))
    assert await asyncio.wait_for(seen.get(), 10) == 1
    for k in (2, 3):
        await write(project, [k])
        assert await asyncio.wait_for(seen.get(), 10) == k
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.stop()


async def test_a_dry_client_changes_nothing(project):
    client = beneath.Client(secret=SECRETS["ada"], dry=True)
    await client.start()
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    await client.write(table.primary_instance, {"k": 1})
    await client.write_full(f"{project}/u", [{"k": 1}], key="k")
    await client.stop()
    with pytest.raises(Exception, match=" not found"):
        await beneath.Client(secret=SECRETS["ada"]).find_table(f"{project}/t")
