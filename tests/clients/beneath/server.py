"""A real `firth serve`, with the Beneath door open, for the tests beside this file."""

import json
import os
import pathlib
import signal
import subprocess

BINARY = os.environ.get("FIRTH_BINARY", "firth")
READY_S = 60
STOP_S = 60

EMAILS = {"bob": "bob@builders.example"}
SECRETS = {"root": "master-secret-of-root", "ada": "analytical-engine", "bob": "bobs-own-secret"}


def config(secrets):
    return "".join(
        f'[[user]]\nname = "{name}"\nsecret = "{secret}"\nrole = "{"admin" if name == "root" else "none"}"\n'
        + (f'email = "{EMAILS[name]}"\n\n' if name in EMAILS else "\n")
        for name, secret in secrets.items())


class Server:
    """One process on one folder; `http` and `grpc` are the addresses of its two planes."""

    def __init__(self, folder, *words, secrets=SECRETS):
        self.folder = pathlib.Path(folder)
        self.words = words
        self.config = self.folder.parent / (self.folder.name + ".toml")
        self.config.write_text(config(secrets))
        self.log_file = self.folder.parent / (self.folder.name + ".log")
        self.process = None
        self.start()

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--data", str(self.folder), "--config", str(self.config),
                 "--beneath-http", "127.0.0.1:0", "--beneath-grpc", "127.0.0.1:0", *self.words],
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if line.strip() != "ready":
            self.process.wait(timeout=READY_S)
            raise AssertionError(f"the server said {line!r} and wrote:\n{self.log_file.read_text()}")
        self.endpoints = json.loads((self.folder / "endpoints.json").read_text())
        self.http = self.endpoints["beneath_http"]
        self.grpc = self.endpoints["beneath_grpc"]

    def stop(self):
        """Ask it to end, and expect that it does so cleanly."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=STOP_S)
        self.process.stdout.close()
        assert status == 0, f"the server ended with {status} and wrote:\n{self.log_file.read_text()[-4000:]}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=STOP_S)
        self.process.stdout.close()

    def restart(self):
        self.stop()
        self.start()
