"""What `make run` prints works: every client's three lines, on a server that is filled as `make run` fills it."""

import json
import os
import pathlib
import signal
import subprocess

import pytest

BINARY = os.environ.get("FIRTH_BINARY", "firth")
ROOT = pathlib.Path(__file__).resolve().parents[3]
SAMPLES = pathlib.Path(os.environ.get("FIRTH_DEPS", ROOT / ".deps")) / "data"
DOORS = ["fluss", "btrdb", "beneath-http", "beneath-grpc", "deltacat", "aws", "flight"]
SECRET = "a-secret-for-the-tour"
STAND_IN = pathlib.Path(__file__).parent / "stand_in"
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("FIRTH_")}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tour") / "data"
    words = [word for door in DOORS for word in ("--" + door, "127.0.0.1:0")]
    process = subprocess.Popen(
        [BINARY, "serve", "--data", str(folder), "--access-anonymous", "admin", "--sleeper-instances", "nyc", *words],
        env=PLAIN, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout.readline().strip() == "ready"

    def firth(*command):
        subprocess.run([BINARY, *command, "--data", str(folder)], env=PLAIN, check=True, capture_output=True)

    firth("load", "nyc/flights", str(SAMPLES / "flights.csv"), "--time", "time_hour")
    firth("load", "nyc/weather", str(SAMPLES / "weather.csv"), "--time", "time_hour", "--series", "origin")
    firth("load", "nyc/airports", str(SAMPLES / "airports.csv"))
    firth("user", "add", "dev", "--role", "admin", "--new-secret", SECRET)
    yield folder
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    process.stdout.close()


def test_five_clients(data):
    environment = dict(PLAIN, PYTHONDONTWRITEBYTECODE="1", AWS_EC2_METADATA_DISABLED="true")
    if not os.environ.get("SLEEPER_PYTHON_DIR"):
        environment["PYTHONPATH"] = str(STAND_IN)
    done = subprocess.run(["/usr/bin/python3", str(ROOT / "examples" / "tour.py"), "--data", str(data), "--secret", SECRET],
                          env=environment, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert "5 of 5 clients read what was there" in said
    assert "26115" in said  # the rows of the weather, as Fluss's client counts them
    assert "°F in" in said and "'faa': '04G'" in said and "Lansdowne Airport" in said
    assert "John F Kennedy Intl" in said and "La Guardia" in said


def test_the_lines_are_shown(data):
    done = subprocess.run(["/usr/bin/python3", str(ROOT / "examples" / "tour.py"), "--data", str(data), "--show"],
                          env=PLAIN, capture_output=True, text=True, timeout=60)
    endpoints = json.loads((data / "endpoints.json").read_text())
    assert done.returncode == 0 and done.stdout.count("\n    ") == 15
    for door in ("fluss", "btrdb", "deltacat", "aws"):
        assert endpoints[door] in done.stdout
