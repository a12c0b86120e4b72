"""Slow, idle and half-open connections, and clients that never read: the server answers others, and its memory is
bounded.

Method: raw sockets against every door of one server. Whether it still answers is asked through the native door
and the console, with clients that wait as long as it takes; nothing else depends on time.
"""

import contextlib
import json
import resource
import socket
import struct
import urllib.request

import pyarrow.flight as flight
import pytest

from rows import connect, create, numbers_of, put
from server import DOORS, Server

IDLE = 1000
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    started = Server(tmp_path_factory.mktemp("connections") / "data")
    with connect(started) as client:
        create(client, "d/t")
        put(client, "d/t", range(1000), "x" * 1000)
    yield started
    started.stop()


def is_responsive(server):
    """It reads, writes, and tells its health."""
    with connect(server) as client:
        before = len(numbers_of(client, "d/t"))
        put(client, "d/t", [before], "more")
        assert len(numbers_of(client, "d/t")) == before + 1
    with urllib.request.urlopen(f"http://{server.endpoints['console']}/healthz") as answer:
        assert answer.status == 200


def http(path="/", headers="", method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}".encode()


# What a client of each door sends first, so that the server holds something of it: never a whole request.
BEGINNINGS = {
    "fluss": struct.pack(">I", 90 * MIB) + b"\x03\xf6\x00\x00\x00\x00\x00\x01",  # a large frame that never comes
    "btrdb": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "beneath_grpc": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "flight": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "beneath_http": http("/graphql", "Content-Length: 60000000\r\n\r\n", "POST") + b"{",
    "deltacat": http("/", "Content-Length: 60000000\r\n\r\n", "POST") + b"{",
    "aws": http("/", "Content-Length: 60000000\r\n\r\n", "POST") + b"{",
    "console": http("/metrics", "X: "),
}


def test_every_door_has_a_beginning():
    assert set(BEGINNINGS) == set(DOORS)


@pytest.mark.parametrize("door", DOORS)
def test_half_sent_requests_hold_next_to_nothing(server, door):
    """Lengths that were only promised are not allocated, and nobody waits for who never ends."""
    with contextlib.ExitStack() as stack:
        open_socket(stack, server, door).sendall(BEGINNINGS[door])
        before = server.private_bytes()
        for _ in range(100):
            open_socket(stack, server, door).sendall(BEGINNINGS[door])
        is_responsive(server)
        grown = server.private_bytes() - before
        assert grown < 100 * MIB, f"100 half requests take {grown >> 20} MiB"
    is_responsive(server)


def open_socket(stack, server, door):
    return stack.enter_context(socket.create_connection(server.address(door), timeout=60))


def test_a_thousand_idle_connections(server):
    with contextlib.ExitStack() as stack:
        before = server.private_bytes()
        for i in range(IDLE):
            open_socket(stack, server, DOORS[i % len(DOORS)])
        is_responsive(server)
        grown = server.private_bytes() - before
        assert grown < 100 * MIB, f"{IDLE} idle connections take {grown >> 20} MiB"
    is_responsive(server)


@pytest.mark.parametrize("door", DOORS)
def test_connections_that_are_reset(server, door):
    """A client that goes away without a word, in the middle of what it said."""
    for size in range(1, 60):
        one = socket.create_connection(server.address(door), timeout=60)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.sendall(BEGINNINGS[door][:size])
        one.close()
    is_responsive(server)


@pytest.mark.parametrize("door", DOORS)
def test_bytes_that_are_no_protocol(server, door):
    for noise in (b"\xff" * 4096, b"\0" * 4096, b"GET / HTTP/9.9\r\n\r\n" * 100, b"\x16\x03\x01" + b"\0" * 500):
        with contextlib.suppress(OSError), socket.create_connection(server.address(door), timeout=60) as one:
            one.sendall(noise)
            one.shutdown(socket.SHUT_WR)
            while one.recv(65536):
                pass
    is_responsive(server)


HTTP_READS = {
    "console": http("/metrics", "\r\n"), "deltacat": http("/openapi.json", "\r\n"),
    "beneath_http": http("/", "\r\n"), "aws": http("/", "\r\n"),
}


@pytest.mark.parametrize("door", HTTP_READS)
def test_a_client_of_http_that_never_reads(server, door):
    """It asks again and again and takes no answer: once its socket is full, the server reads no more of it."""
    with contextlib.ExitStack() as stack:
        before = server.private_bytes()
        for _ in range(3):
            ask_until_stuck(open_small(stack, server, door), HTTP_READS[door])
        is_responsive(server)
        grown = server.private_bytes() - before
        assert grown < 100 * MIB, f"3 clients that never read take {grown >> 20} MiB"


def open_small(stack, server, door):
    """A connection that takes little before it is full."""
    one = stack.enter_context(socket.socket())
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.settimeout(60)
    one.connect(server.address(door))
    return one


def ask_until_stuck(one, request, bytes_max=64 * MIB):
    """Send a request over and over until the server takes no more. Returns the bytes that it took."""
    one.settimeout(1)
    sent = 0
    many = request * max(1, 16384 // len(request))
    try:
        while sent < bytes_max:
            sent += one.send(many)
    except OSError:
        return sent
    raise AssertionError(f"the server took {sent >> 20} MiB of requests, and none of its answers was read")


def fluss_frame(kind, number, message):
    body = struct.pack(">hhi", kind, 0, number) + message
    return struct.pack(">I", len(body)) + body


def test_a_client_of_frames_that_never_reads(server):
    """Asks for the versions of the protocol for ever."""
    versions = fluss_frame(1000, 1, b"\x0a\x01x\x12\x011")
    with contextlib.ExitStack() as stack:
        before = server.private_bytes()
        for _ in range(4):
            ask_until_stuck(open_small(stack, server, "fluss"), versions, bytes_max=512 * MIB)
        is_responsive(server)
        grown = server.private_bytes() - before
        assert grown < 4 * 64 * MIB, f"4 clients that never read take {grown >> 20} MiB"


def test_a_scan_that_nobody_reads(server):
    """Streams of the native door wait for their reader, and hold little meanwhile."""
    with connect(server) as client:
        create(client, "d/wide")
        for _ in range(40):
            put(client, "d/wide", range(100), "y" * 20_000)
    before = server.private_bytes()
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            client = stack.enter_context(connect(server))
            reader = client.do_get(flight.Ticket(json.dumps({"path": "d/wide"})))
            reader.read_chunk()  # and no more
            stack.callback(reader.cancel)
        is_responsive(server)
        grown = server.private_bytes() - before
        assert grown < 16 * 24 * MIB, f"16 scans that nobody reads take {grown >> 20} MiB"
