"""The client's own integration suite, when BTRDB_PYTHON_DIR names a checkout of it (docs/doors/btrdb.md)."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

CHECKOUT = os.environ.get("BTRDB_PYTHON_DIR")


@pytest.mark.timeout(600)
@pytest.mark.skipif(not CHECKOUT, reason="BTRDB_PYTHON_DIR names no checkout of btrdb-python")
def test_the_whole_suite_passes(server, tmp_path):
    # A copy, so that the installed package is tested and not the checkout's.
    suite = tmp_path / "suite" / "btrdb_integration"
    shutil.copytree(pathlib.Path(CHECKOUT) / "tests" / "btrdb_integration", suite)
    home = tmp_path / "home"
    (home / ".predictivegrid").mkdir(parents=True)
    (home / ".predictivegrid" / "credentials.yaml").write_text(
        f'firth:\n  btrdb:\n    endpoints: "{server.address}"\n')
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(suite)], cwd=suite.parent,
        env={**os.environ, "HOME": str(home), "BTRDB_INTEGRATION_TEST_PROFILE": "firth"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", done.stdout.splitlines()[-1])}
    assert done.returncode == 0 and counts.get("passed") == 50 and counts.get("xpassed") == 3, done.stdout[-5000:]
    assert not {"failed", "errors", "error", "skipped", "xfailed"} & set(counts), done.stdout[-5000:]
