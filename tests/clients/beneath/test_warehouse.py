"""The warehouse: SQL over every record that was written, analyzed before it runs, with its dialect's semantics."""

import asyncio
import datetime
import decimal
import uuid

import beneath
import pytest
from beneath.connection import Connection
from beneath.job import JobStatus
from beneath.proto import gateway_pb2
from grpc import StatusCode
from grpc.aio import AioRpcError

from conftest import new_project, point_at
from server import SECRETS
from test_types import FULL, SCHEMA as EVERYTHING

UTC = datetime.timezone.utc
ORDERS = """
  type Address { city: String! zip: Int32 }
  type Order @schema {
    id: Int! @key
    customer: String
    price: Float
    total: Numeric
    paid: Boolean
    made: Timestamp
    tags: [String!]
    address: Address
  }
"""


def order(key, customer, price=None, total=None, paid=None, made=None, tags=(), city=None, at=None):
    record = {"id": key, "customer": customer, "price": price, "total": total, "paid": paid, "made": made,
              "tags": list(tags), "address": city and {"city": city, "zip": key}}
    if at is not None:
        record["@meta"] = {"timestamp": datetime.datetime(2021, 1, at, tzinfo=UTC)}
    return record


ROWS = [
    order(1, "ann", 1.5, decimal.Decimal(10**30), True, datetime.datetime(2021, 3, 3, 10, 11, 12, 345000, UTC), ["a", "b"], "Oslo", 1),
    order(2, "bob", 2.5, decimal.Decimal(20), False, datetime.datetime(2021, 3, 4, tzinfo=UTC), [], "Bergen", 2),
    order(2, "bob", 3.5, decimal.Decimal(30), True, datetime.datetime(2021, 4, 1, tzinfo=UTC), ["c"], "Bergen", 3),
    order(3, None, at=4),
]


async def orders(client, path, rows=ROWS, **options):
    await client.start()
    table = await client.create_table(f"{path}/orders", schema=ORDERS, **options)
    await client.write(table.primary_instance, rows)
    await client.stop()
    return table


async def run(client, sql, **options):
    job = await client.query_warehouse(sql, **options)
    return await (await job.get_cursor()).read_all(), job


async def values(client, sql):
    rows, _ = await run(client, sql)
    return [tuple(value for name, value in row.items() if not name.startswith("@meta")) for row in rows]


async def refused(client, sql, code, *words, **options):
    with pytest.raises(AioRpcError) as raised:
        await client.query_warehouse(sql, **options)
    assert raised.value.code() == code, raised.value.details()
    for word in words:
        assert word in raised.value.details()


async def test_every_record_is_a_row(client, project):
    await orders(client, project)
    rows, job = await run(client, f"SELECT * FROM `{project}/orders` ORDER BY id, price")
    assert [row["id"] for row in rows] == [1, 2, 2, 3]
    assert {name for name in rows[0] if not name.startswith("@meta")} == set(ROWS[0]) - {"@meta"}
    first = rows[0]
    assert first["total"] == decimal.Decimal(10**30) and first["tags"] == ["a", "b"]
    assert first["made"] == ROWS[0]["made"] and first["address"] == {"city": "Oslo", "zip": 1}
    assert first["@meta.timestamp"] == datetime.datetime(2021, 1, 1, tzinfo=UTC)
    assert rows[3]["tags"] == [] and rows[3]["address"] is None and rows[3]["customer"] is None
    assert job.result_size_records == 4 and job.result_size_bytes > 0
    # 4 ids, 3 names, 3 prices, 3 numerics, 3 flags, 3 times, 3 tags, 3 addresses
    assert job.bytes_scanned == 32 + 15 + 24 + 48 + 3 + 24 + 9 + (6 + 8) + (8 + 8) * 2


async def test_the_dialect(client, project):
    await orders(client, project)
    table = f"`{project}/orders`"
    cases = [
        ("SELECT 7/2, DIV(7, 2), MOD(-7, 2), -7 + 2.5, SAFE_DIVIDE(1, 0)", [(3.5, 3, -1, -4.5, None)]),
        (f"SELECT customer FROM {table} GROUP BY customer ORDER BY customer", [(None,), ("ann",), ("bob",)]),
        (f"SELECT customer FROM {table} GROUP BY customer ORDER BY customer DESC", [("bob",), ("ann",), (None,)]),
        (f"SELECT id, COUNT(*) AS n, SUM(price) AS s, AVG(id) a FROM {table} GROUP BY 1 HAVING n > 1 ORDER BY 2 DESC", [(2, 2, 6.0, 2.0)]),
        (f"SELECT SUM(total), SUM(id), COUNT(price), COUNTIF(paid) FROM {table}", [(decimal.Decimal(10**30 + 50), 8, 3, 2)]),
        (f"SELECT SUM(id), COUNT(*), MAX(customer) FROM {table} WHERE FALSE", [(None, 0, None)]),
        (f"SELECT id FROM {table} WHERE made > '2021-03-04T12:00:00Z'", [(2,)]),
        (f"SELECT o.address.city, address.zip FROM {table} O WHERE id = 1", [("Oslo", 1)]),
        (f"SELECT tags[OFFSET(0)], tags[SAFE_OFFSET(9)], tags[ORDINAL(2)] FROM {table} WHERE id = 1", [("a", None, "b")]),
        (f"SELECT id, tag FROM {table}, UNNEST(tags) AS tag ORDER BY tag", [(1, "a"), (1, "b"), (2, "c")]),
        (f"SELECT a.id, b.customer FROM {table} a LEFT JOIN (SELECT DISTINCT id, customer FROM {table} WHERE id < 2) b USING (id) "
         "WHERE a.id <> 2 ORDER BY id", [(1, "ann"), (3, None)]),
        (f"SELECT id FROM {table} WHERE id IN (SELECT MAX(id) FROM {table}) UNION ALL SELECT 0 ORDER BY id", [(0,), (3,)]),
        ("SELECT TIMESTAMP_TRUNC(TIMESTAMP '2021-03-03 10:11:12', WEEK), EXTRACT(DAYOFWEEK FROM TIMESTAMP '2021-03-03'), "
         "UNIX_MILLIS(TIMESTAMP '1970-01-01 00:00:01.5'), FORMAT_TIMESTAMP('%F %T', TIMESTAMP '2021-03-03 10:11:12')",
         [(datetime.datetime(2021, 2, 28, tzinfo=UTC), 4, 1500, "2021-03-03 10:11:12")]),
        ("SELECT CAST(1.0 AS STRING), CAST(2.5 AS INT64), SAFE_CAST('x' AS INT64), SUBSTR('hello', 0, 2), CONCAT('a', NULL), 'a' || \"b\"",
         [("1", 3, None, "he", None, "ab")]),
        (f"SELECT id, ROW_NUMBER() OVER (PARTITION BY id ORDER BY price DESC) AS n FROM {table} QUALIFY n = 2", [(2, 2)]),
        (f"SELECT STRING_AGG(customer, '-' ORDER BY price DESC), ARRAY_AGG(id ORDER BY id DESC LIMIT 2) FROM {table}", [("bob-bob-ann", [3, 2])]),
        (f"select STARTS_WITH(customer, 'a') # and so on\n from {table} -- more\n where customer like 'a%' and not regexp_contains(customer, r'b') /**/;",
         [(True,)]),
        (f"SELECT r.* EXCEPT (tags, address, made, total) FROM (SELECT ARRAY_AGG(t ORDER BY t.__timestamp DESC LIMIT 1)[OFFSET(0)] r "
         f"FROM {table} t GROUP BY t.__key) ORDER BY id", [(1, "ann", 1.5, True), (2, "bob", 3.5, True), (3, None, None, None)]),
        (f"SELECT TO_HEX(__key) FROM {table} WHERE id = 1", [("8000000000000001",)]),
    ]
    for sql, expected in cases:
        assert await values(client, sql) == expected, sql


async def test_names_of_columns(client, project):
    await orders(client, project)
    table = f"`{project}/orders`"
    job = await client.query_warehouse(f"SELECT 1, id, 2 AS two, COUNT(*), o.address.city FROM {table} o GROUP BY id, o.address.city", analyze=True)
    assert [field["name"] for field in job.schema.parsed_avro["fields"]] == ["f0_", "id", "two", "f1_", "city"]


async def test_the_documented_way_to_the_newest_rows(client, project):
    await orders(client, project)
    rows, _ = await run(client, f"""
        SELECT r.* FROM (
          SELECT ARRAY_AGG(t ORDER BY t.__timestamp DESC LIMIT 1)[OFFSET(0)] r FROM `{project}/orders` t GROUP BY t.__key)""")
    found = {row["id"]: row for row in rows}
    assert sorted(found) == [1, 2, 3]
    assert found[2]["price"] == 3.5 and found[2]["@meta.timestamp"] == datetime.datetime(2021, 1, 3, tzinfo=UTC)


async def test_each_type(client, project):
    await client.start()
    table = await client.create_table(f"{project}/everything", schema=EVERYTHING)
    await client.write(table.primary_instance, FULL)
    await client.stop()
    rows, _ = await run(client, f"SELECT * FROM `{project}/everything`")
    row = {row["key"]: row for row in rows}["all"]
    record = {record["key"]: record for record in FULL}["all"]
    assert (row["s"], row["t"], row["i"], row["k"], row["x"]) == ("héllo", True, -2**63, -2**31, 1.5)
    assert row["u"] == str(record["u"]) and row["c"] == "GREEN" and row["b"] == b"\x00\xff"
    assert row["at"] == record["at"] and row["inner"]["x"] == 2**31 - 1 and row["n"] == record["n"]


async def test_numbers_without_bounds(client, project):
    """NUMERIC as long as it may be is shown, compared, sorted, grouped, added and summed; products have 38 digits."""
    await client.start()
    table = await client.create_table(f"{project}/n", schema="""
        type N @schema { k: Int! @key  n: Numeric  l: [Numeric!]  r: R } type R { n: Numeric }""")
    big = 10**126 + 7
    numbers = [big, -big, 0, -5, 12, None, 12]
    exact = lambda n: None if n is None else decimal.Decimal(n)  # noqa: E731
    await client.write(table.primary_instance, [
        {"k": k, "n": exact(n), "l": [] if n is None else [exact(n), exact(n + 1)], "r": {"n": exact(n)}}
        for k, n in enumerate(numbers)])
    await client.stop()
    t, d = f"`{project}/n`", decimal.Decimal
    cases = [
        (f"SELECT n, l, r FROM {t} WHERE k = 0", [(d(big), [d(big), d(big + 1)], {"n": d(big)})]),
        (f"SELECT n FROM {t} ORDER BY n, k", [(None,), *((d(n),) for n in (-big, -5, 0, 12, 12, big))]),
        (f"SELECT n FROM {t} ORDER BY n DESC LIMIT 2", [(d(big),), (d(12),)]),
        (f"SELECT n, COUNT(*) AS c FROM {t} WHERE n > -6 GROUP BY n ORDER BY n", [(d(-5), 1), (d(0), 1), (d(12), 2), (d(big), 1)]),
        (f"SELECT SUM(n), MIN(n), MAX(n), COUNT(DISTINCT n) FROM {t}", [(d(19), d(-big), d(big), 5)]),
        (f"SELECT n + 1, n - n, -n, ABS(n), SIGN(n), ROUND(n) FROM {t} WHERE k = 1",
         [(d(1 - big), d(0), d(big), d(big), d(-1), d(-big))]),
        (f"SELECT n * 2, MOD(n, 5), DIV(n, 5), n / 8, n * 0.5, ROUND(n, -1) FROM {t} WHERE k = 4",
         [(d(24), d(2), d(2), 1.5, 6.0, d(10))]),
        (f"SELECT CAST(n AS STRING), ROUND(CAST(n AS FLOAT64) / 1e120), SAFE_CAST(n AS INT64) FROM {t} WHERE k < 2 ORDER BY k",
         [(str(big), 1e6, None), (str(-big), -1e6, None)]),
        (f"SELECT CAST('{big}' AS NUMERIC), NUMERIC '-7', CAST(2.5 AS NUMERIC), CAST(' 1e3 ' AS NUMERIC), SAFE_CAST('x' AS NUMERIC)",
         [(d(big), d(-7), d(3), d(1000), None)]),
        (f"SELECT a.k FROM {t} a JOIN {t} b ON a.n = b.n AND a.k <> b.k ORDER BY 1", [(4,), (6,)]),
        (f"SELECT k FROM {t} WHERE n IN (12, 13) AND n BETWEEN 0 AND 99 UNION ALL SELECT n FROM {t} WHERE k = 3 ORDER BY 1",
         [(d(-5),), (d(4),), (d(6),)]),
        (f"SELECT r.n FROM (SELECT ARRAY_AGG(t ORDER BY t.__timestamp DESC LIMIT 1)[OFFSET(0)] r FROM {t} t GROUP BY t.__key) "
         "WHERE r.k = 0", [(d(big),)]),
        (f"SELECT SUM(n) OVER (ORDER BY k) FROM {t} WHERE k < 3 ORDER BY k", [(d(big),), (d(0),), (d(0),)]),
    ]
    for sql, expected in cases:
        assert await values(client, sql) == expected, sql
    for sql in (f"SELECT n * n FROM {t} WHERE k = 0", f"SELECT MOD(n, 7) FROM {t} WHERE k = 0", f"SELECT CAST(n AS INT64) FROM {t} WHERE k = 0"):
        with pytest.raises(Exception, match="warehouse query error"):
            await run(client, sql)


async def test_analysis(client, project):
    table = await orders(client, project)
    sql = f"SELECT customer, SUM(price) AS sum FROM `{project}/orders` GROUP BY customer"
    job = await client.query_warehouse(sql, analyze=True)
    assert not job.job_id and job.bytes_scanned == 15 + 24
    assert job.referenced_instance_ids == [uuid.UUID(str(table.primary_instance.instance_id))]
    with pytest.raises(Exception, match="dry run"):
        await job.poll()
    _, done = await run(client, sql)
    assert done.bytes_scanned == 15 + 24
    counted = await client.query_warehouse(f"SELECT COUNT(*) FROM `{project}/orders`", analyze=True)
    assert counted.bytes_scanned == 0
    # What is written later is counted on top.
    await orders(client, project, [order(9, "zoe")], update_if_exists=True)
    later = await client.query_warehouse(sql, analyze=True)
    assert later.bytes_scanned == 15 + 24 + 5


async def test_refusals(client, project, server):
    await orders(client, project)
    table = f"`{project}/orders`"
    wrong = StatusCode.INVALID_ARGUMENT
    await refused(client, "", wrong)
    await refused(client, "SELECT", wrong, "error during query analysis", "syntax")
    await refused(client, f"SELECT nope FROM {table}", wrong, "error during query analysis", "nope")
    await refused(client, f"SELECT id FROM {table} GROUP BY customer", wrong, "error during query analysis")
    await refused(client, f"SELECT id + customer FROM {table}", wrong, "error during query analysis")
    await refused(client, f"DELETE FROM {table} WHERE true", wrong, "error during query analysis")
    await refused(client, "SELECT * FROM read_csv('/etc/passwd')", wrong, "error during query analysis")
    await refused(client, f"SELECT id FROM `{project}/none`", wrong, " not found")
    await refused(client, "SELECT id FROM `a/b`", wrong)
    await refused(client, f"SELECT id, id FROM {table}", wrong, "duplicate")
    await refused(client, f"SELECT DATE(made) FROM {table}", wrong, "DATE")
    six = ", ".join(f"`{project}/t{i}` t{i}" for i in range(6))
    await refused(client, f"SELECT 1 FROM {six}", wrong, "5")
    await refused(client, f"SELECT * FROM {table}", StatusCode.RESOURCE_EXHAUSTED, "exceeds", "10", max_bytes_scanned=10)
    await refused(client, f"SELECT * FROM {table}", wrong, max_bytes_scanned=10**12 + 1)
    with pytest.raises(AioRpcError) as raised:
        await client.connection.query_warehouse(query="SELECT 1", dry_run=False, timeout_ms=-1, max_bytes_scanned=0)
    assert raised.value.code() == wrong


async def test_errors_while_it_runs(client, project):
    await orders(client, project)
    for sql, word in [(f"SELECT 1/(id-1) FROM `{project}/orders`", "division by zero"),
                      (f"SELECT CAST(customer AS INT64) FROM `{project}/orders`", "INT64"),
                      (f"SELECT tags[OFFSET(7)] FROM `{project}/orders`", "out of bounds"),
                      ("SELECT SUM(x) FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT 1)", "out of range"),
                      ("SELECT 9223372036854775807 + 1", "")]:
        with pytest.raises(Exception, match="warehouse query error") as raised:
            await run(client, sql)
        assert word.lower() in str(raised.value).lower(), raised.value


async def test_timeout(client):
    sql = "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 100000)) a, UNNEST(GENERATE_ARRAY(1, 100000)) b, UNNEST(GENERATE_ARRAY(1, 1000)) c"
    with pytest.raises(Exception, match="timeout"):
        await run(client, sql, timeout_ms=300)


async def test_pages_and_retention(client, project):
    now = datetime.datetime.now(UTC)
    rows = [order(i, "x") | {"@meta": {"timestamp": now - datetime.timedelta(hours=i % 2)}} for i in range(3000)]
    await orders(client, project, rows, warehouse_retention=datetime.timedelta(minutes=30))
    found, job = await run(client, f"SELECT id FROM `{project}/orders` ORDER BY id")
    assert [row["id"] for row in found] == list(range(0, 3000, 2))
    assert job.result_size_records == 1500 and job.bytes_scanned == 8 * 1500


async def test_rights(client, project, server):
    await orders(client, project)
    sql = f"SELECT id FROM `{project}/orders`"
    rows, job = await run(client, sql)
    bob = beneath.Client(secret=SECRETS["bob"])
    await refused(bob, sql, StatusCode.PERMISSION_DENIED, "not allowed")
    await refused(bob, sql, StatusCode.PERMISSION_DENIED, "not allowed", analyze=True)
    await bob.connection.ensure_connected()
    with pytest.raises(AioRpcError) as raised:
        await bob.connection.poll_warehouse_job(job.job_id)
    assert raised.value.code() == StatusCode.INVALID_ARGUMENT and "not found" in raised.value.details()
    cursor = job._job_data.replay_cursors[0]
    with pytest.raises(AioRpcError) as raised:
        await bob.connection.read(cursor=cursor, limit=1)
    assert raised.value.code() == StatusCode.PERMISSION_DENIED
    assert len((await client.connection.read(cursor=cursor, limit=1)).records) == 1
    anonymous = Connection()
    await anonymous.ensure_connected(check_authenticated=False)
    with pytest.raises(AioRpcError) as raised:
        await anonymous.stub.QueryWarehouse(gateway_pb2.QueryWarehouseRequest(query=sql))
    assert raised.value.code() == StatusCode.INVALID_ARGUMENT and "not authenticated" in raised.value.details()
    for wrong in (b"", b"short", b"\xff" * 16):
        with pytest.raises(AioRpcError) as raised:
            await client.connection.poll_warehouse_job(wrong)
        assert raised.value.code() == StatusCode.INVALID_ARGUMENT


async def test_a_table_without_a_warehouse(client, project):
    await orders(client, project, use_warehouse=False)
    await refused(client, f"SELECT id FROM `{project}/orders`", StatusCode.INVALID_ARGUMENT, "useWarehouse")


async def test_results_outlive_the_server(own_server):
    path = await new_project(SECRETS["ada"], "p")
    client = beneath.Client(secret=SECRETS["ada"])
    await orders(client, path)
    job = await client.query_warehouse(f"SELECT id FROM `{path}/orders` ORDER BY id, price")
    own_server.kill()
    own_server.start()
    point_at(own_server)
    again = beneath.Client(secret=SECRETS["ada"])
    await again.connection.ensure_connected()
    reply = await again.connection.poll_warehouse_job(bytes(job.job_id))
    while reply.job.status != gateway_pb2.WarehouseJob.DONE:
        await asyncio.sleep(0.2)
        reply = await again.connection.poll_warehouse_job(bytes(job.job_id))
    assert reply.job.error == "" and reply.job.result_size_records == 4
    page = await again.connection.read(cursor=reply.job.replay_cursors[0], limit=10)
    assert len(page.records) == 4


async def test_a_job_that_is_interrupted_runs_again(own_server):
    """Killed in the midst of it, the server takes it up again, over the rows of before."""
    path = await new_project(SECRETS["ada"], "p")
    client = beneath.Client(secret=SECRETS["ada"])
    await orders(client, path)
    slow = "UNNEST(GENERATE_ARRAY(1, 100000)) a, UNNEST(GENERATE_ARRAY(1, 30000)) b WHERE MOD(a * b, 7) = 3"
    job = await client.query_warehouse(f"SELECT (SELECT COUNT(*) FROM `{path}/orders`) AS n, COUNT(*) AS m FROM {slow}", timeout_ms=600000)
    assert job.status != JobStatus.done
    own_server.kill()
    own_server.start()
    point_at(own_server)
    again = beneath.Client(secret=SECRETS["ada"])
    await orders(again, path, [order(77, "later")], update_if_exists=True)
    reader = beneath.Client(secret=SECRETS["ada"])
    await reader.connection.ensure_connected()
    while True:
        reply = await reader.connection.poll_warehouse_job(bytes(job.job_id))
        if reply.job.status == gateway_pb2.WarehouseJob.DONE:
            break
        await asyncio.sleep(0.3)
    assert reply.job.error == "" and reply.job.result_size_records == 1
    page = await reader.connection.read(cursor=reply.job.replay_cursors[0], limit=10)
    assert len(page.records) == 1
