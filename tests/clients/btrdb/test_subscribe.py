"""What is inserted is pushed to who asked for it: in order, none lost, none twice."""

import queue
import signal
import threading
import time
import uuid

import btrdb.exceptions as errors
import grpc
import numpy
import pyarrow as pa
import pytest
from btrdb.grpcinterface import btrdb_pb2

BASE = 1500000000000000000


def make(conn, name):
    return conn.create(uuid.uuid4(), "site/pushed", tags={"name": name})


class Subscriber:
    """Runs one call on a thread and keeps what it was sent."""

    def __init__(self, conn):
        self.updates = queue.Queue()
        self.points = {}
        self.error = None
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.run, args=(conn,), daemon=True)
        self.thread.start()

    def run(self, conn):
        try:
            for stream, table in conn.ep.subscribe(self.updates):
                assert [str(f.type) for f in table.schema] == ["timestamp[ns, tz=UTC]", "double"]
                with self.changed:
                    got = zip(table["time"].cast("int64").to_pylist(), table["value"].to_pylist())
                    self.points.setdefault(stream, []).extend(got)
                    self.changed.notify_all()
        except Exception as error:
            self.error = error

    def wait(self, stream, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.points.get(stream.uuid, [])) >= count, timeout=60)
            return self.points[stream.uuid]

    def end(self):
        self.updates.put(None)
        self.thread.join(timeout=60)
        assert not self.thread.is_alive()


def follow(subscriber, stream):
    """Subscribe, and wait until inserts are seen: the call has no answer that says so. Returns the number of points
    that it took."""
    subscriber.updates.put(([stream.uuid], []))
    for i in range(100):
        stream.insert([(BASE - 10**9 + i, -1.0)])
        with subscriber.changed:
            if subscriber.changed.wait_for(lambda: subscriber.points.get(stream.uuid), timeout=0.5):
                break
    last = BASE - 10**9 + i
    with subscriber.changed:
        assert subscriber.changed.wait_for(lambda: (subscriber.points.get(stream.uuid) or [(0, 0)])[-1][0] == last,
                                           timeout=60)
        subscriber.points[stream.uuid] = []


def test_inserts_are_pushed_in_order(conn):
    a, b, other = make(conn, "a"), make(conn, "b"), make(conn, "other")
    subscriber = Subscriber(conn)
    follow(subscriber, a)
    follow(subscriber, b)
    expected = []
    for i in range(30):
        points = [(BASE + i * 10 + j, float(j)) for j in (2, 0, 1)]
        a.insert(points)
        expected += sorted(points)
        other.insert(points)
    b.insert([(BASE + i, float(i)) for i in range(45_000)])
    a.delete(BASE, BASE + 5)
    a.insert([(BASE + 10, 5.0), (BASE + 1000, 6.0)], merge="retain")
    expected.append((BASE + 1000, 6.0))
    assert subscriber.wait(a, len(expected)) == expected
    assert subscriber.wait(b, 45_000) == [(BASE + i, float(i)) for i in range(45_000)]
    subscriber.end()
    assert subscriber.error is None and other.uuid not in subscriber.points
    assert subscriber.points[a.uuid] == expected


def test_removed_streams_are_silent(conn):
    a, b = make(conn, "a"), make(conn, "b")
    subscriber = Subscriber(conn)
    follow(subscriber, a)
    follow(subscriber, b)
    subscriber.updates.put(([], [a.uuid]))
    follow(subscriber, make(conn, "c"))  # by now the removal was taken up
    a.insert([(BASE, 1.0)])
    b.insert([(BASE, 2.0)])
    assert subscriber.wait(b, 1) == [(BASE, 2.0)]
    subscriber.end()
    assert subscriber.points[a.uuid] == [] and subscriber.error is None


def test_an_unknown_stream_ends_the_call(conn):
    a = make(conn, "a")
    subscriber = Subscriber(conn)
    follow(subscriber, a)
    subscriber.updates.put(([uuid.uuid4()], []))
    subscriber.updates.put(None)
    subscriber.thread.join(timeout=60)
    assert isinstance(subscriber.error, errors.StreamNotFoundError)


def test_a_call_without_updates_ends_at_once(conn):
    subscriber = Subscriber(conn)
    subscriber.end()
    assert subscriber.error is None and subscriber.points == {}


def test_many_subscribers_hold_up_nobody(server):
    conns = [server.connect() for _ in range(4)]
    streams = [make(conns[0], str(i)) for i in range(3)]
    subscribers = [Subscriber(conns[i % 4]) for i in range(160)]
    for subscriber in subscribers:
        subscriber.updates.put(([stream.uuid for stream in streams], []))
    follow(subscribers[-1], streams[0])
    assert streams[1].version() == 10 and len(streams[0].values(BASE, BASE + 1)) == 0
    for subscriber in subscribers:
        subscriber.end()
        assert subscriber.error is None


def test_updates_that_are_wrong_end_the_call(conn):
    stream = make(conn, "a").uuid.bytes
    for update, code in (({"uuid": [b"short"]}, 421), ({"uuid": [uuid.uuid4().bytes]}, 404),
                         ({"uuid": [stream], "op": 7}, 421)):
        answers = conn.ep.stub.Subscribe(iter([btrdb_pb2.SubscriptionUpdate(**update)]), timeout=60)
        assert [answer.stat.code for answer in answers] == [code]


def test_the_server_ends_calls_when_it_stops(server):
    conn = server.connect()
    subscriber = Subscriber(conn)
    follow(subscriber, make(conn, "a"))
    began = time.monotonic()
    assert server.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 15
    subscriber.thread.join(timeout=60)
    assert isinstance(subscriber.error, grpc.RpcError)
    subscriber.updates.put(None)


def test_a_slow_reader_is_cut_off(conn):
    """The client's generator is not read while more is inserted than may wait for it."""
    a = make(conn, "a")
    updates = queue.Queue()
    updates.put(([a.uuid], []))
    pushed = conn.ep.subscribe(updates)
    got = []
    reader = threading.Thread(target=lambda: got.append(next(pushed)), daemon=True)
    reader.start()
    while not got:
        a.insert([(BASE - 1, 0.0)])
        reader.join(timeout=0.5)
    times = numpy.arange(BASE, BASE + 500_000)
    table = pa.table({"time": pa.array(times, pa.timestamp("ns", "UTC")), "value": numpy.zeros(500_000)})
    for _ in range(9):
        a.arrow_insert(table)
    with pytest.raises(errors.BTRDBServerError, match="426"):
        for _ in pushed:
            pass
    updates.put(None)
