"""Pipelines: each action and strategy, each parameter, run as the service that staging makes."""

import asyncio
import datetime
import inspect
import os
import subprocess
import sys

import beneath
import pytest
from beneath import Action, Strategy
from beneath.connection import GraphQLError
from beneath.pipeline import BasePipeline, Pipeline

from conftest import new_project, point_at
from server import SECRETS
from test_client_page import found
from walked import Walked, missing

SCHEMA = "type T @schema { k: Int! @key, v: String }"
DERIVED = "type D @schema { k: Int! @key, of: Int! }"
# What a pipeline takes that is made for tests of its own.
TAKEN = set()


def client_of(secret, **words):
    return beneath.Client(secret=secret, **words)


async def source(project, numbers, name="source"):
    client = client_of(SECRETS["ada"])
    await client.start()
    table = await client.create_table(f"{project}/{name}", schema=SCHEMA, update_if_exists=True)
    await client.write(table.primary_instance, [{"k": k, "v": None} for k in numbers])
    await client.stop()


def derive(project, action, client, strategy=Strategy.delta, version=0, seen=None, **words):
    """Takes the even numbers of the source; each becomes two records."""
    given = dict(action=action, strategy=strategy, version=version, service_path=f"{project}/deriver", client=client, **words)
    TAKEN.update(given)
    pipeline = Pipeline(**given)
    walked = Walked(pipeline)

    async def fn(record):
        if seen is not None:
            seen.append(record["k"])
        if record["k"] % 2:
            return None
        return [{"k": record["k"] * 10 + i, "of": record["k"]} for i in range(2)]

    read = walked.read_table(table_path=f"{project}/source")
    applied = walked.apply(prev_transform=read, fn=fn, max_concurrency=1)
    walked.write_table(prev_transform=applied, table_path="derived", schema=DERIVED, description="what was derived",
                       retention=datetime.timedelta(days=1), schema_kind="GraphQL")
    return walked


async def secret_of(project, service):
    admin = client_of(SECRETS["ada"]).admin
    data = await admin.services.find_by_organization_project_and_name(*project.split("/"), service)
    return (await admin.services.issue_secret(data["serviceID"], "for a pipeline"))["token"], data


async def rows(project, name="derived", version=None):
    client = client_of(SECRETS["ada"])
    table = await client.find_table(f"{project}/{name}")
    instance = table.primary_instance if version is None else await table.find_instance(version)
    return [r["k"] for r in await (await instance.query_log()).read_all() or []]


def expected(numbers):
    return sorted(k * 10 + i for k in numbers if k % 2 == 0 for i in range(2))


async def test_a_test_changes_nothing(project, caplog):
    await source(project, range(10))
    with caplog.at_level("INFO", logger="beneath"):
        await derive(project, Action.test, client_of(SECRETS["ada"], dry=True)).execute()
    assert "'of': 8" in caplog.text
    mine = await client_of(SECRETS["ada"]).admin.projects.find_by_organization_and_name(*project.split("/"))
    assert [t["name"] for t in mine["tables"]] == ["source"] and mine["services"] == []


async def test_stage_run_and_tear_down(project):
    await source(project, range(10))
    # Nothing is there to run before it is staged.
    with pytest.raises(GraphQLError, match=" not found"):
        await derive(project, Action.run, client_of(SECRETS["ada"])).execute()
    for _ in range(2):
        await derive(project, Action.stage, client_of(SECRETS["ada"]), service_read_quota=10**9, service_write_quota=0,
                     service_scan_quota=5).execute()
    secret, service = await secret_of(project, "deriver")
    assert (service["readQuota"], service["writeQuota"], service["scanQuota"]) == (10**9, None, 5)
    derived = await found(f"{project}/derived")
    assert derived["description"] == "what was derived" and derived["indexRetentionSeconds"] == 86400
    assert (await found(f"{project}/deriver_checkpoints"))["meta"]
    assert derived["primaryTableInstance"]["version"] == 0 and derived["instancesCreatedCount"] == 1
    # The service has the rights that it was given, and no others.
    await source(project, [1], name="other")
    with pytest.raises(GraphQLError, match="ot allowed"):
        await client_of(secret).find_table(f"{project}/other")
    table = await client_of(secret).find_table(f"{project}/derived")
    with pytest.raises(Exception, match="not allowed"):
        await table.primary_instance.query_log()
    # Each record once, however often it is run.
    seen = []
    await derive(project, Action.run, client_of(secret), seen=seen).execute()
    assert seen == list(range(10)) and sorted(await rows(project)) == expected(range(10))
    await derive(project, Action.run, client_of(secret), seen=seen).execute()
    assert len(seen) == 10
    await source(project, range(10, 15))
    await derive(project, Action.run, client_of(secret), seen=seen).execute()
    assert seen == list(range(15)) and sorted(await rows(project)) == expected(range(15))
    # Another version begins anew, and becomes the primary one; as a batch, a final one.
    await derive(project, Action.stage, client_of(SECRETS["ada"]), version=1).execute()
    assert (await found(f"{project}/derived"))["primaryTableInstance"]["version"] == 0
    await derive(project, Action.run, client_of(secret), version=1, strategy=Strategy.batch).execute()
    derived = await found(f"{project}/derived")
    assert derived["primaryTableInstance"]["version"] == 1 and derived["primaryTableInstance"]["madeFinalOn"]
    assert sorted(await rows(project)) == expected(range(15)) and sorted(await rows(project, version=0)) == expected(range(15))
    # What is final takes no more, also of the same pipeline.
    await source(project, [16])
    with pytest.raises(Exception, match="final"):
        again = derive(project, Action.run, client_of(secret), version=1, strategy=Strategy.continuous)
        await asyncio.wait_for(again.execute(), 3)
        await again.client.stop()
    for _ in range(2):
        await derive(project, Action.teardown, client_of(SECRETS["ada"])).execute()
    mine = await client_of(SECRETS["ada"]).admin.projects.find_by_organization_and_name(*project.split("/"))
    assert [t["name"] for t in mine["tables"]] == ["other", "source"] and mine["services"] == []
    with pytest.raises(Exception, match="authentication error"):
        await client_of(secret).connection.ensure_connected()


async def run_until(pipeline, reached):
    """A continuous pipeline until something is reached, then ended as a signal would end it."""
    task = asyncio.ensure_future(pipeline.execute())
    for _ in range(400):
        await asyncio.sleep(0.05)
        if task.done() or reached():
            break
    assert not task.done(), task.exception()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_continuous_goes_on_where_it_stopped(project, monkeypatch):
    await source(project, range(6))
    await derive(project, Action.stage, client_of(SECRETS["ada"])).execute()
    secret, _ = await secret_of(project, "deriver")
    seen = []
    await run_until(derive(project, Action.run, client_of(secret), Strategy.continuous, seen=seen), lambda: len(seen) == 6)
    await source(project, range(6, 9))
    # Without a client it makes its own.
    monkeypatch.setenv("BENEATH_SECRET", secret)
    pipeline = derive(project, Action.run, None, Strategy.continuous, seen=seen, write_delay_ms=20)
    task = asyncio.ensure_future(run_until(pipeline, lambda: len(seen) >= 12))
    while len(seen) < 9:
        await asyncio.sleep(0.05)
        assert not task.done()
    await source(project, range(9, 12))
    await task
    assert seen == list(range(12)) and sorted(await rows(project)) == expected(range(12))


async def test_generated_records(project):
    """A generator that remembers where it was; without checkpoints it begins anew."""
    async def generate(pipeline):
        last = await pipeline.checkpoints.get("last", default=0) if pipeline.checkpoints else 0
        for k in range(last, last + 5):
            yield {"k": k, "v": f"{k}"}
            if pipeline.checkpoints:
                await pipeline.checkpoints.set("last", k + 1)
        yield beneath.PIPELINE_IDLE

    def made(action, client, version=0, **words):
        given = dict(action=action, strategy=Strategy.delta, version=version, service_path=f"{project}/maker", client=client, **words)
        TAKEN.update(given)
        walked = Walked(Pipeline(**given))
        walked._inner.description = "makes numbers"
        ticks = walked.generate(fn=generate)
        walked.write_table(ticks, f"{project}/made", schema=SCHEMA)
        walked.write_table(ticks, "copied", schema=SCHEMA)
        return walked

    await made(Action.stage, client_of(SECRETS["ada"])).execute()
    secret, service = await secret_of(project, "maker")
    assert service["description"] == "makes numbers"
    for _ in range(2):
        await made(Action.run, client_of(secret)).execute()
    assert await rows(project, "made") == list(range(10)) == await rows(project, "copied")
    apart = dict(version=3, disable_checkpoints=True)
    await made(Action.stage, client_of(SECRETS["ada"]), **apart).execute()
    for _ in range(2):
        await made(Action.run, client_of(secret), **apart).execute()
    assert await rows(project, "made") == [*range(5), *range(5)]
    assert (await found(f"{project}/made"))["primaryTableInstance"]["version"] == 3
    await made(Action.teardown, client_of(SECRETS["ada"])).execute()


PROGRAM = """
import sys
import beneath
from beneath import config
config.BENEATH_CONTROL_HOST, config.BENEATH_GATEWAY_HOST_GRPC, kind, project = sys.argv[1:5]
del sys.argv[1:5]

async def generate(pipeline):
    for k in range(5):
        yield {"k": k, "v": None}
    yield beneath.PIPELINE_IDLE

async def apply(record):
    return {"k": record["k"] + 100, "v": "applied"}

async def consume(record):
    print("consumed", record["k"], flush=True)

schema = "type T @schema { k: Int! @key, v: String }"
if kind == "generate":
    beneath.generate_table_pipeline(generate_fn=generate, output_table_path="numbers", output_table_schema=schema)
elif kind == "derive":
    beneath.derive_table_pipeline(input_table_path=project + "/numbers", apply_fn=apply, output_table_path="applied",
                                  output_table_schema=schema, max_concurrency=1)
else:
    beneath.consume_table_pipeline(input_table_path=project + "/numbers", consume_fn=consume, max_concurrency=1)
"""


async def program(server, project, kind, *words, secret=SECRETS["ada"], home):
    environment = os.environ | {"BENEATH_ENV": "dev", "BENEATH_SECRET": secret, "HOME": str(home)}
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-W", "ignore", "-c", PROGRAM, f"http://{server.http}", server.grpc, kind, project, *words],
        env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_programs(server, project, tmp_path):
    """Whole programs, as the command line runs them."""
    for kind in ("generate", "derive", "consume"):
        path = f"{project}/{kind}r"
        words = dict(home=tmp_path)
        await program(server, project, kind, "stage", path, "--read-quota-mb", "100", "--write-quota-mb", "0", **words)
        secret, service = await secret_of(project, f"{kind}r")
        assert service["readQuota"] == 100 * 10**6 and service["writeQuota"] is None
        out = await program(server, project, kind, "run", path, "--strategy", "delta", secret=secret, **words)
        assert ("consumed 4" in out) == (kind == "consume")
    assert await rows(project, "numbers") == list(range(5)) and await rows(project, "applied") == list(range(100, 105))
    out = await program(server, project, "derive", "test", "--strategy", "delta", home=tmp_path)
    assert "'k': 104" in out
    for kind in ("consume", "derive", "generate"):
        await program(server, project, kind, "teardown", f"{project}/{kind}r", home=tmp_path)
    mine = await client_of(SECRETS["ada"]).admin.projects.find_by_organization_and_name(*project.split("/"))
    assert mine["tables"] == [] and mine["services"] == []


async def test_a_killed_server_in_the_midst(own_server):
    """Killed while a pipeline runs: the next run goes on, and nothing that was read is missing from what was derived."""

    path = await new_project(SECRETS["ada"], "p")
    await source(path, [0])
    total = 1
    await derive(path, Action.stage, client_of(SECRETS["ada"])).execute()
    secret, _ = await secret_of(path, "deriver")
    for turn in range(3):
        await source(path, range(total, total + 400))
        total += 400
        pipeline = derive(path, Action.run, client_of(secret, write_delay_ms=5), Strategy.continuous)
        task = asyncio.ensure_future(pipeline.execute())
        await asyncio.sleep(0.3 + 0.2 * turn)
        own_server.kill()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        own_server.start()
        point_at(own_server)
        await derive(path, Action.run, client_of(secret)).execute()
        client = client_of(SECRETS["ada"])
        table = await client.find_table(f"{path}/derived")
        assert [r["k"] for r in await (await table.primary_instance.query_index()).read_all()] == expected(range(total))


def test_everything_was_used():
    taken = {name for name in inspect.signature(BasePipeline.__init__).parameters if name != "self"}
    # The functions of whole programs give this one.
    assert taken - TAKEN == {"parse_args"}
    assert [m for m in missing([Pipeline]) if not m.startswith("Pipeline.main")] == []
