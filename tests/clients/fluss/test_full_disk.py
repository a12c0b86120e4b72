"""A full disk as the client meets it: the protocol's error, reads go on, and writing resumes when there is room.

The server's folder is a small file system in memory; a file beside its data takes the room, and gives it back.
"""

import asyncio
import os
import subprocess

import fluss
import pyarrow as pa
import pytest

import bridge
from bridge import append, create, latest, read_rows
from server import Server

DISK = 96 << 20
PATH = fluss.TablePath("full", "rows")
UNKNOWN = -1  # the protocol has no code for it that is not sent again and again

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@pytest.fixture
def small(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "firth-test", str(folder)], check=True)
    running = None
    try:
        running = Server(folder)
        yield running
    finally:
        if running is not None and running.process.poll() is None:
            running.kill()
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    """Take all the room that is left."""
    with open(folder / "filler", "ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    filler.write(b"f" * size)
            except OSError:
                pass


async def begin(connection):
    """A table with one row: the client has a writer's id from then on."""
    await connection.get_admin().create_database("full")
    await create(connection.get_admin(), PATH, [("a", pa.int64()), ("b", pa.string())])
    await append(await connection.get_table(PATH), [[0, "first"]])
    return [0]


async def write_until_refused(connection, acknowledged):
    """Write one row after another until an error, which is returned; a list of those that were acknowledged."""
    writer = (await connection.get_table(PATH)).new_append().create_writer()
    for i in range(len(acknowledged), 100_000):
        try:
            await asyncio.wait_for(writer.append([i, os.urandom(400_000).hex()]).wait(), 30)
        except fluss.FlussError as refused:
            return refused
        acknowledged.append(i)
    raise AssertionError("the disk never got full")


async def numbers(connection):
    end = (await latest(connection.get_admin(), PATH))[0]
    return [row["a"] for row in await read_rows(await connection.get_table(PATH), end)]


async def test_refused_read_resumed(small):
    async with bridge.connect(small.fluss) as connection:
        acknowledged = await begin(connection)
        for _ in range(3):
            fill(small.folder)
            refused = await write_until_refused(connection, acknowledged)
            assert refused.error_code == UNKNOWN, refused
            assert "full" in str(refused).lower() or "no space" in str(refused).lower(), refused
            assert small.process.poll() is None
            # What was acknowledged is there; what was refused is not.
            assert await numbers(connection) == acknowledged
            with pytest.raises(fluss.FlussError) as not_made:
                for i in range(10_000):
                    await connection.get_admin().create_database(f"more{len(acknowledged)}x{i}")
            assert not_made.value.error_code == UNKNOWN, not_made.value
            assert await numbers(connection) == acknowledged
            os.unlink(small.folder / "filler")
            # A client that comes now writes, and so does the one that was refused.
            for who in (connection, None):
                async with bridge.connect(small.fluss) as other:
                    await append(await (who or other).get_table(PATH), [[len(acknowledged), "again"]])
                acknowledged.append(len(acknowledged))
        assert await numbers(connection) == acknowledged


async def test_it_ends_and_starts_cleanly_while_the_disk_is_full(small):
    async with bridge.connect(small.fluss) as connection:
        acknowledged = await begin(connection)
        fill(small.folder)
        await write_until_refused(connection, acknowledged)
        fill(small.folder)
    small.stop()
    os.unlink(small.folder / "filler")
    small.start()
    async with bridge.connect(small.fluss) as connection:
        assert await numbers(connection) == acknowledged
        await append(await connection.get_table(PATH), [[len(acknowledged), "again"]])
        assert await numbers(connection) == acknowledged + [len(acknowledged)]
