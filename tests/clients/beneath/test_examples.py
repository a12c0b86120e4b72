"""The example of this door, run as its text says, twice: the second time it goes on where it stopped."""

import asyncio
import os
import pathlib
import subprocess
import sys

from server import SECRETS

EXAMPLE = pathlib.Path(__file__).parents[3] / "examples" / "beneath_sensors.py"
# The addresses are attributes of a module, and there is no environment variable for them.
START = """
import runpy, sys
from beneath import config
config.BENEATH_CONTROL_HOST, config.BENEATH_GATEWAY_HOST_GRPC = sys.argv[1:3]
runpy.run_path(sys.argv[3], run_name="__main__")
"""


async def run(server):
    environment = os.environ | {"BENEATH_ENV": "dev", "BENEATH_SECRET": SECRETS["ada"]}
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", START, f"http://{server.http}", server.grpc, str(EXAMPLE)],
        env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_sensors(own_server):
    first = await run(own_server)
    assert "100 measurements of sensors" in first and "200 new measurements" in first
    assert "floor -1: 100 measurements" in first and "floor 3: 100 measurements" in first
    second = await run(own_server)
    assert "200 new measurements" in second and "floor 3: 200 measurements" in second
