#!/usr/bin/env python3
# Python: venv/native
"""What the server costs before it works: its start, its memory when idle, and a follower that waits.

    FIRTH_BINARY=build/firth python bench/server.py [FOLLOWERS]

Start is the time from the process's beginning to the line `ready`, on an empty folder, with all doors (median of 10).
Idle is the private memory (RssAnon) five seconds later. A follower is a connection to the Fluss door with a fetch at
the log's end that waits for ten minutes; its cost is what the private memory grows by, divided by their number.
Needs PyPI pyarrow.
"""

import json
import resource
import socket
import statistics
import struct
import sys
import tempfile
import time

import pyarrow as pa
import pyarrow.flight as flight
from common import Server, keep

DOORS = ["fluss", "fluss-sasl", "btrdb", "beneath-http", "beneath-grpc", "deltacat", "aws", "flight", "console"]
FETCH_LOG, GET_TABLE_INFO = 1015, 1007
WAIT_MS = 600_000


def varint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value & (1 << 64) - 1)


def message(field, body):
    return varint(field << 3 | 2) + varint(len(body)) + body


def request(api, body):
    frame = struct.pack(">hhi", api, 0, 1) + body
    return struct.pack(">i", len(frame)) + frame


def answer(connection):
    def read(count):
        data = b""
        while len(data) < count:
            data += connection.recv(count - len(data))
        return data
    return read(struct.unpack(">i", read(4))[0])


def table_id(address):
    with socket.create_connection(address) as connection:
        path = message(1, b"bench") + message(2, b"followed")
        connection.sendall(request(GET_TABLE_INFO, message(1, path)))
        body = answer(connection)[5:]  # behind the type and the number of the request
        assert body[0] == 1 << 3, "the table's id comes first"
        value = shift = 0
        for byte in body[1:]:
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value


def main():
    followers = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, followers * 2 + 1_000), hard))
    starts = []
    for _ in range(10):
        with tempfile.TemporaryDirectory(prefix="firth-start-") as folder:
            server = Server(folder, DOORS)
            starts.append(server.start_s)
            server.stop()
    with tempfile.TemporaryDirectory(prefix="firth-start-") as folder:
        server = Server(folder, DOORS)
        doors = server.endpoints
        time.sleep(5)
        idle = server.private_bytes()
        client = flight.connect(f"grpc://{doors['flight']}")
        target = flight.FlightDescriptor.for_command(json.dumps({"path": "bench/followed", "create": True}))
        rows = pa.table({"a": pa.array([1], pa.int64())})
        writer, reader = client.do_put(target, rows.schema)
        with writer:
            writer.write_table(rows)
            writer.done_writing()
            while reader.read() is not None:
                pass
        client.close()
        host, port = doors["fluss"].rsplit(":", 1)
        address = (host, int(port))
        table = table_id(address)
        bucket = number(2, 0) + number(3, 1) + number(4, 1 << 20)
        asked = request(FETCH_LOG, number(1, -1) + number(2, 1 << 24) +
                        message(3, number(1, table) + number(2, 0) + message(4, bucket)) +
                        number(4, WAIT_MS) + number(5, 1))
        connections = []
        before = None
        for i in range(followers + 100):
            if i == 100:  # the first ones pay for what all share
                time.sleep(1)
                before = server.private_bytes()
            connections.append(socket.create_connection(address))
            connections[-1].sendall(asked)
        time.sleep(2)
        follower = (server.private_bytes() - before) / followers
        for connection in connections:  # they wait: there is nothing to read yet
            connection.setblocking(False)
            try:
                raise AssertionError(f"a follower was answered: {connection.recv(100)}")
            except BlockingIOError:
                pass
            connection.close()
        server.stop()
    result = {"start_ms": statistics.median(starts) * 1000, "idle_bytes": idle, "follower_bytes": follower,
              "followers": followers}
    print("start %.0f ms; idle %.1f MB private; a waiting follower %.1f KB" % (
        result["start_ms"], idle / 1e6, follower / 1e3))
    keep("server", result)


if __name__ == "__main__":
    main()
