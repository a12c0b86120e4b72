"""Requests that are whole and well framed, and made to hurt: nesting, lengths and counts. The process lives, says
what is wrong, and stays small.
"""

import contextlib
import json
import urllib.error
import urllib.request

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from rows import connect, create, numbers_of, put
from server import Server

DEEP = 500_000


class Held:
    """One server for all tests; one that died is replaced, so that the next test says something of its own."""

    server = None


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    holder = Held()
    holder.folders = tmp_path_factory
    yield holder
    if holder.server is not None and holder.server.process.poll() is None:
        holder.server.stop()


@pytest.fixture
def server(held):
    if held.server is None or held.server.process.poll() is not None:
        held.server = Server(held.folders.mktemp("hostile") / "data")
        with connect(held.server) as client:
            create(client, "d/t")
            put(client, "d/t", range(10), "x")
    return held.server


def is_alive(server):
    assert server.process.poll() is None, server.log()
    with connect(server) as client:
        assert numbers_of(client, "d/t") == list(range(10))


def nested(opening, closing, inside="1"):
    return opening * DEEP + inside + closing * DEEP


VALUES = {
    "lists": nested("[", "]"), "objects": nested('{"a":', "}"), "open": "[" * DEEP,
    "in a property": '{"properties": ' + nested('{"a":', "}") + "}",
}


def send(server, door, path, body, headers):
    """The status of the answer; None where the connection was cut."""
    request = urllib.request.Request(
        f"http://{server.endpoints[door]}{path}", data=body.encode(), headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return None


JSON = {"Content-Type": "application/json"}
PLACES = {
    "deltacat": [("/v1/namespaces", JSON), ("/v1/namespaces/n/tables", JSON), ("/v1/transactions", JSON),
                 ("/v1/namespaces/n/tables/t/write-sessions", JSON)],
    "beneath_http": [("/graphql", JSON)],
    "aws": [("/", {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.GetItem"}),
            ("/", {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"}),
            ("/sleeper/tables", JSON)],
}


@pytest.mark.parametrize("what", VALUES)
@pytest.mark.parametrize("door", PLACES)
def test_deep_json(server, door, what):
    for path, headers in PLACES[door]:
        for body in (VALUES[what], '{"name": "x", "namespace": "x", "query": "{ ping }", "variables": ' + VALUES[what] + "}"):
            status = send(server, door, path, body, headers)
            assert status is None or 400 <= status < 500, (path, status)
            is_alive(server)


@pytest.mark.parametrize("query", [
    "{" + "a{" * 100_000, "query Q(" + "$a: " + "[" * 100_000, "{ a(b: " + "[" * 100_000, "{ a(b: " + "{c:" * 100_000,
    "{ " + "a " * 1_000_000 + "}", '{ a(b: "' + "x" * 10_000_000 + '") }',
], ids=["selections", "types", "lists", "objects", "many", "long"])
def test_deep_graphql(server, query):
    status = send(server, "beneath_http", "/graphql", json.dumps({"query": query}), JSON)
    assert status is None or status < 500, status
    is_alive(server)


@pytest.mark.parametrize("what", VALUES)
@pytest.mark.parametrize("action", ["create", "alter", "describe", "load", "grant"])
def test_deep_actions(server, action, what):
    with connect(server) as client:
        for body in (VALUES[what], '{"path": "d/u", "schema": ' + VALUES[what] + "}"):
            with pytest.raises(pa.ArrowException):
                list(client.do_action(flight.Action(action, body.encode())))
    is_alive(server)


@pytest.mark.parametrize("what", VALUES)
def test_deep_tickets(server, what):
    with connect(server) as client:
        for body in (VALUES[what], '{"path": "d/t", "filter": ' + VALUES[what] + "}"):
            with pytest.raises(pa.ArrowException):
                client.do_get(flight.Ticket(body.encode())).read_all()
    is_alive(server)


@pytest.mark.parametrize("query", [
    "SELECT " + "(" * 100_000 + "1" + ")" * 100_000, "SELECT " + "-" * 1_000 + "- 1",
    "SELECT * FROM " + "(SELECT * FROM " * 5_000 + "d.t" + ")" * 5_000, "SELECT " + "1+" * 200_000 + "1",
    "SELECT " + "NOT " * 200_000 + "true",
], ids=["parentheses", "minus", "subqueries", "sum", "not"])
def test_deep_sql(server, query):
    with connect(server) as client, contextlib.suppress(pa.ArrowException):
        client.do_get(flight.Ticket(json.dumps({"sql": query}))).read_all()
    is_alive(server)
