"""Five clients, as their authors ship them, read the sample tables of one server: three lines each.

    make run                                   in one terminal: serves ./data, loads the samples, prints these lines
    python3 examples/tour.py                   in another: runs them all, each in its client's own environment
    python3 examples/tour.py --show            only prints them

The tables nyc/flights, nyc/weather and nyc/airports were written by the command line, which is a client of the native
door. A client's environment is .deps/venv/NAME (`make test` sets them up); --python NAME=PATH names another Python.
Sleeper's client is in no registry: SLEEPER_PYTHON_DIR names a checkout of the folder `python` of its repository.
"""

import argparse
import ast
import asyncio
import inspect
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# name, title, the door whose address stands for @, environment, the three lines; % stands for a secret.
CLIENTS = [
    ("fluss", "Apache Fluss: pip install pyfluss==1.0.0, then python -m asyncio", "fluss", "fluss10", [
        'import fluss; connection = await fluss.FlussConnection.create(fluss.Config({"bootstrap.servers": "@"}))',
        'scanner = await (await connection.get_table(fluss.TablePath("nyc", "weather"))).new_scan()'
        '.create_record_batch_log_scanner()',
        'scanner.subscribe(0, fluss.EARLIEST_OFFSET); print((await scanner.to_arrow()).to_pandas().describe())',
    ]),
    ("btrdb", "BTrDB: pip install 'btrdb[data]'", "btrdb", "btrdb", [
        'import btrdb; db = btrdb.connect("@")',
        '[stream] = db.streams_in_collection("nyc/weather", tags={"name": "temp[JFK]"})',
        'print([f"{p.mean:.1f} °F in {p.count} hours" for p, _ in '
        'stream.aligned_windows(btrdb.utils.timez.to_nanoseconds("2013-01-01"), '
        'btrdb.utils.timez.to_nanoseconds("2014-01-01"), 51)])',
    ]),
    ("beneath", "Beneath: pip install beneath 'numpy<2', then python -m asyncio", "beneath_http", "beneath", [
        'import os; os.environ.update(BENEATH_ENV="dev", BENEATH_SECRET="%"); import beneath',
        'table = await beneath.Client().find_table("_/nyc/airports")',
        'print(list(await (await table.primary_instance.query_log()).read_next(limit=3)))',
    ]),
    ("deltacat", "DeltaCAT: pip install --no-deps deltacat-client==0.1.1 deltacat-io-core==0.1.3, and what they need",
     "deltacat", "deltacat", [
         'from deltacat_client import Client',
         'client = Client("http://@")',
         'print(client.catalog.read(namespace="nyc", table="airports", read_as="pandas").head())',
     ]),
    ("sleeper", "Sleeper: pip install the folder `python` of gchq/sleeper", "aws", "sleeper", [
        'import os; os.environ.update(AWS_ENDPOINT_URL="http://@", AWS_DEFAULT_REGION="eu-west-2", '
        'AWS_ACCESS_KEY_ID="anonymous", AWS_SECRET_ACCESS_KEY="anonymous")',
        'from sleeper.client import SleeperClient; nyc = SleeperClient("nyc")',
        'print(nyc.exact_key_query("airports", {"faa": ["JFK", "LGA"]}))',
    ]),
]


def lines_of(client, endpoints, secret):
    _, _, door, _, lines = client
    return [line.replace("@", endpoints[door]).replace("%", secret) for line in lines]


def show(endpoints, secret):
    for client in CLIENTS:
        if client[2] in endpoints:
            print(f"\n{client[1]}")
            for line in lines_of(client, endpoints, secret):
                print(f"    {line}")


def python_of(name, environment, given):
    own = ROOT / ".deps" / "venv" / environment / "bin" / "python"
    return given.get(name) or (str(own) if own.exists() else sys.executable)


def run(endpoints, secret, given):
    """Each client in a process of its own; how many did not get through."""
    failed = 0
    for client in CLIENTS:
        name, title, door, environment, _ = client
        print(f"\n== {title}", flush=True)
        words = {"name": name, "lines": lines_of(client, endpoints, secret), "endpoints": endpoints}
        python_path = [os.environ.get("PYTHONPATH", "")]
        if os.environ.get("SLEEPER_PYTHON_DIR"):
            python_path.insert(0, os.path.join(os.environ["SLEEPER_PYTHON_DIR"].split(":")[0], "src"))
        done = subprocess.run([python_of(name, environment, given), __file__, "--one", json.dumps(words)],
                              env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in python_path if p)})
        failed += done.returncode != 0
    print(f"\n{len(CLIENTS) - failed} of {len(CLIENTS)} clients read what was there")
    return failed


def run_one(words):
    """The lines as a person types them, one after the other, where `await` may stand at the top."""
    names = {}

    async def type_them():
        for line in words["lines"]:
            print(f">>> {line}", flush=True)
            code = compile(line, "<tour>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            made = eval(code, names)  # noqa: S307 - these are the lines above
            if inspect.isawaitable(made):
                await made
            if words["name"] == "beneath" and "beneath" in names:
                # It looks at ports 4000 and 50051, which a server for tests does not have.
                config = __import__("beneath.config", fromlist=["config"])
                config.BENEATH_CONTROL_HOST = "http://" + words["endpoints"]["beneath_http"]
                config.BENEATH_GATEWAY_HOST_GRPC = words["endpoints"]["beneath_grpc"]

    try:
        asyncio.run(type_them())
    except ModuleNotFoundError as error:
        print(f"this client is not installed: there is no module {error.name}")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="data", help="the folder that the server serves")
    parser.add_argument("--secret", default="firth-dev-secret", help="a user's secret, for Beneath")
    parser.add_argument("--show", action="store_true", help="only print the lines")
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        return run_one(json.loads(arguments.one))
    endpoints = json.loads((pathlib.Path(arguments.data) / "endpoints.json").read_text())
    if arguments.show:
        return show(endpoints, arguments.secret)
    return run(endpoints, arguments.secret, dict(word.split("=", 1) for word in arguments.python))


if __name__ == "__main__":
    sys.exit(main())
