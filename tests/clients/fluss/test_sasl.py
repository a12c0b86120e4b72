"""The listener that asks for a name and a secret."""

import fluss
import pyarrow as pa
import pytest

import bridge
from bridge import Refused, append, create, read_rows, sasl
from server import SECRET, USER


async def test_the_right_secret_opens_everything(server, admin, path):
    async with bridge.connect(server.sasl, **sasl(USER, SECRET)) as connection:
        nodes = await connection.get_admin().get_server_nodes()
        # Who came in by this listener is sent back to it, never to the open one.
        assert {node.port for node in nodes} == {int(server.sasl.rsplit(":", 1)[1])}
        await create(connection.get_admin(), path, [("a", pa.int32())])
        table = await connection.get_table(path)
        await append(table, [[1]])
        assert await read_rows(table, 1) == [{"a": 1}]
    assert await admin.table_exists(path)  # one store behind both listeners


@pytest.mark.parametrize("user, secret", [(USER, "wrong-secret"), ("nobody", SECRET), ("reader", SECRET)])
async def test_wrong_ones_do_not(server, user, secret):
    with pytest.raises(fluss.FlussError) as raised:
        async with bridge.connect(server.sasl, **sasl(user, secret)):
            pass
    assert raised.value.error_code == 46


async def test_without_any_nothing_is_served(server):
    with pytest.raises(fluss.FlussError) as raised:
        async with bridge.connect(server.sasl):
            pass
    assert raised.value.error_code == 46


async def test_the_open_listener_takes_no_sign_in(server):
    with pytest.raises(fluss.FlussError) as raised:
        async with bridge.connect(server.fluss, **sasl(USER, SECRET)):
            pass
    assert raised.value.error_code == 46


async def test_a_role_that_only_reads(server, admin, path, connection):
    await create(admin, path, [("a", pa.int32())])
    await append(await connection.get_table(path), [[7]])
    async with bridge.connect(server.sasl, **sasl("reader", "only-reads-rows")) as mine:
        table = await mine.get_table(path)
        assert await read_rows(table, 1) == [{"a": 7}]
        async with Refused(48):
            await mine.get_admin().create_database("reader_cannot")
        async with Refused(48):
            await mine.get_admin().drop_table(path)
        writer = table.new_append().create_writer()
        async with Refused(48):
            await writer.append([8]).wait()
