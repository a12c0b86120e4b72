"""Write sessions by hand: versions, repeats, paths, what is not what it says."""

import os
import pathlib
import shutil
import tempfile
import uuid

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DATA = pa.table({"id": [1, 2], "name": ["a", "b"]})


@pytest.fixture
def http(server):
    with httpx.Client(base_url=server.url) as plain:
        yield plain


def stage(client, table, mode="auto", format="parquet"):
    return client.catalog.stage(namespace="sessions", table=table, mode=mode, format=format)


def put(session, name="mine.parquet", data=DATA):
    folder = pathlib.Path(session.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(data, folder / name)
    return str(folder / name)


def commit(http, session, paths, version=1, operation=None, **entry):
    body = {"session_version": version, "operation_id": operation or str(uuid.uuid4()),
            "entries": [{"path": path, "record_count": 2, **entry} for path in paths]}
    return http.post(f"/v1/write-sessions/{session.session_id}/commit", json=body)


def code(response):
    return response.status_code, response.json().get("error", {}).get("code")


def count(client, table):
    return client.catalog.read(namespace="sessions", table=table).num_rows


def test_a_session_from_open_to_committed(client, http):
    session = stage(client, "life")
    assert (session.status, session.session_version, session.raw["table_exists"]) == ("OPEN", 1, False)
    assert session.raw["schema"] == [] and session.raw["schema_serialized"] is None
    other = stage(client, "life")
    assert other.data_dir != session.data_dir
    beaten = session.heartbeat()
    assert beaten is None or beaten.session_version == 1
    answer = commit(http, session, [put(session)])
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["committed"], body["total_records"]) == ("COMMITTED", True, 2)
    assert http.get(f"/v1/write-sessions/{session.session_id}").json()["status"] == "COMMITTED"
    aborted = http.post(f"/v1/write-sessions/{other.session_id}/abort", json={"session_version": 1})
    assert aborted.json()["status"] == "ABORTED"
    assert code(commit(http, other, [put(other)])) == (409, "write_session_not_open")
    assert count(client, "life") == 2


def test_a_repeat_gets_the_first_answer(client, http):
    session = stage(client, "repeat")
    path, operation = put(session), str(uuid.uuid4())
    first = commit(http, session, [path], operation=operation)
    again = commit(http, session, [path], operation=operation, version=99)
    assert first.status_code == again.status_code == 200
    assert first.json()["total_records"] == again.json()["total_records"]
    assert count(client, "repeat") == 2
    other = put(session, "other.parquet")
    assert code(commit(http, session, [path, other], operation=operation)) == (409, "operation_payload_mismatch")
    assert code(commit(http, session, [path])) == (409, "write_session_not_open")


def test_versions(client, http):
    session = stage(client, "versions")
    assert code(commit(http, session, [put(session)], version=2)) == (409, "write_session_version_mismatch")
    assert code(commit(http, session, [put(session)])) == (200, None)


def test_write_keys(client):
    def open_with(key):
        return client.catalog.stage(namespace="sessions", table="keyed", mode="auto", format="parquet", write_key=key)
    assert open_with("k").session_id == open_with("k").session_id
    assert open_with("k").session_id != open_with("l").session_id


def test_paths_outside(client, http, tmp_path, server):
    session = stage(client, "outside")
    own = pathlib.Path(put(session))
    elsewhere = tmp_path / "x.parquet"
    pq.write_table(DATA, elsewhere)
    for path in (str(elsewhere), "/etc/passwd", f"{own.parent}/../../catalog.db", "relative.parquet",
                 str(server.folder / "access.key")):
        assert code(commit(http, session, [path])) == (400, "entry_outside_session")
    link = own.parent / "link.parquet"
    os.symlink(elsewhere, link)
    assert code(commit(http, session, [str(link)])) == (400, "entry_outside_session")
    assert code(commit(http, session, [str(own.parent / "absent.parquet")])) == (400, "entry_not_found")
    assert code(commit(http, session, [str(own.parent)])) == (400, "entry_outside_session")
    assert code(commit(http, session, [str(own)])) == (200, None)


def test_only_files_of_the_folders_that_are_allowed(client, http, tmp_path, server):
    """Written by their path, files must lie below a folder that the server was told of, links or not."""
    outside = tempfile.mkdtemp(prefix="firth-outside-")
    try:
        away = pathlib.Path(outside) / "x.parquet"
        pq.write_table(DATA, away)
        link, folder = tmp_path / "link.parquet", tmp_path / "folder"
        os.symlink(away, link)
        os.symlink(outside, folder)
        for path in (away, link, folder / "x.parquet", tmp_path / ".." / ".." / ".." / away.name, "/etc/passwd",
                     "file://" + str(away), "/proc/self/environ", "/dev/zero"):
            answer = http.post("/v1/namespaces/n/tables/allowed/commit",
                               json={"manifest_entries": [{"path": str(path), "record_count": 2}]})
            assert answer.status_code == 400
            assert answer.json()["error"]["code"] in ("entry_outside_session", "entry_not_found"), path
        assert not client.catalog.table_exists(namespace="n", table="allowed")
        inside = tmp_path / "real.parquet"
        pq.write_table(DATA, inside)
        os.symlink(inside, tmp_path / "near.parquet")
        client.catalog.write([str(tmp_path / "near.parquet")], namespace="n", table="allowed", mode="auto", format="parquet")
        assert client.catalog.read(namespace="n", table="allowed", read_as="pyarrow").equals(DATA)
    finally:
        shutil.rmtree(outside)


def test_the_stores_own_files_cannot_be_taken(client, refused, server):
    key = next(server.folder.glob("access.key"))
    with refused() as error:
        session = client.catalog._create_write_session(
            namespace="sessions", table="own", mode="auto", format="csv", allow_external_entries=True)
        client.catalog.commit(session=session, entries=[session.entry(str(key), records=1)])
    assert error.status == 400


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a file of rows", b"PAR1" + b"\xff" * 4000 + b"PAR1",
                                     b"\x1f\x8b\x08garbage"])
@pytest.mark.parametrize("format", ["parquet", "feather", "csv", "json"])
def test_what_is_not_what_it_says(client, http, content, format):
    table = "hostile_" + format
    if not client.catalog.table_exists(namespace="sessions", table=table):
        client.catalog.write(DATA, namespace="sessions", table=table, mode="create", format=format)
    session = stage(client, table, format=format)
    folder = pathlib.Path(session.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bad").write_bytes(content)
    answer = commit(http, session, [str(folder / "bad")])
    assert code(answer) in ((400, "invalid_data"), (400, "invalid_schema"), (400, "unknown_column"))
    assert count(client, table) == 2


def test_damage_inside_a_file_is_found(client, http):
    session = stage(client, "damage")
    path = pathlib.Path(put(session, data=pa.table({"id": range(2), "name": ["x" * 5000, "y" * 5000]})))
    content = bytearray(path.read_bytes())
    for at in range(40, min(len(content) // 2, 400)):
        content[at] ^= 0x5A
    path.write_bytes(bytes(content))
    assert code(commit(http, session, [str(path)]))[0] == 400


def test_counts_must_be_true(client, http):
    session = stage(client, "counts")
    assert code(commit(http, session, [put(session)], record_count=3)) == (400, "invalid_data")
    assert not client.catalog.table_exists(namespace="sessions", table="counts")


def test_a_file_that_is_changed_later_is_never_read_as_if_it_were_not(own_server):
    client = own_server.connect()
    session = client.catalog.write(DATA, namespace="default", table="t", mode="auto", format="parquet")
    path = pathlib.Path(client.catalog.plan(namespace="default", table="t").scan_tasks[0].files[0].path)
    assert path.is_relative_to(session.data_dir)
    pq.write_table(pa.table({"id": [8, 9], "name": ["y", "z"]}), path)
    import subprocess

    from server import BINARY
    done = subprocess.run([BINARY, "scan", "--data", str(own_server.folder), "default/t"],
                          capture_output=True, text=True)
    assert done.returncode != 0 and "changed or is damaged" in done.stderr + done.stdout


def test_no_schema_known(client, http):
    session = stage(client, "no_schema", format="csv")
    folder = pathlib.Path(session.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.csv").write_text("1,2\n")
    answer = http.post(f"/v1/write-sessions/{session.session_id}/commit",
                       json={"session_version": 1, "operation_id": "o", "entries": [{"path": str(folder / "a.csv")}]})
    assert code(answer) == (400, "schema_required")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b"null", b'{"session_version": "x"}',
                                  b'{"a":' * 2000 + b"1" + b"}" * 2000])
def test_hostile_json(client, http, body):
    session = stage(client, "hostile")
    answer = http.post(f"/v1/write-sessions/{session.session_id}/commit", content=body,
                       headers={"content-type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_request"


def test_calls_that_do_not_exist(http):
    assert http.get("/v1/nothing").status_code == 404
    assert http.patch("/v1/namespaces").status_code == 405
    assert http.get("/health").json() == {"status": "ok"}
    assert code(http.get("/v1/write-sessions/absent")) == (404, "write_session_not_found")


@pytest.mark.parametrize("asked, wanted", [
    ({"format": "lance"}, (400, "unsupported_operation")),
    ({"format": "docx"}, (400, "invalid_request")),
    ({"root": "elsewhere"}, (404, "data_root_not_found")),
    ({"mode": "replace_partition"}, (404, "table_not_found")),
    ({"mode": "sideways"}, (400, "invalid_write_mode")),
    ({"schema_serialized": "AAAA"}, (400, "invalid_schema")),
])
def test_what_cannot_be_opened(http, asked, wanted):
    answer = http.post("/v1/namespaces/sessions/tables/none/write-sessions", json={"mode": "auto", "format": "parquet", **asked})
    assert code(answer) == wanted
    assert http.get("/v1/namespaces/sessions/tables/none/exists").json()["exists"] is False
