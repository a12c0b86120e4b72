"""Every class, method, property and parameter of the client's API reference, used once against a server.

Members are called through `Walked`, which notes what was used; at the end all of them must have been. A member that
the older client lacks is noted as absent there.
"""

import inspect

import fluss
import pyarrow as pa
import pytest

import bridge
from bridge import EARLIEST, IS_NEW, Refused, settle

PAGE = {
    "Config": """bootstrap_servers writer_request_max_size writer_acks writer_retries writer_batch_size
        writer_batch_timeout_ms writer_bucket_no_key_assigner scanner_remote_log_prefetch_num
        remote_file_download_thread_num scanner_remote_log_read_concurrency scanner_log_max_poll_records
        scanner_log_fetch_max_bytes scanner_log_fetch_min_bytes scanner_log_fetch_wait_max_time_ms
        scanner_log_fetch_max_bytes_for_bucket connect_timeout_ms security_protocol security_sasl_mechanism
        security_sasl_username security_sasl_password""",
    "FlussConnection": "create get_admin get_table close",
    "FlussAdmin": """create_database drop_database list_databases database_exists get_database_info create_table drop_table
        get_table_info list_tables table_exists list_offsets list_partition_offsets create_partition drop_partition
        list_partition_infos get_latest_lake_snapshot get_server_nodes""",
    "ServerNode": "id host port server_type uid",
    "FlussTable": "new_scan new_append new_upsert new_lookup get_table_info get_table_path has_primary_key",
    "TableScan": "project project_by_name create_log_scanner create_record_batch_log_scanner",
    "TableAppend": "create_writer",
    "TableUpsert": "partial_update_by_name partial_update_by_index create_writer",
    "TableLookup": "create_lookuper",
    "AppendWriter": "append write_arrow write_arrow_batch write_pandas flush",
    "UpsertWriter": "upsert delete flush",
    "WriteResultHandle": "wait",
    "Lookuper": "lookup",
    "LogScanner": """subscribe subscribe_buckets subscribe_partition subscribe_partition_buckets unsubscribe
        unsubscribe_partition poll poll_arrow poll_record_batch to_arrow to_pandas""",
    "ScanRecords": "buckets records count is_empty keys values items",
    "ScanRecord": "offset timestamp change_type row",
    "RecordBatch": "batch bucket base_offset last_offset",
    "Schema": "get_column_names get_column_types get_columns get_primary_keys",
    "TableDescriptor": "get_schema",
    "TablePath": "database_name table_name",
    "TableInfo": """table_id table_path num_buckets schema_id comment created_time modified_time get_primary_keys
        get_partition_keys get_bucket_keys has_primary_key is_partitioned get_schema get_column_names get_column_count
        get_properties get_custom_properties""",
    "PartitionInfo": "partition_id partition_name",
    "DatabaseDescriptor": "comment get_custom_properties",
    "DatabaseInfo": "database_name created_time modified_time get_database_descriptor",
    "LakeSnapshot": "snapshot_id table_buckets_offset get_bucket_offset get_table_buckets",
    "TableBucket": "table_id bucket_id partition_id with_partition",
    "FlussError": "message error_code",
    "OffsetSpec": "earliest latest timestamp",
    "ChangeType": "AppendOnly Insert UpdateBefore UpdateAfter Delete",
}
USED = set()


class Walked:
    """An object or class of the client, whose members are noted as they are used."""

    def __init__(self, inner):
        self._inner = inner
        self._name = inner.__name__ if inspect.isclass(inner) else type(inner).__name__

    def __getattr__(self, member):
        USED.add((self._name, member))
        return getattr(self._inner, member)


COLUMNS = pa.schema([("k", pa.int32()), ("s", pa.string()), ("n", pa.int64())])
ROWS = [{"k": k, "s": f"s{k}", "n": k * 10} for k in range(6)]


async def test_config_and_connection(server):
    given = {
        "writer_request_max_size": 1 << 21, "writer_acks": "all", "writer_retries": 3, "writer_batch_size": 1 << 20,
        "writer_batch_timeout_ms": 5, "writer_bucket_no_key_assigner": "round_robin",
        "scanner_remote_log_prefetch_num": 2, "remote_file_download_thread_num": 2,
        "scanner_remote_log_read_concurrency": 2, "scanner_log_max_poll_records": 100,
        "scanner_log_fetch_max_bytes": 1 << 20, "scanner_log_fetch_min_bytes": 1,
        "scanner_log_fetch_wait_max_time_ms": 100, "scanner_log_fetch_max_bytes_for_bucket": 1 << 18,
        "connect_timeout_ms": 5000, "security_protocol": "sasl", "security_sasl_mechanism": "PLAIN",
        "security_sasl_username": "ada", "security_sasl_password": "analytical-engine",
    }
    config = fluss.Config({"bootstrap.servers": server.sasl})
    walked = Walked(config)
    assert walked.bootstrap_servers == server.sasl
    config.bootstrap_servers = server.sasl
    for name, value in given.items():
        setattr(config, name, value)
        assert getattr(walked, name) == value, name
    connection = Walked(await Walked(fluss.FlussConnection).create(config))
    assert "fluss" in await (await settle(connection.get_admin())).list_databases()
    await settle(connection.close())
    # One with a `with` statement; in the newer client it waits for its end.
    made = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": server.fluss}))
    if hasattr(made, "__aenter__"):
        async with made as entered:
            assert await (await settle(entered.get_admin())).database_exists("fluss")
    else:
        with made as entered:
            assert await (await settle(entered.get_admin())).database_exists("fluss")


async def test_databases_and_nodes(admin):
    walked = Walked(admin)
    descriptor = fluss.DatabaseDescriptor(comment="walked", custom_properties={"owner": "tests"})
    assert Walked(descriptor).comment == "walked"
    assert Walked(descriptor).get_custom_properties() == {"owner": "tests"}
    await walked.create_database("page", database_descriptor=descriptor, ignore_if_exists=False)
    await walked.create_database("page", ignore_if_exists=True)
    async with Refused(6):
        await walked.create_database("page")
    assert await walked.database_exists("page") and "page" in await walked.list_databases()
    info = Walked(await walked.get_database_info("page"))
    assert info.database_name == "page" and 0 < info.created_time <= info.modified_time
    assert info.get_database_descriptor().comment == "walked"
    await walked.drop_database("page", ignore_if_not_exists=False, cascade=True)
    await walked.drop_database("page", ignore_if_not_exists=True)
    with pytest.raises(fluss.FlussError) as refused:
        await walked.drop_database("page")
    assert Walked(refused.value).error_code == 4 and "page" in Walked(refused.value).message
    nodes = [Walked(node) for node in await walked.get_server_nodes()]
    assert {node.server_type for node in nodes} == {"CoordinatorServer", "TabletServer"}
    assert all(node.port > 0 and node.host and node.id >= 0 for node in nodes)
    assert {node.uid[:3] for node in nodes} == {"cs-", "ts-"}


async def test_tables(admin, database):
    walked = Walked(admin)
    schema = fluss.Schema(COLUMNS, primary_keys=["k"])
    assert Walked(schema).get_column_names() == ["k", "s", "n"]
    assert [kind.split()[0].lower() for kind in Walked(schema).get_column_types()] == ["int", "string", "bigint"]
    assert [name for name, _ in Walked(schema).get_columns()] == ["k", "s", "n"]
    assert Walked(schema).get_primary_keys() == ["k"]
    descriptor = fluss.TableDescriptor(
        schema, partition_keys=[], bucket_count=3, bucket_keys=["k"], comment="all about it", log_format="ARROW",
        kv_format="COMPACTED", properties={"table.replication.factor": "1"}, custom_properties={"colour": "green"})
    assert Walked(descriptor).get_schema().get_column_names() == ["k", "s", "n"]
    path = fluss.TablePath(database, "whole")
    assert (Walked(path).database_name, Walked(path).table_name) == (database, "whole")
    await walked.create_table(path, descriptor, ignore_if_exists=False)
    await walked.create_table(path, descriptor, ignore_if_exists=True)
    assert await walked.table_exists(path) and await walked.list_tables(database) == ["whole"]
    info = Walked(await walked.get_table_info(path))
    assert info.table_id >= 0 and info.schema_id == 1 and info.num_buckets == 3 and info.comment == "all about it"
    assert (info.table_path.database_name, info.table_path.table_name) == (database, "whole")
    assert 0 < info.created_time <= info.modified_time
    assert info.get_primary_keys() == ["k"] and info.get_bucket_keys() == ["k"] and info.get_partition_keys() == []
    assert info.has_primary_key() and not info.is_partitioned()
    assert info.get_schema().get_primary_keys() == ["k"]
    assert info.get_column_names() == ["k", "s", "n"] and info.get_column_count() == 3
    assert info.get_properties()["table.replication.factor"] == "1"
    assert info.get_custom_properties() == {"colour": "green"}
    async with Refused(53):
        await walked.get_latest_lake_snapshot(path)
    await walked.drop_table(path, ignore_if_not_exists=False)
    await walked.drop_table(path, ignore_if_not_exists=True)
    assert not await walked.table_exists(path)


async def test_log_table(admin, connection, path):
    await Walked(admin).create_table(path, fluss.TableDescriptor(fluss.Schema(COLUMNS), bucket_count=2))
    table = Walked(await Walked(connection).get_table(path))
    assert table.get_table_info().table_id >= 0 and not table.has_primary_key()
    assert table.get_table_path().table_name == path.table_name
    writer = Walked(Walked(table.new_append()).create_writer())
    await Walked(writer.append(ROWS[0])).wait()
    writer.append(list(ROWS[1].values()))
    writer.append(tuple(ROWS[2].values()))
    await Walked(writer.write_arrow_batch(pa.RecordBatch.from_pylist(ROWS[3:4], COLUMNS))).wait()
    writer.write_arrow(pa.Table.from_pylist(ROWS[4:5], COLUMNS))
    writer.write_pandas(pa.Table.from_pylist(ROWS[5:], COLUMNS).to_pandas())
    await writer.flush()
    spec = Walked(fluss.OffsetSpec)
    ends = await Walked(admin).list_offsets(path, [0, 1], spec.latest())
    assert sum(ends.values()) == 6
    assert await Walked(admin).list_offsets(path, [0, 1], spec.earliest()) == {0: 0, 1: 0}
    assert await Walked(admin).list_offsets(path, [0, 1], spec.timestamp(0)) == {0: 0, 1: 0}

    scan = Walked(table.new_scan())
    scanner = Walked(await scan.create_log_scanner())
    scanner.subscribe(bucket_id=0, start_offset=fluss.EARLIEST_OFFSET)
    scanner.subscribe_buckets({0: EARLIEST, 1: EARLIEST})
    found, buckets = [], set()
    for _ in range(100):
        records = await settle(scanner.poll(timeout_ms=300))
        walked = Walked(records)
        assert walked.count() == len(records) == sum(len(one) for one in walked.values())
        assert walked.is_empty() == (len(records) == 0)
        for bucket, ones in walked.items():
            assert bucket in records and bucket in walked.keys() and bucket in walked.buckets()
            assert [one.offset for one in walked.records(bucket)] == [one.offset for one in records[bucket]]
            buckets.add((Walked(bucket).table_id, Walked(bucket).bucket_id, Walked(bucket).partition_id))
            for one in map(Walked, ones):
                assert one.offset >= 0 and one.timestamp > 0 and one.change_type == Walked(fluss.ChangeType).AppendOnly
                found.append(one.row)
        if len(records):
            assert records[0].offset >= 0 and records[-1].offset >= 0 and len(records[:1]) == 1
            assert len(list(records)) == len(records)
        if len(found) == 6:
            break
    assert sorted(found, key=lambda row: row["k"]) == ROWS
    assert {bucket for _, bucket, _ in buckets} == {b for b, end in ends.items() if end} and len({t for t, _, _ in buckets}) == 1
    scanner.unsubscribe(0)
    scanner.unsubscribe(1)

    for projected in (Walked(table.new_scan()).project([2, 0]), Walked(table.new_scan()).project_by_name(["n", "k"])):
        batches = Walked(await Walked(projected).create_record_batch_log_scanner())
        batches.subscribe_buckets({0: EARLIEST, 1: EARLIEST})
        arrow = await settle(batches.to_arrow())
        assert sorted(arrow.column_names) == ["k", "n"] and sorted(arrow["n"].to_pylist()) == [row["n"] for row in ROWS]
    batches = Walked(await Walked(table.new_scan()).create_record_batch_log_scanner())
    batches.subscribe_buckets({0: EARLIEST, 1: EARLIEST})
    assert len(await settle(batches.to_pandas())) == 6
    polled = Walked(await Walked(table.new_scan()).create_record_batch_log_scanner())
    polled.subscribe_buckets({0: EARLIEST, 1: EARLIEST})
    rows = 0
    for _ in range(100):
        for one in map(Walked, await settle(polled.poll_record_batch(300))):
            assert one.batch.num_rows == one.last_offset - one.base_offset + 1 and one.bucket.bucket_id in (0, 1)
            rows += one.batch.num_rows
        if rows == 6:
            break
    assert rows == 6
    tables = Walked(await Walked(table.new_scan()).create_record_batch_log_scanner())
    tables.subscribe_buckets({0: EARLIEST, 1: EARLIEST})
    rows = 0
    for _ in range(100):
        rows += (await settle(tables.poll_arrow(300))).num_rows
        if rows == 6:
            break
    assert rows == 6


async def test_keyed_table(admin, connection, path):
    await Walked(admin).create_table(path, fluss.TableDescriptor(fluss.Schema(COLUMNS, primary_keys=["k"])))
    table = Walked(await connection.get_table(path))
    assert table.has_primary_key()
    writer = Walked(Walked(table.new_upsert()).create_writer())
    await Walked(writer.upsert(ROWS[0])).wait()
    await writer.upsert({**ROWS[0], "s": "again"}).wait()
    writer.upsert(ROWS[1])
    writer.upsert(tuple(ROWS[2].values()))
    await writer.flush()
    await writer.delete({"k": 2}).wait()
    for builder, row in ((Walked(table.new_upsert()).partial_update_by_name(["k", "n"]), {"k": 1, "n": 77}),
                         (Walked(table.new_upsert()).partial_update_by_index([0, 1]), {"k": 1, "s": "part"})):
        await builder.create_writer().upsert(row).wait()
    lookuper = Walked(Walked(table.new_lookup()).create_lookuper())
    assert await lookuper.lookup({"k": 0}) == {**ROWS[0], "s": "again"}
    assert await lookuper.lookup([1]) == {"k": 1, "s": "part", "n": 77}
    assert await lookuper.lookup((2,)) is None
    if not IS_NEW:
        return  # the older client reads no changelog
    changes = await bridge.read_changes(table._inner, 10)
    assert [change for change, _ in changes] == ["+I", "-U", "+U", "+I", "+I", "-D", "-U", "+U", "-U", "+U"]
    kinds = Walked(fluss.ChangeType)
    assert [kind.short_string() for kind in (kinds.AppendOnly, kinds.Insert, kinds.UpdateBefore, kinds.UpdateAfter,
                                             kinds.Delete)] == ["+A", "+I", "-U", "+U", "-D"]


async def test_partitions(admin, connection, path):
    walked = Walked(admin)
    await walked.create_table(path, fluss.TableDescriptor(fluss.Schema(COLUMNS), partition_keys=["s"], bucket_count=1))
    await walked.create_partition(path, {"s": "a"}, ignore_if_exists=False)
    await walked.create_partition(path, {"s": "a"}, ignore_if_exists=True)
    await walked.create_partition(path, {"s": "b"})
    infos = {Walked(one).partition_name: Walked(one).partition_id for one in await walked.list_partition_infos(path)}
    assert set(infos) == {"a", "b"}
    assert (await walked.get_table_info(path)).is_partitioned()
    table = await connection.get_table(path)
    await bridge.append(table, [{"k": 1, "s": "a", "n": 1}, {"k": 2, "s": "b", "n": 2}])
    assert await walked.list_partition_offsets(path, "a", [0], fluss.OffsetSpec.latest()) == {0: 1}
    scanner = Walked(await table.new_scan().create_log_scanner())
    scanner.subscribe_partition(infos["a"], 0, EARLIEST)
    scanner.subscribe_partition_buckets({(infos["a"], 0): EARLIEST, (infos["b"], 0): EARLIEST})
    assert {record.row["s"] for record in await bridge.poll_records(scanner._inner, 2)} == {"a", "b"}
    scanner.unsubscribe_partition(infos["b"], 0)
    await walked.drop_partition(path, {"s": "b"}, ignore_if_not_exists=False)
    await walked.drop_partition(path, {"s": "b"}, ignore_if_not_exists=True)
    assert [one.partition_name for one in await walked.list_partition_infos(path)] == ["a"]


async def test_buckets_and_lake_snapshots(server, admin, connection, path):
    bucket = fluss.TableBucket(7, 1)
    assert (Walked(bucket).table_id, Walked(bucket).bucket_id, Walked(bucket).partition_id) == (7, 1, None)
    part = Walked(fluss.TableBucket).with_partition(7, 3, 1)
    assert (part.table_id, part.partition_id, part.bucket_id) == (7, 3, 1) and part != bucket
    await admin.create_table(path, fluss.TableDescriptor(
        fluss.Schema(COLUMNS), bucket_count=1, properties={"table.datalake.enabled": "true"}))
    table = await connection.get_table(path)
    await bridge.append(table, ROWS)
    async with Refused(53):
        await admin.get_latest_lake_snapshot(path)
    server.command("lake", "cut", f"{path.database_name}/{path.table_name}")
    snapshot = Walked(await Walked(admin).get_latest_lake_snapshot(path))
    assert snapshot.snapshot_id > 0
    own = fluss.TableBucket(table.get_table_info().table_id, 0)
    assert snapshot.get_bucket_offset(own) == 6 and snapshot.get_table_buckets() == [own]
    assert snapshot.table_buckets_offset == {own: 6}


async def test_nothing_was_left_out():
    assert fluss.EARLIEST_OFFSET == -2
    missing = [(name, member) for name, members in PAGE.items() for member in members.split()
               if (name, member) not in USED]
    absent = [pair for pair in missing if not hasattr(getattr(fluss, pair[0]), pair[1])]
    assert not (IS_NEW and absent), absent
    assert set(missing) == set(absent) | (set() if IS_NEW else {("ChangeType", name) for name in (
        "Insert", "UpdateBefore", "UpdateAfter", "Delete")})
