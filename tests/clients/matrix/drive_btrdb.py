import json
import os
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
