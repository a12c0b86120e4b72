"""Zoom into the weather of New York's airports with the BTrDB client, and draw what each step shows.

    make run                                    # in another terminal: serves ./data with sample tables
    pip install 'btrdb[data]==5.34.2' matplotlib
    python examples/zoom.py [HOST:PORT] [FILE.png]

From the whole year to one day, each picture is a hundred windows with their least, mean and greatest values, and each
costs the server the same.
"""

import sys

import btrdb
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

DAY_NS = 24 * 3600 * 10**9
WINDOWS = 100


def main(address="127.0.0.1:4410", file="zoom.png"):
    db = btrdb.connect(address)
    streams = {s.name: s for s in db.streams_in_collection("nyc/weather") if s.name.startswith("temp[")}
    if not streams:
        sys.exit("there is no nyc/weather; `make run` loads it")
    first = min(s.earliest()[0].time for s in streams.values())
    last = max(s.latest()[0].time for s in streams.values())
    middle = first + (last - first) // 2
    figure, axes = plt.subplots(4, 1, figsize=(10, 12))
    for axis, days in zip(axes, (None, 90, 14, 2)):
        start, end = (first, last + 1) if days is None else (middle, middle + days * DAY_NS)
        for name, stream in sorted(streams.items()):
            windows = [w for w, _ in stream.windows(start, end, width=(end - start) // WINDOWS) if w.count > 0]
            times = [(w.time - first) / DAY_NS for w in windows]
            axis.plot(times, [w.mean for w in windows], label=name, linewidth=1)
            axis.fill_between(times, [w.min for w in windows], [w.max for w in windows], alpha=0.2)
        axis.set_xlabel("days")
        axis.set_ylabel("°F")
        axis.legend()
    figure.tight_layout()
    figure.savefig(file)
    print(f"wrote {file}")


if __name__ == "__main__":
    main(*sys.argv[1:])
