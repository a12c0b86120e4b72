"""ORC files that are damaged or made to harm: refused, and the server goes on."""

import base64
import pathlib
import time

import httpx
import pyarrow as pa
import pyarrow.orc as orc
import pytest

ROWS = 1_000
# Arrow's reader follows a null pointer in it.
NULL_POINTER = base64.b64decode(
    "T1JDEgYEAwoIUAAKFQoFAAAAAAASDAgCEgYIAhAGGAhQAQoZCgYAAAAAAAASDwgCIgkKAXgSAnl5GAZQAQoeCgQAAAAAEhYIA0oQGICgt+brWy"
    "CAoLfm61swAVAA/6BGASb/oEIBYHiHhuftMVn//wAKBggGEAAYCAoGCAYQARgXCgYIBhACGBsKBggGEAMYIAoGCAAQARgCCgYIARABGAMKBggA"
    "EAIYAgoGCAIQAhgDCgYIARACGAMKBggBEAMYBQoGCAUQAxgCEgQIABAAEgQIAhAAEgQIAhAAEgQIAhAAGgNHTVQKPQoECANQAAoMCAISBggCEA"
    "YYCFABCg8IAiIJCgF4EgJ5eRgGUAEKFggDShAYgKC35utbIICgt+brWzABUAAIAxDGARoKCAMQWhgUIHUoAyIWCAwSAwECAxoBYRoBYhoBYyAA"
    "KAAwACIICAQgACgAMAAiCAgHIAAoADAAIggICSAAKAAwADADOgQIA1AAOgwIAhIGCAIQBhgIUAE6DwgCIgkKAXgSAnl5GAZQAToWCANKEBiAoL"
    "fm61sggKC35utbMAFQAECQTkgBYgUyLjIuOgiSARAAGICABCICAAwoPzAGgvQDA09SQxg=")


def sample():
    return pa.table({"id": pa.array(range(ROWS), pa.int64()), "text": [f"text {i}" for i in range(ROWS)],
                     "list": [[i, i + 1] for i in range(ROWS)]})


def commit(server, table, path):
    with httpx.Client(base_url=server.url, timeout=60) as http:
        return http.post(f"/v1/namespaces/formats/tables/{table}/commit", params={"content_type": "orc"},
                         json={"manifest_entries": [{"path": str(path)}]})


def serves(server):
    assert server.process.poll() is None
    return server.sql("SELECT 1 AS one")[0]["one"] in (1, "1")


def children(server):
    found = []
    for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        try:
            found += (task / "children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            pass  # the thread has ended since
    return found


def no_child_stays(server):
    """A child may outlive the answer that it read for by a moment."""
    deadline = time.monotonic() + 30
    while children(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not children(server)


def test_a_file_that_ends_its_reader(client, server, tmp_path):
    path = tmp_path / "a.orc"
    path.write_bytes(NULL_POINTER)
    answer = commit(server, "null_pointer", path)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_data", answer.text
    assert "damaged" in answer.json()["error"]["message"]
    assert serves(server) and no_child_stays(server)
    assert not client.catalog.table_exists(namespace="formats", table="null_pointer")


def test_a_small_file_that_unpacks_to_more_than_the_memory(client, server, tmp_path):
    path = tmp_path / "a.orc"
    column = pa.chunked_array([pa.array(["x" * 32_768] * 1_024)] * 64)
    orc.write_table(pa.table({"a": column}), path, dictionary_key_size_threshold=1, compression="zstd")
    assert path.stat().st_size < 1 << 20
    answer = commit(server, "bomb", path)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_data", answer.text
    assert serves(server) and no_child_stays(server)


@pytest.mark.parametrize("step", range(4))
def test_damage_anywhere(client, server, tmp_path, step):
    """Whatever is damaged, the file is refused or, where the damage is in what no reader looks at, read."""
    orc.write_table(sample(), tmp_path / "whole.orc", compression=["uncompressed", "zlib", "snappy", "zstd"][step])
    whole = (tmp_path / "whole.orc").read_bytes()
    places = [len(whole) * i // 24 for i in range(24)] + [len(whole) - 1 - i for i in range(1, 40, 3)]
    for number, place in enumerate(places):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF if number % 2 else 1 << (number % 7)
        path = tmp_path / f"{number}.orc"
        path.write_bytes(bytes(damaged))
        answer = commit(server, f"damage_{step}_{number}", path)
        if answer.status_code != 200:
            assert answer.status_code == 400, answer.text
            assert answer.json()["error"]["code"] in ("invalid_data", "invalid_schema"), answer.text
    assert serves(server) and no_child_stays(server)


def test_a_file_that_ends_early(client, server, tmp_path):
    orc.write_table(sample(), tmp_path / "whole.orc")
    whole = (tmp_path / "whole.orc").read_bytes()
    for kept in (0, 1, 3, len(whole) // 2, len(whole) - 1):
        path = tmp_path / f"{kept}.orc"
        path.write_bytes(whole[:kept])
        assert commit(server, f"early_{kept}", path).status_code == 400
    assert serves(server)


def test_a_file_larger_than_a_batch(client, server, tmp_path):
    table = pa.table({"id": range(300_000), "text": [f"text {i}" for i in range(300_000)]})
    path = tmp_path / "large.orc"
    orc.write_table(table, path, stripe_size=1 << 20)
    assert commit(server, "large", path).status_code == 200
    sums = server.sql("SELECT count(*) AS n, sum(id) AS s, count(DISTINCT text) AS t FROM formats.large")[0]
    assert (int(sums["n"]), int(sums["s"]), int(sums["t"])) == (300_000, sum(range(300_000)), 300_000)
    assert no_child_stays(server)
