"""The examples run as they are, each in its client's environment."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest
from test_tour import PLAIN, ROOT, STAND_IN, data  # noqa: F401

VENV = pathlib.Path(os.environ.get("FIRTH_DEPS", ROOT / ".deps")) / "venv"


@pytest.mark.parametrize("example, environment, door, said", [
    ("deltacat_cats.py", "deltacat", "deltacat", ["Cheshire", "'owner': 'nobody'", "'owner': 'Duchess'", "4 cats"]),
    ("sleeper_boto3.py", "sleeper", "aws", [": finished", "COMPLETED, 20 rows", "'zone': 'zone 7'"]),
])
def test_example(data, example, environment, door, said):  # noqa: F811
    endpoints = json.loads((data / "endpoints.json").read_text())
    done = subprocess.run(
        [str(VENV / environment / "bin" / "python"), str(ROOT / "examples" / example), "http://" + endpoints[door]],
        env=dict(PLAIN, AWS_EC2_METADATA_DISABLED="true", PYTHONDONTWRITEBYTECODE="1"), capture_output=True, text=True,
        timeout=100)
    assert done.returncode == 0, done.stderr
    for words in said:
        assert words in done.stdout


# The Fluss client's own threads now and then abort the interpreter, or break it, while it ends: after the last line.
ENDS = {0, -signal.SIGABRT, -signal.SIGSEGV}


@pytest.mark.parametrize("environment", ["fluss01", "fluss10"])
def test_flights(data, environment):  # noqa: F811
    endpoints = json.loads((data / "endpoints.json").read_text())
    done = subprocess.run(
        [str(VENV / environment / "bin" / "python"), "-u", str(ROOT / "examples" / "fluss_flights.py"), endpoints["fluss"]],
        env=dict(PLAIN, PYTHONDONTWRITEBYTECODE="1"), capture_output=True, text=True, timeout=100)
    assert done.returncode in ENDS, done.stderr
    assert "336776 flights" in done.stdout and "UA1545" in done.stdout and "B6725" in done.stdout


def test_the_sample_of_the_first_page(data):  # noqa: F811
    (sample,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    endpoints = json.loads((data / "endpoints.json").read_text())
    assert "127.0.0.1:9123" in sample
    done = subprocess.run(
        [str(VENV / "fluss10" / "bin" / "python"), "-u", "-c", sample.replace("127.0.0.1:9123", endpoints["fluss"])],
        env=dict(PLAIN, PYTHONDONTWRITEBYTECODE="1"), capture_output=True, text=True, timeout=100)
    assert done.returncode in ENDS, done.stderr
    assert "AA     8.586016" in done.stdout and "YV    18.996330" in done.stdout


def test_zoom(data, tmp_path):  # noqa: F811
    endpoints = json.loads((data / "endpoints.json").read_text())
    picture = tmp_path / "zoom.json"
    done = subprocess.run(
        [str(VENV / "btrdb" / "bin" / "python"), str(ROOT / "examples" / "zoom.py"), endpoints["btrdb"], str(picture)],
        env=dict(PLAIN, PYTHONPATH=str(STAND_IN), PYTHONDONTWRITEBYTECODE="1"), capture_output=True, text=True,
        timeout=100)
    assert done.returncode == 0, done.stderr
    drawn = json.loads(picture.read_text())
    assert len(drawn) == 4
    for axis, windows in zip(drawn, (100, 100, 100, 48)):
        assert sorted(axis["lines"]) == ["temp[EWR]", "temp[JFK]", "temp[LGA]"] and len(axis["areas"]) == 3
        for (x, mean), (same, least, most) in zip(axis["lines"].values(), axis["areas"]):
            assert x == same == sorted(x) and windows - 8 <= len(x) <= windows
            assert all(10 < low <= value <= high < 101 for low, value, high in zip(least, mean, most))
