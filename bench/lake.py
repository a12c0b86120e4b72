#!/usr/bin/env python3
# Python: venv/native
"""What it costs to keep rows, and to have them as Parquet: narrow rows through Arrow Flight into the log, then the cut.

    FIRTH_BINARY=build/firth python bench/lake.py [ROWS]

Rows are (id, station, value, time) in batches of 10,000, with a commit each 100,000. The first figure is the server's
processor time for appending, the second that of cutting the log into files; both together are the cost of a row with
its views. pyarrow writes the same rows to Parquet with the same codec beside it. Needs PyPI pyarrow.
"""

import json
import os
import sys
import tempfile
import time

import pyarrow as pa
import pyarrow.flight as flight
import pyarrow.parquet as parquet
from common import Server, keep

BATCH = 10_000
COMMIT = 100_000
SCHEMA = pa.schema([("id", pa.int64()), ("station", pa.string()), ("value", pa.float64()),
                    ("time", pa.timestamp("us"))])


def rows(first, count):
    ids = range(first, first + count)
    return pa.record_batch([
        pa.array(ids, pa.int64()), pa.array([f"station-{i % 1000}" for i in ids]),
        pa.array([(i * 7919 % 100_003) / 7 for i in ids]),
        pa.array([1_700_000_000_000_000 + i * 1000 for i in ids], pa.timestamp("us"))], schema=SCHEMA)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    batches = [rows(at, BATCH) for at in range(0, count, BATCH)]
    result = {"rows": count}
    with tempfile.TemporaryDirectory(prefix="firth-lake-") as folder:
        with Server(folder, ["flight"]) as server:
            client = flight.connect(f"grpc://{server.endpoints['flight']}")
            target = flight.FlightDescriptor.for_command(json.dumps({"path": "readings", "create": True}))
            before = server.cpu_s()
            writer, reader = client.do_put(target, SCHEMA)
            with writer:
                for i, batch in enumerate(batches, 1):
                    if i % (COMMIT // BATCH) == 0:
                        writer.write_with_metadata(batch, b"commit")
                    else:
                        writer.write_batch(batch)
                writer.done_writing()
                written = 0
                while (answer := reader.read()) is not None:
                    written += json.loads(answer.to_pybytes())["rows"]
            assert written == count
            appended = server.cpu_s()
            began = time.monotonic()
            cut = list(client.do_action(flight.Action("lake.cut", json.dumps({"path": "readings"}).encode())))
            files = json.loads(cut[0].body.to_pybytes())["files"]
            result["cut_s"] = time.monotonic() - began
            after = server.cpu_s()
            assert sum(parquet.read_metadata(path).num_rows for path in files) == count
            result["file_bytes"] = sum(os.path.getsize(path) for path in files)
        began = time.process_time()
        with parquet.ParquetWriter(f"{folder}/plain.parquet", SCHEMA, compression="zstd") as plain:
            for at in range(0, len(batches), 100):
                plain.write_table(pa.Table.from_batches(batches[at:at + 100]))
        result["pyarrow_cpu_s"] = time.process_time() - began
        result["pyarrow_bytes"] = os.path.getsize(f"{folder}/plain.parquet")
    millions = count / 1e6
    result["append_cpu_s_per_million"] = (appended - before) / millions
    result["cut_cpu_s_per_million"] = (after - appended) / millions
    result["cut_rows_per_cpu_s"] = count / max(after - appended, 1e-9)
    print("append %.3f, cut %.3f, together %.3f CPU-s a million rows; cut %.2f M rows a CPU-second; pyarrow %.2f M" % (
        result["append_cpu_s_per_million"], result["cut_cpu_s_per_million"], (after - before) / millions,
        result["cut_rows_per_cpu_s"] / 1e6, count / result["pyarrow_cpu_s"] / 1e6))
    keep("lake", result)


if __name__ == "__main__":
    main()
