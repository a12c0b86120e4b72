"""Every class, method and parameter of the client's reference, used through the client as it is.

What the pages list is read from the client's own signatures; at the end all of it must have been used, but what
test_pipelines.py and test_admin_page.py walk.
"""

import asyncio
import datetime
import inspect
import time
import warnings

import beneath
import pandas
import pytest
from beneath.checkpointer import Checkpointer
from beneath.connection import GraphQLError
from beneath.job import JobStatus
from grpc.aio import AioRpcError

from conftest import new_project, point_at
from server import SECRETS
from walked import Walked, missing, members, walked_function

SCHEMA = "type T @schema { k: Int! @key, v: String }"
DAY = datetime.timedelta(days=1)
# The page that the project began with: each method of `Client` with its parameters.
CLIENT = {
    "find_table": "table_path",
    "create_table": "table_path schema description meta use_index use_warehouse retention log_retention index_retention "
                    "warehouse_retention schema_kind indexes update_if_exists",
    "query_warehouse": "query analyze max_bytes_scanned timeout_ms",
    "start": "", "stop": "", "write": "instance records", "force_flush": "",
    "write_full": "table_path records key description recreate_on_schema_change",
    "checkpointer": "project_path key_prefix metatable_name metatable_create metatable_description",
    "consumer": "table_path version batch_size subscription_path checkpointer metatable_create",
}


def ada(**words):
    return Walked(beneath.Client(secret=SECRETS["ada"], **words))


async def found(path):
    client = beneath.Client(secret=SECRETS["ada"])
    return await client.admin.tables.find_by_organization_project_and_name(*path.split("/"))


async def keys(cursor):
    return [r["k"] for r in await cursor.read_all() or []]


async def filled(project, name="t", count=10, **words):
    """A client that is started, and a table with `count` records."""
    client = ada()
    await client.start()
    table = await client.create_table(f"{project}/{name}", schema=SCHEMA, **words)
    if count:
        await client.write(table.primary_instance, [{"k": k, "v": f"v{k}"} for k in range(count)])
        await client.force_flush()
    return client, Walked(table), Walked(table.primary_instance)


def test_the_page_is_that_of_the_client():
    assert {name: " ".join(words) for name, words in members(beneath.Client).items()} == CLIENT
    assert list(inspect.signature(beneath.Client).parameters) == ["secret", "dry", "write_delay_ms"]


async def test_the_constructor(server, project, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("BENEATH_SECRET", raising=False)
    with pytest.raises(ValueError, match="not authenticated"):
        beneath.Client()
    (tmp_path / ".beneath").mkdir(exist_ok=True)
    (tmp_path / ".beneath" / "secret_dev.txt").write_text(SECRETS["bob"] + "\n")
    assert (await beneath.Client().admin.organizations.find_me())["name"] == "bob"
    monkeypatch.setenv("BENEATH_SECRET", SECRETS["root"])
    assert (await beneath.Client().admin.organizations.find_me())["name"] == "root"
    assert (await beneath.Client(secret=SECRETS["ada"]).admin.organizations.find_me())["name"] == "ada"
    # Written records wait for the delay, and no longer.
    for delay, waits in ((0, False), (600, True)):
        client = ada(write_delay_ms=delay)
        await client.start()
        table = await client.create_table(f"{project}/t{delay}", schema=SCHEMA)
        before = time.monotonic()
        await client.write(table.primary_instance, {"k": 1, "v": None})
        while await keys(await table.primary_instance.query_log()) != [1]:
            await asyncio.sleep(0.02)
            assert time.monotonic() - before < 5
        assert (time.monotonic() - before > 0.5) == waits
        await client.stop()


async def test_find_table(project):
    client, table, _ = await filled(project, "some-table")
    organization, name, _ = project.split("/") + ["some_table"]
    for path in (f"{project}/some_table", f"{project}/some-table", f"{project.upper()}/SOME-table",
                 f"{organization}/{name}/table:some-table"):
        again = await client.find_table(path)
        assert again.table_id == table.table_id and (again.use_log, again.use_index, again.use_warehouse) == (True,) * 3
        assert again.primary_instance.version == 0 and again.schema.parsed_avro["fields"][0]["name"] == "k"
    with pytest.raises(GraphQLError, match=" not found"):
        await client.find_table(f"{project}/other")
    await client.stop()


async def test_create_table(project):
    client = ada()
    days = datetime.timedelta
    plain = dict(description="", meta=False, allowManualWrites=False, useLog=True, useIndex=True, useWarehouse=True,
                 logRetentionSeconds=0, indexRetentionSeconds=0, warehouseRetentionSeconds=0, schemaKind="GraphQL",
                 instancesCreatedCount=1, instancesMadePrimaryCount=1, instancesDeletedCount=0, instancesMadeFinalCount=0)
    day = 86400
    retained = lambda log, index, warehouse: dict(  # noqa: E731
        logRetentionSeconds=log, indexRetentionSeconds=index, warehouseRetentionSeconds=warehouse)
    cases = [
        ({}, {}),
        (dict(description="what it is"), dict(description="what it is")),
        (dict(meta=True), dict(meta=True)), (dict(meta=False), {}),
        (dict(use_index=False), dict(useIndex=False)), (dict(use_warehouse=False), dict(useWarehouse=False)),
        (dict(retention=days(days=1)), retained(day, day, day)),
        (dict(retention=days(days=1), log_retention=days(days=2)), retained(2 * day, day, day)),
        (dict(index_retention=days(seconds=90)), retained(0, 90, 0)),
        (dict(warehouse_retention=days(days=3)), retained(0, 0, 3 * day)),
        (dict(log_retention=days(0)), {}),
    ]
    for i, (words, changes) in enumerate(cases):
        path = f"{project}/t{i}"
        table = await client.create_table(path, SCHEMA, **words)
        data = await found(path)
        assert {name: data[name] for name in plain} == {**plain, **changes}, words
        assert (table.use_index, table.use_warehouse) == (data["useIndex"], data["useWarehouse"])
        # The same call again changes nothing, and finds the table as it is.
        again = await client.create_table(path, SCHEMA, update_if_exists=True, **words)
        assert again.table_id == table.table_id and again.primary_instance.instance_id == table.primary_instance.instance_id
        with pytest.raises(GraphQLError, match="already exists"):
            await client.create_table(path, SCHEMA, **words)
        with pytest.raises(GraphQLError, match="already exists"):
            await client.create_table(path, SCHEMA, update_if_exists=False, **words)
        if changes.keys() & {"useIndex", "useWarehouse", *retained(0, 0, 0)}:
            with pytest.raises(GraphQLError, match="Cannot update .* on existing table"):
                await client.create_table(path, SCHEMA, update_if_exists=True)
    # Docs give a description, which a given one overrides; new docs are no new schema.
    path = f"{project}/doc"
    await client.create_table(path, schema='" The first " ' + SCHEMA)
    assert (await found(path))["description"] == "The first"
    await client.create_table(path, schema='" The second " ' + SCHEMA, update_if_exists=True)
    assert (await found(path))["description"] == "The second"
    await client.create_table(path, schema='" The second " ' + SCHEMA, description="given", update_if_exists=True)
    await client.create_table(path, schema='" The second " ' + SCHEMA, update_if_exists=True)
    data = await found(path)
    assert data["description"] == "given" and data["schema"] == '" The second " ' + SCHEMA
    # Keys by `indexes`, which are the only ones that Avro has.
    avro = '{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":"long"}]}'
    await client.create_table(f"{project}/avro", schema=avro, schema_kind="Avro", indexes='[{"fields":["b","a"],"key":true}]')
    data = await found(f"{project}/avro")
    assert data["schemaKind"] == "Avro" and data["tableIndexes"] == [{"fields": ["b", "a"], "primary": True, "normalize": False}]
    with pytest.raises(GraphQLError, match="Error creating table"):
        await client.create_table(f"{project}/none", schema=avro, schema_kind="Avro")
    await client.create_table(f"{project}/over", schema="type T @schema { a: Int! @key, b: String! }", schema_kind="GraphQL",
                              indexes='[{"fields":["b"],"key":true,"normalize":true}]')
    assert (await found(f"{project}/over"))["tableIndexes"] == [{"fields": ["b"], "primary": True, "normalize": True}]
    for words, text in ((dict(use_index=False, index_retention=DAY), "indexRetention"),
                        (dict(use_warehouse=False, retention=DAY), "warehouseRetention"),
                        (dict(retention=datetime.timedelta(seconds=-5)), "out of range")):
        with pytest.raises(GraphQLError, match=text):
            await client.create_table(f"{project}/wrong", SCHEMA, **words)
    with pytest.raises(GraphQLError, match=" not found"):
        await client.create_table(f"{project}_no/t", SCHEMA)


async def test_query_warehouse(project):
    client, _, instance = await filled(project)
    sql = f"SELECT k, v FROM `{project}/t` WHERE k < 5 ORDER BY k"
    analyzed = Walked(await client.query_warehouse(sql, analyze=True))
    assert analyzed.status == JobStatus.done and not analyzed.job_id
    assert analyzed.bytes_scanned == 10 * (8 + 2 + 2) and analyzed.referenced_instance_ids == [instance.instance_id]
    for call in (analyzed.poll, analyzed.get_cursor):
        with pytest.raises(Exception, match="dry run"):
            await call()
    job = Walked(await client.query_warehouse(sql, max_bytes_scanned=analyzed.bytes_scanned, timeout_ms=30_000))
    cursor = await job.get_cursor()
    assert await keys(cursor) == list(range(5)) and cursor.changes_cursor is None
    await job.poll()
    assert job.status == JobStatus.done and job.result_size_records == 5 and job.bytes_scanned == analyzed.bytes_scanned
    assert job.result_size_bytes == 5 * 6 and [f["name"] for f in job.schema.parsed_avro["fields"]] == ["k", "v"]
    with pytest.raises(AioRpcError, match="120.*exceeds.*119|exceeds"):
        await client.query_warehouse(sql, max_bytes_scanned=119)
    slow = "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 100000)) a, UNNEST(GENERATE_ARRAY(1, 1000000)) b WHERE MOD(a * b, 7) = 3"
    with pytest.raises(Exception, match="warehouse query error.*timeout"):
        await (await client.query_warehouse(slow, timeout_ms=200)).get_cursor()
    await client.stop()


async def test_start_stop_write_and_flush(project):
    client = ada(write_delay_ms=60_000)
    table = await client.create_table(f"{project}/t", schema=SCHEMA)
    other = await client.create_table(f"{project}/u", schema=SCHEMA)
    instance = table.primary_instance
    log = lambda i=instance: i.query_log()  # noqa: E731
    with pytest.raises(Exception, match="stopped"):
        await client.write(instance, {"k": 1, "v": None})
    with pytest.raises(Exception, match="more times"):
        await client.stop()
    await client.start()
    await client.start()
    await client.write(instance, {"k": 1, "v": None})
    await client.write(instance=instance, records=[{"k": 2, "v": None}, {"k": 3, "v": "x"}])
    await client.write(other.primary_instance, ({"k": k, "v": None} for k in range(4)))
    await client.stop()  # one of two starts is still open
    assert await keys(await log()) == []
    await client.force_flush()
    assert await keys(await log()) == [1, 2, 3] and await keys(await log(other.primary_instance)) == [0, 1, 2, 3]
    await client.force_flush()
    await client.write(instance, {"k": 4, "v": None})
    await client.stop()
    assert await keys(await log()) == [1, 2, 3, 4]
    with pytest.raises(Exception, match="stopped"):
        await client.write(instance, {"k": 5, "v": None})
    await client.start()
    await client.write(instance, {"k": 5, "v": None})
    await client.stop()
    assert await keys(await log()) == [1, 2, 3, 4, 5]


async def test_write_full(project):
    client = ada()
    with pytest.raises(Exception, match="stopped"):
        await client.write_full(f"{project}/t", [{"a": 1}])
    await client.start()

    async def full(name, records, **words):
        table = await client.write_full(f"{project}/{name}", records, **words)
        assert table.primary_instance.is_final and table.primary_instance.is_primary
        data = await found(f"{project}/{name}")
        assert data["primaryTableInstance"]["tableInstanceID"] == str(table.primary_instance.instance_id)
        index = await (await table.primary_instance.query_index()).read_all()
        return data, [{k: v for k, v in row.items() if k[0] != "@"} for row in index]

    key_of = lambda data: data["tableIndexes"][0]["fields"]  # noqa: E731
    rows = [{"b": 2, "a": "y"}, {"b": 1, "a": "x"}]
    data, index = await full("one", rows, key="b", description="numbers")
    assert key_of(data) == ["b"] and data["description"] == "numbers" and [r["b"] for r in index] == [1, 2]
    data, index = await full("two", rows, key=["a", "b"])
    assert key_of(data) == ["a", "b"] and [r["a"] for r in index] == ["x", "y"]
    data, index = await full("counted", [{"a": "y"}, {"a": "x"}])
    assert key_of(data) == ["key"] and [(r["key"], r["a"]) for r in index] == [(0, "y"), (1, "x")]
    frame = pandas.DataFrame({"a": ["y", "x"], "b": [2.5, None]})
    data, index = await full("frame", frame.copy())
    assert key_of(data) == ["key"] and [r["a"] for r in index] == ["y", "x"]
    data, index = await full("named", frame.set_index("a"))
    assert key_of(data) == ["a"] and [r["a"] for r in index] == ["x", "y"]
    data, index = await full("keyed", frame.copy(), key="a")
    assert key_of(data) == ["a"]
    both = pandas.DataFrame({"a": ["y", "y"], "b": [2, 1], "c": [True, False]}).set_index(["a", "b"])
    data, index = await full("pairs", both)
    assert key_of(data) == ["a", "b"] and [r["c"] for r in index] == [False, True]
    unnamed = pandas.DataFrame([{"c": 1}, {"c": 2}], index=pandas.MultiIndex.from_tuples([(1, "x"), (2, "y")]))
    data, index = await full("unnamed", unnamed)
    assert key_of(data) == ["key0", "key1"] and [r["key1"] for r in index] == ["x", "y"]
    # Again: a new version takes the place of the old one.
    for turn in (1, 2):
        data, index = await full("one", [{"b": turn, "a": "z"}], key="b")
        assert data["primaryTableInstance"]["version"] == turn and [r["b"] for r in index] == [turn]
        assert data["instancesCreatedCount"] - data["instancesDeletedCount"] == 1
    # Another schema, or another key.
    old = (await found(f"{project}/one"))["tableID"]
    for records, words in (([{"b": 1, "a": 5}], dict(key="b")), (rows, dict(key="a"))):
        with pytest.raises(ValueError, match="different schema"):
            await client.write_full(f"{project}/one", records, **words)
        with pytest.raises(ValueError, match="different schema"):
            await client.write_full(f"{project}/one", records, recreate_on_schema_change=False, **words)
    assert (await found(f"{project}/one"))["tableID"] == old
    data, index = await full("one", [{"b": 1, "a": 5}], key="b", recreate_on_schema_change=True)
    assert data["tableID"] != old and data["primaryTableInstance"]["version"] == 0 and index == [{"b": 1, "a": 5}]
    await client.write_full(f"{project}/empty", [])
    with pytest.raises(GraphQLError, match=" not found"):
        await client.find_table(f"{project}/empty")
    # Whatever types can be inferred.
    now = datetime.datetime(2021, 3, 4, 5, 6, 7, 89000, tzinfo=datetime.timezone.utc)
    every = [{"i": 1, "f": 1.5, "s": "x", "t": True, "y": b"\0", "at": now, "l": [1, 2], "r": {"x": 1, "y": None}, "n": None},
             {"i": 2, "f": 2.5, "s": None, "t": False, "y": b"", "at": now, "l": [], "r": None, "n": None}]
    _, index = await full("every", [dict(r) for r in every], key="i")
    assert index == every
    await client.stop()


async def test_checkpointer(project):
    client = ada()
    await client.start()
    with pytest.raises(GraphQLError, match=" not found"):
        await client.checkpointer(project_path=project, metatable_create=False)
    await client.stop()
    client = ada()
    await client.start()
    plain = Walked(await client.checkpointer(project))
    data = await found(f"{project}/checkpoints")
    assert data["meta"] and data["logRetentionSeconds"] == 21600 and not data["useWarehouse"] and data["useIndex"]
    assert data["description"].startswith("Stores checkpointed state") and data["indexRetentionSeconds"] == 0
    named = Walked(await client.checkpointer(project, metatable_name="own", metatable_create=True,
                                             metatable_description="of its own"))
    assert (await found(f"{project}/own"))["description"] == "of its own"
    prefixed = await client.checkpointer(project, key_prefix="p:")
    moment = datetime.datetime(2021, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    values = {"none": None, "text": "é", "bytes": b"\0\xff", "number": 2**60, "map": {"a": [1, 2.5, {"b": None}]}, "at": moment}
    for key, value in values.items():
        await plain.set(key=key, value=value)
    await named.set("text", "another")
    await prefixed.set("text", "with a prefix")
    assert await plain.get("text") == "é"  # before it is kept
    await client.stop()
    with pytest.raises(Exception, match="stopped"):
        await plain.set("x", 1)
    reader = ada()
    await reader.start()
    plain = Walked(await reader.checkpointer(project, metatable_create=False))
    for key, value in values.items():
        assert await plain.get(key=key, default="none") == value
    assert await plain.get("missing") is None and await plain.get("other", default=7) == 7
    assert await plain.get("p:text") == "with a prefix"
    assert await (await reader.checkpointer(project, key_prefix="p:")).get("text") == "with a prefix"
    assert await (await reader.checkpointer(project, metatable_name="own")).get("text") == "another"
    await reader.stop()


async def test_consumer(project):
    client, table, _ = await filled(project, count=25)
    second = await table.create_instance()
    await second.write([{"k": 100 + k, "v": None} for k in range(5)])
    await client.force_flush()
    consumer = Walked(await client.consumer(f"{project}/t", batch_size=10))
    assert consumer.instance.version == 0
    sizes = [len(list(batch)) async for batch in consumer.iterate(batches=True, replay_only=True)]
    assert sizes == [10, 10, 5]
    # A version of its own is taken with a subscription.
    other = await client.consumer(f"{project}/t", version=1, subscription_path=f"{project}/of_one")
    assert [r["k"] async for r in other.iterate(stop_when_idle=True)] == list(range(100, 105))
    # State lies where it is said to, or in the subscription's project.
    own = await client.checkpointer(project, metatable_name="kept_apart")
    third = Walked(await client.consumer(f"{project}/t", subscription_path=f"{project}/apart", checkpointer=own, batch_size=4))
    seen = []
    await third.replay(cb=lambda r: seen.append(r["k"]), max_concurrency=1)
    assert seen == list(range(25))
    key = f"apart:{third.instance.instance_id}:cursor"
    assert set(await own.get(key)) == {"changes"}
    await third.reset()
    assert set(await own.get(key)) == {"replay", "changes"}
    assert await client.consumer(f"{project}/t", subscription_path=f"{project}/apart") is third._inner
    with pytest.raises(GraphQLError, match=" not found"):
        fresh = ada()
        await fresh.start()
        await fresh.consumer(f"{project}/t", subscription_path=f"{(await new_project(SECRETS['ada'], 'no_' + project.split('/')[1]))}/s",
                             metatable_create=False)
    # Replays and changes, apart and together.
    fourth = Walked(await client.consumer(f"{project}/t"))
    await client.write(table.primary_instance, {"k": 25, "v": None})
    await client.force_flush()
    take = lambda **words: fourth.iterate(**words)  # noqa: E731
    assert [r["k"] async for r in take(changes_only=True, stop_when_idle=True)] == [25]
    assert [r["k"] async for r in take(replay_only=True)] == list(range(25))
    with pytest.raises(Exception, match="cannot set"):
        async for _ in take(replay_only=True, changes_only=True):
            pass
    fifth = Walked(await client.consumer(f"{project}/t"))
    seen = []

    async def callback(record):
        seen.append(record["k"])

    await fifth.subscribe(callback, max_concurrency=2, replay_only=True, changes_only=False, stop_when_idle=False)
    await client.write(table.primary_instance, {"k": 26, "v": None})
    await client.force_flush()
    await fifth.subscribe(cb=callback, changes_only=True, stop_when_idle=True)
    assert seen == list(range(27))
    # One whose instance is final ends by itself.
    await table.primary_instance.update(make_final=True)
    sixth = await client.consumer(f"{project}/t")
    assert [r["k"] async for r in sixth.iterate(batches=False)] == list(range(27))
    await client.stop()


async def test_tables_and_instances(project):
    client, table, instance = await filled(project, count=3)
    assert (instance.version, instance.is_primary, instance.is_final) == (0, True, False) and "t" in repr(table._inner)
    await table.write({"k": 3, "v": None})
    await instance.write([{"k": 4, "v": None}])
    await client.force_flush()
    log = await instance.query_log()
    kept = table.restore_cursor(replay_cursor=log.replay_cursor, changes_cursor=log.changes_cursor)
    assert await keys(kept) == [0, 1, 2, 3, 4]
    assert await keys(await instance.query_log(peek=True)) == [4, 3, 2, 1, 0]
    assert await keys(await instance.query_index()) == [0, 1, 2, 3, 4]
    assert await keys(await instance.query_index(filter='{"k": {"_gt": 2}}')) == [3, 4]
    assert await keys(await instance.query_index(filter="k = 2")) == [2]
    second = Walked(await table.create_instance(version=5, make_primary=False, update_if_exists=False))
    again = await table.create_instance(version=5, make_primary=True, update_if_exists=True)
    assert again.instance_id == second.instance_id and again.is_primary and table.primary_instance is again
    assert [i.version for i in await table.find_instances()] == [5, 0]
    assert (await table.find_instance(version=0)).instance_id == instance.instance_id
    await instance.update(make_primary=True, make_final=False)
    assert (await client.find_table(f"{project}/t")).primary_instance.version == 0
    await second.update(make_final=True)
    assert second.is_final
    await second.delete()
    with pytest.raises(GraphQLError, match=" not found"):
        await table.find_instance(5)
    await table.delete()
    with pytest.raises(GraphQLError, match=" not found"):
        await client.find_table(f"{project}/t")
    with pytest.raises(AioRpcError, match="not found"):
        await instance.query_log()
    await client.stop()


async def test_cursors(project):
    client, _, instance = await filled(project, count=20)
    log = lambda: instance.query_log()  # noqa: E731
    cursor = Walked(await log())
    assert (await cursor.read_one())["k"] == 0
    assert [r["k"] for r in await cursor.read_next(limit=4)] == [1, 2, 3, 4]
    frame = await cursor.read_next(limit=2, to_dataframe=True)
    assert list(frame["k"]) == [5, 6] and str(frame["@meta.timestamp"].dtype).startswith("datetime64")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert [r["k"] for r in await cursor.read_all(max_records=3, batch_size=2, warn_max=True)] == [7, 8, 9]
        assert len(heard) == 1
        assert [r["k"] for r in await cursor.read_all(max_bytes=1, batch_size=2, warn_max=False)] == [10, 11]
        assert len(heard) == 1
    assert list((await cursor.read_all(to_dataframe=True))["k"]) == list(range(12, 20))
    assert await cursor.read_one() is None and await cursor.read_next() is None
    empty = Walked(await (await filled(project, "empty", 0))[2].query_log())
    assert await empty.read_one() is None and await empty.read_all() == []
    assert list(await cursor.read_next_changes()) == []
    await client.write(instance._inner, [{"k": k, "v": None} for k in range(20, 25)])
    await client.force_flush()
    assert [r["k"] for r in await cursor.read_next_changes(limit=2)] == [20, 21]
    assert list((await cursor.read_next_changes(limit=2, to_dataframe=True))["k"]) == [22, 23]
    # Subscriptions, as an iterator and with a callback.
    batches = []

    async def listen():
        async for batch in cursor.subscribe_changes(batch_size=2, poll_at_most_every_ms=100):
            batches.append([r["k"] for r in batch])

    async def callback(records, given):
        assert given is other._inner
        seen.extend(r["k"] for r in records)

    other, seen = Walked(await log()), []
    tasks = [asyncio.ensure_future(listen()), asyncio.ensure_future(
        other.subscribe_changes_with_callback(callback, batch_size=100, poll_at_most_every_ms=50))]
    for k in range(25, 30):
        await client.write(instance._inner, {"k": k, "v": None})
        await client.force_flush()
        await asyncio.sleep(0.2)
    before = time.monotonic()
    while sum(batches, []) != list(range(24, 30)) or seen != list(range(25, 30)):
        await asyncio.sleep(0.05)
        assert time.monotonic() - before < 10, (batches, seen)
    assert max(map(len, batches)) <= 2
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await client.stop()


async def test_functions_of_the_package(project, monkeypatch):
    monkeypatch.setenv("BENEATH_SECRET", SECRETS["ada"])
    monkeypatch.setattr(beneath.easy, "_CLIENT", None)
    write_full, load_full = walked_function(beneath.write_full), walked_function(beneath.load_full)
    query, consume = walked_function(beneath.query_warehouse), walked_function(beneath.consume)
    path = f"{project}/easy"
    await write_full(path, [{"k": k, "v": str(k)} for k in range(10)], key="k", description="easy",
                     recreate_on_schema_change=False)
    frame = await load_full(path)
    assert list(frame["k"]) == list(range(10))
    rows = await load_full(path, filter='{"k": {"_lt": 4}}', to_dataframe=False, max_bytes=10**6, batch_size=2, warn_max=False)
    assert [r["k"] for r in rows] == [0, 1, 2, 3]
    assert len(await load_full(path, version=0, max_records=3, warn_max=False)) == 3
    sql = f"SELECT k FROM `{path}` ORDER BY k DESC"
    assert list((await query(sql))["k"]) == list(range(9, -1, -1))
    rows = await query(sql, analyze=False, max_bytes_scanned=10**6, to_dataframe=False, max_bytes=10**6, max_records=2,
                       batch_size=1, warn_max=False)
    assert [r["k"] for r in rows] == [9, 8]
    assert (await query(sql=sql, analyze=True)).bytes_scanned == 80
    seen = []

    async def callback(record):
        seen.append(record["k"])

    await consume(path, callback, replay_only=True, changes_only=False, max_concurrency=1)
    await consume(path, callback, version=0, subscription_path=f"{project}/s", stop_when_idle=True)
    await consume(path, callback, subscription_path=f"{project}/s", stop_when_idle=True)
    assert seen == [*range(10), *range(10)]
    await consume(table_path=path, cb=callback, subscription_path=f"{project}/s", reset_subscription=True, stop_when_idle=True)
    assert len(seen) == 30
    # Without an index it is the log that is loaded.
    client = ada()
    await client.start()
    table = await client.create_table(f"{project}/log", schema=SCHEMA, use_index=False)
    await client.write(table.primary_instance, [{"k": 1, "v": "a"}, {"k": 1, "v": "b"}])
    await client.stop()
    assert list((await load_full(f"{project}/log"))["v"]) == ["a", "b"]
    with pytest.raises(ValueError, match="filter"):
        await load_full(f"{project}/log", filter="k = 1")


async def test_a_dry_client(project, caplog):
    """Reads as ever, mocks tables, logs records, and changes nothing on the server."""
    client, real, instance = await filled(project, count=3)
    before = await found(f"{project}/t")
    dry = ada(dry=True)
    await dry.start()
    with caplog.at_level("INFO", logger="beneath"):
        table = Walked(await dry.create_table(f"{project}/t", schema=SCHEMA, update_if_exists=True))
        assert table.table_id is None and table.primary_instance.version == 0
        assert [i.version for i in await table.find_instances()] == [0]
        assert (await table.find_instance(0)).instance_id is None
        await dry.write(table.primary_instance, {"k": 77, "v": "logged"})
        await dry.force_flush()
        assert "logged" in caplog.text
        await dry.write_full(f"{project}/full", [{"a": 1}], key="a")
        await dry.write_full(f"{project}/full", pandas.DataFrame({"a": [1]}))
    for call in (table.primary_instance.query_log, table.primary_instance.query_index, table.delete):
        with pytest.raises(Exception, match="dry"):
            await call()
    with pytest.raises(GraphQLError, match="name a field|key|Error"):
        await dry.create_table(f"{project}/u", schema="type T @schema { K: Int! @key }")
    mine = await dry.find_table(f"{project}/t")
    assert await keys(await mine.primary_instance.query_log()) == [0, 1, 2]
    assert await keys(await (await dry.query_warehouse(f"SELECT k FROM `{project}/t` ORDER BY k")).get_cursor()) == [0, 1, 2]
    checkpoints = await dry.checkpointer(project)
    await checkpoints.set("a", 1)
    assert await checkpoints.get("a") == 1 and await checkpoints.get("b", default=2) == 2
    consumer = await dry.consumer(f"{project}/t", subscription_path=f"{project}/dry")
    assert [r["k"] async for r in consumer.iterate(stop_when_idle=True)] == [0, 1, 2]
    me = (await dry.admin.organizations.find_me())["organizationID"]
    mutations = {
        "organizations": ("create", "update_details", "update_quota", "invite_user", "accept_invite", "update_user_quota", "leave",
                          "transfer_project"),
        "projects": ("create", "update", "delete"), "secrets": ("revoke_service_secret",),
        "services": ("create", "update", "update_permissions_for_table", "delete", "issue_secret"),
        "tables": ("create", "delete", "create_instance", "update_instance", "delete_instance"),
        "users": ("update_permissions_for_project", "update_permissions_for_organization"),
    }
    for part, names in mutations.items():
        for name in names:
            call = getattr(getattr(dry.admin, part), name)
            with pytest.raises(Exception, match="dry"):
                await call(*[me] * sum(p.default is p.empty for p in inspect.signature(call).parameters.values()))
    await dry.stop()
    assert await found(f"{project}/t") == before
    mine = await beneath.Client(secret=SECRETS["ada"]).admin.projects.find_by_organization_and_name(*project.split("/"))
    assert [t["name"] for t in mine["tables"]] == ["t"]
    await client.stop()


def test_everything_was_used():
    classes = [beneath.Client, beneath.Table, beneath.TableInstance, beneath.Cursor, beneath.Job, beneath.Consumer, Checkpointer]
    functions = [beneath.consume, beneath.load_full, beneath.query_warehouse, beneath.write_full]
    assert missing(classes, functions) == []
