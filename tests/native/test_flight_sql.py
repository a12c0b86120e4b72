"""Flight SQL, by the ADBC driver as PyPI ships it: queries, prepared ones, lists of tables, errors, cancelling.

The messages are our own text; here their fields are compared with those that the driver was built with.
"""

import json
import pathlib
import re

import adbc_driver_flightsql
import adbc_driver_flightsql.dbapi as flight_sql
import adbc_driver_manager
import pyarrow as pa
import pyarrow.flight as flight
import pytest
from google.protobuf import descriptor_pb2

from conftest import put

PROTO = pathlib.Path(__file__).parents[2] / "src/firth/doors/flight/proto/flight_sql.proto"
ROWS = pa.table({"id": [1, 2, 3], "name": ["ada", None, "eve"], "at": pa.array([1, 2, 3], pa.timestamp("ns"))})


@pytest.fixture
def connection(server, client, path):
    put(client, path, ROWS, create=True)
    with flight_sql.connect(f"grpc://{server.address}", autocommit=True) as connected:
        yield connected


def quoted(path):
    return '"' + path + '"'


def test_query(connection, path):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, id + 1 AS next FROM {quoted(path)} ORDER BY id")
        assert [column[0] for column in cursor.description] == ["name", "next"]
        assert cursor.fetchall() == [("ada", 2), (None, 3), ("eve", 4)]
        cursor.execute(f"SELECT * FROM {quoted(path)} ORDER BY id")
        assert cursor.fetch_arrow_table().cast(ROWS.schema) == ROWS


def test_many_rows_and_none(connection):
    with connection.cursor() as cursor:
        cursor.execute("SELECT range AS i FROM range(300000)")
        table = cursor.fetch_arrow_table()
        assert table.num_rows == 300000 and table["i"][-1].as_py() == 299999
        cursor.execute("SELECT 1 AS one WHERE false")
        assert cursor.fetchall() == []


def test_prepared(connection, path):
    with connection.cursor() as cursor:
        assert cursor.adbc_prepare(f"SELECT count(*) AS n FROM {quoted(path)}") in (None, pa.schema([]))
        statement = f"SELECT count(*) AS n FROM {quoted(path)}"
        for _ in range(2):
            cursor.execute(statement)
            assert cursor.fetchone() == (3,)
        assert cursor.adbc_execute_schema(f"SELECT id, name FROM {quoted(path)}") == pa.schema(
            [("id", pa.int64()), ("name", pa.utf8())])


def test_past(connection, client, path):
    commit = put(client, path, ROWS)["commit"]
    put(client, path, ROWS)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {quoted(path)} AT (VERSION => {commit})")
        assert cursor.fetchone() == (6,)
        cursor.execute(f"SELECT count(*) FROM {quoted(path)}")
        assert cursor.fetchone() == (9,)


def test_lists_of_tables(connection, path):
    schema, name = path.rsplit("/", 1) if "/" in path else ("", path)
    objects = connection.adbc_get_objects(depth="tables", table_name_filter=name).read_all().to_pylist()
    assert [catalog["catalog_name"] for catalog in objects] == ["firth"]
    found = [(s["db_schema_name"], t["table_name"], t["table_type"])
             for s in objects[0]["catalog_db_schemas"] for t in s["db_schema_tables"] or []]
    assert (schema, name, "TABLE") in found
    assert connection.adbc_get_table_types() == ["TABLE"]
    assert connection.adbc_get_table_schema(name, db_schema_filter=schema).names == ROWS.column_names


def test_facts(connection):
    facts = connection.adbc_get_info()
    assert facts["vendor_name"] == "Firth" and re.fullmatch(r"\d+\.\d+\.\d+", facts["vendor_version"])


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT nope", "SELECT * FROM nowhere.nothing", "DROP TABLE x",
                                 "SELECT * FROM read_csv('/etc/passwd')", "SELECT ?", ""])
def test_refused(connection, sql):
    with connection.cursor() as cursor, pytest.raises(adbc_driver_manager.Error) as refused:
        cursor.execute(sql)
        cursor.fetchall()
    assert "\n" not in str(refused.value).split(". Vendor")[0]


def test_hostile_messages(client):
    for command in (b"\x0a", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x03abc", b"\x0a" + b"x" * 1000,
                    b"\x0a\x22type.googleapis.com/arrow.flight.protocol.sql.CommandGetTables\x12\x05\xff\xff\xff"):
        with pytest.raises((flight.FlightError, pa.ArrowException)):
            client.get_flight_info(flight.FlightDescriptor.for_command(command))
        with pytest.raises((flight.FlightError, pa.ArrowException)):
            client.do_get(flight.Ticket(command)).read_all()
        with pytest.raises((flight.FlightError, pa.ArrowException)):
            list(client.do_action(flight.Action("CreatePreparedStatement", command)))


def file_descriptor(binary, name):
    """The descriptor of a .proto file that lies somewhere in a program's bytes.

    It has no length there: fields are taken as long as they are such as one file's descriptor has.
    """
    start = b"\x0a" + bytes([len(name)]) + name
    for found in re.finditer(re.escape(start), binary):
        at = found.start()
        parsed = descriptor_pb2.FileDescriptorProto()
        while True:
            try:
                tag, length = binary[at], 0
                if tag & 7 != 2 or tag >> 3 not in range(1, 13) or (tag >> 3 == 1 and at > found.start()):
                    break  # behind its end, or another file's
                begin, shift = at + 1, 0
                while True:
                    length |= (binary[begin] & 127) << shift
                    shift += 7
                    begin += 1
                    if binary[begin - 1] < 128:
                        break
                parsed.MergeFromString(binary[at:begin + length])
                at = begin + length
            except Exception:
                break
        if parsed.message_type:
            return parsed
    return None


def own_fields():
    """Message -> field -> number, of our text."""
    messages = {}
    for name, body in re.findall(r"^message (\w+) \{(.*?)\}", PROTO.read_text(), re.S | re.M):
        messages[name] = {field: (kind, int(number)) for kind, field, number in re.findall(
            r"^\s*(?:optional |repeated )?(\w+) (\w+) = (\d+);", body, re.M)}
    return messages


def test_fields_are_those_of_the_driver():
    binary = b"".join(path.read_bytes() for path in pathlib.Path(adbc_driver_flightsql.__file__).parent.glob("*.so"))
    theirs = file_descriptor(binary, b"FlightSql.proto")
    assert theirs is not None, "the driver carries no descriptor any more: find another to compare with"
    assert theirs.package == "arrow.flight.protocol.sql"
    kinds = {number: name[5:].lower() for name, number in descriptor_pb2.FieldDescriptorProto.Type.items()}
    known = {message.name: {field.name: (kinds[field.type], field.number) for field in message.field}
             for message in theirs.message_type}
    ours = own_fields()
    assert len(ours) == 11
    for name, fields in ours.items():
        assert fields == {field: known[name].get(field) for field in fields}, name
