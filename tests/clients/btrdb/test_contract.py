"""Sentences of the interface that no other test here holds: how replies look, which code comes first, the edges of the
time line, limits of facts, what lookups and changes answer. By the stub of the client's own package."""

import signal
import uuid

import grpc
import numpy
import pyarrow as pa
import pytest
from btrdb.grpcinterface import btrdb_pb2 as pb

BASE = 1500000000000000000
MIN, TOP = -(16 << 56), 48 << 56
END = BASE + 10**9


@pytest.fixture
def stub(conn):
    return conn.ep.stub


def tags(**given):
    return [pb.KeyOptValue(key=key, val=pb.OptValue(value=value)) for key, value in given.items()]


def create(stub, collection="site", name="a", annotations=(), **more):
    stream = uuid.uuid4().bytes
    reply = stub.Create(pb.CreateParams(uuid=stream, collection=collection, tags=tags(name=name, **more),
                                        annotations=list(annotations)))
    return stream, reply.stat.code


def made(stub, **given):
    stream, code = create(stub, **given)
    assert code == 0
    return stream


def insert(stub, stream, points, **more):
    values = [pb.RawPoint(time=time, value=value) for time, value in points]
    return stub.Insert(pb.InsertParams(uuid=stream, values=values, **more))


def raw(stub, stream, start=MIN, end=TOP, version=0):
    messages = list(stub.RawValues(pb.RawValuesParams(uuid=stream, start=start, end=end, versionMajor=version)))
    assert not any(message.stat.code for message in messages)
    return [(point.time, point.value) for message in messages for point in message.values]


def code_of(messages):
    return list(messages)[-1].stat.code


def arrow(columns, names=("time", "value")):
    table = pa.table(columns, names=names)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2 if len(table) < 10 else 100_000)
    return sink.getvalue().to_pybytes()


def info(stub, stream):
    return stub.StreamInfo(pb.StreamInfoParams(uuid=stream)).descriptor


def test_success_has_no_status_and_empty_answers_have_one_message(stub):
    stream = made(stub)
    reply = insert(stub, stream, [(BASE, 1.0)])
    assert not reply.HasField("stat") and (reply.versionMajor, reply.versionMinor) == (11, 0)
    ranges = {"uuid": stream, "start": BASE + 16, "end": BASE + 32}
    for messages in (stub.RawValues(pb.RawValuesParams(**ranges)),
                     stub.Windows(pb.WindowsParams(width=100, **ranges)),
                     stub.AlignedWindows(pb.AlignedWindowsParams(pointWidth=3, **ranges)),
                     stub.ArrowRawValues(pb.ArrowRawValuesParams(**ranges)),
                     stub.ArrowWindows(pb.WindowsParams(width=100, **ranges)),
                     stub.ArrowAlignedWindows(pb.AlignedWindowsParams(pointWidth=3, **ranges))):
        messages = list(messages)
        assert len(messages) == 1 and not messages[0].HasField("stat")
        assert (messages[0].versionMajor, messages[0].versionMinor) == (11, 0)
        if hasattr(messages[0], "arrowBytes"):
            assert pa.ipc.open_stream(messages[0].arrowBytes).read_all().num_rows == 0
        else:
            assert len(messages[0].values) == 0


def test_an_error_is_the_last_message_and_the_first_that_is_wrong_is_told(stub):
    stream, nobody = made(stub), uuid.uuid4().bytes
    wrong = {"start": 5, "end": 5, "width": 0}
    for who, version, code in ((b"short", 99, 421), (nobody, 99, 404), (stream, 99, 450), (stream, 0, 413)):
        messages = list(stub.Windows(pb.WindowsParams(uuid=who, versionMajor=version, **wrong)))
        assert [message.stat.code for message in messages] == [code]
        assert code != 404 or messages[0].stat.msg == "stream does not exist"
    of = {"uuid": stream, "start": 0, "end": 10**18}
    assert code_of(stub.Windows(pb.WindowsParams(width=0, **of))) == 415
    assert code_of(stub.Windows(pb.WindowsParams(width=(1 << 63) + 1, **of))) == 415
    assert code_of(stub.Windows(pb.WindowsParams(width=1, depth=64, **of))) == 415
    assert code_of(stub.Windows(pb.WindowsParams(width=1, **of))) == 421  # too many
    assert code_of(stub.AlignedWindows(pb.AlignedWindowsParams(pointWidth=64, **of))) == 415
    assert code_of(stub.RawValues(pb.RawValuesParams(versionMajor=9, **of))) == 450


def test_the_edges_of_the_time_line(stub):
    stream = made(stub)
    for refused in (MIN - 1, TOP - 1, TOP):
        reply = insert(stub, stream, [(BASE, 1.0), (refused, 2.0)])
        assert reply.stat.code == 413
    assert raw(stub, stream) == []  # a refused request leaves nothing
    assert insert(stub, stream, [(TOP - 2, 2.0), (MIN, 1.0)]).versionMajor == 11
    assert raw(stub, stream) == [(MIN, 1.0), (TOP - 2, 2.0)]
    assert code_of(stub.RawValues(pb.RawValuesParams(uuid=stream, start=MIN - 1, end=0))) == 413
    assert code_of(stub.RawValues(pb.RawValuesParams(uuid=stream, start=0, end=TOP + 1))) == 413

    def nearest(time, backward):
        reply = stub.Nearest(pb.NearestParams(uuid=stream, time=time, backward=backward))
        return reply.stat.code or reply.value.time

    assert nearest(TOP - 1, True) == TOP - 2 and nearest(MIN, False) == MIN
    assert nearest(MIN, True) == 401 and nearest(TOP - 1, False) == 401
    assert nearest(TOP, True) == 413 and nearest(MIN - 1, False) == 413


def test_points_of_one_time_keep_their_order(stub):
    stream = made(stub)
    insert(stub, stream, [(BASE + 1, 9.0), (BASE, 3.0), (BASE, 1.0)])
    insert(stub, stream, [(BASE, 2.0)])
    assert [value for _, value in raw(stub, stream)] == [3.0, 1.0, 2.0, 9.0]
    forward = stub.Nearest(pb.NearestParams(uuid=stream, time=BASE))
    backward = stub.Nearest(pb.NearestParams(uuid=stream, time=BASE + 1, backward=True))
    assert (forward.value.value, backward.value.value) == (3.0, 2.0)


def test_versions(stub):
    stream = made(stub)
    assert insert(stub, stream, []).versionMajor == 10
    assert insert(stub, stream, [(BASE, 1.0)]).versionMajor == 11
    assert stub.Delete(pb.DeleteParams(uuid=stream, start=0, end=1)).versionMajor == 12  # nothing there: a step
    before = raw(stub, stream)
    assert stub.Flush(pb.FlushParams(uuid=stream)).versionMajor == 12
    assert raw(stub, stream) == before and raw(stub, stream, version=10) == []
    assert stub.SetStreamTags(pb.SetStreamTagsParams(uuid=stream, tags=tags(unit="V"))).stat.code == 0
    both = stub.StreamInfo(pb.StreamInfoParams(uuid=stream))
    assert both.versionMajor == 12 and both.descriptor.propertyVersion == 2
    assert stub.StreamInfo(pb.StreamInfoParams(uuid=stream, omitVersion=True)).versionMajor == 0
    assert not stub.StreamInfo(pb.StreamInfoParams(uuid=stream, omitDescriptor=True)).descriptor.collection
    assert stub.StreamInfo(pb.StreamInfoParams(uuid=stream, omitVersion=True, omitDescriptor=True)).stat.code == 421


def test_values_that_are_refused_or_rounded(stub):
    stream = made(stub)
    for value in (float("nan"), float("inf"), float("-inf")):
        assert insert(stub, stream, [(BASE, 1.0), (BASE + 1, value)]).stat.code == 425
    halves = [(BASE + i, value) for i, value in enumerate((0.5, 1.5, 2.5, -0.75, 5.0))]
    insert(stub, stream, halves, rounding=pb.RoundSpec(bits=0))
    assert [value for _, value in raw(stub, stream)] == [0.0, 2.0, 2.0, -1.0, 5.0]  # ties to even
    for bits, rounded in ((-2**31, 1.37), (-1074, 1.37), (2**31 - 1, 0.0)):
        other = made(stub, name=str(bits))
        insert(stub, other, [(BASE, 1.37)], rounding=pb.RoundSpec(bits=bits))
        assert raw(stub, other) == [(BASE, rounded)]
    tiny = [(BASE + 10, 5e-324), (BASE + 11, -0.0)]
    insert(stub, stream, tiny)
    assert str(raw(stub, stream)[-2:]) == str(tiny)


def test_arrow_inserts(stub):
    stream = made(stub)
    times = [BASE + 2, BASE, BASE + 1]

    def put(columns, names=("time", "value")):
        reply = stub.ArrowInsert(pb.ArrowInsertParams(uuid=stream, arrowBytes=arrow(columns, names)))
        return reply.stat.code or reply.versionMajor

    # Several batches are one commit; columns go by position.
    assert put([pa.array(times, pa.int64()), pa.array([2, 0, 1], pa.float32())], ("b", "a")) == 11
    assert raw(stub, stream) == [(BASE, 0.0), (BASE + 1, 1.0), (BASE + 2, 2.0)]
    for zone in (None, "Europe/Berlin"):
        stub.Delete(pb.DeleteParams(uuid=stream, start=MIN, end=TOP))
        assert put([pa.array(times, pa.timestamp("ns", zone)), pa.array([2.0, 0.0, 1.0])]) > 11
        assert len(raw(stub, stream)) == 3
    numbers = pa.array([1.0, 2.0, 3.0])
    assert put([pa.array(times, pa.timestamp("us")), numbers]) == 421
    assert put([pa.array(times), pa.array([1, 2, 3])]) == 421
    assert put([pa.array(times), numbers, numbers], ("a", "b", "c")) == 421
    assert put([pa.array(times), pa.array([1.0, None, 2.0])]) == 425
    assert stub.ArrowInsert(pb.ArrowInsertParams(uuid=stream, arrowBytes=b"nothing")).stat.code == 421
    # One batch is read where it lies, several are put together; values are rounded in either.
    for rows in (1, 3):
        sink = pa.BufferOutputStream()
        table = pa.table({"time": pa.array(times), "value": pa.array([2.5, 0.4, 1.5])})
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=rows)
        message = sink.getvalue().to_pybytes()
        for rounding, values in ((None, [0.4, 1.5, 2.5]), (pb.RoundSpec(bits=0), [0.0, 2.0, 2.0])):
            assert stub.Delete(pb.DeleteParams(uuid=stream, start=MIN, end=TOP)).stat.code == 0
            assert raw(stub, stream) == []
            reply = stub.ArrowInsert(pb.ArrowInsertParams(uuid=stream, arrowBytes=message, rounding=rounding))
            assert reply.stat.code == 0
            assert raw(stub, stream) == list(zip(sorted(times), values, strict=True))
    many = pa.array(range(1_000_001), pa.int64())
    assert put([many, many.cast(pa.float64())]) == 414


def test_a_small_request_does_not_unpack_to_a_large_one(stub, server):
    """Forty million equal points are 16 KB when they are compressed."""
    stream = made(stub)
    before = server.memory_most_mb()
    table = pa.table({"time": pa.array(numpy.zeros(40_000_000, numpy.int64)), "value": numpy.zeros(40_000_000)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    packed = sink.getvalue().to_pybytes()
    assert len(packed) < 1 << 20
    assert stub.ArrowInsert(pb.ArrowInsertParams(uuid=stream, arrowBytes=packed)).stat.code == 414
    assert server.memory_most_mb() - before < 200
    # Compressed points as such are taken.
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table.slice(0, 1_000_000))
    reply = stub.ArrowInsert(pb.ArrowInsertParams(uuid=stream, arrowBytes=sink.getvalue().to_pybytes()))
    assert reply.versionMajor == 11


def test_windows_with_gaps_and_great_values(stub):
    stream = made(stub)
    values = [1e9 + (-1) ** i for i in range(1000)]
    insert(stub, stream, [(BASE + i * 10**6, value) for i, value in enumerate(values)])
    windows = [w for message in stub.Windows(pb.WindowsParams(uuid=stream, start=BASE, end=BASE + 3 * 10**9 + 5,
                                                              width=10**9)) for w in message.values]
    assert [(w.time, w.count) for w in windows] == [(BASE, 1000), (BASE + 10**9, 0), (BASE + 2 * 10**9, 0)]
    assert windows[0].mean == pytest.approx(1e9, rel=1e-9) and windows[0].stddev == pytest.approx(1, rel=1e-6)
    assert all((w.min, w.mean, w.max, w.stddev) == (0, 0, 0, 0) for w in windows[1:])
    whole = [w for message in stub.AlignedWindows(pb.AlignedWindowsParams(
        uuid=stream, start=BASE + 1, end=TOP, pointWidth=62)) for w in message.values]
    assert [(w.time, w.count) for w in whole] == []  # TOP lies in the window that begins at 0
    wide = [w for message in stub.AlignedWindows(pb.AlignedWindowsParams(
        uuid=stream, start=BASE + 1, end=TOP, pointWidth=60)) for w in message.values]
    assert [(w.time, w.count) for w in wide] == [(1 << 60, 1000)]  # whole, though it begins before the start


def test_limits_of_facts(stub):
    assert create(stub, collection="ä" * 255, name="ü" * 255)[1] == 0  # characters, not bytes
    for longest in ("😀" * 255, "a/" * 127 + "a", "\x01" * 255, "_x" * 127):
        assert create(stub, collection=longest, name="n")[1] == 0
        assert create(stub, collection=longest + "aa", name="n")[1] == 407
    assert create(stub, collection="x" * 256)[1] == create(stub, collection="x\0")[1] == 407
    assert create(stub, name="x" * 256)[1] == create(stub, name="\0")[1] == 409
    assert create(stub, colour="red")[1] == 408
    for key, value, code in (("", "v", 408), ("k" * 256, "v", 408), ("k", "v" * 256, 409), ("k" * 255, "v" * 255, 0)):
        assert create(stub, name="n" + key[:3] + str(code), annotations=tags(**{key: value}))[1] == code
    none = stub.Create(pb.CreateParams(uuid=uuid.uuid4().bytes, collection="bare"))
    assert none.stat.code == 0  # tags may be missing altogether
    assert stub.Create(pb.CreateParams(uuid=b"short", collection="")).stat.code == 421


def test_tags_and_annotations_change_by_compare_and_set(stub):
    stream = made(stub, unit="A", annotations=tags(old="1", kept="2"))
    made(stub, name="b")

    def facts():
        descriptor = info(stub, stream)
        return ({tag.key: tag.val.value for tag in descriptor.tags},
                {entry.key: entry.val.value if entry.HasField("val") else None for entry in descriptor.annotations},
                descriptor.propertyVersion)

    change = pb.SetStreamAnnotationsParams(uuid=stream, expectedPropertyVersion=1, removals=["old", "absent", "both"],
                                           changes=[*tags(both="3"), pb.KeyOptValue(key="null")])
    assert stub.SetStreamAnnotations(change).stat.code == 0
    assert stub.SetStreamAnnotations(change).stat.code == 423
    assert facts() == ({"name": "a", "unit": "A", "ingress": "", "distiller": ""},
                       {"kept": "2", "both": "3", "null": None}, 2)
    assert stub.SetStreamTags(pb.SetStreamTagsParams(uuid=stream, expectedPropertyVersion=9)).stat.code == 423
    taken = pb.SetStreamTagsParams(uuid=stream, tags=tags(name="b"), remove=["unit"])
    assert stub.SetStreamTags(taken).stat.code == 418
    assert facts()[2] == 2
    moved = pb.SetStreamTagsParams(uuid=stream, tags=tags(ingress="i"), remove=["unit"], collection="else")
    assert stub.SetStreamTags(moved).stat.code == 0
    assert facts()[0] == {"name": "a", "unit": "", "ingress": "i", "distiller": ""} and facts()[2] == 3
    assert info(stub, stream).collection == "else"


def test_lookups(stub):
    def look(**asked):
        messages = list(stub.LookupStreams(pb.LookupStreamsParams(**asked)))
        return messages[-1].stat.code or [(found.collection, {tag.key: tag.val.value for tag in found.tags}["name"])
                                          for message in messages for found in message.results]

    null = [pb.KeyOptValue(key="mark")]
    made(stub, collection="ab", name="z")
    made(stub, collection="a", name="y", unit="V", annotations=null)
    made(stub, collection="a", name="x", annotations=tags(mark="1"))
    made(stub, collection="a/b", name="w")
    assert look(collection="a") == [("a", "x"), ("a", "y")]
    assert look(isCollectionPrefix=True) == [("a", "x"), ("a", "y"), ("a/b", "w"), ("ab", "z")]
    assert look() == []
    every = {"isCollectionPrefix": True}
    assert look(tags=[pb.KeyOptValue(key="unit")], **every) == [("a", "y")]  # it is not empty
    assert look(annotations=null, **every) == [("a", "x"), ("a", "y")]  # it is there, null or not
    assert look(annotations=tags(mark="1"), **every) == [("a", "x")]
    assert look(tags=tags(name="x", unit="V"), **every) == []
    assert look(tags=tags(colour="red"), **every) == 408

    def collections(prefix):
        return [name for message in stub.ListCollections(pb.ListCollectionsParams(prefix=prefix))
                for name in message.collections]

    assert collections("") == collections("a") == ["a", "a/b", "ab"] and collections("a/") == ["a/b"]
    assert collections("b") == []
    usage = stub.GetMetadataUsage(pb.MetadataUsageParams(prefix="nothing"))
    assert sorted((tag.key, tag.count) for tag in usage.tags) == [
        ("distiller", 0), ("ingress", 0), ("name", 0), ("unit", 0)] and len(usage.annotations) == 0


def test_streams_with_much_to_tell_go_out_in_small_messages(stub):
    facts = [pb.KeyOptValue(key=f"{i}" + "ä" * 250, val=pb.OptValue(value="😀" * 255)) for i in range(100)]
    streams = {made(stub, name=str(i), annotations=facts) for i in range(40)}
    messages = list(stub.LookupStreams(pb.LookupStreamsParams(collection="site")))
    assert {found.uuid for message in messages for found in message.results} == streams
    assert len(messages) > 1 and all(message.ByteSize() < 4 << 20 for message in messages)


def test_calls_that_wait_for_their_clients_do_not_stop_others(stub, server):
    stream = made(stub)
    endless = pb.GenerateCSVParams(queryType=1, startTime=BASE, endTime=BASE + 10**8, windowSize=1,
                                   streams=[pb.StreamCSVConfig(uuid=stream, label="x")])
    connections = [server.connect() for _ in range(4)]
    reads = [connections[i % 4].ep.stub.GenerateCSV(endless) for i in range(200)]
    assert all(next(read).isHeader for read in reads)
    assert connections[0].info()["majorVersion"] == 5
    assert insert(connections[1].ep.stub, stream, [(1, 1.0)]).versionMajor == 11
    assert next(reads[0]).row[0] == str(BASE)
    server.end(signal.SIGKILL)  # a clean end would give them time


def test_changes(stub):
    stream = made(stub)
    insert(stub, stream, [(1000, 1.0), (5000, 2.0)])
    insert(stub, stream, [(9000, 3.0)])
    stub.Delete(pb.DeleteParams(uuid=stream, start=900, end=1100))

    def changes(begin, end, resolution=4):
        asked = pb.ChangesParams(uuid=stream, fromMajor=begin, toMajor=end, resolution=resolution)
        messages = list(stub.Changes(asked))
        assert messages[-1].stat.code or all(message.versionMajor == (end or 13) for message in messages)
        return messages[-1].stat.code or [(found.start, found.end) for message in messages for found in message.ranges]

    for begin, end, times in ((10, 11, [1000, 5000]), (11, 12, [9000]), (12, 0, [1000]), (0, 13, [5000, 9000]),
                              (12, 12, [])):
        found = changes(begin, end)
        assert all(any(start <= time < stop for start, stop in found) for time in times)
        assert all(start % 16 == 0 and stop % 16 == 0 and start < stop for start, stop in found)
        assert all(one[1] < two[0] for one, two in zip(found, found[1:])) and bool(found) == bool(times)
    assert changes(13, 11) == 427 and changes(10, 99) == 450 and changes(10, 11, 64) == 415
    assert changes(10, 99, 64) == 450 and changes(13, 11, 64) == 427
    assert code_of(stub.Changes(pb.ChangesParams(uuid=uuid.uuid4().bytes, resolution=64))) == 404


def test_what_is_off_and_what_is_not_there(stub, server):
    assert stub.FaultInject(pb.FaultInjectParams(type=1)).stat.code == 424
    with grpc.insecure_channel(server.address) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary("/v5api.BTrDB/Compact")(b"")
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_large_requests_come_in_and_small_messages_go_out(stub):
    stream = made(stub)
    count = 1_000_000
    times = pa.array(range(BASE, BASE + count), pa.int64())
    reply = stub.ArrowInsert(pb.ArrowInsertParams(uuid=stream, arrowBytes=arrow(
        [times, pa.array(range(count), pa.float64())])))
    assert reply.versionMajor == 11
    schema = pa.schema([pa.field("time", pa.timestamp("ns", "UTC"), False), pa.field("value", pa.float64(), False)])
    rows = 0
    for message in stub.ArrowRawValues(pb.ArrowRawValuesParams(uuid=stream, start=BASE, end=END)):
        assert message.ByteSize() < 4 << 20
        reader = pa.ipc.open_stream(message.arrowBytes)
        assert reader.schema.equals(schema, check_metadata=True) and not reader.schema.metadata
        rows += reader.read_all().num_rows
    assert rows == count
    for message in stub.RawValues(pb.RawValuesParams(uuid=stream, start=BASE, end=END)):
        assert message.ByteSize() < 4 << 20
