"""Servers, folders and a way to run commands, for the tests of the native door and the command line.

A server is the real binary with a folder of its own, on ports that the kernel chose. Nothing here sleeps:
a server is waited for by its line `ready`, the end of a process by its exit.
"""

import dataclasses
import json
import os
import pathlib
import signal
import subprocess

import pyarrow.flight as flight
import pytest

BINARY = os.environ.get("FIRTH_BINARY", "firth")
READY_S = 60


def clean_environment():
    """The caller's environment without settings of Firth's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}


@dataclasses.dataclass
class Outcome:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def rows(self):
        """JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def run_command(*words, environment=None, timeout=120):
    done = subprocess.run(
        [BINARY, *map(str, words)], env={**clean_environment(), **(environment or {})},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
    return Outcome(done.returncode, done.stdout, done.stderr)


class Server:
    """A running `firth serve`."""

    def __init__(self, folder, *options):
        self.folder = pathlib.Path(folder)
        self.log = open(self.folder.parent / (self.folder.name + ".log"), "a+")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", str(folder), "--flight", "127.0.0.1:0", "--console", "127.0.0.1:0",
             *options],
            env=clean_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if line.strip() != "ready":
            self.process.wait(timeout=READY_S)
            self.log.seek(0)
            raise AssertionError(f"the server said {line!r} and wrote:\n{self.log.read()}")
        self.endpoints = json.loads((self.folder / "endpoints.json").read_text())

    @property
    def address(self):
        return self.endpoints["flight"]

    def client(self):
        return flight.connect(f"grpc://{self.address}")

    def cli(self, *words, **options):
        return run_command(*words, "--server", self.address, **options)

    def stop(self):
        """The exit status after SIGTERM."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        finally:
            self.process.stdout.close()
            self.log.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for the tests that leave others' tables alone; anonymous callers may do everything."""
    running = Server(tmp_path_factory.mktemp("shared") / "data", "--access-anonymous", "admin")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def client(server):
    with server.client() as connected:
        yield connected


@pytest.fixture
def path(request):
    """A table path of this test's own."""
    return "t/" + request.node.name.replace("[", "_").replace("]", "").replace("/", "_")


@pytest.fixture
def act(client):
    return lambda name, **fields: action(client, name, **fields)


def action(client, name, /, options=None, **fields):
    """Run an action with a JSON body; the JSON answer."""
    results = list(client.do_action(flight.Action(name, json.dumps(fields).encode()), options))
    assert len(results) == 1
    return json.loads(results[0].body.to_pybytes())


def descriptor(path, **command):
    """The descriptor of a put: a path, or a command where there is more to say."""
    if not command:
        return flight.FlightDescriptor.for_path(*path.split("/"))
    return flight.FlightDescriptor.for_command(json.dumps({"path": path, **command}))


def put(client, path, table, options=None, **command):
    """Put a table of rows; the server's last answer."""
    writer, reader = client.do_put(descriptor(path, **command), table.schema, options)
    with writer:
        writer.write_table(table)
        writer.done_writing()
        answers = []
        while (answer := reader.read()) is not None:
            answers.append(json.loads(answer.to_pybytes()))
    return answers[-1]


def ticket(path, **fields):
    return flight.Ticket(json.dumps({"path": path, **fields}))


def get(client, path, options=None, **fields):
    return client.do_get(ticket(path, **fields), options).read_all()
