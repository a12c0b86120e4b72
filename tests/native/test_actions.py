"""Actions: everything administrative, with JSON in and out."""

import json

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from conftest import action, get, put

SCHEMA = "id:int64!,name:text,price:decimal(10,2)"


def columns(description):
    return [(column["name"], column["type"], column["nullable"]) for column in description["schema"]]


def test_list_actions(client):
    actions = {one.type: one.description for one in client.list_actions()}
    assert {"tables", "describe", "create", "alter", "drop", "rename", "namespaces", "partitions", "users",
            "user.put", "secret.issue", "grant", "revoke", "grants", "stats", "version"} <= set(actions)
    assert all(actions.values())


def test_unknown_action_and_wrong_body(client, act):
    with pytest.raises(pa.ArrowInvalid, match="no action `tabels`; there are tables"):
        act("tabels")
    with pytest.raises(pa.ArrowInvalid, match="is not JSON"):
        list(client.do_action(flight.Action("tables", b"{")))
    with pytest.raises(pa.ArrowInvalid, match="to be a JSON object"):
        list(client.do_action(flight.Action("tables", b"[]")))
    with pytest.raises(pa.ArrowInvalid, match="no `prefx`; it has `prefix`"):
        act("tables", prefx="t")
    with pytest.raises(pa.ArrowInvalid, match="`stats` of the action `tables` is to be true or false"):
        act("tables", stats="yes")


def test_version(act):
    assert act("version")["version"].count(".") == 2


def test_create_and_describe(act, path):
    made = act("create", path=path, schema=SCHEMA, buckets=3, bucket_by="id", order=["name"],
               log_lifetime={"duration": "7d"}, compression="lz4", attributes={"flight.note": "hello"})
    assert columns(made) == [("id", "int64", False), ("name", "text", True), ("price", "decimal(10,2)", True)]
    told = act("describe", path=path)
    assert told["buckets"] == 3 and told["bucket_by"] == ["id"] and told["order"] == ["name"]
    assert told["log_lifetime"] == {"duration": "7d", "by": "commit"}
    assert told["compression"] == "lz4" and told["attributes"] == {"flight.note": "hello"}
    assert told["stats"]["rows"] == 0
    assert [one["path"] for one in act("tables", prefix=path)] == [path]


def test_create_from_what_describe_told(act, path):
    act("create", path=path, schema=SCHEMA, key=["id"])
    told = act("describe", path=path)
    again = act("create", path=path + "_again", schema=told["schema"], key=told["key"])
    assert columns(again) == columns(told)


def test_create_twice(act, path):
    act("create", path=path, schema=SCHEMA)
    with pytest.raises(pa.ArrowException, match="exists|taken"):
        act("create", path=path, schema=SCHEMA)
    assert act("create", path=path, schema=SCHEMA, if_absent=True)["path"] == path


@pytest.mark.parametrize("fields, says", [
    ({}, "`schema` of the action `create` is to be given"),
    ({"schema": "id"}, "has its end where `:` was expected"),
    ({"schema": "id:int"}, "where a type"),
    ({"schema": "id:int32,id:int32"}, "id"),
    ({"schema": "id:int32", "key": ["nope"]}, "nope"),
    ({"schema": "id:int32", "buckets": 0}, "1 or more"),
    ({"schema": "id:int32", "buckets": 100000}, "4096"),
    ({"schema": "id:int32", "log_lifetime": {"duration": "soon"}}, "like 7d"),
    ({"schema": "id:int32", "merge": "newest"}, "none, last, first, greatest or aggregate"),
    ({"schema": "id:int32", "views": ["cake"]}, "key, time and lake"),
    ({"schema": [{"name": "id"}]}, "needs `type`"),
])
def test_wrong_definitions(act, path, fields, says):
    with pytest.raises(pa.ArrowException, match=says):
        act("create", path=path, **fields)
    assert act("tables", prefix=path) == []


def test_alter(client, act, path):
    put(client, path, pa.table({"a": [1], "b": ["x"], "c": [2.5]}), create=True)
    altered = act("alter", path=path, drop=["c"], rename={"b": "label"}, add="d:timestamp(ns),e:list<int32>",
                  log_lifetime={"bytes": 1000000}, attributes={"k": "v"})
    assert columns(altered) == [("a", "int64", True), ("label", "text", True), ("d", "timestamp(ns)", True),
                                ("e", "list<int32>", True)]
    assert altered["log_lifetime"] == {"bytes": 1000000, "by": "commit"} and altered["attributes"] == {"k": "v"}
    assert get(client, path).to_pylist() == [{"a": 1, "label": "x", "d": None, "e": None}]
    with pytest.raises(pa.ArrowException, match="no column `nope`"):
        act("alter", path=path, drop=["nope"])
    with pytest.raises(pa.ArrowException, match="already has a column `a`"):
        act("alter", path=path, add="a:int32")
    with pytest.raises(pa.ArrowException):
        act("alter", path=path, add="must:int32!")


def test_rename_and_drop(client, act, path):
    put(client, path, pa.table({"a": [1]}), create=True)
    act("rename", path=path, to=path + "_new")
    assert get(client, path + "_new").num_rows == 1
    with pytest.raises(KeyError):
        act("describe", path=path)
    assert act("drop", path=path + "_new") == {"dropped": True}
    assert act("drop", path=path + "_new", if_exists=True) == {"dropped": False}
    with pytest.raises(KeyError):
        act("drop", path=path + "_new")


def test_namespaces(act, path):
    act("namespace.create", path=path, attributes={"owner": "ada"})
    parent, name = path.rsplit("/", 1)
    found = [one for one in act("namespaces", parent=parent) if one["path"] == path]
    assert found and found[0]["attributes"] == {"owner": "ada"}
    act("create", path=path + "/inner", schema="a:int32")
    with pytest.raises(pa.ArrowException):
        act("namespace.drop", path=path)
    act("namespace.drop", path=path, cascade=True)
    assert act("tables", prefix=path) == []


def test_partitions(act, path):
    act("create", path=path, schema="day:text,id:int32", partition_by=["day"])
    assert act("partitions", path=path) == []
    assert act("partition.create", path=path, values=["mon"])["created"]
    assert not act("partition.create", path=path, values=["mon"], if_absent=True)["created"]
    with pytest.raises(pa.ArrowException):
        act("partition.create", path=path, values=["mon"])
    with pytest.raises(pa.ArrowException):
        act("partition.create", path=path, values=["mon", "tue"])
    assert [one["values"] for one in act("partitions", path=path)] == [["mon"]]
    assert act("partition.drop", path=path, values=["mon"]) == {"dropped": True}
    assert act("partition.drop", path=path, values=["mon"], if_exists=True) == {"dropped": False}
    assert act("partitions", path=path) == []


def test_paths_with_odd_segments(client, act, path):
    segments = ["t", "a/b", "größe", "_x"]
    client.do_put(flight.FlightDescriptor.for_command(json.dumps({"path": segments, "create": True})),
                  pa.schema([("a", pa.int32())]))[0].close()
    (found,) = [one["path"] for one in act("tables", prefix="t") if "größe" in one["path"]]
    assert act("describe", path=found)["path"] == found
    assert act("describe", path=segments)["path"] == found
    assert client.get_schema(flight.FlightDescriptor.for_path(*segments)).schema.names == ["a"]
    act("drop", path=segments)


def test_stats_and_metrics(client, act, path):
    put(client, path, pa.table({"a": [1, 2, 3]}), create=True)
    stats = act("stats", path=path)
    assert stats["rows"] == 3 and stats["bytes"] > 0 and stats["buckets"] == 1
    assert act("metrics")["commits"] >= 1
