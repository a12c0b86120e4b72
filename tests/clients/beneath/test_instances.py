"""Versions of tables: made, found, made primary and final, deleted; `write_full`."""

import beneath
import pandas
import pytest
from beneath.connection import GraphQLError

from conftest import new_project, point_at
from server import SECRETS

SCHEMA = "type T @schema { k: Int! @key, v: String }"


async def refused(awaitable, text):
    with pytest.raises(GraphQLError) as error:
        await awaitable
    assert text in str(error.value)


async def numbers(instance):
    return [r["k"] for r in await (await instance.query_log()).read_all() or []]


async def test_versions(client, project):
    await client.start()
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    first = table.primary_instance
    second = await table.create_instance()
    assert second.version == 1 and not second.is_primary
    seventh = await table.create_instance(version=7, make_primary=True)
    assert seventh.is_primary and (await table.create_instance()).version == 8
    await refused(table.create_instance(version=7), "already exists")
    again = await table.create_instance(version=7, update_if_exists=True)
    assert again.instance_id == seventh.instance_id
    await refused(table.create_instance(update_if_exists=True), "version")
    for i, instance in enumerate((first, second, seventh)):
        await client.write(instance, {"k": i, "v": None})
    await client.force_flush()
    for i, instance in enumerate((first, second, seventh)):
        assert await numbers(instance) == [i]
    found = await client.find_table(f"{project}/t")
    assert found.primary_instance.instance_id == seventh.instance_id
    assert [i.version for i in await table.find_instances()] == [8, 7, 1, 0]
    await second.update(make_primary=True, make_final=True)
    assert second.is_final and second.is_primary
    assert (await client.find_table(f"{project}/t")).primary_instance.version == 1
    data = await client.admin.tables.find_by_organization_project_and_name(*f"{project}/t".split("/"))
    assert [data[f"instances{what}Count"] for what in ("Created", "Deleted", "MadeFinal", "MadePrimary")] == [4, 0, 1, 3]
    await second.delete()
    await refused(table.find_instance(1), " not found")
    assert (await client.find_table(f"{project}/t")).primary_instance is None
    assert (await table.create_instance()).version == 9
    await client.stop()


async def test_a_final_instance_takes_no_more(client, project):
    await client.start()
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    await client.write(table.primary_instance, {"k": 1, "v": "x"})
    await table.primary_instance.update(make_final=True)
    await client.write(table.primary_instance, {"k": 2, "v": "x"})
    with pytest.raises(Exception, match="final"):
        await client.force_flush()
    assert await numbers(table.primary_instance) == [1]


async def test_write_full(client, project):
    await client.start()
    path = f"{project}/full"
    for turn in range(3):
        await client.write_full(path, [{"k": i, "v": f"{turn}"} for i in range(5)], key="k")
        table = await client.find_table(path)
        assert table.primary_instance.version == turn and table.primary_instance.is_final
        assert [i.version for i in await table.find_instances()] == [turn]
        found = await (await table.primary_instance.query_log()).read_all()
        assert [(r["k"], r["v"]) for r in found] == [(i, f"{turn}") for i in range(5)]
    with pytest.raises(ValueError):
        await client.write_full(path, [{"k": 1, "w": 1.5}], key="k")
    await client.write_full(path, [{"k": 1, "w": 1.5}], key="k", recreate_on_schema_change=True)
    table = await client.find_table(path)
    assert table.primary_instance.version == 0
    frame = pandas.DataFrame({"a": ["x", "y"], "b": [1, 2]}).set_index("a")
    await client.write_full(f"{project}/frame", frame)
    table = await client.find_table(f"{project}/frame")
    assert [r["b"] for r in await (await table.primary_instance.query_index()).read_all()] == [1, 2]
    await client.stop()


async def test_versions_are_there_after_a_crash(own_server):
    path = await new_project(SECRETS["ada"], "p")
    client = beneath.Client(secret=SECRETS["ada"])
    await client.start()
    table = await client.create_table(f"{path}/t", schema=SCHEMA)
    other = await table.create_instance()
    gone = await table.create_instance()
    for k, instance in enumerate((table.primary_instance, other, gone)):
        await client.write(instance, {"k": k, "v": "x"})
    await client.force_flush()
    await gone.delete()
    await other.update(make_final=True)
    own_server.kill()
    own_server.start()
    point_at(own_server)
    client = beneath.Client(secret=SECRETS["ada"])
    table = await client.find_table(f"{path}/t")
    assert [(i.version, i.is_final) for i in await table.find_instances()] == [(1, True), (0, False)]
    other = await table.find_instance(1)
    for k, instance in enumerate((table.primary_instance, other)):
        assert await numbers(instance) == [k]
        assert [r["k"] for r in await (await instance.query_index()).read_all()] == [k]
    assert (await table.create_instance()).version == 3
