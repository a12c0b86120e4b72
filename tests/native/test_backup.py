"""Backup of a running server, restore, and check, by the command line.

A backup is right when the restored store is exactly the store at the commit that was printed: so writers go
on while it is made, and what they had acknowledged before and after is compared with what is there.
"""

import json
import shutil
import threading

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from conftest import Server, get, put, run_command


def good(outcome):
    assert outcome.status == 0, outcome.err
    return outcome


@pytest.fixture
def busy(tmp_path):
    """A server with small journal files, and tables of three kinds in it."""
    server = Server(tmp_path / "data", "--access-anonymous", "admin", "--journal-file-bytes", "65536")
    good(server.cli("create", "g/log", "--schema", "n:int64,text:text", "--buckets", "2"))
    good(server.cli("create", "g/keyed", "--schema", "id:int64!,v:text", "--key", "id"))
    yield server
    server.stop()


def numbers(server, table="g/log", **fields):
    with server.client() as client:
        return sorted(get(client, table, **fields).column(0).to_pylist())


def write(client, first, count):
    return put(client, "g/log", pa.table({"n": pa.array(range(first, first + count), pa.int64()),
                                          "text": ["row %d" % n for n in range(first, first + count)]}))


def test_backup_of_a_server_in_use(busy, tmp_path):
    acknowledged = []
    stop = threading.Event()

    def writer():
        with busy.client() as client:
            while not stop.is_set():
                write(client, len(acknowledged) * 50, 50)
                acknowledged.append(50)

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        while len(acknowledged) < 40:
            stop.wait(0.01)
        put_before = len(acknowledged)
        made = good(busy.cli("backup", tmp_path / "backup", "--json")).json
        put_after = len(acknowledged)
    finally:
        stop.set()
        thread.join()
    assert made["files"] > 3 and made["commit"] > 0
    assert "is not empty" in busy.cli("backup", tmp_path / "backup").err
    restored = good(run_command("restore", tmp_path / "backup", "--data", tmp_path / "again", "--json")).json
    assert restored["commit"] == made["commit"] and restored["files"] == made["files"]
    checked = good(run_command("check", "--data", tmp_path / "again", "--json")).json
    assert checked["last_commit"] == made["commit"] and checked["tables"] == 2
    again = Server(tmp_path / "again", "--access-anonymous", "admin")
    try:
        there = numbers(again)
        # Whole commits, from the first on, up to the cut.
        assert there == list(range(len(there)))
        assert put_before * 50 <= len(there) <= (put_after + 1) * 50
        with again.client() as client:
            write(client, len(there), 50)  # it goes on from there
        assert numbers(again) == list(range(len(there) + 50))
    finally:
        assert again.stop() == 0
    good(busy.cli("check"))  # a server in use may be looked at as well


def test_a_damaged_or_half_backup_is_not_restored(busy, tmp_path):
    with busy.client() as client:
        write(client, 0, 1000)
    good(busy.cli("backup", tmp_path / "backup"))
    assert busy.stop() == 0
    half = tmp_path / "half"
    shutil.copytree(tmp_path / "backup", half)
    (half / "backup.manifest").unlink()
    refused = run_command("restore", half, "--data", tmp_path / "x")
    assert refused.status == 1 and "backup.manifest" in refused.err
    journal = next(path for path in (tmp_path / "backup" / "journal").iterdir() if path.suffix == ".journal")
    content = bytearray(journal.read_bytes())
    content[len(content) // 2] ^= 0x10
    journal.write_bytes(content)
    refused = run_command("restore", tmp_path / "backup", "--data", tmp_path / "y")
    assert refused.status == 1 and journal.name in refused.err, refused.err
    assert run_command("tables", "--data", tmp_path / "y").status == 1  # no store came of it
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "mine").write_text("keep")
    refused = run_command("restore", tmp_path / "backup", "--data", tmp_path / "z")
    assert refused.status == 1 and "not empty" in refused.err


def test_check_names_what_is_damaged(busy, tmp_path):
    with busy.client() as client:
        write(client, 0, 3000)
        put(client, "g/keyed", pa.table({"id": pa.array(range(100), pa.int64()), "v": ["x"] * 100}))
    good(busy.cli("lake", "cut", "g/log"))
    assert busy.stop() == 0
    folder = tmp_path / "data"
    assert "whole up to commit" in good(run_command("check", "--data", folder)).out
    damaged = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name in ("LOCK", "admin.secret") or name.endswith(".index"):
            continue
        if not (name.startswith(("journal/", "lake/")) or name == "catalog.db") or name == "journal/synced":
            continue
        if name.startswith("lake/") and path.suffix != ".parquet":
            continue
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        content = bytearray((copy / name).read_bytes())
        content[len(content) // 2] ^= 0x04
        (copy / name).write_bytes(content)
        found = run_command("check", "--data", copy)
        assert found.status == 1, f"{name}: {found.out}"
        assert path.name.split(".")[0] in found.err, f"{name}: {found.err}"
        damaged += 1
    assert damaged >= 3


def test_a_log_ends_when_its_owner_said_and_not_before(tmp_path):
    server = Server(tmp_path / "data", "--access-anonymous", "admin", "--journal-file-bytes", "65536")
    kept = [first + n for first in range(0, 12000, 100) for n in range(10)]
    try:
        good(server.cli("create", "g/kept", "--schema", "n:int64,text:text"))
        good(server.cli("create", "g/short", "--schema", "n:int64,text:text", "--log-bytes", "20000"))
        with server.client() as client:
            for first in range(0, 12000, 100):
                rows = pa.table({"n": pa.array(range(first, first + 100), pa.int64()),
                                 "text": ["some text %d" % (n * 7919) for n in range(first, first + 100)]})
                put(client, "g/kept", rows.slice(0, 10))
                put(client, "g/short", rows)
        seen = numbers(server, "g/short")
        assert 0 < len(seen) < 12000 and seen == list(range(seen[0], 12000))
        with server.client() as client, pytest.raises(pa.ArrowInvalid, match="keeps the offsets from"):
            get(client, "g/short", **{"from": 0, "bucket": 0})
        good(server.cli("lake", "cut", "g/short"))
        before = sum(path.stat().st_size for path in (tmp_path / "data" / "journal").iterdir())
        with server.client() as client:
            trimmed = list(client.do_action(flight.Action("trim", b"{}")))
        assert json.loads(trimmed[0].body.to_pybytes())["journal_files"] >= 1
        assert sum(path.stat().st_size for path in (tmp_path / "data" / "journal").iterdir()) < before
        assert numbers(server, "g/short") == seen
        assert numbers(server, "g/kept") == kept
    finally:
        assert server.stop() == 0
    good(run_command("check", "--data", tmp_path / "data"))
    again = Server(tmp_path / "data", "--access-anonymous", "admin")
    try:
        assert numbers(again, "g/short") == seen
        assert numbers(again, "g/kept") == kept
    finally:
        assert again.stop() == 0
