"""What Beneath writes, SQL reads; what the command line loads, Beneath reads: each type, both ways."""

import asyncio
import datetime
import json
import os
import subprocess

import beneath
import pytest
from beneath.connection import GraphQLError
from grpc.aio import AioRpcError

from conftest import new_project, point_at
from server import BINARY, SECRETS, Server
from test_types import FULL, SCHEMA


@pytest.fixture
def both(tmp_path):
    running = Server(tmp_path / "data", "--flight", "127.0.0.1:0")
    point_at(running)
    yield running
    running.stop()


def firth(server, *words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}
    done = subprocess.run([BINARY, *words, "--server", server.endpoints["flight"], "--secret", SECRETS["root"], "--json"],
                          env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


async def test_sql_reads_what_beneath_wrote(both):
    path = await new_project(SECRETS["ada"], "p")
    client = beneath.Client(secret=SECRETS["ada"])
    await client.start()
    table = await client.create_table(f"{path}/everything", schema=SCHEMA)
    await client.write(table.primary_instance, FULL)
    await client.stop()
    rows = await asyncio.to_thread(
        firth, both, "sql", f'SELECT *, epoch_ms("at") AS at_ms, hex(b) AS b_hex, "inner".x AS inner_x, len(names) AS names_n '
        f'FROM "{path}/everything" ORDER BY key')
    row = {r["key"]: r for r in rows}["all"]
    record = {r["key"]: r for r in FULL}["all"]
    assert (row["s"], row["t"], row["i"], row["k"], row["x"]) == ("héllo", True, -2**63, -2**31, 1.5)
    assert row["n"] == str(record["n"]) and row["u"] == str(record["u"]) and row["c"] == "GREEN"
    assert row["at_ms"] == -1 and row["b_hex"] == "00FF" and row["inner_x"] == 2**31 - 1 and row["names_n"] == 2
    assert {r["key"]: r for r in rows}["nothing"]["n"] is None


async def test_beneath_reads_what_was_loaded(both, tmp_path):
    lines = [{"id": 1, "text": "a", "price": 1.5, "yes": True, "tags": ["x"], "part": {"n": 1}},
             {"id": 2, "text": None, "price": None, "yes": None, "tags": None, "part": None}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    await asyncio.to_thread(firth, both, "load", "shop/things", str(file))
    client = beneath.Client(secret=SECRETS["root"])
    table = await client.find_table("_/shop/things")
    cursor = await table.primary_instance.query_log()
    found = await cursor.read_all()
    assert [{k: v for k, v in r.items() if k != "@meta.timestamp"} for r in found] == lines
    assert all(abs((r["@meta.timestamp"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 600
               for r in found)
    assert not table.use_index
    with pytest.raises(AioRpcError, match="useIndex"):
        await table.primary_instance.query_index()
    await asyncio.to_thread(firth, both, "load", "shop/things", str(file))
    assert [r["id"] for r in await cursor.read_next_changes()] == [1, 2]
    with pytest.raises(GraphQLError, match="ot allowed"):
        await beneath.Client(secret=SECRETS["ada"]).find_table("_/shop/things")
