"""Tables: what is declared comes back, and what no table may be is refused with its code."""

import decimal
import json

import fluss
import pyarrow as pa
import pytest

import bridge
from bridge import IS_NEW, Refused, create

COLUMNS = [("a", pa.int32()), ("b", pa.string())]


async def test_a_table_comes_back_as_it_was_declared(admin, path, connection):
    await create(admin, path, COLUMNS, bucket_count=3, bucket_keys=["a"], comment="rows of a test",
                 properties={"table.log.arrow.compression.type": "LZ4_FRAME"},
                 custom_properties={"owner": "me"})
    assert await admin.table_exists(path)
    table = await connection.get_table(path)
    for info in (await admin.get_table_info(path), table.get_table_info()):
        assert str(info.table_path) == str(path)
        assert info.num_buckets == 3
        assert info.get_bucket_keys() == ["a"]
        assert info.get_partition_keys() == []
        assert info.get_primary_keys() == []
        assert not info.has_primary_key() and not info.is_partitioned()
        assert info.comment == "rows of a test"
        assert info.get_column_names() == ["a", "b"]
        assert info.get_column_count() == 2
        assert info.schema_id == 1
        assert info.get_properties()["table.log.arrow.compression.type"] == "LZ4_FRAME"
        assert info.get_properties()["table.replication.factor"] == "1"
        assert info.get_custom_properties() == {"owner": "me"}
        assert 0 < info.created_time <= info.modified_time
    assert not table.has_primary_key()
    assert str(table.get_table_path()) == str(path)


async def test_a_plain_table_has_one_bucket(admin, path):
    await create(admin, path, COLUMNS)
    info = await admin.get_table_info(path)
    assert info.num_buckets == 1
    assert info.comment is None
    assert info.get_custom_properties() == {}


async def test_column_types_are_told_by_name(admin, path):
    await create(admin, path, [("i", pa.int32()), ("d", pa.decimal128(10, 2)), ("t", pa.timestamp("ms")),
                               ("u", pa.timestamp("us")), ("y", pa.binary()), ("h", pa.time32("ms"))])
    schema = (await admin.get_table_info(path)).get_schema()
    types = dict(schema.get_columns())
    assert types["i"] == "int"
    assert types["d"] == "decimal(10,2)"
    assert types["t"] == "timestamp(3)"
    assert types["u"].startswith("timestamp")
    assert types["y"] == "bytes"
    assert types["h"] == "time(3)"


async def test_table_ids_are_never_reused(admin, path):
    seen = set()
    for _ in range(3):
        await create(admin, path, COLUMNS)
        seen.add((await admin.get_table_info(path)).table_id)
        await admin.drop_table(path)
    assert len(seen) == 3


async def test_names_that_exist_and_names_that_do_not(admin, database, path):
    assert await admin.list_tables(database) == []
    async with Refused(7, "does not exist"):
        await admin.get_table_info(path)
    async with Refused(7):
        await admin.drop_table(path)
    await admin.drop_table(path, ignore_if_not_exists=True)
    await create(admin, path, COLUMNS)
    assert await admin.list_tables(database) == [path.table_name]
    async with Refused(8):
        await create(admin, path, COLUMNS)
    await admin.create_table(path, fluss.TableDescriptor(fluss.Schema(pa.schema([("z", pa.int64())]))),
                             ignore_if_exists=True)
    assert (await admin.get_table_info(path)).get_column_names() == ["a", "b"]
    await admin.drop_table(path)
    assert not await admin.table_exists(path)
    assert not await admin.table_exists(fluss.TablePath("nope", "nope"))
    async with Refused(4):
        await create(admin, fluss.TablePath("nope", "t"), COLUMNS)


async def test_invalid_names_are_refused(admin, database):
    for name in ("__reserved", "a b", "x" * 201):
        async with Refused(15):
            await create(admin, fluss.TablePath(database, name), COLUMNS)


@pytest.mark.parametrize("properties, code", [
    ({"table.replication.factor": "3"}, 17),
    ({"table.replication.factor": "0"}, 17),
    ({"table.no.such.property": "1"}, 39),
    ({"table.log.ttl": "soon"}, 39),
    ({"table.log.arrow.compression.zstd.level": "23"}, 39),
    ({"table.merge-engine": "first_row"}, 39),
    ({"table.auto-partition.enabled": "true"}, 39),
    ({"table.log.format": "columnar"}, 39),
])
async def test_properties_that_make_no_log_table(admin, path, properties, code):
    async with Refused(code):
        await create(admin, path, COLUMNS, properties=properties)


async def test_formats_of_other_clients_are_declared_only(admin, path):
    schema = fluss.Schema(pa.schema([("k", pa.int32()), ("v", pa.string())]), primary_keys=["k"])
    await admin.create_table(path, fluss.TableDescriptor(schema, kv_format="indexed"))
    info = await admin.get_table_info(path)
    assert info.get_properties()["table.kv.format"].lower() == "indexed"


async def test_shapes_that_make_no_table(admin, path):
    async with Refused(49):
        await create(admin, path, COLUMNS, bucket_count=4097)
    async with Refused(15):
        await create(admin, path, [("__offset", pa.int64())])
    assert not await admin.table_exists(path)


async def test_without_a_lake_there_is_no_snapshot(admin, path):
    await create(admin, path, COLUMNS)
    async with Refused(53):
        await admin.get_latest_lake_snapshot(path)


async def test_counting_columns_are_refused(admin, path):
    if not IS_NEW:
        pytest.skip("the older client cannot declare one")
    schema = fluss.Schema(pa.schema([("k", pa.int32()), ("n", pa.int64())]), primary_keys=["k"],
                          auto_increment_column="n")
    async with Refused(15):
        await admin.create_table(path, fluss.TableDescriptor(schema))


async def test_columns_of_types_that_the_protocol_lacks_are_written(server, admin, connection, path):
    """The client sends the nearest types that it has; the table gets its own, or the write is refused."""
    named = f"{path.database_name}/{path.table_name}"
    server.command("create", named, "--schema", "k:uint32!,a:uint8,b:uint64,s:text", "--key", "k")
    table = await connection.get_table(path)
    rows = [{"k": 4294967295, "a": 255, "b": decimal.Decimal(18446744073709551615), "s": "most"},
            {"k": 0, "a": None, "b": decimal.Decimal(0), "s": None}]
    await bridge.upsert(table, rows)
    lookuper = table.new_lookup().create_lookuper()
    assert [await lookuper.lookup({"k": row["k"]}) for row in rows] == rows
    shown = [json.loads(line) for line in server.command("scan", named, "--json").splitlines()]
    assert {row["k"]: (row["a"], int(row["b"])) for row in shown} == {4294967295: (255, 2**64 - 1), 0: (None, 0)}
    for wrong in ({**rows[0], "a": 256}, {**rows[0], "k": -1}, {**rows[0], "b": decimal.Decimal(2**64)}):
        async with Refused(-1, "hold"):
            await table.new_upsert().create_writer().upsert(wrong).wait()
    assert await lookuper.lookup({"k": 4294967295}) == rows[0]
    # Several buckets, spread by such a column: a client would choose others.
    spread = fluss.TablePath(path.database_name, path.table_name + "_spread")
    server.command("create", f"{spread.database_name}/{spread.table_name}", "--schema", "k:uint32!,s:text", "--key", "k",
                   "--buckets", "2", "--bucket-by", "k")
    async with Refused(15, "'k'"):
        await (await connection.get_table(spread)).new_upsert().create_writer().upsert({"k": 1, "s": "x"}).wait()
