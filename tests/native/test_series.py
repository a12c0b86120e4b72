"""Series from the command line: windows, nearest points, and which series there are; what they need of the log."""

import contextlib
import shutil

import pyarrow as pa
import pytest
from conftest import Server, action, get, put, run_command

CSV = "at,volts,count,note\n" + "".join(
    f"2024-01-01T{hour:02}:{minute:02}:00Z,{hour + minute / 60:.4f},{minute},x\n"
    for hour in range(24) for minute in range(0, 60, 10))


@pytest.fixture(params=["remote", "local"])
def firth(request, server, tmp_path):
    where = ["--server", server.address] if request.param == "remote" else ["--data", tmp_path / "store"]
    return lambda *words: run_command(*words, *where)


def good(outcome):
    assert outcome.status == 0, outcome.err
    return outcome


@pytest.fixture
def table(firth, path, tmp_path):
    file = tmp_path / "readings.csv"
    file.write_text(CSV)
    good(firth("load", path, file, "--schema", "at:timestamp(ns),volts:float64,count:int32,note:text", "--time", "at"))
    return path


def test_series_of_a_table(firth, table):
    names = [one["name"] for one in good(firth("series", table, "--json")).json]
    assert sorted(names) == ["count", "volts"]
    lines = good(firth("series", table)).out.splitlines()
    assert lines[0].split() == ["PATH", "NAME", "ID"] and len(lines) == 4


def test_describe_tells_how_they_stand(firth, table):
    assert "time_view" not in good(firth("describe", table, "--json")).json  # nobody asked for its series yet
    good(firth("nearest", table, "--series", "volts"))
    told = good(firth("describe", table, "--json")).json["time_view"]
    assert told["series"] == 2 and told["points"] == 288 and told["points_exact"] and told["lag_bytes"] == 0
    assert told["watermark"] > 0
    shown = good(firth("describe", table)).out
    assert "their points" in shown and "288" in shown


def test_windows(firth, table):
    hours = good(firth("windows", table, "--series", "volts", "--start", "2024-01-01T00:00:00Z", "--end",
                       "2024-01-02T00:00:00Z", "--width", "1h", "--json")).json
    assert len(hours) == 24 and {one["count"] for one in hours} == {6}
    assert hours[3]["time"] == "2024-01-01T03:00:00Z"
    assert hours[3]["min"] == 3.0 and hours[3]["max"] == 3.8333
    assert sum(one["count"] for one in good(firth("windows", table, "--series", "volts", "--json")).json) == 144
    shown = good(firth("windows", table, "--series", "count", "--width", "12h")).out.splitlines()
    assert shown[0].split() == ["TIME", "COUNT", "MIN", "MEAN", "MAX", "STDDEV"]
    assert shown[2].split()[:4] == ["2024-01-01T00:00:00Z", "72", "0.0", "25.0"]


def test_nearest(firth, table):
    at = ["--series", "volts", "--time", "2024-01-01T05:05:00Z"]
    assert good(firth("nearest", table, *at, "--json")).json["value"] == 5.1667
    assert good(firth("nearest", table, *at, "--backward", "--json")).json["value"] == 5.0
    assert good(firth("nearest", table, "--series", "volts")).out == "2024-01-01T23:50:00Z  23.8333\n"
    assert good(firth("nearest", table, "--series", "volts", "--time", "2030-01-01T00:00:00Z")).out == "no point\n"


def test_mistakes_are_told(firth, table):
    for words, told in [(["windows", table], "more than one"), (["windows", table, "--series", "nix"], "no such series"),
                        (["windows", table, "--series", "volts", "--width", "x"], "width"),
                        (["nearest", table, "--series", "volts", "--time", "noon"], "time"),
                        (["windows", table, "--series", "volts", "--width", "1ns"], "windows")]:
        outcome = firth(*words)
        assert outcome.status == 1 and told in outcome.err, outcome.err


POINTS = 12_000


def windows_of(server, path):
    """What there is, without the last digits, which follow the shape of a tree."""
    windows = good(server.cli("windows", path, "--series", "volts", "--start", "2024-01-01T00:00:00Z", "--end",
                              "2024-01-02T00:00:00Z", "--width", "17m", "--json")).json
    return [{name: round(value, 7) if isinstance(value, float) else value for name, value in one.items()}
            for one in windows]


@contextlib.contextmanager
def running(folder, how_it_ends):
    server = Server(folder, "--access-anonymous", "admin", "--journal-file-bytes", "65536")
    try:
        yield server
    finally:
        how_it_ends(server)


def test_points_need_the_log_only_until_a_base_holds_them(tmp_path):
    folder = tmp_path / "data"
    begin_ns = 1_704_067_200_000_000_000  # 2024-01-01
    with running(folder, Server.stop) as server:  # it ends with a base
        for path, more in [("g/kept", []), ("g/short", ["--log-bytes", "20000"])]:
            good(server.cli("create", path, "--schema", "at:timestamp(ns),volts:float64", "--time", "at", *more))
        with server.client() as client:
            for first in range(0, POINTS, 1000):
                some = range(first, first + 1000)
                rows = pa.table({"at": pa.array([begin_ns + n * 7_000_000_000 for n in some], pa.timestamp("ns")),
                                 "volts": [n * 7919 % 1000 / 8 for n in some]})
                for path in ("g/kept", "g/short"):
                    put(client, path, rows)
                if first == 0:
                    # They are fed from now on, whatever becomes of their rows.
                    assert windows_of(server, "g/kept") == windows_of(server, "g/short")
        want = windows_of(server, "g/kept")
        assert sum(one["count"] for one in want) == POINTS
        assert windows_of(server, "g/short") == want
    with running(folder, Server.kill) as server:
        with server.client() as client:
            action(client, "trim")
            assert get(client, "g/short").num_rows < POINTS
        assert windows_of(server, "g/short") == want
    with running(folder, Server.stop) as server:
        assert windows_of(server, "g/short") == windows_of(server, "g/kept") == want
    # Without its files it is made again from the log; what the log no longer has is said to be lost, not left out.
    shutil.rmtree(folder / "columnview")
    with running(folder, Server.stop) as server:
        assert windows_of(server, "g/kept") == want
        lost = server.cli("windows", "g/short", "--series", "volts", "--width", "1h", "--json")
        assert lost.status != 0 and "columnview" in lost.err
