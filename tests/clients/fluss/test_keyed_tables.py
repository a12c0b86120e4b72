"""Primary-key tables: upserts, deletes, lookups, and the changelog."""

import asyncio
import datetime
import decimal

import fluss
import pyarrow as pa
import pytest

import bridge
from bridge import IS_NEW, Refused, create, delete, latest, read_changes, upsert

COLUMNS = [("k", pa.int32()), ("s", pa.string()), ("n", pa.int64())]

newer = pytest.mark.skipif(not IS_NEW, reason="the older client has no such call")
# The older client scans log tables only.
changelog = pytest.mark.skipif(not IS_NEW, reason="the older client reads no changelog")


@pytest.fixture
def keyed(admin, path, connection):
    async def make(columns=COLUMNS, keys=("k",), **options):
        await create(admin, path, columns, primary_keys=list(keys), **options)
        return await connection.get_table(path)
    return make


def row(k, s=None, n=None):
    return {"k": k, "s": s, "n": n}


async def look(table, *keys):
    lookuper = table.new_lookup().create_lookuper()
    return [await lookuper.lookup(key) for key in keys]


async def test_a_keyed_table_comes_back_as_it_was_declared(keyed, admin, path):
    table = await keyed(bucket_count=3)
    assert table.has_primary_key()
    info = await admin.get_table_info(path)
    assert info.has_primary_key()
    assert info.get_primary_keys() == ["k"]
    assert info.get_bucket_keys() == ["k"]
    assert info.num_buckets == 3


async def test_rows_are_upserted_looked_up_and_deleted(keyed):
    table = await keyed()
    await upsert(table, [row(1, "a", 10), [2, "b", None], (3, None, -1)])
    assert await look(table, {"k": 1}, [2], (3,), [4]) == [row(1, "a", 10), row(2, "b"), row(3, None, -1), None]
    await upsert(table, [row(1, "new", 11)])
    await delete(table, [{"k": 2}, [99]])
    assert await look(table, [1], [2], [3]) == [row(1, "new", 11), None, row(3, None, -1)]


async def test_each_upsert_can_be_waited_for(keyed):
    table = await keyed()
    writer = table.new_upsert().create_writer()
    lookuper = table.new_lookup().create_lookuper()
    for i in range(5):
        await writer.upsert(row(1, str(i), i)).wait()
        assert await lookuper.lookup([1]) == row(1, str(i), i)
    await writer.delete([1]).wait()
    assert await lookuper.lookup([1]) is None


async def test_keys_find_their_bucket(keyed, admin, path):
    table = await keyed(bucket_count=7)
    count = 2000
    await upsert(table, [row(k, f"text {k}", k * k) for k in range(count)])
    offsets = await latest(admin, path, range(7))
    assert sum(offsets.values()) == count
    assert all(offset > 0 for offset in offsets.values())
    lookuper = table.new_lookup().create_lookuper()
    found = await asyncio.gather(*(lookuper.lookup([k]) for k in range(0, count, 10)))
    assert found == [row(k, f"text {k}", k * k) for k in range(0, count, 10)]


async def test_keys_of_several_columns(keyed):
    columns = [("a", pa.string()), ("b", pa.int64()), ("v", pa.float64())]
    table = await keyed(columns, ("a", "b"), bucket_count=2)
    await upsert(table, [["x", 1, 1.5], ["x", 2, 2.5], ["", -1, None]])
    assert await look(table, ["x", 1], {"a": "x", "b": 2}, ["", -1], ["x", 3]) == [
        {"a": "x", "b": 1, "v": 1.5}, {"a": "x", "b": 2, "v": 2.5}, {"a": "", "b": -1, "v": None}, None]


async def test_rows_of_all_plain_types(keyed):
    stamp = datetime.datetime(2024, 2, 29, 13, 14, 15, 123456)
    types = [
        ("k", pa.int64(), 2**62), ("bool", pa.bool_(), True), ("i8", pa.int8(), -128), ("i16", pa.int16(), -2),
        ("i32", pa.int32(), -1), ("f32", pa.float32(), 1.5), ("f64", pa.float64(), -2.25),
        ("text", pa.string(), "größe"), ("bytes", pa.binary(), b"\x00\xff"),
        ("date", pa.date32(), datetime.date(2024, 2, 29)), ("dec", pa.decimal128(10, 2), decimal.Decimal("-1.50")),
        ("big", pa.decimal128(30, 3), decimal.Decimal("-123456789012345678901.125")),
        ("time", pa.time32("ms"), datetime.time(1, 2, 3, 4000)),
        ("ts3", pa.timestamp("ms"), stamp.replace(microsecond=123000)), ("ts6", pa.timestamp("us"), stamp),
    ]
    table = await keyed([(name, kind) for name, kind, _ in types])
    full = {name: value for name, _, value in types}
    empty = {name: None for name in full} | {"k": -1}
    await upsert(table, [full, empty])
    assert await look(table, [2**62], [-1]) == [full, empty]


@pytest.mark.parametrize("kind, keys", [
    (pa.int8(), [-128, 0, 127]), (pa.int16(), [-300, 300]), (pa.int32(), [-1, 0, 2**31 - 1]),
    (pa.int64(), [-(2**63), 2**63 - 1]), (pa.string(), ["", "a", "zz\u00e9"]), (pa.binary(), [b"", b"\x00", b"\xff"]),
    (pa.bool_(), [True, False]), (pa.date32(), [datetime.date(1960, 1, 1), datetime.date(2024, 1, 1)]),
    (pa.decimal128(10, 2), [decimal.Decimal("-1.50"), decimal.Decimal("0.00")]),
    (pa.decimal128(30, 2), [decimal.Decimal("-1.50"), decimal.Decimal("1234567890123456789012.25")]),
    (pa.timestamp("ms"), [datetime.datetime(2024, 1, 1)]),
    (pa.timestamp("us"), [datetime.datetime(2024, 1, 1, 0, 0, 0, 5)]),
    (pa.float64(), [-1.5, 0.0, 1e300]),
])
async def test_keys_of_every_type(keyed, kind, keys):
    table = await keyed([("k", kind), ("v", pa.int32())], bucket_count=3)
    await upsert(table, [[key, i] for i, key in enumerate(keys)])
    assert await look(table, *([key] for key in keys)) == [{"k": key, "v": i} for i, key in enumerate(keys)]


async def test_some_columns_are_updated(keyed):
    table = await keyed()
    await upsert(table, [row(1, "a", 10)])
    await upsert(table, [{"k": 1, "s": "b"}, {"k": 2, "s": "c"}], ["k", "s"])
    assert await look(table, [1], [2]) == [row(1, "b", 10), row(2, "c", None)]
    builder = table.new_upsert().partial_update_by_index([0, 2])
    writer = builder.create_writer()
    await writer.upsert({"k": 1, "n": 11}).wait()
    assert await look(table, [1]) == [row(1, "b", 11)]


async def test_an_upsert_into_a_log_table_is_refused(admin, path, connection):
    await create(admin, path, COLUMNS)
    table = await connection.get_table(path)
    with pytest.raises(Exception):
        table.new_upsert().create_writer()
    with pytest.raises(Exception):
        table.new_lookup().create_lookuper()


async def test_the_first_row_stays(keyed):
    table = await keyed(properties={"table.merge-engine": "first_row"})
    await upsert(table, [row(1, "first", 1)])
    await upsert(table, [row(1, "second", 2)])
    await delete(table, [[1]])
    assert await look(table, [1]) == [row(1, "first", 1)]


async def test_the_greatest_version_stays(keyed):
    table = await keyed(properties={"table.merge-engine": "versioned",
                                    "table.merge-engine.versioned.ver-column": "n"})
    for s, n in (("two", 2), ("one", 1), ("two again", 2), ("none", None), ("five", 5)):
        await upsert(table, [row(1, s, n)])
    assert await look(table, [1]) == [row(1, "five", 5)]
    await upsert(table, [row(1, "four", 4)])
    assert await look(table, [1]) == [row(1, "five", 5)]


async def test_deletes_can_be_forbidden(keyed):
    table = await keyed(properties={"table.delete.behavior": "disable"})
    await upsert(table, [row(1, "a")])
    writer = table.new_upsert().create_writer()
    async with Refused(57):
        await writer.delete([1]).wait()
    assert await look(table, [1]) == [row(1, "a")]


async def test_deletes_can_be_passed_over(keyed):
    table = await keyed(properties={"table.delete.behavior": "ignore"})
    await upsert(table, [row(1, "a")])
    await delete(table, [[1]])
    assert await look(table, [1]) == [row(1, "a")]


@pytest.mark.parametrize("properties, shown", [
    ({}, None), ({"table.merge-engine": "first_row"}, "IGNORE"), ({"table.merge-engine": "aggregation"}, "IGNORE"),
    ({"table.merge-engine": "aggregation", "table.delete.behavior": "allow"}, "allow"),
    ({"table.merge-engine": "first_row", "table.delete.behavior": "disable"}, "disable"),
])
async def test_what_deletes_do_is_shown(keyed, admin, path, properties, shown):
    await keyed(properties=properties)
    assert (await admin.get_table_info(path)).get_properties().get("table.delete.behavior") == shown


@pytest.mark.parametrize("properties, code", [
    ({"table.merge-engine": "versioned"}, 39),
    ({"table.merge-engine": "versioned", "table.merge-engine.versioned.ver-column": "s"}, 39),
    ({"table.merge-engine": "first_row", "table.delete.behavior": "allow"}, 39),
    ({"table.merge-engine": "aggregation", "table.changelog.image": "wal"}, 39),
    ({"table.merge-engine": "nope"}, 39),
])
async def test_properties_that_make_no_keyed_table(admin, path, properties, code):
    async with Refused(code):
        await create(admin, path, COLUMNS, primary_keys=["k"], properties=properties)


async def test_partitioned_keyed_tables(keyed, admin, path):
    table = await keyed([("k", pa.int32()), ("region", pa.string()), ("v", pa.int32())], ("k", "region"),
                        partition_keys=["region"], bucket_count=2)
    for region in ("eu", "us"):
        await admin.create_partition(path, {"region": region})
    await upsert(table, [[1, "eu", 1], [1, "us", 2], [2, "eu", 3]])
    assert await look(table, [1, "eu"], {"k": 1, "region": "us"}, [2, "us"]) == [
        {"k": 1, "region": "eu", "v": 1}, {"k": 1, "region": "us", "v": 2}, None]
    await delete(table, [[1, "eu"]])
    assert await look(table, [1, "eu"], [1, "us"]) == [None, {"k": 1, "region": "us", "v": 2}]


@changelog
async def test_the_changelog_tells_before_and_after(keyed):
    table = await keyed()
    await upsert(table, [row(1, "a")])
    await upsert(table, [row(1, "b")])
    await delete(table, [[1]])
    await upsert(table, [row(2, None)])
    assert await read_changes(table, 5) == [
        ("+I", row(1, "a")), ("-U", row(1, "a")), ("+U", row(1, "b")), ("-D", row(1, "b")), ("+I", row(2))]


@changelog
async def test_one_put_sees_its_own_earlier_rows(keyed):
    table = await keyed()
    writer = table.new_upsert().create_writer()
    writer.upsert(row(1, "a"))
    writer.upsert(row(1, "b"))
    writer.delete([1])
    writer.upsert(row(2, None))
    await writer.flush()
    assert await read_changes(table, 5) == [
        ("+I", row(1, "a")), ("-U", row(1, "a")), ("+U", row(1, "b")), ("-D", row(1, "b")), ("+I", row(2))]


@changelog
async def test_the_changelog_of_image_wal_has_no_before(keyed):
    table = await keyed(properties={"table.changelog.image": "wal"})
    await upsert(table, [row(1, "a")])
    await upsert(table, [row(1, "b")])
    await delete(table, [[1]])
    changes = await read_changes(table, 3)
    assert [row["s"] for _, row in changes] == ["a", "b", "b"]
    assert [change for change, _ in changes][2] == "-D"
    assert "-U" not in [change for change, _ in changes]


@changelog
async def test_a_put_that_changes_nothing_takes_one_offset(keyed, admin, path):
    table = await keyed()
    await delete(table, [[1]])
    assert await latest(admin, path) == {0: 1}
    await upsert(table, [row(1, "a")])
    assert await latest(admin, path) == {0: 2}
    assert await read_changes(table, 1) == [("+I", row(1, "a"))]


@changelog
async def test_the_changelog_is_projected(keyed):
    table = await keyed()
    await upsert(table, [row(1, "a", 5)])
    await upsert(table, [row(1, "b", 5)])
    assert await read_changes(table, 3, columns=["n", "s"]) == [
        ("+I", {"n": 5, "s": "a"}), ("-U", {"n": 5, "s": "a"}), ("+U", {"n": 5, "s": "b"})]


@newer
async def test_prefix_lookups(keyed):
    columns = [("a", pa.int32()), ("b", pa.string()), ("c", pa.int64()), ("v", pa.string())]
    table = await keyed(columns, ("a", "b", "c"), bucket_keys=["a", "b"], bucket_count=3)
    rows = [[1, "x", i, f"v{i}"] for i in range(5)] + [[1, "xy", 7, "w"], [2, "x", 7, "w"]]
    await upsert(table, rows)
    lookuper = table.new_lookup().lookup_by(["a", "b"]).create_lookuper()
    found = await lookuper.lookup([1, "x"])
    assert sorted(got["c"] for got in found) == list(range(5))
    assert {got["v"] for got in await lookuper.lookup({"a": 1, "b": "xy"})} == {"w"}
    assert await lookuper.lookup([3, "x"]) == []


@newer
async def test_a_few_rows_of_a_bucket(keyed):
    table = await keyed()
    await upsert(table, [row(k, str(k), k) for k in range(100)])
    bucket = fluss.TableBucket(table.get_table_info().table_id, 0)
    arrow = await table.new_scan().limit(10).create_bucket_batch_scanner(bucket).to_arrow()
    assert arrow.num_rows == 10
    assert all(s == str(k) == str(n) for k, s, n in zip(*(arrow.column(i).to_pylist() for i in range(3))))
    arrow = await table.new_scan().limit(1000).create_bucket_batch_scanner(bucket).to_arrow()
    assert sorted(arrow.column("k").to_pylist()) == list(range(100))


@newer
async def test_a_few_rows_of_a_log_tables_bucket(admin, path, connection):
    await create(admin, path, [("a", pa.int32()), ("b", pa.string())])
    table = await connection.get_table(path)
    bucket = fluss.TableBucket(table.get_table_info().table_id, 0)
    assert (await table.new_scan().limit(5).create_bucket_batch_scanner(bucket).to_arrow()).num_rows == 0
    for start in range(0, 100, 10):
        await bridge.append(table, [[i, "x"] for i in range(start, start + 10)])
    arrow = await table.new_scan().limit(15).create_bucket_batch_scanner(bucket).to_arrow()
    assert arrow.column("a").to_pylist() == list(range(85, 100))
    arrow = await table.new_scan().project_by_name(["b"]).limit(3).create_bucket_batch_scanner(bucket).to_arrow()
    assert arrow.to_pydict() == {"b": ["x"] * 3}


@newer
async def test_nested_values_of_keyed_rows(keyed):
    struct = pa.struct([("x", pa.int32()), ("y", pa.string())])
    columns = [("k", pa.int32()), ("a", pa.list_(pa.int32())), ("m", pa.map_(pa.string(), pa.int32())), ("r", struct),
               ("z", pa.list_(pa.string()))]
    table = await keyed(columns)
    sent = {"k": 1, "a": [1, None, 3], "m": {"q": 7}, "r": {"x": 1, "y": None}, "z": ["ab", "longer than 7"]}
    await upsert(table, [sent, {"k": 2, "a": None, "m": None, "r": None, "z": []}])
    (got, empty) = await look(table, [1], [2])
    assert dict(got.pop("m")) == sent.pop("m")
    assert got == sent
    assert empty == {"k": 2, "a": None, "m": None, "r": None, "z": []}


async def test_a_restart_keeps_keyed_rows(private_server):
    path = fluss.TablePath("fluss", "kept")
    async with bridge.connect(private_server.fluss) as connection:
        await create(connection.get_admin(), path, COLUMNS, primary_keys=["k"], bucket_count=2)
        table = await connection.get_table(path)
        await upsert(table, [row(k, "first", k) for k in range(500)])
        await upsert(table, [row(k, "second", k) for k in range(0, 500, 2)])
        await delete(table, [[k] for k in range(0, 500, 5)])
    for end in (private_server.stop, private_server.kill):
        end()
        private_server.start()
        async with bridge.connect(private_server.fluss) as connection:
            table = await connection.get_table(path)
            lookuper = table.new_lookup().create_lookuper()
            found = await asyncio.gather(*(lookuper.lookup([k]) for k in range(0, 100)))
        for k, got in enumerate(found):
            expected = row(k, "first" if k % 2 else "second", k)
            assert got == (None if k % 5 == 0 else expected)
