"""Series from the command line: windows, nearest points, and which series there are."""

import pytest
from conftest import run_command

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
