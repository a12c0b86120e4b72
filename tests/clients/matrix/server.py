"""One server with the doors of all five clients, started as a user starts it; and a process for each client, in its
own environment, that does what it is told."""

import json
import os
import pathlib
import signal
import subprocess

BINARY = os.environ.get("FIRTH_BINARY", "firth")
DEPS = pathlib.Path(os.environ.get("FIRTH_DEPS", pathlib.Path(__file__).parents[3] / ".deps"))
HERE = pathlib.Path(__file__).parent
SECRETS = {"root": "master-secret-of-root", "ada": "analytical-engine"}
CONFIGURATION = """
[sleeper]
instances = ["farm", "ada"]
[access]
anonymous = "admin"
""" + "".join(f'[[user]]\nname = "{name}"\nsecret = "{secret}"\nrole = "{role}"\n' for (name, secret), role in
              zip(SECRETS.items(), ("admin", "none")))
DOORS = ["fluss", "btrdb", "beneath_http", "beneath_grpc", "deltacat", "aws", "flight"]
ENVIRONMENTS = {"fluss": "fluss10", "btrdb": "btrdb", "beneath": "beneath", "deltacat": "deltacat", "sleeper": "sleeper"}


class Server:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.configuration = self.folder.with_suffix(".toml")
        self.configuration.write_text(CONFIGURATION)
        self.log = open(self.folder.with_suffix(".log"), "ab")
        words = [word for door in DOORS for word in ("--" + door.replace("_", "-"), "127.0.0.1:0")]
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", str(self.folder), "--config", str(self.configuration), *words],
            env={k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True)
        assert self.process.stdout.readline().strip() == "ready", self.folder.with_suffix(".log").read_text()
        self.endpoints = json.loads((self.folder / "endpoints.json").read_text())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.close()
        return status


class Client:
    """A client's process. `call` gives what the function of that name in drive_NAME.py returned."""

    def __init__(self, name, endpoints):
        self.process = subprocess.Popen(
            [DEPS / "venv" / ENVIRONMENTS[name] / "bin" / "python", "-u", HERE / "drive.py", name],
            env={**{k: v for k, v in os.environ.items() if not k.startswith("FIRTH_")},
                 "PYTHONDONTWRITEBYTECODE": "1", "MATRIX_ENDPOINTS": json.dumps(endpoints),
                 "MATRIX_SECRETS": json.dumps(SECRETS)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def call(self, function, *words):
        self.process.stdin.write(json.dumps([function, *words]) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the client's process ended"
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["result"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()
