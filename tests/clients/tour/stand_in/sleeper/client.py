"""In the place of the Sleeper client where it cannot be had: its calls, through the SDKs that it is built on."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "sleeper"))
from sdk_client import SdkClient as SleeperClient  # noqa: E402, F401
