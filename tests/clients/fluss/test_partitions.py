"""Partitions: made, listed, written, read and dropped."""

import datetime

import fluss
import pyarrow as pa
import pytest

import bridge
from bridge import EARLIEST, Refused, create, poll_records, settle

COLUMNS = [("a", pa.int32()), ("region", pa.string())]


@pytest.fixture
def regions(admin, path, connection):
    async def make(*names, **options):
        await create(admin, path, COLUMNS, partition_keys=["region"], **options)
        for name in names:
            await admin.create_partition(path, {"region": name})
        return await connection.get_table(path)
    return make


async def ids(admin, path):
    return {info.partition_name: info.partition_id for info in await admin.list_partition_infos(path)}


async def test_partitions_are_made_listed_and_dropped(admin, path, regions):
    await regions("eu", "us")
    assert set(await ids(admin, path)) == {"eu", "us"}
    async with Refused(42):
        await admin.create_partition(path, {"region": "eu"})
    await admin.create_partition(path, {"region": "eu"}, ignore_if_exists=True)
    await admin.drop_partition(path, {"region": "eu"})
    assert set(await ids(admin, path)) == {"us"}
    async with Refused(36):
        await admin.drop_partition(path, {"region": "eu"})
    await admin.drop_partition(path, {"region": "eu"}, ignore_if_not_exists=True)


async def test_specs_that_name_no_partition(admin, path, regions):
    await regions()
    for spec in ({"nope": "x"}, {"region": "a b"}, {"region": "x", "a": "1"}):
        async with Refused(43):
            await admin.create_partition(path, spec)
    # A value that no partition can have is told from one that none has, also where that were no fault.
    for value in ("", "a b", "x" * 201):
        for ignore in (False, True):
            async with Refused(43):
                await admin.drop_partition(path, {"region": value}, ignore_if_not_exists=ignore)
    async with Refused(36):
        await admin.drop_partition(path, {"region": "__x"})


async def test_a_plain_table_has_no_partitions(admin, path):
    await create(admin, path, COLUMNS)
    async with Refused(37):
        await admin.create_partition(path, {"region": "eu"})
    async with Refused(37):
        await admin.list_partition_infos(path)


async def test_partition_ids_are_never_reused(admin, path, regions):
    await regions("eu")
    first = (await ids(admin, path))["eu"]
    await admin.drop_partition(path, {"region": "eu"})
    await admin.create_partition(path, {"region": "eu"})
    assert (await ids(admin, path))["eu"] != first


async def test_each_partition_has_logs_of_its_own(admin, path, regions):
    table = await regions("eu", "us", bucket_count=2)
    assert table.get_table_info().is_partitioned()
    writer = table.new_append().create_writer()
    for i in range(10):
        writer.append([i, "eu" if i % 2 else "us"])
    await writer.flush()
    latest = fluss.OffsetSpec.latest()
    for name in ("eu", "us"):
        offsets = await admin.list_partition_offsets(path, name, [0, 1], latest)
        assert sum(offsets.values()) == 5
    partitions = await ids(admin, path)
    scanner = await table.new_scan().create_log_scanner()
    scanner.subscribe_partition_buckets({(partitions["eu"], bucket): EARLIEST for bucket in (0, 1)})
    records = await poll_records(scanner, 5)
    assert sorted(record.row["a"] for record in records) == [1, 3, 5, 7, 9]
    make = table.new_scan().create_record_batch_log_scanner
    scanner = await make()
    for bucket in (0, 1):
        scanner.subscribe_partition(partitions["us"], bucket, EARLIEST)
    arrow = await settle(scanner.to_arrow())
    assert sorted(arrow.column("a").to_pylist()) == [0, 2, 4, 6, 8]
    scanner.unsubscribe_partition(partitions["us"], 0)


async def test_arrow_is_written_to_a_partition(admin, path, regions):
    table = await regions("eu", "us")
    writer = table.new_append().create_writer()
    for name, values in (("eu", [1, 2]), ("us", [3])):
        writer.write_arrow_batch(pa.record_batch(
            {"a": pa.array(values, pa.int32()), "region": [name] * len(values)}))
    await writer.flush()
    latest = fluss.OffsetSpec.latest()
    assert await admin.list_partition_offsets(path, "eu", [0], latest) == {0: 2}
    assert await admin.list_partition_offsets(path, "us", [0], latest) == {0: 1}


async def test_an_unknown_partition_is_named_in_the_error(admin, path, regions):
    await regions()
    async with Refused(36):
        await admin.list_partition_offsets(path, "nope", [0], fluss.OffsetSpec.latest())


async def test_several_keys_of_several_types(admin, path, connection):
    columns = [("a", pa.int32()), ("day", pa.date32()), ("n", pa.int64())]
    await create(admin, path, columns, partition_keys=["day", "n"])
    await admin.create_partition(path, {"n": "7", "day": "2024-02-29"})
    assert set(await ids(admin, path)) == {"2024-02-29$7"}
    table = await connection.get_table(path)
    writer = table.new_append().create_writer()
    await writer.append([1, datetime.date(2024, 2, 29), 7]).wait()
    assert await admin.list_partition_offsets(path, "2024-02-29$7", [0], fluss.OffsetSpec.latest()) == {0: 1}
    async with Refused(43):
        await admin.create_partition(path, {"day": "2024-02-29"})


async def test_a_partition_that_is_made_later_is_seen(admin, path, regions, server):
    table = await regions("eu")
    writer = table.new_append().create_writer()
    await writer.append([1, "eu"]).wait()
    await admin.create_partition(path, {"region": "late"})
    await writer.append([2, "late"]).wait()
    partitions = await ids(admin, path)
    scanner = await table.new_scan().create_log_scanner()
    scanner.subscribe_partition(partitions["late"], 0, EARLIEST)
    assert [record.row["a"] for record in await poll_records(scanner, 1)] == [2]


async def test_partitions_by_time_make_themselves(admin, path):
    schema = fluss.Schema(pa.schema([("day", pa.string()), ("v", pa.int64())]))
    await admin.create_table(path, fluss.TableDescriptor(
        schema, partition_keys=["day"],
        properties={"table.auto-partition.enabled": "true", "table.auto-partition.time-unit": "DAY",
                    "table.auto-partition.num-precreate": "3"}))
    names = sorted(info.partition_name for info in await admin.list_partition_infos(path))
    assert len(names) == 3 and all(len(name) == 8 and name.isdigit() for name in names)
