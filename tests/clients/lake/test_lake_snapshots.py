"""What the Fluss client is told of a table's files."""

import json
import pathlib
import subprocess

from conftest import ENVIRONMENT, FLUSS_PYTHON


def ask(server, table, *mode):
    script = pathlib.Path(__file__).with_name("lake_snapshots.py")
    done = subprocess.run([FLUSS_PYTHON, script, server.endpoints["fluss"], "shown", table, *mode], env=ENVIRONMENT,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_snapshot_says_how_far_it_reaches(server):
    assert ask(server, "t", "write")["code"] == 53
    first = server.cut("shown/t")
    shown = ask(server, "t")
    assert shown["id"] == first["id"]
    assert shown["reached"] == {name: end for name, end in shown["ends"].items() if end > 0}
    assert sum(shown["reached"].values()) == 8 == first["rows"]
    # It stands still while rows come, until the next cut.
    more = ask(server, "t", "write")
    assert more["id"] == shown["id"] and more["reached"] == shown["reached"]
    assert sum(more["ends"].values()) == 16
    second = server.cut("shown/t")
    shown = ask(server, "t")
    assert shown["id"] == second["id"] > first["id"]
    assert sum(shown["reached"].values()) == 16
    # The same after a start.
    server.end()
    server.start()
    assert ask(server, "t") == shown
