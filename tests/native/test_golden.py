"""Stores that earlier programs left: today's program opens them, finds every byte whole, and reads all of it.

The folders are in tests/golden, with what they hold. Rows are compared as text in the order of a scan; what a
later version must not change is there in full.
"""

import json
import pathlib
import shutil

import pytest

from conftest import run_command

GOLDEN = pathlib.Path(__file__).parent.parent / "golden"
FOLDERS = sorted(path for path in GOLDEN.iterdir() if path.is_dir() and path.name.startswith("v"))


def test_there_is_a_folder():
    assert FOLDERS


@pytest.mark.parametrize("golden", FOLDERS, ids=lambda path: path.name)
def test_an_older_store_is_whole_and_goes_on(golden, tmp_path):
    folder = tmp_path / "data"
    shutil.copytree(golden, folder)
    checked = run_command("check", "--data", folder, "--json")
    assert checked.status == 0, checked.err
    kept = json.loads(pathlib.Path(str(golden) + ".json").read_text())
    content = kept.get("tables", kept)
    assert checked.json["tables"] == len(content)
    for table, rows in content.items():
        shown = run_command("scan", table, "--data", folder, "--json")
        assert shown.status == 0, shown.err
        assert shown.rows == rows, table
    for path, series in kept.get("series", {}).items():
        assert series
        shown = run_command("series", path, "--data", folder, "--json")
        assert shown.status == 0, shown.err
        assert shown.json == series, path
    more = tmp_path / "more.jsonl"
    more.write_text('{"n": 12345, "note": "written later"}\n')
    loaded = run_command("load", "golden/log", more, "--data", folder)
    assert loaded.status == 0, loaded.err
    again = run_command("scan", "golden/log", "--data", folder, "--json")
    assert len(again.rows) == len(content["golden/log"]) + 1
    assert run_command("check", "--data", folder).status == 0
