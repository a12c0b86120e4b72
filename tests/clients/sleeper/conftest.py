"""A server of its own for each test that asks. The client is the unmodified one where SLEEPER_PYTHON_DIR names a
checkout of the folder `python` of its repository, else sdk_client.py; which of the two ran stands in the report."""

import os
import pathlib
import signal
import sys
import time

import boto3
import pytest
from boto3.dynamodb.conditions import Key

import sdk_client
from server import INSTANCE, Server

CHECKOUT = os.environ.get("SLEEPER_PYTHON_DIR", "").split(":")[0]  # test_generations.py runs them all
if CHECKOUT:
    sys.path.insert(0, str(pathlib.Path(CHECKOUT) / "src"))
WHICH = f"the unmodified client of {CHECKOUT}" if CHECKOUT else "its calls through boto3 and s3fs (SLEEPER_PYTHON_DIR is not set)"


def pytest_report_header(config):
    return f"sleeper client: {WHICH}"


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"report: sleeper's client: {WHICH}")


def connect(instance=INSTANCE):
    if not CHECKOUT:
        return sdk_client.SdkClient(instance)
    from sleeper.client import SleeperClient
    return SleeperClient(instance)


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path / "data")
    yield running
    if running.process.poll() is None:
        assert running.end(signal.SIGTERM) == 0


@pytest.fixture
def client(server):
    return connect()


class Jobs:
    """What the trackers say of jobs."""

    def __init__(self):
        self.dynamo = boto3.resource("dynamodb")

    def last(self, job_id):
        items = self.dynamo.Table(f"sleeper-{INSTANCE}-ingest-job-lookup").query(KeyConditionExpression=Key("JobId").eq(job_id))
        return items["Items"][0] if items["Items"] else None

    def events(self, table_id, job_id):
        found = self.dynamo.Table(f"sleeper-{INSTANCE}-ingest-job-updates").query(
            KeyConditionExpression=Key("TableId").eq(table_id) & Key("JobIdAndUpdate").begins_with(job_id + "|"))["Items"]
        return sorted(found, key=lambda item: int(item["UpdateTime"]))

    def query(self, query_id):
        return self.dynamo.Table(f"sleeper-{INSTANCE}-query-tracking-table").get_item(
            Key={"queryId": query_id, "subQueryId": "-"})["Item"]

    def wait(self, job_id, seconds=30):
        """The job's end: finished, failed, or refused."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            item = self.last(job_id)
            if item and (item["LastUpdateType"] in ("finished", "failed") or item.get("LastValidationResult") == "REJECTED"):
                return item["LastUpdateType"] if item["LastUpdateType"] != "validated" else "refused"
            time.sleep(0.02)
        raise TimeoutError(f"job {job_id} did not end")


@pytest.fixture
def jobs(server):
    return Jobs()
