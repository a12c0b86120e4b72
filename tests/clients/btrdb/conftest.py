"""A server of its own for each test that asks, and the unmodified client connected to it."""

import json
import os
import signal
import subprocess

import btrdb
import pytest

BINARY = os.environ.get("FIRTH_BINARY", "firth")


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
