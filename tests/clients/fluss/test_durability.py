"""What was acknowledged is there after a restart, and after a kill."""

import asyncio

import fluss
import pyarrow as pa

import bridge
from bridge import EARLIEST, append, create, latest, read_rows, settle

COLUMNS = [("a", pa.int64()), ("b", pa.string())]
PATH = fluss.TablePath("kept", "rows")


async def test_a_restart_keeps_everything(private_server):
    async with bridge.connect(private_server.fluss) as connection:
        admin = connection.get_admin()
        await admin.create_database("kept", fluss.DatabaseDescriptor(comment="kept"))
        await create(admin, PATH, COLUMNS, bucket_count=2, comment="kept too", custom_properties={"x": "y"})
        await append(await connection.get_table(PATH), [[i, str(i)] for i in range(1000)])
        before = await admin.get_table_info(PATH)
        offsets = await latest(admin, PATH, (0, 1))
    private_server.stop()
    private_server.start()
    async with bridge.connect(private_server.fluss) as connection:
        admin = connection.get_admin()
        after = await admin.get_table_info(PATH)
        assert (after.table_id, after.schema_id, after.created_time, after.comment) == (
            before.table_id, before.schema_id, before.created_time, "kept too")
        assert after.get_custom_properties() == {"x": "y"}
        assert await latest(admin, PATH, (0, 1)) == offsets
        table = await connection.get_table(PATH)
        await append(table, [[1000, "new"]])
        arrow = await settle((await bridge.batch_scanner(table, {0: EARLIEST, 1: EARLIEST})).to_arrow())
        assert sorted(arrow.column("a").to_pylist()) == list(range(1001))


async def test_a_dropped_first_database_stays_dropped(private_server):
    async with bridge.connect(private_server.fluss) as connection:
        await connection.get_admin().create_database("other")
        await connection.get_admin().drop_database("fluss")
    private_server.stop()
    private_server.start()
    async with bridge.connect(private_server.fluss) as connection:
        assert await connection.get_admin().list_databases() == ["other"]


async def test_a_kill_loses_nothing_that_was_acknowledged(private_server):
    """Rows are acknowledged one by one until the process is gone; each must be there afterwards, once."""
    acknowledged = []
    async with bridge.connect(private_server.fluss, writer_retries=1) as connection:
        await connection.get_admin().create_database("kept")
        await create(connection.get_admin(), PATH, COLUMNS)
        writer = (await connection.get_table(PATH)).new_append().create_writer()

        async def write():
            i = 0
            while True:
                try:
                    await asyncio.wait_for(writer.append([i, "x" * 100]).wait(), 5)
                except Exception:
                    return
                acknowledged.append(i)
                i += 1

        writing = asyncio.create_task(write())
        while len(acknowledged) < 25:
            await asyncio.sleep(0.01)
        private_server.kill()
        await writing
    private_server.start()
    async with bridge.connect(private_server.fluss) as connection:
        end = (await latest(connection.get_admin(), PATH))[0]
        rows = [row["a"] for row in await read_rows(await connection.get_table(PATH), end)]
    assert rows[: len(acknowledged)] == acknowledged
    assert len(rows) <= len(acknowledged) + 1  # one was on its way


async def test_a_writer_goes_on_after_a_restart(private_server):
    """A writer that lived through the restart repeats nothing and skips nothing."""
    async with bridge.connect(private_server.fluss) as connection:
        await connection.get_admin().create_database("kept")
        await create(connection.get_admin(), PATH, COLUMNS)
        await append(await connection.get_table(PATH), [[i, "x"] for i in range(10)])
    for _ in range(3):
        private_server.kill()
        private_server.start()
        async with bridge.connect(private_server.fluss) as connection:
            table = await connection.get_table(PATH)
            await append(table, [[i, "x"] for i in range(10)])
    async with bridge.connect(private_server.fluss) as connection:
        rows = await read_rows(await connection.get_table(PATH), 40)
        assert [row["a"] for row in rows] == list(range(10)) * 4
