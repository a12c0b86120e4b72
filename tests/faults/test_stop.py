"""A server that is told to stop while every door is in use ends with 0, and what was acknowledged is there afterwards.

Method: one folder through all cycles. Each starts the server, has a thread of its own ask each door again and again,
and sends SIGTERM at a random moment, the first ones at once. How many cycles is FIRTH_STOP_CYCLES; the seed is
FIRTH_STOP_SEED, which is printed.
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import socket
import struct
import threading
import time

import pyarrow.flight as flight

from rows import connect, create, numbers_of, put
from server import Server

CAPTURED = pathlib.Path(__file__).parent / "captured" / "fluss"
CYCLES = int(os.environ.get("FIRTH_STOP_CYCLES", "30"))
SEED = int(os.environ.get("FIRTH_STOP_SEED", str(random.randrange(1 << 30))))
AT_ONCE = 5


class Caller(threading.Thread):
    """Makes one call of a door again and again until the server is gone; `answered` counts."""

    def __init__(self, call, server):
        super().__init__()
        self.call, self.server, self.answered = call, server, 0

    def run(self):
        with contextlib.suppress(OSError, http.client.HTTPException, flight.FlightError):
            for _ in self.call(self.server):
                self.answered += 1


def asked(server, door, method, path, body=b"", **headers):
    """The same HTTP request again and again, on one connection."""
    host, port = server.address(door)
    connection = http.client.HTTPConnection(host, port, timeout=60)
    with contextlib.closing(connection):
        while True:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            yield answer.status


def fluss(server):
    frames = [path.read_bytes() for path in sorted(CAPTURED.iterdir())]
    while True:
        with socket.create_connection(server.address("fluss"), timeout=60) as one:
            one.sendall(b"".join(struct.pack(">I", len(frame)) + frame for frame in frames))
            one.shutdown(socket.SHUT_WR)
            while one.recv(1 << 16):
                yield


def follow(server):
    with connect(server) as client:
        for batch in client.do_get(flight.Ticket(json.dumps({"path": "d/t", "follow": True}))):
            yield batch


def query(server):
    with connect(server) as client:
        while True:
            yield client.do_get(flight.Ticket(json.dumps({"sql": "SELECT count(*) FROM d.t"}))).read_all()


CALLS = (
    fluss, follow, query,
    lambda server: asked(server, "aws", "PUT", "/stop/object", b"x" * 100_000),
    lambda server: asked(server, "beneath_http", "POST", "/graphql", b'{"query":"{ ping }"}',
                         **{"Content-Type": "application/json"}),
    lambda server: asked(server, "deltacat", "GET", "/v1/namespaces"),
    lambda server: asked(server, "console", "GET", "/metrics"),
)


class Writer(threading.Thread):
    def __init__(self, server, first):
        super().__init__()
        self.server, self.sent, self.acknowledged = server, first, first

    def run(self):
        with contextlib.suppress(flight.FlightError, StopIteration), connect(self.server) as client:
            while True:
                self.sent += 10
                put(client, "d/t", range(self.sent - 10, self.sent), "x")
                self.acknowledged = self.sent


def test_stop_under_load(tmp_path):
    print(f"seed {SEED}, {CYCLES} cycles")
    generator = random.Random(SEED)
    server = Server(tmp_path / "data")
    with connect(server) as client:
        for number in range(20):  # so that the table which is read has an id that no captured request names
            create(client, f"other/t{number}")
        create(client, "d/t")
    assert next(asked(server, "aws", "PUT", "/stop")) == 200
    server.stop()
    first, answered = 0, [0] * len(CALLS)
    for cycle in range(CYCLES):
        server = Server(tmp_path / "data")
        callers = [Caller(call, server) for call in CALLS]
        writer = Writer(server, first)
        for thread in (writer, *callers):
            thread.start()
        time.sleep(0 if cycle < AT_ONCE else generator.random())
        server.stop()
        for thread in (writer, *callers):
            thread.join()
        answered = [a + b.answered for a, b in zip(answered, callers)]
        again = Server(tmp_path / "data")
        with connect(again) as client:
            found = numbers_of(client, "d/t")
        again.stop()
        assert found == list(range(len(found)))
        assert writer.acknowledged <= len(found) <= writer.sent
        first = len(found)
    print(f"{first} rows, answers {answered}")
    assert first > 0 and all(answered), "a door was never in use"
