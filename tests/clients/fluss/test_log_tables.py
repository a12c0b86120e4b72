"""Log tables: every way to append, every way to scan."""

import asyncio

import pandas as pd
import pyarrow as pa
import pytest

import bridge
from bridge import EARLIEST, Refused, append, create, latest, poll_records, read_rows, settle

COLUMNS = [("a", pa.int32()), ("b", pa.string())]


@pytest.fixture
def table_of(admin, path, connection):
    async def make(columns=COLUMNS, **options):
        await create(admin, path, columns, **options)
        return await connection.get_table(path)
    return make


async def test_rows_are_appended_as_dicts_lists_and_tuples(table_of):
    table = await table_of()
    await append(table, [{"a": 1, "b": "x"}, [2, None], (3, "z")])
    assert await read_rows(table, 3) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}, {"a": 3, "b": "z"}]


async def test_each_write_can_be_waited_for(table_of):
    table = await table_of()
    writer = table.new_append().create_writer()
    for i in range(5):
        await writer.append([i, str(i)]).wait()
    assert [row["a"] for row in await read_rows(table, 5)] == list(range(5))


async def test_arrow_and_pandas_are_appended(table_of):
    table = await table_of()
    writer = table.new_append().create_writer()
    schema = pa.schema(COLUMNS)
    writer.write_arrow(pa.table({"a": [1, 2], "b": ["x", None]}, schema=schema))
    await writer.flush()
    await writer.write_arrow_batch(pa.record_batch({"a": [3], "b": ["y"]}, schema=schema)).wait()
    writer.write_pandas(pd.DataFrame({"a": pd.array([4, 5], dtype="int32"), "b": ["p", "q"]}))
    await writer.flush()
    assert [row["a"] for row in await read_rows(table, 5)] == [1, 2, 3, 4, 5]


async def test_records_know_their_place(table_of):
    table = await table_of()
    await append(table, [[i, "x"] for i in range(10)])
    records = await poll_records(await bridge.record_scanner(table), 10)
    assert [record.offset for record in records] == list(range(10))
    assert {record.change_type.short_string() for record in records} == {"+A"}
    assert all(record.timestamp > 1_600_000_000_000 for record in records)
    stamps = [record.timestamp for record in records]
    assert stamps == sorted(stamps)


async def test_a_scan_begins_within_a_batch(table_of):
    table = await table_of()
    await append(table, [[i, "x"] for i in range(10)])
    records = await poll_records(await bridge.record_scanner(table, {0: 7}), 3)
    assert [(record.offset, record.row["a"]) for record in records] == [(7, 7), (8, 8), (9, 9)]


async def test_polled_records_are_grouped_by_bucket(table_of):
    table = await table_of(bucket_count=4)
    writer = table.new_append().create_writer()
    for i in range(40):
        writer.append([i, "x"])
        if i % 5 == 4:
            await writer.flush()
    scanner = await bridge.record_scanner(table, {bucket: EARLIEST for bucket in range(4)})
    found = {}
    for _ in range(30):
        records = await settle(scanner.poll(1000))
        for bucket in records.buckets():
            assert bucket in records
            found.setdefault(bucket.bucket_id, []).extend(record.row["a"] for record in records.records(bucket))
        if sum(map(len, found.values())) == 40:
            break
    assert sorted(value for values in found.values() for value in values) == list(range(40))
    assert all(values == sorted(values) for values in found.values())


async def test_batches_are_polled(table_of):
    table = await table_of()
    await append(table, [[i, str(i)] for i in range(6)])
    scanner = await bridge.batch_scanner(table)
    rows = 0
    while rows < 6:
        for batch in await settle(scanner.poll_record_batch(2000)):
            assert batch.base_offset == rows
            rows += batch.batch.num_rows
            assert batch.last_offset == rows - 1
            assert batch.bucket.bucket_id == 0
    arrow = await settle((await bridge.batch_scanner(table)).poll_arrow(5000))
    assert arrow.column("a").to_pylist() == list(range(6))


async def test_everything_is_read_into_arrow_and_pandas(table_of):
    table = await table_of(bucket_count=3)
    writer = table.new_append().create_writer()
    for start in range(0, 300, 20):
        writer.write_arrow_batch(pa.record_batch(
            {"a": range(start, start + 20), "b": ["x"] * 20}, schema=pa.schema(COLUMNS)))
        await writer.flush()
    offsets = {bucket: EARLIEST for bucket in range(3)}
    arrow = await settle((await bridge.batch_scanner(table, offsets)).to_arrow())
    assert sorted(arrow.column("a").to_pylist()) == list(range(300))
    frame = await settle((await bridge.batch_scanner(table, offsets)).to_pandas())
    assert sorted(frame["a"]) == list(range(300))


async def test_an_empty_table_is_read(table_of):
    table = await table_of()
    if bridge.IS_NEW:  # the older one cannot make an Arrow table without rows
        arrow = await settle((await bridge.batch_scanner(table)).to_arrow())
        assert arrow.num_rows == 0
        assert arrow.schema.names == ["a", "b"]
    assert len(await settle((await bridge.record_scanner(table)).poll(100))) == 0


@pytest.mark.parametrize("compression", ["NONE", "LZ4_FRAME", "ZSTD"])
async def test_columns_are_projected_from_every_compression(table_of, compression):
    columns = [("a", pa.int64()), ("b", pa.string()), ("c", pa.float64()), ("d", pa.binary())]
    table = await table_of(columns, properties={"table.log.arrow.compression.type": compression})
    count = 5000
    rows = pa.table({"a": range(count), "b": [f"text {i % 7}" if i % 3 else None for i in range(count)],
                     "c": [i / 2 for i in range(count)], "d": [b"\0" * (i % 5) for i in range(count)]},
                    schema=pa.schema(columns))
    writer = table.new_append().create_writer()
    writer.write_arrow(rows)
    await writer.flush()
    for names in (["b"], ["d", "a"], ["c", "b", "a"], ["a", "b", "c", "d"]):
        arrow = await settle((await bridge.batch_scanner(table, columns=names)).to_arrow())
        assert arrow.schema.names == names
        assert arrow.combine_chunks().equals(rows.select(names).cast(arrow.schema).combine_chunks())


async def test_columns_are_projected_by_index_for_records(table_of):
    table = await table_of()
    await append(table, [[1, "x"], [2, None]])
    scanner = await table.new_scan().project([1]).create_log_scanner()
    scanner.subscribe(0, EARLIEST)
    assert [record.row for record in await poll_records(scanner, 2)] == [{"b": "x"}, {"b": None}]


async def test_a_scanner_waits_for_rows_without_holding_others_up(table_of, admin, path):
    table = await table_of()
    scanner = await bridge.record_scanner(table)
    writer = table.new_append().create_writer()

    async def later():
        await asyncio.sleep(0.3)
        await admin.get_table_info(path)
        writer.append([1, "late"])
        await writer.flush()

    if bridge.IS_NEW:
        polled, _ = await asyncio.gather(scanner.poll(20_000), later())
    else:
        poll = asyncio.get_running_loop().run_in_executor(None, scanner.poll, 20_000)
        polled, _ = await asyncio.gather(poll, later())
    assert [polled[i].row["b"] for i in range(len(polled))] == ["late"]


async def test_a_bucket_can_be_left(table_of):
    table = await table_of(bucket_count=2)
    scanner = await bridge.record_scanner(table, {0: EARLIEST, 1: EARLIEST})
    scanner.unsubscribe(0)
    assert len(await settle(scanner.poll(200))) == 0


async def test_an_offset_beyond_the_end_is_out_of_range(table_of):
    table = await table_of()
    await append(table, [[1, "x"]])
    scanner = await bridge.record_scanner(table, {0: 1000})
    with pytest.raises(Exception, match="out of range"):
        for _ in range(20):
            await settle(scanner.poll(500))


async def test_small_fetches_still_read_everything(server, admin, path):
    await create(admin, path, COLUMNS, bucket_count=2)
    async with bridge.connect(server.fluss, scanner_log_fetch_max__bytes=1024,
                              scanner_log_fetch_max__bytes__for__bucket=512) as connection:
        table = await connection.get_table(path)
        writer = table.new_append().create_writer()
        for start in range(0, 2000, 200):
            writer.write_arrow_batch(pa.record_batch(
                {"a": range(start, start + 200), "b": ["some text"] * 200}, schema=pa.schema(COLUMNS)))
            await writer.flush()
        arrow = await settle((await bridge.batch_scanner(table, {0: EARLIEST, 1: EARLIEST})).to_arrow())
        assert sorted(arrow.column("a").to_pylist()) == list(range(2000))


@pytest.mark.parametrize("acks", ["all", "1", "0"])
async def test_every_kind_of_acknowledgement(server, admin, path, acks):
    await create(admin, path, COLUMNS)
    # The clients allow less than all only without numbered batches.
    numbered = "true" if acks == "all" else "false"
    async with bridge.connect(server.fluss, writer_acks=acks, writer_enable__idempotence=numbered) as connection:
        table = await connection.get_table(path)
        await append(table, [[i, "x"] for i in range(100)])
        assert (await latest(admin, path))[0] == 100


async def test_a_large_batch_goes_out_whole(table_of, admin, path):
    table = await table_of([("y", pa.binary())], properties={"table.log.arrow.compression.type": "NONE"})
    writer = table.new_append().create_writer()
    block = bytes(range(256)) * 4096  # 1 MiB
    writer.write_arrow_batch(pa.record_batch({"y": [block] * 24}, schema=pa.schema([("y", pa.binary())])))
    await writer.flush()
    arrow = await settle((await bridge.batch_scanner(table)).to_arrow())
    assert arrow.column("y").to_pylist() == [block] * 24


async def test_many_rows(table_of, admin, path):
    table = await table_of(bucket_count=2)
    count = 50_000
    await append(table, ([i, "some text of a row"] for i in range(count)))
    offsets = await latest(admin, path, [0, 1])
    assert sum(offsets.values()) == count
    arrow = await settle((await bridge.batch_scanner(table, {0: EARLIEST, 1: EARLIEST})).to_arrow())
    assert sorted(arrow.column("a").to_pylist()) == list(range(count))


async def test_an_append_to_a_keyed_table_is_refused(admin, path, connection):
    await create(admin, path, COLUMNS, primary_keys=["a"])
    table = await connection.get_table(path)
    with pytest.raises(Exception):
        table.new_append().create_writer()
