"""Requests as the real client sent them, with bytes changed: the server answers or cuts the connection, and lives.

`captured/fluss` holds one or two requests of each kind that pyfluss sends, without their length, named by kind. The
checksums of batches are made right again after the change, so that what lies behind them is reached. The number of
requests is FIRTH_MUTATIONS, the seed FIRTH_MUTATION_SEED, which is printed.
"""

import contextlib
import os
import pathlib
import random
import socket
import struct

import pytest

from rows import connect, create, numbers_of, put
from server import Server

CAPTURED = pathlib.Path(__file__).parent / "captured"
REQUESTS = int(os.environ.get("FIRTH_MUTATIONS", "20000"))
SEED = int(os.environ.get("FIRTH_MUTATION_SEED", str(random.randrange(1 << 30))))
A_CONNECTION = 4  # the server cuts the connection at some
INTERESTING = [0, 1, 0x7F, 0x80, 0xFF]
NUMBERS = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def batches(frame):
    """Where batches of rows (log: length at 8) and of upserts (length at 0) lie: (start, end, crc at, from)."""
    found = []
    for start in range(8, len(frame) - 28):
        if struct.unpack_from("<i", frame, start)[0] == len(frame) - start - 4 and frame[start + 4] == 0:
            found.append((start, len(frame), start + 5, start + 9))
        if start + 48 < len(frame) and struct.unpack_from("<i", frame, start + 8)[0] == len(frame) - start - 12:
            found.append((start, len(frame), start + 21, start + 25))
    return found


def mutate(generator, seeds):
    frame = bytearray(generator.choice(seeds))
    places = batches(frame)
    for _ in range(generator.choice([1, 1, 2, 4, 16])):
        if len(frame) <= 9:
            frame += bytes([generator.randrange(256)])
            continue
        at = generator.randrange(4 if generator.random() < 0.05 else 8, len(frame))
        what = generator.randrange(6)
        if what == 0:
            frame[at] ^= 1 << generator.randrange(8)
        elif what == 1:
            frame[at] = generator.choice(INTERESTING)
        elif what == 2 and len(frame) - at >= 4:
            struct.pack_into("<I", frame, at, generator.choice(NUMBERS))
        elif what == 3:
            del frame[at : at + generator.randrange(1, 9)]
        elif what == 4:
            frame[at:at] = bytes(generator.randrange(256) for _ in range(generator.randrange(1, 9)))
        else:
            other = generator.choice(seeds)
            frame[at:at] = other[generator.randrange(len(other)):][:64]
    for _, end, crc_at, begin in places:
        if end == len(frame):
            struct.pack_into("<I", frame, crc_at, crc32c(frame[begin:end]))
    return bytes(frame)


@pytest.fixture
def server(tmp_path):
    started = Server(tmp_path / "data")
    yield started
    if started.process.poll() is None:
        started.stop()


def exchange(server, requests):
    """Send requests on a connection of their own. Returns how many answers came."""
    answers = b""
    with contextlib.suppress(OSError), socket.create_connection(server.address("fluss"), timeout=30) as one:
        one.sendall(b"".join(struct.pack(">I", len(frame)) + frame for frame in requests))
        one.shutdown(socket.SHUT_WR)
        while more := one.recv(1 << 16):
            answers += more
    count = 0
    while len(answers) >= 4:
        answers = answers[4 + struct.unpack(">I", answers[:4])[0]:]
        count += 1
    return count


def test_fluss(server):
    print(f"seed {SEED}, {REQUESTS} requests")
    generator = random.Random(SEED)
    seeds = [path.read_bytes() for path in sorted((CAPTURED / "fluss").iterdir())]
    # A writer may write rows that nobody can decode, whose checksum is right: nothing is decoded on the way in. So
    # the table that is read at the end has an id that no request names.
    with connect(server) as client:
        for number in range(20):
            create(client, f"other/t{number}")
        create(client, "sound/t")
        put(client, "sound/t", range(100), "x")
    original = [frame for frame in seeds if struct.unpack(">h", frame[:2])[0] in (1001, 1005)]
    answers = exchange(server, original)
    for start in range(0, REQUESTS, A_CONNECTION):
        answers += exchange(server, [mutate(generator, seeds) for _ in range(A_CONNECTION)])
        assert server.process.poll() is None, f"it died at requests {start} to {start + A_CONNECTION}:\n{server.log()}"
    assert answers > REQUESTS // 3, f"only {answers} of {REQUESTS} requests were answered"
    with connect(server) as client:
        assert numbers_of(client, "sound/t") == list(range(100))
    server.stop()
    again = Server(server.folder)
    with connect(again) as client:
        assert numbers_of(client, "sound/t") == list(range(100))
    again.stop()
