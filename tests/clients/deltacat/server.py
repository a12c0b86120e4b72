"""A server of its own, started as a user starts it, and the unmodified client connected to it."""

import functools
import json
import os
import signal
import subprocess

import deltacat_client.client as client_module
from deltacat_client import Client

BINARY = os.environ.get("FIRTH_BINARY", "firth")


def bridge():
    """The oldest published io-core passes three keywords that client 0.1.1 does not know. They are null
    for tables without partitions, and go into `raw` otherwise; nothing else is touched."""
    keywords = ("partition_values", "partition_scheme_id", "entry_params")
    session = client_module.WriteSession
    for name in ("entry", "entry_for"):
        original = getattr(session, name)
        if getattr(original, "bridged", False):
            continue

        @functools.wraps(original)
        def wrapped(self, *args, _original=original, **kwargs):
            given = {key: kwargs.pop(key) for key in keywords if key in kwargs}
            entry = _original(self, *args, **kwargs)
            entry.raw.update({key: value for key, value in given.items() if value is not None})
            return entry

        wrapped.bridged = True
        setattr(session, name, wrapped)


class Server:
    def __init__(self, folder, *options):
        self.folder = folder
        self.options = options or ("--access-anonymous", "admin")
        self.address = "127.0.0.1:0"
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", str(self.folder), "--deltacat", self.address, "--flight", "127.0.0.1:0",
             "--fluss", "127.0.0.1:0", "--deltacat-folders", str(self.folder.parent.parent), *self.options],
            env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        self.endpoints = json.loads((self.folder / "endpoints.json").read_text())
        self.address = self.endpoints["deltacat"]  # the same after a restart
        self.url = "http://" + self.address

    def connect(self, token=None):
        return Client(self.url, bearer_token=token) if token else Client(self.url)

    def sql(self, statement):
        """Rows of a statement, as the command line of the native door prints them."""
        done = subprocess.run([BINARY, "sql", "--data", str(self.folder), "--json", statement],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines() if line]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status
