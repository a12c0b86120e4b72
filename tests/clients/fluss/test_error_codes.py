"""Every code of the client's `ErrorCode`: met by a call of the client, or never answered, and why.

`met(code)` registers a way to meet a code; at the end each constant must be in one of the two lists.
"""

import time

import fluss
import pyarrow as pa
import pytest

import bridge
from bridge import Refused, append, create, sasl, settle, upsert

COLUMNS = [("k", pa.int32()), ("s", pa.string())]
ELSEWHERE = {
    "CORRUPT_MESSAGE": "damage that is met while reading: faults are made in sim/ and errors_test.cc",
    "CORRUPT_RECORD_EXCEPTION": "bytes changed on the way: door_log_test.cc, tests/faults/test_mutated_requests.py",
    "UNSUPPORTED_VERSION": "requests that the client does not send: door_test.cc",
    "OUT_OF_ORDER_SEQUENCE_EXCEPTION": "writers that skip a batch: door_log_test.cc",
    "RECORD_TOO_LARGE_EXCEPTION": "lookups of more keys than one may have: door_test.cc",
    "INVALID_COLUMN_PROJECTION": "the client refuses such columns itself: door_log_test.cc",
    "NON_PRIMARY_KEY_TABLE_EXCEPTION": "the client refuses such a call itself: scan_kv_test.cc",
    "UNKNOWN_TABLE_OR_BUCKET_EXCEPTION": "retried by the client, which looks the table up anew: door_test.cc",
    "KV_SNAPSHOT_NOT_EXIST": "no call of this client asks for one: scan_kv_test.cc",
    "INVALID_ALTER_TABLE_EXCEPTION": "no call of this client alters a table: door_test.cc",
    "REQUEST_TIME_OUT": "a full queue: errors_test.cc",
    "LOG_STORAGE_EXCEPTION": "a full queue, for readers: errors_test.cc",
    "SCHEMA_NOT_EXIST": "a client that knows a newer schema than the server: errors_test.cc",
    "FENCED_LEADER_EPOCH_EXCEPTION": "errors_test.cc",
    "UNKNOWN_WRITER_ID_EXCEPTION": "errors_test.cc",
    "INVALID_REQUIRED_ACKS": "the clients send no other acks than the three: door_log_test.cc",
    "UNKNOWN_SERVER_ERROR": "faults of the server: tests/faults/test_full_disk.py",
}
NEVER = {
    "NONE": "no error", "CLIENT_ERROR": "the client's own", "NETWORK_EXCEPTION": "the client's own",
    "KV_STORAGE_EXCEPTION": "damage and a full disk have other codes", "STORAGE_EXCEPTION": "the same",
    "STORAGE_BACKPRESSURE_EXCEPTION": "the answer waits instead",
    "NOT_LEADER_OR_FOLLOWER": "one process leads everything", "LEADER_NOT_AVAILABLE_EXCEPTION": "the same",
    "INVALID_COORDINATOR_EXCEPTION": "the same", "OPERATION_NOT_ATTEMPTED_EXCEPTION": "the same",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND_EXCEPTION": "one replica", "NOT_ENOUGH_REPLICAS_EXCEPTION": "one replica",
    "INELIGIBLE_REPLICA_EXCEPTION": "one replica", "INVALID_SERVER_RACK_INFO_EXCEPTION": "one process",
    "INVALID_UPDATE_VERSION_EXCEPTION": "between servers", "FENCED_TIERING_EPOCH_EXCEPTION": "between servers",
    "SECURITY_TOKEN_EXCEPTION": "tokens are empty", "SECURITY_DISABLED_EXCEPTION": "grants have no calls here",
    "DUPLICATE_SEQUENCE_EXCEPTION": "a repeat is answered as the first was",
    "LAKE_TABLE_ALREADY_EXIST": "lake files are the table's own",
    "RETRIABLE_AUTHENTICATE_EXCEPTION": "the clients would retry for ever",
}
MET = {}


def met(code):
    """Register a test as a way to meet a code."""
    def noted(function):
        MET[function.__name__.removeprefix("test_").upper()] = code
        assert getattr(fluss.ErrorCode, function.__name__.removeprefix("test_").upper()) == code
        return function
    return noted


@met(4)
async def test_database_not_exist(admin):
    for call in (admin.get_database_info("nope"), admin.drop_database("nope"), admin.list_tables("nope")):
        async with Refused(4, "nope"):
            await call


@met(5)
async def test_database_not_empty(admin, database, path):
    await create(admin, path, COLUMNS)
    async with Refused(5):
        await admin.drop_database(database, cascade=False)


@met(6)
async def test_database_already_exist(admin, database):
    async with Refused(6):
        await admin.create_database(database)


@met(7)
async def test_table_not_exist(admin, connection, path):
    for call in (admin.get_table_info(path), admin.drop_table(path), connection.get_table(path),
                 admin.list_offsets(path, [0], fluss.OffsetSpec.latest())):
        async with Refused(7):
            await call


@met(8)
async def test_table_already_exist(admin, path):
    await create(admin, path, COLUMNS)
    async with Refused(8):
        await create(admin, path, COLUMNS)


@met(15)
async def test_invalid_table_exception(admin, database):
    async with Refused(15):
        await create(admin, fluss.TablePath(database, "__t"), COLUMNS)
    async with Refused(15):
        await create(admin, fluss.TablePath(database, "t"), [("__offset", pa.int64())])


@met(16)
async def test_invalid_database_exception(admin):
    async with Refused(16):
        await admin.create_database("__d")


@met(17)
async def test_invalid_replication_factor(admin, path):
    async with Refused(17):
        await create(admin, path, COLUMNS, properties={"table.replication.factor": "3"})


@met(19)
async def test_log_offset_out_of_range_exception(admin, connection, path):
    await create(admin, path, COLUMNS)
    table = await connection.get_table(path)
    await append(table, [[1, "a"]])
    with pytest.raises(fluss.FlussError) as raised:
        scanner = await bridge.record_scanner(table, {0: 500})
        for _ in range(50):
            await settle(scanner.poll(200))
    # The clients wrap what a fetch was told in an error of their own; some keep its code.
    assert raised.value.error_code in (19, -2) and "range" in raised.value.message


@met(35)
async def test_invalid_target_column(admin, connection, path):
    await create(admin, path, [*COLUMNS, ("n", pa.int32())], primary_keys=["k"],
                 properties={"table.merge-engine": "first_row"})
    writer = (await connection.get_table(path)).new_upsert().partial_update_by_name(["k", "n"]).create_writer()
    async with Refused(35):
        await writer.upsert({"k": 1, "n": 2}).wait()


@met(36)
async def test_partition_not_exists(admin, path):
    await create(admin, path, COLUMNS, partition_keys=["s"])
    for call in (admin.drop_partition(path, {"s": "x"}),
                 admin.list_partition_offsets(path, "x", [0], fluss.OffsetSpec.latest())):
        async with Refused(36):
            await call


@met(37)
async def test_table_not_partitioned_exception(admin, path):
    await create(admin, path, COLUMNS)
    for call in (admin.create_partition(path, {"s": "x"}), admin.list_partition_infos(path)):
        async with Refused(37):
            await call


@met(38)
async def test_invalid_timestamp_exception(admin, path):
    await create(admin, path, COLUMNS)
    async with Refused(38):
        await admin.list_offsets(path, [0], fluss.OffsetSpec.timestamp(int(time.time() * 1000) + 3_600_000))


@met(39)
async def test_invalid_config_exception(admin, path):
    async with Refused(39):
        await create(admin, path, COLUMNS, properties={"table.no-such-thing": "1"})


@met(40)
async def test_lake_storage_not_configured_exception(admin, path):
    async with Refused(40):
        await create(admin, path, COLUMNS, properties={"table.datalake.format": "iceberg"})


@met(42)
async def test_partition_already_exists(admin, path):
    await create(admin, path, COLUMNS, partition_keys=["s"])
    await admin.create_partition(path, {"s": "x"})
    async with Refused(42):
        await admin.create_partition(path, {"s": "x"})


@met(43)
async def test_partition_spec_invalid_exception(admin, path):
    await create(admin, path, COLUMNS, partition_keys=["s"])
    for spec in ({"nope": "x"}, {"s": "a b"}, {"s": "x", "k": "1"}):
        async with Refused(43):
            await admin.create_partition(path, spec)


@met(45)
async def test_partition_max_num_exception(admin, path):
    await create(admin, path, COLUMNS, partition_keys=["s"], bucket_count=1)
    async with Refused(45):
        for i in range(1001):
            await admin.create_partition(path, {"s": f"p{i}"})


@met(46)
async def test_authenticate_exception(server):
    async with Refused(46):
        async with bridge.connect(server.sasl, **sasl("ada", "wrong-secret")):
            pass


@met(48)
async def test_authorization_exception(server):
    async with bridge.connect(server.sasl, **sasl("reader", "only-reads-rows")) as mine:
        async with Refused(48):
            await (await settle(mine.get_admin())).create_database("reader_cannot")


@met(49)
async def test_bucket_max_num_exception(admin, path):
    async with Refused(49):
        await create(admin, path, COLUMNS, bucket_count=5000)


@met(53)
async def test_lake_snapshot_not_exist(admin, path):
    await create(admin, path, COLUMNS)
    async with Refused(53):
        await admin.get_latest_lake_snapshot(path)


@met(57)
async def test_deletion_disabled_exception(admin, connection, path):
    await create(admin, path, COLUMNS, primary_keys=["k"], properties={"table.delete.behavior": "disable"})
    table = await connection.get_table(path)
    await upsert(table, [{"k": 1, "s": "a"}])
    async with Refused(57):
        await table.new_upsert().create_writer().delete({"k": 1}).wait()


async def test_no_code_was_left_out():
    constants = {name for name in dir(fluss.ErrorCode) if name.isupper() and not name.startswith("_")}
    lists = [set(MET), set(ELSEWHERE), set(NEVER)]
    assert not (lists[0] & lists[1] or lists[0] & lists[2] or lists[1] & lists[2])
    assert constants <= set().union(*lists), constants - set().union(*lists)
