"""At the end the matrix is printed; lines that begin with `report: ` are shown by `make test`."""

import os

from tables import TABLES

CLIENTS = ["fluss", "btrdb", "beneath", "deltacat", "sleeper"]
SEEN = {}  # (table, reader) -> what it came to


def pytest_terminal_summary(terminalreporter):
    if not SEEN:
        return
    checkout = os.environ.get("SLEEPER_PYTHON_DIR", "").split(":")[0]
    client = f"the unmodified one of {checkout}" if checkout else "its calls through boto3 and s3fs"
    pairs = {}
    lines = [f"sleeper's client: {client}", "written by".ljust(26) + "".join(("read by " + r).ljust(18) for r in CLIENTS)]
    for name, (writer, *_) in TABLES.items():
        came_to = [SEEN.get((name, reader), "not run") for reader in CLIENTS]
        lines.append(f"{writer}: {name}".ljust(26) + "".join(text.ljust(18) for text in came_to))
        for reader, text in zip(CLIENTS, came_to):
            pairs[writer, reader] = pairs.get((writer, reader), True) and text.endswith(("rows", "points"))
    lines.append(f"{sum(pairs.values())} of {len(pairs)} pairs")
    for line in lines:
        terminalreporter.write_line("report: " + line)
