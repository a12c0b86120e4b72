"""A full disk: writes are refused and say why, reads go on, and writing resumes when there is room.

Goal: nothing acknowledged is lost and the process lives on. Method: the server's folder is a small file system in
memory, in a mount namespace of the server's own; a file beside its data takes the room, and gives it back.
"""

import json
import os
import random

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from rows import connect, create, numbers_of, put
from server import Server

DISK = 96 << 20

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")


@pytest.fixture
def server(request, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    mount = f'mount -t tmpfs -o size={DISK} firth-test "{folder}" && exec "$@"'
    started = Server(folder, under=["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, "sh"],
                     more=getattr(request, "param", ()))
    yield started
    if started.process.poll() is None:
        started.kill()


def fill(folder):
    """Take all the room that is left."""
    with open(folder / "filler", "ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    filler.write(b"f" * size)
            except OSError:
                pass


def write_until_refused(client, path, state):
    """Write until an error, which is returned. `state` holds what was acknowledged and what was sent."""
    generator = random.Random(1)
    for _ in range(100_000):
        state["sent"] = state["acknowledged"] + 4
        try:
            put(client, path, range(state["acknowledged"], state["sent"]), generator.randbytes(100_000).hex())
        except pa.ArrowException as refused:
            return refused
        state["acknowledged"] = state["sent"]
    raise AssertionError("the disk never got full")


@pytest.mark.parametrize("key", [[], ["n"]], ids=["log", "keyed"])
def test_refused_read_resumed(server, key):
    state = {"acknowledged": 0, "sent": 0}
    with connect(server) as client:
        create(client, "d/t", **({"key": key} if key else {}))
        for _ in range(3):
            fill(server.seen)
            refused = write_until_refused(client, "d/t", state)
            assert "full" in str(refused).lower() or "no space" in str(refused).lower(), refused
            assert server.process.poll() is None, server.log()
            # What was acknowledged is there; what was refused is not.
            assert sorted(numbers_of(client, "d/t")) == list(range(state["acknowledged"]))
            with pytest.raises(pa.ArrowException):
                for i in range(10_000):
                    create(client, f"d/full{state['acknowledged']}x{i}")
            assert server.process.poll() is None, server.log()
            os.unlink(server.seen / "filler")
            put(client, "d/t", range(state["acknowledged"], state["acknowledged"] + 7), "again")
            state["acknowledged"] += 7
            create(client, f"d/room{state['acknowledged']}")
        assert sorted(numbers_of(client, "d/t")) == list(range(state["acknowledged"]))


@pytest.mark.parametrize("server", [["--keys-room-bytes", str(4 << 20)]], indirect=True)
def test_a_keyed_table_fills_the_disk_itself(server):
    """Writes are refused while what the key view holds in memory still finds room, however little else is left free."""
    state = {"acknowledged": 0, "sent": 0}
    with connect(server) as client:
        create(client, "d/t", key=["n"])
        refused = write_until_refused(client, "d/t", state)
        assert "full" in str(refused).lower() or "no space" in str(refused).lower(), refused
        assert state["acknowledged"] > 50
        assert sorted(numbers_of(client, "d/t")) == list(range(state["acknowledged"]))
        # A scan by key makes the view write out what it holds.
        keys = client.do_get(flight.Ticket(json.dumps({"path": "d/t", "current": True, "columns": ["n"]}))).read_all()
        assert sorted(keys["n"].to_pylist()) == list(range(state["acknowledged"]))
        assert server.process.poll() is None, server.log()
    server.stop()
    assert "could not write" not in server.log(), server.log()


def test_a_start_without_room(tmp_path):
    """A server that finds no room either starts or says why; with room, everything is there."""
    folder = tmp_path / "data"
    folder.mkdir()
    if os.system(f'mount -t tmpfs -o size={DISK} firth-test "{folder}"') != 0:
        pytest.skip("mounting is not allowed here")
    try:
        server = Server(folder)
        with connect(server) as client:
            create(client, "d/t")
            put(client, "d/t", range(100), "x")
        server.kill()
        fill(folder)
        try:
            server = Server(folder)
            server.kill()
        except AssertionError as failure:
            assert "full" in str(failure).lower() or "no space" in str(failure).lower(), failure
        (folder / "filler").unlink()
        server = Server(folder)
        with connect(server) as client:
            assert numbers_of(client, "d/t") == list(range(100))
            put(client, "d/t", range(100, 110), "x")
            assert numbers_of(client, "d/t") == list(range(110))
        server.kill()
    finally:
        os.system(f'umount -l "{folder}"')


def test_a_backup_that_finds_no_room_leaves_nothing(server):
    """The folder is empty again, and takes the next backup once there is room."""
    with connect(server) as client:
        create(client, "d/t")
        put(client, "d/t", range(100), random.Random(1).randbytes(80_000).hex())
        body = json.dumps({"folder": str(server.folder / "copy")}).encode()
        left = os.statvfs(server.seen)
        with open(server.seen / "filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, left.f_bavail * left.f_frsize - (4 << 20))
        with pytest.raises(pa.ArrowException, match="No space left on device"):
            list(client.do_action(flight.Action("backup", body)))
        assert list((server.seen / "copy").iterdir()) == []
        os.unlink(server.seen / "filler")
        (answer,) = client.do_action(flight.Action("backup", body))
        assert json.loads(answer.body.to_pybytes())["files"] > 3
        assert (server.seen / "copy" / "backup.manifest").exists()
        assert numbers_of(client, "d/t") == list(range(100))
