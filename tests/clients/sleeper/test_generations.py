"""Clients of several generations, unmodified: the newest module, and the older one that makes its AWS clients when it is
imported. Each runs in a process of its own; SLEEPER_PYTHON_DIR lists checkouts of the folder `python`, with `:` between."""

import os
import pathlib
import subprocess
import sys

import pytest

CHECKOUTS = [word for word in os.environ.get("SLEEPER_PYTHON_DIR", "").split(":") if word]
FIRST_PAGE = """
import time
try:
    from sleeper.client import SleeperClient
except ImportError:
    from sleeper.sleeper import SleeperClient
client = SleeperClient("farm")

def ask(query, count):
    for _ in range(100):
        found = query()
        if len(found) == count:
            return found
        time.sleep(0.1)
    raise AssertionError(found)

client.write_single_batch("t", [{"key": "my_key", "value": "my_value"}, {"key": "my_key2", "value": "my_value2"}])
assert ask(lambda: client.exact_key_query("t", {"key": ["my_key"]}), 1) == [{"key": "my_key", "value": "my_value"}]
with client.create_batch_writer("t") as writer:
    writer.write([{"key": f"other{i:03}", "value": str(i)} for i in range(100)])
rows = ask(lambda: client.range_key_query("t", [{"key": ["other", True, "p", False]}]), 100)
assert [row["value"] for row in rows] == [str(i) for i in range(100)]
"""


@pytest.mark.skipif(not CHECKOUTS, reason="SLEEPER_PYTHON_DIR names no checkout of the client, which is in no registry")
@pytest.mark.parametrize("checkout", CHECKOUTS or [""])
def test_first_page(server, checkout):
    server.add_table("t", [("key", "StringType")], values=[("value", "StringType")])
    done = subprocess.run([sys.executable, "-c", FIRST_PAGE], capture_output=True, text=True, timeout=100,
                          env={**os.environ, "PYTHONPATH": str(pathlib.Path(checkout) / "src")})
    assert done.returncode == 0, done.stderr
