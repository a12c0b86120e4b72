"""Rows through the native door."""

import json

import pyarrow as pa
import pyarrow.flight as flight

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])


def connect(server):
    return flight.connect(f"grpc://{server.endpoints['flight']}")


def act(client, action, **fields):
    return list(client.do_action(flight.Action(action, json.dumps(fields).encode())))


def create(client, path, **fields):
    columns = [{"name": "n", "type": "int64"}, {"name": "text", "type": "text"}]
    act(client, "create", path=path, schema=columns, **fields)


def put(client, path, numbers, text):
    """Write rows and wait until they are acknowledged."""
    numbers = list(numbers)
    rows = pa.table([numbers, [text] * len(numbers)], schema=SCHEMA)
    stream, answers = client.do_put(flight.FlightDescriptor.for_path(*path.split("/")), SCHEMA)
    with stream:
        stream.write_table(rows)
        stream.done_writing()
        assert json.loads(answers.read().to_pybytes())["rows"] == len(numbers)


def numbers_of(client, path):
    """Column n, in the order of the log."""
    return client.do_get(flight.Ticket(json.dumps({"path": path}))).read_all()["n"].to_pylist()
