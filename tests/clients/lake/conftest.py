"""A real `firth serve` with its command line, and the Fluss client as a producer beside it."""

import json
import os
import pathlib
import signal
import subprocess
import threading

import pytest

BINARY = os.environ.get("FIRTH_BINARY", "firth")
FLUSS_PYTHON = pathlib.Path(os.environ.get("FIRTH_DEPS", ".deps")) / "venv" / "fluss10" / "bin" / "python"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}


class Server:
    """One process on one folder, with the native door and Fluss's."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        with open(self.folder.parent / "serve.log", "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--data", str(self.folder), "--flight", "127.0.0.1:0", "--fluss", "127.0.0.1:0",
                 "--access-anonymous", "admin"],
                env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        self.endpoints = json.loads((self.folder / "endpoints.json").read_text())

    def cli(self, *words):
        """The answer of a command, as JSON."""
        done = subprocess.run(
            [BINARY, *map(str, words), "--json", "--server", self.endpoints["flight"]],
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sql(self, statement):
        """The rows of a statement, as dicts."""
        return [json.loads(line) for line in self.cli("sql", statement).splitlines()]

    def cut(self, path):
        return json.loads(self.cli("lake", "cut", path))

    def load(self, path, file, *words):
        self.cli("load", path, file, *words)

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status


class Producer:
    """The Fluss client, appending in a process of its own; `acknowledged` rises meanwhile."""

    def __init__(self, server, database, table, rows):
        self.acknowledged = 0
        self.process = subprocess.Popen(
            [FLUSS_PYTHON, pathlib.Path(__file__).with_name("appender.py"), server.endpoints["fluss"], database, table,
             str(rows)],
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.begun = threading.Event()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.acknowledged = int(line)
            self.begun.set()
        self.begun.set()

    @property
    def runs(self):
        return self.reader.is_alive()

    def wait(self):
        self.reader.join(timeout=120)
        self.process.stdout.close()
        return self.process.wait(timeout=60)


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path / "data")
    yield running
    assert running.end() == 0


@pytest.fixture
def produce(server):
    begun = []

    def begin(*words):
        begun.append(Producer(server, *words))
        assert begun[-1].begun.wait(60)
        return begun[-1]

    yield begin
    for producer in begun:
        if producer.process.poll() is None:
            producer.process.kill()
        producer.wait()
