"""Faults reach the user as the client's own errors."""

import fluss
import pyarrow as pa
import pytest

from bridge import IS_NEW, Refused, append, create


async def test_an_error_has_a_code_and_a_message(admin):
    with pytest.raises(fluss.FlussError) as raised:
        await admin.get_database_info("nope")
    assert raised.value.error_code == 4
    assert "nope" in raised.value.message


async def test_a_table_that_is_gone(admin, path, connection):
    async with Refused(7, "does not exist"):
        await connection.get_table(path)
    await create(admin, path, [("a", pa.int32())])
    assert await connection.get_table(path)


async def test_a_bucket_that_is_not_there(admin, path):
    await create(admin, path, [("a", pa.int32())])
    # The clients look for the bucket's leader themselves and find none.
    with pytest.raises(fluss.FlussError):
        await admin.list_offsets(path, [5], fluss.OffsetSpec.latest())


async def test_a_table_made_anew_under_its_name(admin, path, connection):
    await create(admin, path, [("a", pa.int32())])
    await append(await connection.get_table(path), [[1], [2]])
    await admin.drop_table(path)
    await create(admin, path, [("b", pa.string())])
    info = await admin.get_table_info(path)
    assert info.get_column_names() == ["b"]
    assert await admin.list_offsets(path, [0], fluss.OffsetSpec.latest()) == {0: 0}


async def test_retriable_errors_say_so(admin):
    with pytest.raises(fluss.FlussError) as raised:
        await admin.get_database_info("nope")
    assert raised.value.is_retriable is False
