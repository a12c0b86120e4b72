"""Where the logs of buckets begin, end, and stood at a time."""

import asyncio
import time

import fluss
import pyarrow as pa

from bridge import Refused, append, create, poll_records, record_scanner

COLUMNS = [("a", pa.int32())]


async def test_an_empty_table_begins_and_ends_at_zero(admin, path):
    await create(admin, path, COLUMNS, bucket_count=3)
    for spec in (fluss.OffsetSpec.earliest(), fluss.OffsetSpec.latest()):
        assert await admin.list_offsets(path, [0, 1, 2], spec) == {0: 0, 1: 0, 2: 0}


async def test_offsets_follow_the_rows(admin, path, connection):
    await create(admin, path, COLUMNS)
    table = await connection.get_table(path)
    await append(table, [[i] for i in range(7)])
    assert await admin.list_offsets(path, [0], fluss.OffsetSpec.earliest()) == {0: 0}
    assert await admin.list_offsets(path, [0], fluss.OffsetSpec.latest()) == {0: 7}


async def test_offsets_by_time(admin, path, connection):
    await create(admin, path, COLUMNS)
    table = await connection.get_table(path)
    await append(table, [[1], [2]])
    await asyncio.sleep(0.05)
    between = int(time.time() * 1000)
    await asyncio.sleep(0.05)
    await append(table, [[3]])
    by_time = fluss.OffsetSpec.timestamp
    assert await admin.list_offsets(path, [0], by_time(1)) == {0: 0}
    assert await admin.list_offsets(path, [0], by_time(between)) == {0: 2}
    last = (await poll_records(await record_scanner(table, {0: 2}), 1))[0].timestamp
    await asyncio.sleep(0.01)
    assert await admin.list_offsets(path, [0], by_time(last)) == {0: 2}
    assert await admin.list_offsets(path, [0], by_time(last + 1)) == {0: 3}


async def test_a_time_in_the_future_is_refused(admin, path):
    await create(admin, path, COLUMNS)
    async with Refused(38):
        await admin.list_offsets(path, [0], fluss.OffsetSpec.timestamp(int(time.time() * 1000) + 3_600_000))


async def test_a_table_that_is_not_there(admin, path):
    async with Refused(7):
        await admin.list_offsets(path, [0], fluss.OffsetSpec.latest())
