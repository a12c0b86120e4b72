"""What the pages print is what happens.

Goal: commands, samples, metrics and settings on the pages are those that there are. Method: the pages themselves
are read; their commands run in the order in which they stand, at a server that holds what `make run` loads.
"""

import os
import pathlib
import re
import shlex
import subprocess
import sys
import urllib.request

import pytest

from conftest import BINARY, Server, clean_environment, run_command

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = pathlib.Path(os.environ.get("FIRTH_DEPS", ROOT / ".deps"))
DOORS = ["fluss", "fluss-sasl", "btrdb", "deltacat", "beneath-http", "beneath-grpc", "aws"]


def page(name):
    return (ROOT / name).read_text()


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A server with every door open, filled as `make run` fills it."""
    options = [word for door in DOORS for word in ("--" + door, "127.0.0.1:0")]
    running = Server(tmp_path_factory.mktemp("pages") / "data", "--access-anonymous", "admin", *options)
    for name, more in (("flights", ["--time", "time_hour"]), ("weather", ["--time", "time_hour", "--series", "origin"])):
        loaded = running.cli("load", "nyc/" + name, DEPS / "data" / (name + ".csv"), *more)
        assert loaded.status == 0, loaded.err
    yield running
    assert running.stop() == 0


def commands(text):
    """The indented lines of a page that run the program, without those that wait for more rows."""
    for line in re.findall(r"^    (?:build/)?firth (.*)$", text, re.M):
        words = shlex.split(line, comments=True)
        if not {"-f", "--follow"} & set(words):
            yield words


@pytest.mark.parametrize("name, least", [("README.md", 4), ("docs/cli.md", 22)])
def test_commands(filled, name, least):
    text = page(name)
    if name == "docs/cli.md":
        text = text[text.index("## create, alter"):]  # behind the table of what there is
    ran = 0
    for words in commands(text):
        words = [word.replace(".deps/", f"{DEPS}/") for word in words]
        outcome = filled.cli(*words)
        assert outcome.status == 0, (words, outcome.err)
        assert outcome.out, words
        ran += 1
    assert ran >= least


def test_every_command_is_in_the_table():
    usage = page("docs/cli.md").split("## ")[0]
    listed = set(re.findall(r"^    firth (\w+)|\| (\w+)", usage, re.M))
    listed = {first or second for first, second in listed}
    shown = run_command("--help").out.split("Subcommands:")[1]
    there = set(re.findall(r"^  (\w+) ", shown, re.M))
    assert listed >= there


def test_the_sample_of_flight(filled):
    (sample, *_) = re.findall(r"```python\n(.*?)```", page("docs/doors/flight.md"), re.S)
    assert "127.0.0.1:8815" in sample
    done = subprocess.run([sys.executable, "-c", sample.replace("127.0.0.1:8815", filled.address)],
                          env=clean_environment(), capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert "'rows': 2" in done.stdout and '"ada"' in done.stdout and "people/staff" in done.stdout


def test_every_action_is_in_the_table(filled):
    section = page("docs/doors/flight.md").split("## Actions")[1].split("A definition,")[0]
    listed = {name for row in re.findall(r"^\| (`.*?) \| ", section, re.M) for name in re.findall(r"`([\w.]+)`", row)}
    with filled.client() as client:
        assert listed == {one.type for one in client.list_actions()}


def rows_of(text):
    """The cells of a table's rows."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def test_every_metric_is_in_the_table_and_the_other_way_round(filled):
    with urllib.request.urlopen(f"http://{filled.endpoints['console']}/metrics") as answer:
        text = answer.read().decode()
    there = {name: kind[0].upper() for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.M)}
    labels = {name: {label} for name, label in re.findall(r"^(\w+)\{(\w+)=", text, re.M)}
    section = page("docs/operations.md").split("## Metrics")[1].split("\n## ")[0]
    listed = {}
    for name, kind, unit, meaning in rows_of(section):
        match = re.fullmatch(r"`(\w+)(?:\{(\w+)\})?`", name)
        listed[match[1]] = kind
        assert labels.get(match[1], set()) == ({match[2]} if match[2] else set()), name
        assert unit and meaning, name
    assert listed == there


def test_every_key_is_in_the_table_and_the_other_way_round():
    shown = run_command("serve", "--help").out.split("is an option too:\n")[1]
    there = dict(re.findall(r"^  --([\w-]+)  .*?(?: \(([^()]*)\))?$", shown, re.M))
    section = page("docs/operations.md").split("## Configuration")[1].split("\n## ")[0]
    listed = {}
    for key, flag, variable, otherwise in rows_of(section):
        key, flag, variable = key.strip("`"), flag.strip("`"), variable.strip("`")
        assert variable == "FIRTH_" + key.replace(".", "_").upper()
        assert flag == "--" + key.removeprefix("doors.").replace(".", "-").replace("_", "-")
        if flag != "--data":
            listed[flag.removeprefix("--")] = otherwise.replace("`", "")
    assert set(listed) == set(there)
    for flag, otherwise in there.items():
        if otherwise:
            assert listed[flag].startswith(otherwise.replace("with --dev ", "--dev: ")), flag


def test_no_secret_is_logged(tmp_path):
    """Whichever door somebody signs in at, rightly or not: by the lines of the most talkative level."""
    config = tmp_path / "firth.toml"
    config.write_text('[[user]]\nname = "cid"\nsecret = "the-secret-of-cid"\nrole = "reader"\n')
    options = [word for door in DOORS for word in ("--" + door, "127.0.0.1:0")]
    running = Server(tmp_path / "data", "--config", config, "--log-level", "debug", *options)
    secrets = ["the-secret-of-cid", (running.folder / "admin.secret").read_text().strip(), "a-secret-of-ada",
               "nobody-has-this-one"]
    try:
        admin = ["--secret", secrets[1]]
        assert running.cli("user", "add", "ada", "--role", "admin", "--new-secret", secrets[2], *admin).status == 0
        secrets.append(running.cli("user", "secret", "ada", "--json", *admin).json["secret"])
        for secret in secrets:
            known = secret != "nobody-has-this-one"
            assert (running.cli("tables", "--secret", secret).status == 0) == known
            for environment, code in SIGN_INS.items():
                python = DEPS / "venv" / environment / "bin" / "python"
                done = subprocess.run([str(python), "-c", code, *ENDPOINTS[environment](running.endpoints), secret],
                                      env={**clean_environment(), "AWS_EC2_METADATA_DISABLED": "true"},
                                      capture_output=True, text=True, timeout=100)
                assert done.returncode == 0, done.stderr
    finally:
        assert running.stop() == 0
    text = (tmp_path / "data.log").read_text()
    assert "ready, at commit" in text
    assert [secret for secret in secrets if secret in text or secret[8:] in text] == []


ENDPOINTS = {
    "fluss10": lambda there: [there["fluss_sasl"]],
    "btrdb": lambda there: [there["btrdb"]],
    "sleeper": lambda there: [there["aws"]],
    "native": lambda there: [there["deltacat"], there["beneath_http"]],
}
SIGN_INS = {
    "fluss10": """
import asyncio, os, sys
import fluss
async def main():
    for name in ("ada", "cid", "admin"):
        try:
            connection = await fluss.FlussConnection.create(fluss.Config({
                "bootstrap.servers": sys.argv[1], "security.protocol": "sasl", "security.sasl.mechanism": "PLAIN",
                "security.sasl.username": name, "security.sasl.password": sys.argv[2]}))
            await connection.get_admin().list_databases()
        except fluss.FlussError as error:
            assert error.error_code == 46, error
asyncio.run(main())
os._exit(0)  # the client's own threads may abort the interpreter while it shuts down
""",
    "btrdb": """
import sys
import btrdb
try:
    btrdb.connect(sys.argv[1], apikey=sys.argv[2]).info()
except Exception as error:
    assert "api key" in str(error), error
""",
    "sleeper": """
import sys
import boto3, botocore.exceptions
for name in ("ada", "cid", "admin"):
    try:
        boto3.client("s3", endpoint_url="http://" + sys.argv[1], region_name="eu-west-2", aws_access_key_id=name,
                     aws_secret_access_key=sys.argv[2]).list_buckets()
    except botocore.exceptions.ClientError as error:
        assert "Signature" in str(error), error
""",
    "native": """
import sys, urllib.error, urllib.request
for address in sys.argv[1:3]:
    for path in ("/v1/namespaces", "/graphql"):
        try:
            urllib.request.urlopen(urllib.request.Request("http://" + address + path, data=b'{"query": "{ me { name } }"}',
                headers={"authorization": "Bearer " + sys.argv[3], "content-type": "application/json"})).read()
        except urllib.error.HTTPError as error:
            assert error.code in (400, 401, 403, 404, 405), error
""",
}
