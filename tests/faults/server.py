"""The real server as a process of its own, for tests that do it harm."""

import json
import os
import pathlib
import signal
import subprocess

BINARY = os.environ.get("FIRTH_BINARY", "firth")
DOORS = ("fluss", "btrdb", "beneath_http", "beneath_grpc", "deltacat", "aws", "flight", "console")


class Server:
    """`firth serve` with every door open, on ports that the kernel chose; `under` runs it, as a tracer does; `more` are
    further flags."""

    def __init__(self, folder, under=(), more=()):
        self.folder = pathlib.Path(folder)
        self.log_path = self.folder.parent / (self.folder.name + ".log")
        flags = [word for door in DOORS for word in ("--" + door.replace("_", "-"), "127.0.0.1:0")]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*under, BINARY, "serve", "--data", str(folder), "--access-anonymous", "admin", *flags, *more],
                env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline().strip()
        if line != "ready":
            self.process.wait(timeout=60)
            raise AssertionError(f"the server said {line!r} and wrote:\n{self.log()}")
        # Its folder as it sees it, also where it lives in a mount namespace of its own.
        self.seen = pathlib.Path(f"/proc/{self.process.pid}/root") / str(self.folder.absolute()).lstrip("/")
        self.endpoints = json.loads((self.seen / "endpoints.json").read_text())

    def log(self):
        return self.log_path.read_text(errors="replace")[-4000:]

    def address(self, door):
        host, port = self.endpoints[door].rsplit(":", 1)
        return host, int(port)

    def private_bytes(self):
        """Its private memory."""
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no RssAnon")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        assert status == 0, f"the server ended with {status} and wrote:\n{self.log()}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
