"""Streams that vanish while they are read, and statements whose client goes away.

Goal: a read of a stream that is obliterated meanwhile gives all of its points or the error of a stream that is not
there, never wrong ones, and reads of others are not disturbed, also once the space of what is gone was taken back; a
statement whose client is gone is not worked on. Method: threads that read, each checking every point, while streams are
made, filled and obliterated; a restart, which takes the space back; the server's processor time after a call was
cancelled.
"""

import threading
import time
import uuid

import btrdb.exceptions as errors
import pyarrow as pa
from btrdb.grpcinterface import btrdb_pb2

BASE_NS = 1_500_000_000_000_000_000
POINTS = 60_000


def table_of(seed):
    times = range(BASE_NS, BASE_NS + POINTS * 1000, 1000)
    return pa.table({"time": pa.array(times, pa.timestamp("ns", tz="UTC")),
                     "value": pa.array([float(seed * POINTS + i) for i in range(POINTS)])})


def make(connection, seed):
    stream = connection.create(uuid.uuid4(), f"vanish/{seed}", tags={"name": "x", "unit": "V"})
    stream.arrow_insert(table_of(seed))
    return stream


def check(stream, seed):
    """Read all of a stream in three ways; whatever comes is right."""
    end = BASE_NS + POINTS * 1000
    values = [value for table, _ in stream._btrdb.ep.arrowRawValues(stream.uuid, BASE_NS, end)
              for value in table["value"].to_pylist()]
    assert values == [float(seed * POINTS + i) for i in range(POINTS)]
    windows = [row for table, _ in stream._btrdb.ep.arrowWindows(stream.uuid, BASE_NS, end, 100_000, 0)
               for row in zip(table["count"].to_pylist(), table["min"].to_pylist(), table["max"].to_pylist())]
    assert windows == [(100, float(seed * POINTS + i), float(seed * POINTS + i + 99)) for i in range(0, POINTS, 100)]
    point, _ = stream.nearest(BASE_NS + 10_500, 0)
    assert point.value == seed * POINTS + 11


def test_streams_vanish_while_they_are_read(server):
    connection = server.connect()
    kept = make(connection, 0)
    standing = [(make(connection, seed), seed) for seed in range(1, 4)]
    ended, failed, reads, gone = threading.Event(), [], [0], [0]

    def read(number):
        mine = server.connect()
        try:
            while not ended.is_set():
                check(mine.stream_from_uuid(kept.uuid), 0)
                stream, seed = standing[number]
                try:
                    check(mine.stream_from_uuid(stream.uuid), seed)
                    reads[0] += 1
                except errors.StreamNotFoundError:
                    gone[0] += 1
        except BaseException as error:  # told by the test, not by a thread that dies
            failed.append(error)

    readers = [threading.Thread(target=read, args=[number]) for number in range(len(standing))]
    for reader in readers:
        reader.start()
    try:
        seed = 10
        deadline = time.monotonic() + 60
        while not failed and time.monotonic() < deadline and (seed < 40 or reads[0] < 10 or gone[0] == 0):
            old = standing[seed % len(standing)][0]
            # It goes while it is what a thread reads; then another stands there.
            old.obliterate()
            assert not connection.stream_from_uuid(old.uuid).exists()
            standing[seed % len(standing)] = (make(connection, seed), seed)
            seed += 1
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert not failed, failed
    assert reads[0] >= 10 and gone[0] > 0
    server.stop()
    server.start()
    again = server.connect()
    check(again.stream_from_uuid(kept.uuid), 0)
    for stream, seed in standing:
        check(again.stream_from_uuid(stream.uuid), seed)
    assert len(again.streams_in_collection("vanish", is_collection_prefix=True)) == 1 + len(standing)


def test_a_statement_whose_client_goes_away_ends(server):
    connection = server.connect()
    for i in range(256):
        connection.create(uuid.uuid4(), f"many/{i}", tags={"name": "x" * 200 + str(i), "unit": "V"})
    # Each stream takes long: very many patterns, of which none fits.
    statement = "SELECT count(*) FROM streams WHERE " + " OR ".join(f"name ~ '(x+)+y{i}$'" for i in range(1000))
    before = server.cpu_s()
    assert connection.query(statement) == [{"count": 0}]
    whole = server.cpu_s() - before
    began = server.cpu_s()
    call = connection.ep.stub.SQLQuery(btrdb_pb2.SQLQueryParams(query=statement))
    while server.cpu_s() - began < whole / 20:
        assert call.is_active()
        time.sleep(0.01)
    call.cancel()
    assert server.rests(0.1, within_s=60), "the server works on for a client that is gone"
    assert server.cpu_s() - began < whole / 2, f"{server.cpu_s() - began} of {whole} s"
    assert connection.query("SELECT count(*) FROM streams") == [{"count": 256}]
