"""A full disk: inserts are refused with the protocol's error, reads go on, and writing resumes when there is room.

Method: the server's folder is a small file system in memory, in a mount namespace of the server's own; a file beside its
data takes the room, and gives it back. What was acknowledged is compared with what is read, also after a kill.
"""

import json
import os
import pathlib
import signal
import subprocess
import uuid

import btrdb.exceptions as errors
import numpy
import pyarrow as pa
import pytest

from conftest import BINARY, Server

BASE = 1500000000000000000
DISK = 128 << 20

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


class SmallServer(Server):
    """Its folder is seen from here below /proc."""

    def __init__(self, folder):
        folder.mkdir()
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             f'mount -t tmpfs -o size={DISK} firth-test "{folder}" && echo there && exec sleep 3600'],
            stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "there\n":
            pytest.skip("mounting is not allowed here")
        self.data = folder / "data"
        super().__init__(pathlib.Path(f"/proc/{self.holder.pid}/root{folder}") / "data")

    def start(self):
        inside = ["nsenter", "--mount", f"--target={self.holder.pid}", BINARY]
        self.process = subprocess.Popen(
            [*inside, "serve", "--data", str(self.data), "--btrdb", "127.0.0.1:0", *self.more],
            env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        self.address = json.loads((self.folder / "endpoints.json").read_text())["btrdb"]

    def close(self):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


@pytest.fixture
def server(tmp_path):
    running = SmallServer(tmp_path / "small")
    yield running
    running.close()


def table(first, count):
    at = numpy.arange(first, first + count, dtype="int64")
    # Noise, so that the disk fills.
    values = numpy.random.default_rng(first).random(count)
    return pa.table({"time": pa.array(BASE + at, pa.timestamp("ns", tz="UTC")), "value": values}), values


def fill(path):
    with open(path, "ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    filler.write(b"f" * size)
            except OSError:
                pass


def check(stream, expected):
    values = numpy.concatenate(expected)
    assert stream.count(BASE, BASE + 10**9, precise=True) == len(values)
    read = stream.arrow_values(BASE, BASE + 10**9)
    assert numpy.array_equal(read["value"].to_numpy(), values)
    nearest, _ = stream.nearest(BASE + len(values) - 1, 0)
    assert nearest.value == values[-1]


def test_refused_read_resumed(server):
    conn = server.connect()
    stream = conn.create(uuid.uuid4(), "full", tags={"name": "x"})
    rows, values = table(0, 5_000)
    stream.arrow_insert(rows)
    expected, points = [values], 5_000
    for round_ in range(3):
        filler = server.folder.parent / "filler"
        fill(filler)
        for _ in range(2000):
            rows, values = table(points, 20_000)
            try:
                stream.arrow_insert(rows)
            except errors.BTRDBServerError as refused:
                assert "426" in str(refused) and "space" in str(refused).lower(), refused
                break
            expected.append(values)
            points += 20_000
        else:
            raise AssertionError("the disk never got full")
        assert server.process.poll() is None
        version = stream.version()
        check(stream, expected)
        with pytest.raises(errors.BTRDBServerError):
            for _ in range(1000):
                stream.arrow_insert(table(points, 20_000)[0])
        assert stream.version() == version
        os.unlink(filler)
        rows, values = table(points, 5_000)
        stream.arrow_insert(rows)
        expected.append(values)
        points += 5_000
        check(stream, expected)
        if round_ == 1:
            server.end(signal.SIGKILL)
            server.start()
            stream = server.connect().stream_from_uuid(stream.uuid)
            check(stream, expected)
