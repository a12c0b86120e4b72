"""A server of its own for each test that asks, and the unmodified client connected to it."""

import json
import os
import pathlib
import signal
import subprocess
import time

import btrdb
import pytest

BINARY = os.environ.get("FIRTH_BINARY", "firth")
TICK = os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, folder, *more, anonymous="admin"):
        self.folder = folder
        self.more = list(more) + (["--access-anonymous", anonymous] if anonymous else [])
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", str(self.folder), "--btrdb", "127.0.0.1:0", *self.more],
            env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        self.address = json.loads((self.folder / "endpoints.json").read_text())["btrdb"]

    def connect(self, key=None):
        return btrdb.connect(self.address, apikey=key)

    def cpu_s(self):
        """The processor time that it has taken."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory_most_mb(self):
        """The most memory that it has held."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        raise AssertionError("the server is gone")

    def rests(self, share, within_s):
        """Does it come to take less than this share of a processor for a second?"""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            began = self.cpu_s()
            time.sleep(1)
            if self.cpu_s() - began < share:
                return True
        return False

    def end(self, how):
        self.process.send_signal(how)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status

    def stop(self):
        if self.process.poll() is None:
            assert self.end(signal.SIGTERM) == 0


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path / "data")
    yield running
    running.stop()


@pytest.fixture
def conn(server):
    return server.connect()
