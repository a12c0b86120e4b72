import json
import os
import queue
import threading
import time
import uuid

import btrdb

from tables import STREAMS, TABLES

connection = btrdb.connect(json.loads(os.environ["MATRIX_ENDPOINTS"])["btrdb"])
LEAST, MOST = -(16 << 56), 48 << 56


def make(name):
    _, path, _, rows = TABLES[name]
    points = rows().to_pydict()
    times = [t.value for t in points["time"]]
    for id_, stream_name, unit in STREAMS:
        stream = connection.create(uuid.UUID(id_), path, tags={"name": stream_name, "unit": unit})
        own = [(time, value) for time, value, of in zip(times, points["value"], points["uuid"]) if of == id_]
        if own:
            stream.insert(own)


def read(path, count):
    """The points of every stream of the collection."""
    rows = []
    for stream in connection.streams_in_collection(path):
        tags = stream.tags()
        for point, _ in stream.values(LEAST, MOST - 1):
            rows.append({"uuid": str(stream.uuid), **{k: tags.get(k) for k in ("name", "unit", "ingress", "distiller")},
                         "time": {"ns": point.time}, "value": {"real": float(point.value).hex()}})
    return rows


def stream_of(path, name):
    return next(s for s in connection.streams_in_collection(path, is_collection_prefix=False) if s.name == name)


def points(path, name, version=0):
    return [[p.time, p.value] for p, _ in stream_of(path, name).values(LEAST, MOST - 1, version=version)]


def windows(path, name, start, end, width):
    return [[p.time, p.min, p.mean, p.max, p.count] for p, _ in stream_of(path, name).windows(start, end, width=width)]


def version(path, name):
    return stream_of(path, name).version()


def insert(path, name, points):
    return stream_of(path, name).insert([tuple(p) for p in points])


def changes(path, name, before, after):
    ranges = []
    for chunk, _ in connection.ep.changes(stream_of(path, name).uuid, before, after, 0):
        ranges += [[r.start, r.end] for r in chunk]
    return ranges


FOLLOWED = {}


def follow(path, name):
    """Begin to be told of a stream's inserts; `told` gives what came."""
    updates, got = queue.Queue(), []
    updates.put(([stream_of(path, name).uuid], []))

    def run():
        for _, table in connection.ep.subscribe(updates):
            got.extend(map(list, zip(table["time"].cast("int64").to_pylist(), table["value"].to_pylist())))

    threading.Thread(target=run, daemon=True).start()
    FOLLOWED[name] = (updates, got)


def told(name, count):
    """What came, as soon as there are `count` points."""
    got = FOLLOWED[name][1]
    until = time.monotonic() + 30
    while len(got) < count and time.monotonic() < until:
        time.sleep(0.01)
    return list(got)
