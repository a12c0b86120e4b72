"""The examples run as they are, each in its client's environment."""

import json
import os
import pathlib
import subprocess

import pytest
from test_tour import PLAIN, ROOT, data  # noqa: F401

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
