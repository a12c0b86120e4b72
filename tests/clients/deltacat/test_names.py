"""Namespaces and tables."""

import pyarrow as pa
import pytest

DATA = pa.table({"id": [1, 2]})


def write(client, namespace, table, **options):
    return client.catalog.write(DATA, namespace=namespace, table=table, mode="auto", format="parquet", **options)


def names(listed):
    return [one.name if hasattr(one, "name") else one["name"] for one in listed]


def test_catalogs(client, refused):
    assert names(client.catalog.list_catalogs()) == ["default"]
    assert client.catalog.describe_catalog("default").name == "default"
    with refused() as error:
        client.catalog.describe_catalog("other")
    assert (error.status, error.code) == (404, "catalog_not_found")


def test_namespaces(client, refused):
    catalog = client.catalog
    assert "default" in names(catalog.list_namespaces())
    catalog.create_namespace(namespace="zoo", properties={"owner": "ada", "size": 3})
    with refused() as error:
        catalog.create_namespace(namespace="zoo")
    assert (error.status, error.code) == (409, "namespace_already_exists")
    assert catalog.namespace_exists(namespace="zoo") and not catalog.namespace_exists(namespace="farm")
    assert catalog.get_namespace(namespace="zoo").properties == {"owner": "ada", "size": 3}
    catalog.alter_namespace(namespace="zoo", properties={"size": None, "open": True})
    assert catalog.get_namespace(namespace="zoo").properties == {"owner": "ada", "open": True}
    write(client, "zoo", "cats")
    with refused() as error:
        catalog.drop_namespace(namespace="zoo")
    assert (error.status, error.code) == (409, "namespace_not_empty")
    catalog.alter_namespace(namespace="zoo", new_name="farm")
    assert catalog.namespace_exists(namespace="farm") and not catalog.namespace_exists(namespace="zoo")
    assert names(catalog.list_tables(namespace="farm")) == ["cats"]
    catalog.drop_table(namespace="farm", table="cats")
    assert catalog.namespace_exists(namespace="farm")
    catalog.drop_namespace(namespace="farm")
    for call in (lambda: catalog.get_namespace(namespace="farm"), lambda: catalog.drop_namespace(namespace="farm"),
                 lambda: catalog.list_tables(namespace="farm")):
        with refused() as error:
            call()
        assert (error.status, error.code) == (404, "namespace_not_found")


def test_tables(client, refused):
    catalog = client.catalog
    made = catalog.create_table(namespace="tables", table="b", table_description="of cats",
                                table_properties={"read_optimization_level": "max", "x": 1},
                                schema_def=[{"name": "id", "type": "int64", "nullable": False, "doc": "a number"}])
    assert made.raw["created"] is True and made.raw["table_version"] == "1"
    with refused() as error:
        catalog.create_table(namespace="tables", table="b")
    assert (error.status, error.code) == (409, "table_already_exists")
    shown = catalog.describe_table(namespace="tables", table="b")
    assert (shown.total_records, shown.total_files, shown.total_bytes, shown.delta_count) == (0, 0, 0, 0)
    assert (shown.lifecycle_state, shown.stream_format, shown.description) == ("active", "deltacat", "of cats")
    assert shown.table_properties == {"read_optimization_level": "max", "x": 1}
    assert shown.schema[0]["doc"] == "a number" and shown.schema[0]["nullable"] is False
    catalog.create_table(namespace="tables", table="a")
    assert names(catalog.list_tables(namespace="tables")) == ["a", "b"]
    assert catalog.describe_table(namespace="tables", table="a").schema == []
    catalog.alter_table(namespace="tables", table="b", table_properties={"x": None, "y": "z"})
    assert catalog.describe_table(namespace="tables", table="b").table_properties == {
        "read_optimization_level": "max", "y": "z"}
    with refused() as error:
        catalog.create_table(namespace="not_there", table="a", auto_create_namespace=False)
    assert (error.status, error.code) == (404, "namespace_not_found")
    assert [v.raw["table_version"] for v in catalog.list_table_versions(namespace="tables", table="b")] == ["1"]


def test_a_table_without_a_schema_gets_one_with_its_first_write(client):
    client.catalog.create_table(namespace="tables", table="later")
    plan = client.catalog.plan(namespace="tables", table="later")
    assert plan.scan_tasks == [] and plan.raw["schema"] == []
    write(client, "tables", "later")
    assert client.catalog.read(namespace="tables", table="later").to_pydict() == {"id": [1, 2]}


def test_rename_and_drop(client, refused):
    catalog = client.catalog
    write(client, "moves", "one")
    catalog.rename_table(namespace="moves", table="one", new_name="two")
    assert catalog.read(namespace="moves", table="two").num_rows == 2
    assert not catalog.table_exists(namespace="moves", table="one")
    write(client, "moves", "three")
    with refused() as error:
        catalog.rename_table(namespace="moves", table="two", new_name="three")
    assert (error.status, error.code) == (409, "table_already_exists")
    dropped = catalog.drop_table(namespace="moves", table="two", purge=True)
    assert dropped.raw["dropped"] is True and dropped.raw["purged"] is True
    for call in (lambda: catalog.read(namespace="moves", table="two"),
                 lambda: catalog.describe_table(namespace="moves", table="two"),
                 lambda: catalog.drop_table(namespace="moves", table="two"),
                 lambda: catalog.alter_table(namespace="moves", table="two", table_properties={"a": 1})):
        with refused() as error:
            call()
        assert (error.status, error.code) == (404, "table_not_found")
    # The name can be used again, and starts empty.
    client.catalog.create_table(namespace="moves", table="two", schema_def=[{"name": "id", "type": "int64"}])
    assert catalog.read(namespace="moves", table="two").num_rows == 0


@pytest.mark.parametrize("name", ["with space", "dots.and.more", "da-sh", "Grüße", "猫"])
def test_unusual_names(client, name):
    write(client, "unusual", name)
    assert client.catalog.read(namespace="unusual", table=name).num_rows == 2
    assert name in names(client.catalog.list_tables(namespace="unusual"))


def test_names_that_cannot_be_routed(client, refused):
    for name in ("a/b", "a?b", "a#b", "a%b", "", "\x01", "a_x41_b"):
        with refused() as error:
            client.catalog.create_namespace(namespace=name)
        assert error.status == 400


def test_a_deeper_namespace(client, server):
    write(client, "org.project", "cats")
    assert "org.project" in names(client.catalog.list_namespaces())
    assert len(server.sql('SELECT * FROM "org/project/cats"')) == 2
    client.catalog.create_namespace(namespace="empty.inside")
    assert {"empty", "empty.inside"} <= set(names(client.catalog.list_namespaces()))
    client.catalog.drop_namespace(namespace="empty.inside")
    assert "empty" not in names(client.catalog.list_namespaces())
