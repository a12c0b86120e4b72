"""Databases by every call of the admin client."""

import time

import fluss
from bridge import Refused, create
import pyarrow as pa


async def test_a_new_server_has_the_database_fluss(admin):
    assert "fluss" in await admin.list_databases()
    assert await admin.database_exists("fluss")


async def test_the_server_shows_itself_in_both_roles(admin, server):
    nodes = await admin.get_server_nodes()
    host, port = server.fluss.rsplit(":", 1)
    assert sorted((node.server_type, node.uid, node.id) for node in nodes) == [
        ("CoordinatorServer", "cs-0", 0), ("TabletServer", "ts-0", 0)]
    assert {(node.host, node.port) for node in nodes} == {(host, int(port))}


async def test_a_database_keeps_its_description(admin):
    before = int(time.time() * 1000)
    await admin.create_database("described", fluss.DatabaseDescriptor(
        comment="what it is for", custom_properties={"owner": "me", "kind": "test"}))
    try:
        info = await admin.get_database_info("described")
        assert info.database_name == "described"
        assert before - 5000 <= info.created_time <= info.modified_time + 1
        descriptor = info.get_database_descriptor()
        assert descriptor.comment == "what it is for"
        assert descriptor.get_custom_properties() == {"owner": "me", "kind": "test"}
    finally:
        await admin.drop_database("described")


async def test_a_plain_database_has_no_comment(admin, database):
    descriptor = (await admin.get_database_info(database)).get_database_descriptor()
    assert descriptor.comment is None
    assert descriptor.get_custom_properties() == {}


async def test_names_that_exist_and_names_that_do_not(admin, database):
    assert await admin.database_exists(database)
    assert not await admin.database_exists("nope")
    assert database in await admin.list_databases()
    async with Refused(6):
        await admin.create_database(database)
    await admin.create_database(database, ignore_if_exists=True)
    async with Refused(4):
        await admin.drop_database("nope")
    await admin.drop_database("nope", ignore_if_not_exists=True)
    async with Refused(4):
        await admin.get_database_info("nope")
    async with Refused(4):
        await admin.list_tables("nope")


async def test_invalid_names_are_refused(admin):
    for name in ("__reserved", "a b", "a.b", "x" * 201):
        async with Refused(16):
            await admin.create_database(name)


async def test_only_an_empty_database_goes_without_cascade(admin, database, path):
    await create(admin, path, [("a", pa.int32())])
    async with Refused(5):
        await admin.drop_database(database, cascade=False)
    assert await admin.table_exists(path)
    await admin.drop_database(database, cascade=True)
    assert not await admin.database_exists(database)
    assert not await admin.table_exists(path)


async def test_the_name_max_x_is_a_name_like_any_other(admin):
    # Escapes of other doors' names begin with _x.
    await admin.create_database("max_x")
    try:
        assert "max_x" in await admin.list_databases()
        path = fluss.TablePath("max_x", "user_xp")
        await create(admin, path, [("a", pa.int32())])
        assert await admin.list_tables("max_x") == ["user_xp"]
    finally:
        await admin.drop_database("max_x", cascade=True)
