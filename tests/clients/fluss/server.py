"""A real `firth serve`, with the Fluss door open, for the tests beside this file."""

import json
import os
import pathlib
import signal
import subprocess

BINARY = os.environ.get("FIRTH_BINARY", "firth")
READY_S = 60
STOP_S = 60

USER, SECRET = "ada", "analytical-engine"
CONFIG = f"""
[[user]]
name = "{USER}"
secret = "{SECRET}"
role = "admin"

[[user]]
name = "reader"
secret = "only-reads-rows"
role = "reader"
"""


class Server:
    """One process on one folder; `fluss` and `sasl` are the addresses of its two listeners."""

    def __init__(self, folder, under=(), config=CONFIG):
        """`under`: the words of a command that runs the server, as a tracer does."""
        self.under = list(under)
        self.folder = pathlib.Path(folder)
        self.config = self.folder.parent / (self.folder.name + ".toml")
        self.config.write_text(config)
        self.log_file = self.folder.parent / (self.folder.name + ".log")
        self.process = None
        self.start()

    def start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*self.under, BINARY, "serve", "--data", str(self.folder), "--config", str(self.config),
                 "--fluss", "127.0.0.1:0", "--fluss-sasl", "127.0.0.1:0", "--flight", "127.0.0.1:0",
                 "--access-anonymous", "admin"],
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if line.strip() != "ready":
            self.process.wait(timeout=READY_S)
            raise AssertionError(f"the server said {line!r} and wrote:\n{self.log_file.read_text()}")
        endpoints = json.loads((self.folder / "endpoints.json").read_text())
        self.fluss = endpoints["fluss"]
        self.sasl = endpoints["fluss_sasl"]

    def command(self, *words):
        """Run a command of the program at this server; its output."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}
        done = subprocess.run([BINARY, *words, "--data", str(self.folder), "--secret", SECRET], env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=READY_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self):
        """Ask it to end, and expect that it does so cleanly."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=STOP_S)
        self.process.stdout.close()
        assert status == 0, f"the server ended with {status} and wrote:\n{self.log_file.read_text()[-4000:]}"

    def kill(self):
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(timeout=STOP_S)
        self.process.stdout.close()
