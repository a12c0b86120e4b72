"""No acknowledgement leaves the process before the sync of its bytes has returned.

Goal: what the client counts as written is on the disk, as the kernel saw it. Method: the server runs under
strace; several writers append and upsert rows that carry a mark, one after another, through the real client. In the
trace, each request is found by the mark in what came from a socket, its bytes by the same mark in what was
written to a file, and its answer by its number in what went back. The file's sync must begin after that
write has returned, and return before the answer's send begins. Nothing depends on time: the order of the
trace's lines is the order of events.
"""

import asyncio
import collections
import re
import shutil
import struct

import fluss
import pyarrow as pa
import pytest

import bridge
from bridge import create
from server import Server

CALLS = "pwrite64,pwritev,pwritev2,write,writev,fdatasync,fsync,sync_file_range,sendmsg,sendto,recvmsg,recvfrom,read,readv"
WRITERS, ROWS = 4, 12
MARK = re.compile(rb"mark-[0-9]{6}-mark")
PRODUCE, PUT = 1014, 1016

Event = collections.namedtuple("Event", "call descriptor place begin end data")


def read_trace(path):
    """The events of a trace in the order in which they began."""
    begun, events = {}, []
    line_of = re.compile(r"^(\d+) +(.*)$")
    for number, line in enumerate(open(path, errors="replace")):
        match = line_of.match(line.rstrip("\n"))
        if match is None:
            continue
        thread, text = match.groups()
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)$", text)
        if resumed is not None:
            if thread not in begun:
                continue
            first, begin = begun.pop(thread)
            text = first + resumed.group(1)
        elif text.endswith("<unfinished ...>"):
            begun[thread] = (text[: -len("<unfinished ...>")].rstrip(), number)
            continue
        else:
            begin = number
        event = parse(text, begin, number)
        if event is not None:
            events.append(event)
    return sorted(events, key=lambda event: event.begin)


def parse(text, begin, end):
    match = re.match(r"(\w+)\((\d+)<([^>]*)>(.*)\) *= (-?\d+)", text)
    if match is None or int(match.group(5)) < 0:
        return None
    call, descriptor, place, rest, result = match.groups()
    if place.startswith("\\x"):
        place = bytes.fromhex("".join(re.findall(r"\\x([0-9a-f]{2})", place))).decode()
    data = b"".join(bytes.fromhex(run.replace("\\x", "")) for run in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', rest))
    if call.startswith(("recv", "read")):
        data = data[: int(result)]
    return Event(call, descriptor, place, begin, end, data)


def frames(events):
    """Whole frames of a stream, each with the event in which it began and the one in which it was complete."""
    waiting, starts = b"", []
    for event in events:
        starts.append((len(waiting), event))
        waiting += event.data
        while len(waiting) >= 4:
            size = 4 + struct.unpack(">I", waiting[:4])[0]
            if len(waiting) < size:
                break
            first = [e for at, e in starts if at <= 0][-1]
            yield waiting[4:size], first
            waiting = waiting[size:]
            starts = [(at - size, e) for at, e in starts]


def check(events, kinds):
    """Every marked request's answer left after the sync of its bytes. Returns how many there were."""
    incoming, outgoing, files = collections.defaultdict(list), collections.defaultdict(list), []
    for event in events:
        if event.place.startswith(("TCP", "socket")):
            way = outgoing if event.call in ("sendmsg", "sendto", "write", "writev") else incoming
            way[event.place].append(event)
        elif ".journal" in event.place:
            files.append(event)
    checked = 0
    for place, stream in incoming.items():
        answers = {}
        for frame, sent in frames(outgoing[place]):
            answers[struct.unpack(">i", frame[1:5])[0]] = sent
        for frame, _ in frames(stream):
            kind, _, request = struct.unpack(">hhi", frame[:8])
            marks = MARK.findall(frame)
            if kind not in kinds or not marks:
                continue
            answer = answers[request]
            for mark in marks:
                written = [e for e in files if e.call.startswith(("pwrite", "write")) and mark in e.data]
                assert written, f"{mark} was answered and never written"
                assert any(
                    e.call in ("fdatasync", "fsync") and e.place == written[0].place
                    and e.begin > written[0].end and e.end < answer.begin for e in files
                ), f"the answer to {mark} left (line {answer.begin}) before its sync (write: line {written[0].end})"
                checked += 1
    return checked


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
async def test_answers_leave_after_their_sync(tmp_path):
    trace = tmp_path / "trace"
    server = Server(tmp_path / "data", under=[
        "strace", "-D", "-f", "-y", "-yy", "-xx", "-s", "65536", "-e", f"trace={CALLS}", "-e", "signal=none",
        "-o", str(trace)])
    plain = {"table.log.arrow.compression.type": "NONE"}
    columns = [("a", pa.int64()), ("b", pa.string())]
    numbers = iter(range(1_000_000))

    async def write(connection, table, keyed):
        writer = (table.new_upsert() if keyed else table.new_append()).create_writer()
        for i in range(ROWS):
            row = [next(numbers), f"mark-{next(numbers):06d}-mark"]
            await (writer.upsert(row) if keyed else writer.append(row)).wait()

    async with bridge.connect(server.fluss) as connection:
        admin = connection.get_admin()
        await admin.create_database("traced")
        log, keyed = fluss.TablePath("traced", "log"), fluss.TablePath("traced", "keyed")
        await create(admin, log, columns, properties=plain)
        await create(admin, keyed, columns, primary_keys=["a"], properties=plain, bucket_count=1)
        for path, is_keyed in ((log, False), (keyed, True)):
            async with Connections(server.fluss) as connections:
                await asyncio.gather(*[
                    write(one, await one.get_table(path), is_keyed) for one in connections])
    server.stop()
    events = read_trace(trace)
    assert check(events, {PRODUCE}) == WRITERS * ROWS
    assert check(events, {PUT}) == WRITERS * ROWS


class Connections:
    """Several connections, each with a writer of its own, so that groups of commits form."""

    def __init__(self, address):
        self.contexts = [bridge.connect(address) for _ in range(WRITERS)]

    async def __aenter__(self):
        return [await context.__aenter__() for context in self.contexts]

    async def __aexit__(self, *failure):
        for context in self.contexts:
            await context.__aexit__(*failure)


def test_the_check_finds_an_early_answer():
    """The same check on a trace that a server without syncs would leave."""
    request = struct.pack(">hhi", PRODUCE, 0, 7) + b"mark-000001-mark"
    incoming = struct.pack(">I", len(request)) + request
    outgoing = struct.pack(">I", 5) + b"\0" + struct.pack(">i", 7)

    def events(*order):
        made = {
            "request": ("recvmsg", "TCP:[a->b]", incoming), "write": ("pwritev", "/x/1.journal", request),
            "sync": ("fdatasync", "/x/1.journal", b""), "answer": ("sendmsg", "TCP:[a->b]", outgoing)}
        return [Event(made[what][0], "3", made[what][1], 2 * i, 2 * i + 1, made[what][2])
                for i, what in enumerate(order)]

    assert check(events("request", "write", "sync", "answer"), {PRODUCE}) == 1
    for order in (("request", "write", "answer", "sync"), ("request", "sync", "write", "answer")):
        with pytest.raises(AssertionError, match="before its sync"):
            check(events(*order), {PRODUCE})
