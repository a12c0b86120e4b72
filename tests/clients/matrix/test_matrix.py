"""Five clients, one table each, and every client reads every table: values compared, nothing copied in between.

Each client runs in its own environment, in a process that this test drives; the server is one. What a client refuses or
shows in another type than the writer's is what docs/matrix.md lists; shown.py is that list as code.
"""

import pytest

from cells import rows_of_table
from conftest import CLIENTS, SEEN
from server import Client, Server
from shown import cells_of, numbers_of, same
from tables import BASE_NS, TABLES



@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("matrix") / "data")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def clients(server):
    running = {name: Client(name, server.endpoints) for name in CLIENTS}
    yield running
    for client in running.values():
        client.close()


@pytest.fixture(scope="module")
def made(clients):
    """Gives a table's rows, made and filled by its client when it is first asked for."""
    done = {}

    def make(name):
        client, path, _, rows = TABLES[name]
        if name not in done:
            done[name] = rows()
            words = [path, rows_of_table(done[name])] if client == "beneath" else [name]
            clients[client].call("make", *words)
        return done[name]

    return make


@pytest.mark.parametrize("reader", CLIENTS)
@pytest.mark.parametrize("name", TABLES)
def test_pair(clients, made, name, reader):
    writer, path, _, _ = TABLES[name]
    SEEN[name, reader] = "WRONG"
    rows = made(name)
    found = clients[reader].call("read", path, rows.num_rows)
    if reader == "btrdb" and writer != "btrdb":
        check_numbers(rows, found)
        SEEN[name, reader] = f"{len(found)} points"
        return
    columns = [c for c in rows.column_names if not (writer == "btrdb" and c == "id")]
    assert len(found) == rows.num_rows
    # A record's own time is a column for all but its writer.
    extra = {"__timestamp"} if writer == "beneath" and reader != "beneath" else set()
    assert set(found[0]) == set(columns) | extra
    wanted = cells_of(rows)
    order, found = (in_order_of_series if writer == "btrdb" else in_order_of_ids)(wanted, found)
    wrong = []
    for column in columns:
        type_ = rows.schema.field(column).type
        for at, row in zip(order, found):
            if not same(reader, type_, written(name, column, wanted[column][at], reader), row[column]):
                wrong.append((column, str(type_), wanted[column][at], row[column]))
                break
    assert wrong == []
    SEEN[name, reader] = f"{len(found)} rows"


def written(table, column, cell, reader):
    """What its own client calls a number without bounds is text to all others."""
    own = (table, column, reader) == ("beneath_keyed", "n", "beneath")
    return {"decimal": cell} if own and cell is not None else cell


def in_order_of_ids(wanted, found):
    order = sorted(range(len(wanted["id"])), key=lambda i: wanted["id"][i])
    return order, sorted(found, key=lambda row: int(row["id"]))


def in_order_of_series(wanted, found):
    order = sorted(range(len(wanted["uuid"])), key=lambda i: (wanted["uuid"][i], wanted["time"][i]["ns"]))
    return order, sorted(found, key=lambda row: (row["uuid"], time_of(row["time"])))


def time_of(shown):
    from shown import ns_of_text
    return shown["ns"] if isinstance(shown, dict) else shown if isinstance(shown, int) else ns_of_text(shown)


def check_numbers(rows, found):
    """Each numeric column is a stream: every finite number is a point, at the time of its row."""
    streams = {}
    for point in found:
        streams.setdefault(point["name"], []).append(float.fromhex(point["value"]["real"]))
        assert point["time"]["ns"] > BASE_NS  # the time of a commit
    assert {name: sorted(values) for name, values in streams.items()} == numbers_of(rows)


def test_all_pairs_are_there():
    assert {(writer, reader) for writer, *_ in TABLES.values() for reader in CLIENTS} == {
        (writer, reader) for writer in CLIENTS for reader in CLIENTS}
