"""The command line, at a server and in a folder of its own.

Most tests run twice: `remote` speaks to a server by --server, `local` opens a folder that no server holds.
"""

import gzip
import json
import os
import pathlib
import re
import select
import signal
import stat
import subprocess
import zipfile

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as parquet
import pytest

import conftest
from conftest import Server, run_command

ROWS = pa.table({
    "id": pa.array(range(1, 6), pa.int64()),
    "name": ["a", "b", None, "d", "größer"],
    "price": [1.5, 2.5, 3.5, None, 5.5],
})


@pytest.fixture(params=["remote", "local"])
def firth(request, server, tmp_path):
    """Run a command at the server, or in a folder."""
    if request.param == "remote":
        return lambda *words, **options: run_command(*words, "--server", server.address, **options)
    return lambda *words, **options: run_command(*words, "--data", tmp_path / "store", **options)


def good(outcome):
    assert outcome.status == 0, outcome.err
    return outcome


def test_create_describe_tables_drop(firth, path):
    made = good(firth("create", path, "--schema", "id:int64!,name:text,tags:list<text>", "--bucket-by", "id",
                      "--buckets", 2, "--log-lifetime", "7d"))
    assert made.out == f"created {path} with 3 columns\n"
    told = good(firth("describe", path, "--json")).json
    assert told["buckets"] == 2 and told["bucket_by"] == ["id"] and told["log_lifetime"]["duration"] == "7d"
    shown = good(firth("describe", path)).out
    assert "list<text>" in shown and path in shown
    assert re.search(r"^log lifetime +by commit, duration 7d$", shown, re.M)
    assert path in [one["path"] for one in good(firth("tables", "--json")).json]
    lines = good(firth("tables", "t")).out.splitlines()
    assert lines[0].startswith("TABLE") and any(line.startswith(path + " ") for line in lines)
    assert good(firth("drop", path)).out == f"dropped {path}\n"
    assert good(firth("drop", path, "--if-exists")).out == f"there was no {path}\n"
    gone = firth("drop", path)
    assert gone.status == 1 and gone.err.startswith("firth: ") and path in gone.err


def test_schema_as_json(firth, path):
    schema = json.dumps([{"name": "a", "type": "decimal(5,1)", "nullable": False}])
    good(firth("create", path, "--schema", schema))
    (column,) = good(firth("describe", path, "--json")).json["schema"]
    assert column["type"] == "decimal(5,1)" and not column["nullable"]


def test_alter_and_rename(firth, path):
    good(firth("create", path, "--schema", "a:int32,b:text,c:bool"))
    good(firth("alter", path, "--add", "d:date,e:map<text,int32>", "--rename", "b=label", "--drop", "c",
               "--log-bytes", 1000000))
    told = good(firth("describe", path, "--json")).json
    assert [column["name"] for column in told["schema"]] == ["a", "label", "d", "e"]
    assert told["log_lifetime"]["bytes"] == 1000000
    nothing = firth("alter", path)
    assert nothing.status == 1 and "--add" in nothing.err
    good(firth("rename", path, path + "_new"))
    assert good(firth("describe", path + "_new", "--json")).json["path"] == path + "_new"


def test_namespaces_and_partitions(firth, path):
    good(firth("namespaces", "--create", path))
    assert path in good(firth("namespaces", "t")).out.splitlines()
    good(firth("create", path + "/p", "--schema", "day:text,id:int32", "--partition-by", "day"))
    good(firth("partitions", path + "/p", "--create", "mon"))
    assert "mon" in good(firth("partitions", path + "/p")).out
    good(firth("partitions", path + "/p", "--drop", "mon"))
    assert good(firth("partitions", path + "/p", "--json")).json == []
    assert firth("namespaces", "--drop", path).status == 1
    good(firth("namespaces", "--drop", path, "--cascade"))


def write_files(folder):
    """The same rows in every format that load takes."""
    parquet.write_table(ROWS, folder / "rows.parquet")
    pa.feather.write_feather(ROWS, folder / "rows.arrow", compression="uncompressed")
    pa.csv.write_csv(ROWS, folder / "rows.csv")
    text = (folder / "rows.csv").read_bytes()
    (folder / "rows.csv.gz").write_bytes(gzip.compress(text))
    with zipfile.ZipFile(folder / "rows.csv.zip", "w") as archive:
        archive.writestr("rows.csv", text)
    (folder / "rows.tsv").write_bytes(text.replace(b",", b"\t"))
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS.to_pylist())
    (folder / "rows.jsonl").write_text(lines)


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "rows.csv", "rows.csv.gz", "rows.csv.zip",
                                  "rows.tsv", "rows.jsonl"])
def test_load(firth, path, tmp_path, name):
    write_files(tmp_path)
    loaded = good(firth("load", path, tmp_path / name, "--json")).json
    assert loaded["rows"] == 5 and loaded["path"] == path
    assert good(firth("scan", path, "--json")).rows == ROWS.to_pylist()


def test_load_several_files_and_again(firth, path, tmp_path):
    write_files(tmp_path)
    shown = good(firth("load", path, tmp_path / "rows.parquet", tmp_path / "rows.csv")).out
    assert shown.startswith("loaded 10 rows") and path in shown
    good(firth("load", path, tmp_path / "rows.jsonl"))
    rows = good(firth("scan", path, "--json")).rows
    assert rows == ROWS.to_pylist() * 3


def test_load_with_schema_and_key(firth, path, tmp_path):
    (tmp_path / "rows.csv").write_text("id,when\n007,2024-01-01\n008,2024-01-02\n007,2024-01-03\n")
    good(firth("load", path, tmp_path / "rows.csv", "--schema", "id:text,when:date", "--key", "id"))
    told = good(firth("describe", path, "--json")).json
    assert told["key"] == ["id"] and [column["type"] for column in told["schema"]] == ["text", "date"]
    assert good(firth("scan", path, "--json")).rows == [
        {"id": "007", "when": "2024-01-03"}, {"id": "008", "when": "2024-01-02"}]
    assert len(good(firth("scan", path, "--changes", "--json")).rows) == 4
    (tmp_path / "gone.csv").write_text("id\n007\n")
    good(firth("load", path, tmp_path / "gone.csv", "--delete"))
    good(firth("export", path, tmp_path / "left.csv"))
    assert (tmp_path / "left.csv").read_text().splitlines()[1:] == ["008,2024-01-02"]


def test_load_errors(firth, path, tmp_path):
    assert firth("load", path, tmp_path / "absent.csv").status == 2
    (tmp_path / "rows.xyz").write_text("a\n1\n")
    wrong = firth("load", path, tmp_path / "rows.xyz")
    assert wrong.status == 1 and ".parquet" in wrong.err and wrong.err.count("\n") == 1
    (tmp_path / "rows.csv").write_text("a,b\n1,x\n2\n")
    wrong = firth("load", path, tmp_path / "rows.csv")
    assert wrong.status == 1 and "rows.csv" in wrong.err


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.csv.gz", "out.jsonl", "out.arrow"])
def test_export_and_back(firth, path, tmp_path, name):
    write_files(tmp_path)
    good(firth("load", path, tmp_path / "rows.parquet"))
    exported = good(firth("export", path, tmp_path / name, "--json")).json
    assert exported["rows"] == 5
    assert not (tmp_path / (name + ".part")).exists()
    good(firth("load", path + "_back", tmp_path / name))
    assert good(firth("scan", path + "_back", "--json")).rows == ROWS.to_pylist()


def test_export_some(firth, path, tmp_path):
    write_files(tmp_path)
    good(firth("load", path, tmp_path / "rows.parquet"))
    good(firth("export", path, tmp_path / "some.parquet", "--columns", "name,id", "--where", "id > 3"))
    assert parquet.read_table(tmp_path / "some.parquet").equals(ROWS.select(["name", "id"]).slice(3))
    wrong = firth("export", path, tmp_path / "some.docx")
    assert wrong.status == 1 and ".parquet" in wrong.err


def test_keys(firth, path):
    good(firth("create", path, "--schema", "a:int32!,b:text!,v:float64,w:text", "--key", "a,b", "--buckets", 2,
               "--bucket-by", "a"))
    for a in range(4):
        for b in "xyz":
            shown = good(firth("put", path, f"a={a}", f"b={b}", f"v={a}.5", "w=" + b * a))
    assert shown.out == f"put 1 row into {path}\n"
    # Columns that are not given keep what they hold.
    told = good(firth("put", path, "a=1", "b=y", "v=9", "--json")).json
    assert told["rows"] == 1 and told["commit"] > 0
    good(firth("put", path, "a=2", "b=z", "--null", "w"))
    assert good(firth("get", path, "1,y", "7,y", "2,z", "--json")).rows in (
        [{"a": 1, "b": "y", "v": 9.0, "w": "y"}, {"a": 2, "b": "z", "v": 2.5, "w": None}],
        [{"a": 2, "b": "z", "v": 2.5, "w": None}, {"a": 1, "b": "y", "v": 9.0, "w": "y"}])
    assert good(firth("get", path, "3,x", "--columns", "v")).out.split()[-1] == "3.5"

    def keys(*words):
        return [(row["a"], row["b"]) for row in good(firth("scan", path, "--columns", "a,b", "--json", *words)).rows]

    whole = [(a, b) for a in range(4) for b in "xyz"]
    assert sorted(keys()) == whole and len(keys("--limit", 5)) == 5
    assert keys("--prefix", "2") == [(2, "x"), (2, "y"), (2, "z")]
    assert keys("--prefix", "2", "--backwards") == [(2, "z"), (2, "y"), (2, "x")]
    assert keys("--prefix", "2,y") == [(2, "y")]
    assert sorted(keys("--from", "1,y", "--to", "3")) == [key for key in whole if (1, "y") <= key < (3,)]
    assert sorted(keys("--from", "3")) == whole[9:]
    assert good(firth("delete", path, "2,x", "2,y", "9,q")).out == f"deleted 3 keys from {path}\n"
    assert keys("--prefix", "2") == [(2, "z")]
    assert keys("--changes", "--from", "0", "--bucket", "0") != []
    told = good(firth("describe", path, "--json")).json["key_view"]
    assert told["rows"] == 10 and told["rows_exact"] and told["lag_bytes"] == 0 and told["watermark"] > 0
    assert "current rows" in good(firth("describe", path)).out
    for words, said in ((["get", path, "1"], "2 columns"), (["get", path, "one,x"], "int32"),
                        (["delete", path, "1"], "2 columns"), (["put", path, "a"], "COLUMN=VALUE"),
                        (["put", path, "q=1"], "no column q"), (["put", path, "a=x", "b=x"], "int32"),
                        (["scan", path, "--prefix", "1", "--changes"], "--prefix")):
        wrong = firth(*words)
        assert wrong.status == 1 and said in wrong.err and wrong.err.count("\n") == 1, wrong.err


def test_keys_of_any_text(firth, path):
    good(firth("create", path, "--schema", "a:text!,at:date!,seen:timestamp(ms),ok:bool", "--key", "a,at"))
    texts = ["Paris, Texas", "", 'the "big" one', '"', "a,", "plain"]
    for text in texts:
        good(firth("put", path, "a=" + text, "at=2024-02-29", "seen=2024-02-29T13:14:15.5"))
    for text in texts:
        quoted = '"' + text.replace('"', '""') + '"'
        (row,) = good(firth("get", path, quoted + ",2024-02-29", "--json")).rows
        assert row["a"] == text
        (row,) = good(firth("scan", path, "--prefix", quoted, "--json")).rows
        assert row["a"] == text
    assert good(firth("get", path, "plain,2024-02-29", 'the "big" one,2024-02-29', "--json")).rows
    good(firth("delete", path, '"Paris, Texas",2024-02-29'))
    rest = [row["a"] for row in good(firth("scan", path, "--from", '"a,"', "--json")).rows]
    assert rest == ["a,", "plain", 'the "big" one']
    for words, said in ((["put", path, "seen=2024-02-29T13:14:15Z"], "without a zone"),
                        (["put", path, "at=yesterday"], "like 2024-02-29"), (["put", path, "ok=perhaps"], "like true"),
                        (["put", path, "a=x", "a=y"], "given twice"), (["put", path, "ok=true", "--null", "ok"], "twice"),
                        (["get", path, "x,2024-02-30"], "which is date")):
        wrong = firth(*words)
        assert wrong.status == 1 and said in wrong.err and wrong.err.count("\n") == 1, wrong.err


def test_scan(firth, path, tmp_path):
    write_files(tmp_path)
    good(firth("load", path, tmp_path / "rows.parquet"))
    lines = good(firth("scan", path, "--columns", "price,name", "--limit", 3)).out.splitlines()
    assert lines == ["price  name", "-----  ----", "  1.5  a", "  2.5  b", "  3.5  null"]
    assert good(firth("scan", path, "--where", "name = b", "--json")).rows == [ROWS.to_pylist()[1]]
    assert good(firth("scan", path, "--where", "id in 1,5", "--columns", "id", "--json")).rows == [{"id": 1}, {"id": 5}]
    assert good(firth("scan", path, "--from", 4, "--columns", "id", "--json")).rows == [{"id": 5}]
    wrong = firth("scan", path, "--where", "id")
    assert wrong.status == 1 and "COLUMN OP VALUE" in wrong.err
    wrong = firth("scan", path, "--columns", "nope")
    assert wrong.status == 1 and "nope" in wrong.err and wrong.err.count("\n") == 1


def test_tail(firth, path, tmp_path):
    write_files(tmp_path)
    good(firth("load", path, *[tmp_path / "rows.parquet"] * 3))
    last = good(firth("tail", path, "--json")).rows
    assert [row["__offset"] for row in last] == list(range(5, 15))
    assert [row["id"] for row in good(firth("tail", path, "-n", 2, "--json")).rows] == [4, 5]
    first = good(firth("tail", path, "--from", "earliest", "--limit", 2, "--json")).rows
    assert [row["__offset"] for row in first] == [0, 1]
    assert good(firth("tail", path, "--from", "latest", "--json")).rows == []
    assert [row["__offset"] for row in good(firth("tail", path, "--from", 13, "--json")).rows] == [13, 14]
    assert "__offset" in good(firth("tail", path)).out


def test_tail_follow(server, path, tmp_path):
    write_files(tmp_path)
    good(server.cli("load", path, tmp_path / "rows.parquet"))
    process = subprocess.Popen(
        [conftest.BINARY, "tail", path, "--follow", "--from", "latest", "--json", "--server", server.address],
        stdout=subprocess.PIPE, text=True, env=conftest.clean_environment(),
        # A shell starts what runs in its background with the signal ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        # It may not have asked yet when these rows arrive, so more come until it has seen some.
        seen = None
        for _ in range(50):
            good(server.cli("load", path, tmp_path / "rows.jsonl"))
            ready, _, _ = select.select([process.stdout], [], [], 1)
            if ready:
                seen = json.loads(process.stdout.readline())
                break
        assert seen["id"] in range(1, 6) and seen["__offset"] >= 5
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) in (0, 130, -signal.SIGINT)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_tail_follow_ends_at_its_limit(server, path, tmp_path):
    write_files(tmp_path)
    good(server.cli("load", path, tmp_path / "rows.parquet"))
    followed = good(server.cli("tail", path, "-f", "--from", "earliest", "--limit", 5, "--json"))
    assert [row["id"] for row in followed.rows] == [1, 2, 3, 4, 5]


def test_follow_needs_a_server(path, tmp_path):
    store = tmp_path / "store"
    good(run_command("create", path, "--schema", "a:int32", "--data", store))
    wrong = run_command("tail", path, "--follow", "--data", store)
    assert wrong.status == 1 and "firth serve --data" in wrong.err


def test_users_and_grants(firth, path):
    name = "user-" + path.split("/")[1]
    added = good(firth("user", "add", name, "--role", "reader", "--json")).json
    assert len(added["secret"]) >= 8
    assert name in [one["name"] for one in good(firth("user", "list", "--json")).json]
    assert "reader" in good(firth("user", "list")).out
    issued = good(firth("user", "secret", name, "--description", "laptop", "--json")).json["secret"]
    secrets = good(firth("user", "secrets", name, "--json")).json
    assert len(secrets) == 2 and issued not in json.dumps(secrets)
    assert "laptop" in good(firth("user", "secrets", name)).out
    good(firth("user", "revoke-secret", [one["id"] for one in secrets if one["description"] == "laptop"][0]))
    assert len(good(firth("user", "secrets", name, "--json")).json) == 1
    good(firth("grant", name, "writer", "t/x"))
    good(firth("grant", name, "see,create", "t/y"))
    granted = good(firth("grants", name, "--json")).json
    assert {(one["path"], one["role"]) for one in granted} == {("t/x", "writer"), ("t/y", "")}
    assert {tuple(one["rights"]) for one in granted if not one["role"]} == {("see", "create")}
    assert "t/x" in good(firth("grants", name)).out
    good(firth("revoke", name, "writer", "t/x"))
    assert [one["path"] for one in good(firth("grants", name, "--json")).json] == ["t/y"]
    good(firth("user", "remove", name))
    assert name not in good(firth("user", "list")).out


def test_a_user_that_is_there_keeps_what_is_not_given(firth, path):
    name = "kept-" + path.split("/")[1]
    good(firth("user", "add", name, "--role", "writer", "--service"))
    again = good(firth("user", "add", name))
    assert again.out == f"changed {name} with the role writer\n"  # and no secret more
    good(firth("user", "add", name, "--new-secret", "a-secret-of-" + name))
    (user,) = [one for one in good(firth("user", "list", "--json")).json if one["name"] == name]
    assert user == {"name": name, "kind": "service", "role": "writer"}
    assert len(good(firth("user", "secrets", name, "--json")).json) == 2
    changed = good(firth("user", "add", name, "--role", "reader", "--json")).json
    assert changed["role"] == "reader" and not changed["new"] and "secret" not in changed
    good(firth("user", "remove", name))


def mode_of(folder):
    return stat.S_IMODE(os.stat(folder).st_mode)


def test_a_store_is_for_its_owner_alone(path, tmp_path):
    """Also where a command makes it, and inside of a folder that all may read: no file in it is for all."""
    (tmp_path / "shared").mkdir(mode=0o755)
    os.chmod(tmp_path / "shared", 0o755)
    for store in (tmp_path / "new" / "store", tmp_path / "slash", tmp_path / "shared"):
        good(run_command("create", path, "--schema", "id:int64,name:text", "--key", "id", "--data",
                         str(store) + ("/" if store.name == "slash" else "")))
        good(run_command("put", path, "id=1", "name=ada", "--data", store))
        for folder, folders, files in os.walk(store):
            inner = pathlib.Path(folder) != store
            if inner and mode_of(folder) & 0o077 == 0:
                folders.clear()  # nobody else comes here
                continue
            assert not inner, folder
            assert [name for name in files if mode_of(pathlib.Path(folder) / name) & 0o077] == []
        assert mode_of(store) == (0o755 if store.name == "shared" else 0o700)
    good(run_command("backup", tmp_path / "copy", "--data", tmp_path / "slash"))
    good(run_command("restore", tmp_path / "copy", "--data", tmp_path / "again"))
    assert mode_of(tmp_path / "copy") == mode_of(tmp_path / "again") == 0o700


def test_a_file_that_cannot_be_read_makes_no_table(firth, path, tmp_path):
    write_files(tmp_path)
    broken = bytearray((tmp_path / "rows.parquet").read_bytes())
    broken[4:60] = b"\x5a" * 56
    (tmp_path / "broken.parquet").write_bytes(broken)
    (tmp_path / "broken.jsonl").write_text('{"id":1,"id":2}\n')
    for name in ("broken.parquet", "broken.jsonl"):
        wrong = firth("load", path, tmp_path / name)
        assert wrong.status == 1 and name in wrong.err
        assert firth("describe", path).status == 1
    (tmp_path / "empty.jsonl").write_text("")
    wrong = firth("load", path, tmp_path / "empty.jsonl")
    assert wrong.status == 1 and "empty.jsonl has no rows" in wrong.err and "--schema" in wrong.err
    good(firth("load", path, tmp_path / "empty.jsonl", "--schema", "id:int64"))
    assert good(firth("scan", path, "--json")).rows == []


def test_export_to_where_nothing_can_be_written(firth, path, tmp_path):
    write_files(tmp_path)
    good(firth("load", path, tmp_path / "rows.csv"))
    wrong = firth("export", path, tmp_path / "nowhere" / "rows.csv")
    assert wrong.status == 1 and "nowhere/rows.csv" in wrong.err and "No such file or directory" in wrong.err
    # A device that is full: what is written there finds no room.
    (tmp_path / "full.csv.part").symlink_to("/dev/full")
    wrong = firth("export", path, tmp_path / "full.csv")
    assert wrong.status == 1 and "full.csv: " in wrong.err and "No space left on device" in wrong.err
    assert not (tmp_path / "full.csv").exists()


def test_version():
    assert run_command("version").out.startswith("firth ")
    assert run_command("version", "--json").json["version"]
    assert run_command("--version").status == 0


@pytest.mark.parametrize("words, says", [
    ([], "A subcommand is required"),
    (["frobnicate"], "frobnicate"),
    (["describe"], "PATH"),
    (["scan", "t", "--limt", "4"], "--limt"),
    (["scan", "t", "--limit", "many"], "--limit"),
    (["scan", "t", "--limit", "-1"], "--limit: a whole number of 0 or more is expected, not `-1`"),
    (["create", "t", "--schema", "a:int32", "--buckets", "0"], "a whole number of 1 or more is expected, not `0`"),
    (["create", "t"], "--schema"),
    (["user"], "subcommand"),
])
def test_usage(words, says):
    outcome = run_command(*words)
    assert outcome.status == 2 and outcome.out == ""
    assert says in outcome.err and outcome.err.count("\n") == 1 and "--help" in outcome.err


def test_folders_without_a_name(tmp_path):
    for words in (["backup", "", "--data", tmp_path], ["restore", "", "--data", tmp_path],
                  ["restore", "x", "--data", ""]):
        wrong = run_command(*words)
        assert wrong.status == 1 and wrong.err.count("\n") == 1 and "names no folder" in wrong.err


def test_help():
    shown = run_command("--help")
    assert shown.status == 0
    for name in ("serve", "tables", "describe", "create", "alter", "drop", "load", "export", "tail", "scan", "user",
                 "grant", "revoke", "version"):
        assert name in shown.out
        assert run_command(name, "--help").status == 0


def test_no_store_and_no_server(tmp_path):
    wrong = run_command("tables", "--data", tmp_path / "nowhere")
    assert wrong.status == 1 and "--server" in wrong.err and "--data" in wrong.err
    (tmp_path / "empty").mkdir()
    assert run_command("tables", "--data", tmp_path / "empty").status == 1
    assert list((tmp_path / "empty").iterdir()) == []
    wrong = run_command("tables", "--server", "127.0.0.1:1")
    assert wrong.status == 1 and "no server answers at 127.0.0.1:1" in wrong.err
    assert run_command("tables", "--server", "nonsense").status == 1


def test_a_folder_that_a_server_holds(server, path, tmp_path):
    """--data finds the server by its endpoints.json."""
    good(run_command("create", path, "--schema", "a:int32", "--data", server.folder))
    assert good(server.cli("describe", path)).out
    environment = {"FIRTH_SERVER": server.address}
    assert good(run_command("describe", path, environment=environment)).out


def test_a_folder_outlives_its_server(path, tmp_path):
    write_files(tmp_path)
    folder = tmp_path / "store"
    good(run_command("load", path, tmp_path / "rows.csv", "--data", folder))
    first = Server(folder, "--access-anonymous", "admin")
    good(first.cli("load", path, tmp_path / "rows.csv"))
    second = run_command("serve", "--data", folder, "--flight", "127.0.0.1:0")
    assert second.status == 1 and str(folder) in second.err
    assert first.stop() == 0
    good(run_command("load", path, tmp_path / "rows.csv", "--data", folder))
    killed = Server(folder, "--access-anonymous", "admin")
    good(killed.cli("load", path, tmp_path / "rows.csv"))
    killed.kill()
    # endpoints.json of the killed one is still there, and nobody answers: the folder is opened.
    assert good(run_command("describe", path, "--data", folder, "--json")).json["stats"]["rows"] == 20


def test_serve_stops_under_load(path, tmp_path):
    """SIGTERM while a client follows: the server drains and ends with 0."""
    write_files(tmp_path)
    running = Server(tmp_path / "store", "--access-anonymous", "admin")
    good(running.cli("load", path, tmp_path / "rows.parquet"))
    with running.client() as client:
        stream = client.do_get(conftest.ticket(path, follow=True))
        assert stream.read_chunk().data.num_rows == 5
        assert running.stop() == 0
        with pytest.raises(pa.ArrowException, match="the server stops"):
            stream.read_chunk()


def test_serve_check(tmp_path):
    valid = run_command("serve", "--data", tmp_path / "store", "--flight", "127.0.0.1:0", "--check")
    assert valid.status == 0 and not (tmp_path / "store").exists()
    wrong = run_command("serve", "--data", tmp_path / "store", "--flihgt", "127.0.0.1:0", "--check")
    assert wrong.status == 1 and "flight" in wrong.err and wrong.err.count("\n") == 1
    assert run_command("serve", "--check", "word").status == 1
