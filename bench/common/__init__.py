"""What the benchmarks have in common: a server to be measured, and the file that keeps their figures."""

import json
import os
import pathlib
import platform
import signal
import stat
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("FIRTH_BUILD", ROOT / "build"))
BINARY = os.environ.get("FIRTH_BINARY", str(BUILD / "firth"))
PEERS = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "firth" / "peers"
RESULTS = ROOT / "bench" / "results"


def cpu_s(pid):
    """Processor seconds that a process has used, by the clock that time.process_time reads of one's own."""
    return time.clock_gettime((~pid << 3) | 2)


def private_bytes(pid):
    """Memory that only this process has, files that it maps not counted."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no RssAnon")


def disk_bytes(folder):
    """What the files of a folder take on the disk; one that has several names counts once."""
    seen, total = set(), 0
    for path in pathlib.Path(folder).rglob("*"):
        try:
            facts = path.lstat()
        except OSError:
            continue
        if stat.S_ISREG(facts.st_mode) and (facts.st_dev, facts.st_ino) not in seen:
            seen.add((facts.st_dev, facts.st_ino))
            total += facts.st_blocks * 512
    return total


class Server:
    """`firth serve` on the data in a folder, with these doors on free ports, until the block that holds it is left.

    What it has to say goes to the file `log`, if one is given.
    """

    def __init__(self, folder, doors, config="", access=("--access-anonymous", "admin"), more=(), log=os.devnull):
        self.folder = pathlib.Path(folder)
        words = [word for door in doors for word in (f"--{door}", "127.0.0.1:0")]
        if config:
            file = pathlib.Path(f"{folder}.toml")
            file.write_text(config)
            words += ["--config", str(file)]
        began = time.monotonic()
        with open(log, "ab") as said:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--data", str(folder), *access, *words, *more],
                env={name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")},
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True)
        assert self.process.stdout.readline().strip() == "ready"
        self.start_s = time.monotonic() - began
        self.pid = self.process.pid
        self.endpoints = json.loads((self.folder / "endpoints.json").read_text())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.stop()

    def cpu_s(self):
        return cpu_s(self.pid)

    def private_bytes(self):
        return private_bytes(self.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait() == 0

    def kill(self):
        self.process.kill()
        self.process.wait()


def machine():
    """Of which machine figures are, and how busy it was."""
    model = [line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    return {"cpu": model[0] if model else platform.machine(), "cores": os.cpu_count(), "system": platform.platform(),
            "load": os.getloadavg()}


def keep(name, figures):
    """Write a benchmark's figures to its file, with the machine's description."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(figures | {"machine": machine()}, indent=1) + "\n")
