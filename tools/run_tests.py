#!/usr/bin/python3
"""Run every test there is, and say in the last line how many passed and failed.

    tools/run_tests.py [--build DIR] [--kind KIND]… [--filter TEXT] [--san address|thread]

Test programs in C++ are those that the build wrote to DIR/tests.txt. Everything else is pytest:
tests/clients/<name>/ runs once in each environment called <name> or <name> and a number, or in `native` where there is
none (then it drives clients in their own environments), and so does any other folder of tests/ with test_*.py in it. A
kind is the name of the folder, `unit` for the tests beside the code; `clients/fluss` picks one client. `soak` is
tests/crash/soak_*.py and runs only when it is asked for.

With a sanitizer all of that runs but `layout`, which runs nothing of ours, and `fuzz`, whose programs have sanitizers
of their own; it may take several times as long. What a sanitizer reports in any process, be it a server that a test
then kills, fails the suite that started the process, and is shown with it.

What the Python tests are told, in their environment: FIRTH_BINARY (the server), FIRTH_BUILD, FIRTH_DEPS
(sample data in data/, environments in venv/), FIRTH_CRASH_CYCLES and FIRTH_SOAK_SECONDS (as the caller set
them, else bounded).
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPS = ROOT / ".deps"

# What each kind may take of the forty minutes that all tests have, in seconds.
SHARE_S = {
    "layout": 30, "unit": 420, "model": 180, "golden": 30, "sim": 240, "native": 180, "clients": 720, "crash": 180,
    "faults": 150, "fuzz": 240,
}
# A suite that takes this many times its kind's share hangs, and is ended.
PATIENCE = 3
SANITIZER_SLOWDOWN = {None: 1, "address": 4, "thread": 8}
SANITIZER_KINDS_LEFT_OUT = {"layout", "fuzz"}
PYTEST_S = 180  # of one test
CRASH_CYCLES = 40
FUZZ_S = 220  # of all targets together
HEARTBEAT_S = 30
LOG_LINES_SHOWN = 60


@dataclasses.dataclass
class Outcome:
    """What one suite came to. `failed` holds the names of the tests that did not pass."""

    passed: int = 0
    skipped: int = 0
    failed: list = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    note: str = ""


@dataclasses.dataclass
class Suite:
    """One process that runs tests: a command, and how to read what it reported."""

    kind: str
    name: str
    command: list
    report: str  # "gtest", "junit", or "fuzz" for one of which only the status counts
    environment: dict = dataclasses.field(default_factory=dict)


class Runner:
    def __init__(self, build, sanitizer):
        self.build = build
        self.sanitizer = sanitizer
        self.logs = build / "test-logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.print_lock = threading.Lock()
        self.processes = set()

    def say(self, text):
        with self.print_lock:
            print(text, flush=True)

    def environment(self, suite, scratch):
        environment = dict(os.environ)
        environment.update(
            FIRTH_BINARY=str(self.build / "firth"),
            FIRTH_BUILD=str(self.build),
            FIRTH_DEPS=str(DEPS),
            PYTHONDONTWRITEBYTECODE="1",
        )
        if self.sanitizer:
            # A test that ends a server does not look at what it wrote: reports go to files.
            to_files = f"log_path={scratch}/{REPORT_FILES}"
            environment.update(
                ASAN_OPTIONS=f"abort_on_error=1:detect_stack_use_after_return=1:{to_files}",
                UBSAN_OPTIONS=f"print_stacktrace=1:{to_files}",
                TSAN_OPTIONS=f"halt_on_error=1:second_deadlock_stack=1:ignore_noninstrumented_modules=1:{to_files}:"
                             f"suppressions={ROOT}/tests/tsan.supp",
            )
        environment.setdefault("FIRTH_CRASH_CYCLES", str(CRASH_CYCLES))
        environment.setdefault("FIRTH_SOAK_SECONDS", "1200")
        environment.update(suite.environment)
        return environment

    def time_limit_s(self, suite):
        if suite.kind == "soak":
            return 120 + PATIENCE * int(os.environ.get("FIRTH_SOAK_SECONDS", "1200"))
        limit = PATIENCE * SHARE_S.get(suite.kind, 300)
        if suite.kind == "crash":
            limit = max(limit, crash_limit_s())
        return limit * SANITIZER_SLOWDOWN[self.sanitizer]

    def run(self, suite):
        started = time.monotonic()
        log = self.logs / (re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{suite.kind}-{suite.name}") + ".log")
        with tempfile.TemporaryDirectory(prefix="firth-test-") as scratch:
            report = pathlib.Path(scratch) / "report"
            flag = f"--gtest_output=json:{report}" if suite.report == "gtest" else f"--junitxml={report}"
            # Two runs on one machine must not meet in a folder of a fixed name.
            (pathlib.Path(scratch) / "tmp").mkdir()
            suite.environment["TEST_TMPDIR"] = scratch + "/tmp/"
            with open(log, "w") as output:
                status = self.wait(
                    suite, suite.command + ([] if suite.report == "fuzz" else [flag]), output, started, scratch)
                reports = [path.read_text(errors="replace")
                           for path in sorted(pathlib.Path(scratch).glob(REPORT_FILES + ".*"))]
                output.writelines(reports)
            text = log.read_text(errors="replace")
            if suite.report == "fuzz":
                outcome = read_fuzz(suite, text, status)
            elif suite.report == "gtest":
                outcome = read_gtest(suite, report, text, status)
            else:
                outcome = read_junit(suite, report, status)
        outcome.failed += [f"{suite.name}: {summary_of(report)}" for report in reports]
        outcome.seconds = time.monotonic() - started
        line = f"  {suite.kind:8} {suite.name:32} {outcome.passed:5} passed"
        if outcome.skipped:
            line += f", {outcome.skipped} skipped"
        if outcome.failed:
            line += f", {len(outcome.failed)} FAILED"
        note = f"  {outcome.note}" if outcome.note else ""
        self.say("\n".join([f"{line}  {outcome.seconds:.1f} s{note}", *reported(text)]))
        if outcome.failed:
            tail = "\n".join("    | " + row for row in interesting(text, suite.report))
            self.say(f"{tail}\n    whole output: {log}")
        return outcome

    def wait(self, suite, command, output, started, scratch):
        """Run the command to its end and return its exit status, or None if it ran out of time."""
        try:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment(suite, scratch), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as error:
            output.write(f"cannot start: {error}\n")
            return 127
        self.processes.add(process)
        limit = self.time_limit_s(suite)
        try:
            while True:
                try:
                    return process.wait(timeout=min(HEARTBEAT_S, max(0.1, limit - (time.monotonic() - started))))
                except subprocess.TimeoutExpired:
                    elapsed = time.monotonic() - started
                    if elapsed >= limit:
                        output.write(f"\nended after {limit} s without an answer\n")
                        return None
                    self.say(f"  {suite.kind:8} {suite.name:32} … {elapsed:.0f} s")
        finally:
            # Whatever the suite left running goes with it.
            end_group(process)
            self.processes.discard(process)

    def stop(self):
        for process in list(self.processes):
            end_group(process)


def crash_limit_s():
    """A cycle takes a second or two; the caller says how many."""
    return 120 + 20 * int(os.environ.get("FIRTH_CRASH_CYCLES", CRASH_CYCLES))


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


REPORT_FILES = "sanitizer"


def summary_of(report):
    """What a sanitizer found, in one line of its own."""
    lines = [line for line in report.splitlines() if "SUMMARY: " in line or "runtime error: " in line]
    return lines[-1] if lines else report[:200]


REPORT = "report: "


def reported(text):
    """What a suite has to say beside passed and failed: its lines that begin with `report: `."""
    return ["    " + row.removeprefix(REPORT) for row in text.splitlines() if row.startswith(REPORT)]


def interesting(text, report):
    """The part of a failed suite's output worth showing: pytest's summary is at its end, a C++ program's
    failures are anywhere before it."""
    rows = text.rstrip().splitlines()
    if report == "gtest":
        rows = [row for row in rows if not re.match(r"\[( RUN      |       OK |-{10})\]", row)]
    return rows[-LOG_LINES_SHOWN:]


def read_gtest(suite, report, text, status):
    outcome = Outcome()
    try:
        groups = json.loads(report.read_text())["testsuites"]
    except (OSError, ValueError):
        # It died in the middle: what had passed is in its output, and so is the test that it died in.
        outcome.passed = len(re.findall(r"^\[       OK \]", text, re.M))
        outcome.failed = re.findall(r"^\[  FAILED  \] (\S+\.\S+)(?= \(\d+ ms\))", text, re.M)
        begun = re.findall(r"^\[ RUN      \] (\S+)", text, re.M)
        ended = set(re.findall(r"^\[  (?:     OK|FAILED |SKIPPED) \] (\S+)", text, re.M))
        reason = "ran out of time" if status is None else f"ended with status {status}"
        where = begun[-1] if begun and begun[-1] not in ended else "the program"
        outcome.failed.append(f"{where} ({reason})")
    else:
        for group in groups:
            for test in group["testsuite"]:
                if test.get("status") != "RUN":
                    continue
                if test.get("failures"):
                    outcome.failed.append(f"{group['name']}.{test['name']}")
                elif test.get("result") == "SKIPPED":
                    outcome.skipped += 1
                else:
                    outcome.passed += 1
        if status != 0 and not outcome.failed:
            outcome.failed.append(f"the program (ended with status {status} after its tests)")
    outcome.failed = [f"{suite.name}: {name}" for name in outcome.failed]
    return outcome


def read_fuzz(suite, text, status):
    """A target passes if it found nothing; how many inputs it took, and the edges they reached, are shown."""
    outcome = Outcome()
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", text)
    edges = re.findall(r" cov: (\d+) ", text)
    if runs and edges:
        outcome.note = f"{int(runs[-1]):,} inputs, {int(edges[-1]):,} edges"
    if status == 0 and runs:
        outcome.passed = 1
    else:
        outcome.failed = [f"{suite.name} (ended with status {status})"]
    return outcome


NOTHING_COLLECTED = 5


def read_junit(suite, report, status):
    outcome = Outcome()
    try:
        cases = list(xml.parse(report).getroot().iter("testcase"))
    except (OSError, xml.ParseError):
        cases = []
    failed = set()
    for case in cases:
        name = f"{case.get('classname', '')}.{case.get('name', '')}".strip(".")
        if case.find("failure") is not None or case.find("error") is not None:
            failed.add(name)
        elif case.find("skipped") is not None:
            outcome.skipped += 1
        else:
            outcome.passed += 1
    if status is None:
        failed.add("pytest (ran out of time)")
    elif status not in (0, NOTHING_COLLECTED) and not failed:
        failed.add(f"pytest (ended with status {status})")
    outcome.failed = [f"{suite.name}: {name}" for name in sorted(failed)]
    return outcome


def pytest_suite(kind, name, folder, environment_name, text, test_s, options=()):
    python = DEPS / "venv" / environment_name / "bin" / "python"
    command = [str(python), "-m", "pytest", "-v", "--tb=short", "-p", "no:cacheprovider", f"--timeout={test_s}"]
    if list((DEPS / "venv" / environment_name).glob("lib/python*/site-packages/pytest_asyncio")):
        command += ["-o", "asyncio_mode=auto"]
    if text:
        command += ["-k", text]
    command += [*options, str(folder)]
    return Suite(kind, name, command, "junit", {"FIRTH_CLIENT_ENVIRONMENT": environment_name})


def environments_of(client):
    folders = sorted((DEPS / "venv").glob("*")) if (DEPS / "venv").is_dir() else []
    return [folder.name for folder in folders if re.fullmatch(re.escape(client) + r"\d*", folder.name)]


def find_suites(build, text, slowdown):
    """All suites, in the order in which they run: the quick and the telling ones first."""
    suites = []
    test_s = PYTEST_S * slowdown
    listed = build / "tests.txt"
    for line in listed.read_text().splitlines() if listed.exists() else []:
        kind, program = line.split(" ", 1)
        command = [program] + ([f"--gtest_filter=*{text}*"] if text else [])
        suites.append(Suite(kind, pathlib.Path(program).name, command, "gtest"))
    tests = ROOT / "tests"
    for folder in sorted(path for path in tests.iterdir() if path.is_dir() and path.name != "clients"):
        if any(folder.glob("test_*.py")):
            limit = slowdown * crash_limit_s() if folder.name == "crash" else test_s
            suites.append(pytest_suite(folder.name, f"tests/{folder.name}", folder, "native", text, limit))
    if any((tests / "crash").glob("soak_*.py")):
        options = ["-o", "python_files=soak_*.py", "-s"]
        suites.append(pytest_suite("soak", "tests/crash", tests / "crash", "native", text, 0, options))
    clients = tests / "clients"
    for folder in sorted(clients.iterdir()) if clients.is_dir() else []:
        if not any(folder.glob("**/test_*.py")):
            continue
        for name in environments_of(folder.name) or ["native"]:
            label = folder.name if name in (folder.name, "native") else f"{folder.name} ({name})"
            suites.append(pytest_suite("clients", label, folder, name, text, test_s))
    suites += fuzz_suites(ROOT / "build" / "fuzz", text)
    order = list(SHARE_S)
    return sorted(suites, key=lambda suite: order.index(suite.kind) if suite.kind in order else len(order) - 3)


def fuzz_suites(build, text):
    """The fuzz targets that are built, which share their time evenly."""
    targets = [path.stem for path in sorted((ROOT / "tests" / "fuzz").glob("*_fuzz.cc"))]
    programs = [build / "bin" / f"firth_{target}" for target in targets if text in target]
    programs = [program for program in programs if program.exists()]
    suites = []
    for program in programs:
        name = program.name.removeprefix("firth_").removesuffix("_fuzz")
        found = build / "corpus" / name
        found.mkdir(parents=True, exist_ok=True)
        (build / "crashes").mkdir(exist_ok=True)
        seeds = ROOT / "tests" / "fuzz" / "corpus" / name
        suites.append(Suite("fuzz", name, [
            str(program), f"-max_total_time={max(1, FUZZ_S // len(programs))}", "-timeout=10", "-rss_limit_mb=4096",
            "-print_final_stats=1", f"-artifact_prefix={build}/crashes/{name}-", str(found),
            *([str(seeds)] if seeds.is_dir() else [])], "fuzz",
            {"ASAN_OPTIONS": "malloc_context_size=1"}))  # as tools/run_fuzz.sh has it, and why
    return suites


def chosen(suite, kinds, sanitizer):
    if not kinds:
        return suite.kind != "soak" and not (sanitizer and suite.kind in SANITIZER_KINDS_LEFT_OUT)
    client = suite.name.split(" ")[0]
    return suite.kind in kinds or f"{suite.kind}/{client}" in kinds


def run_all(runner, suites):
    """Run the suites; the tests beside the code, which use no port and no sleep, two at a time."""
    outcomes = []
    quick = [suite for suite in suites if suite.kind == "unit"]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        outcomes += zip(quick, pool.map(runner.run, quick))
    for suite in suites:
        if suite.kind != "unit":
            outcomes.append((suite, runner.run(suite)))
    return outcomes


def print_table(outcomes, wall_s):
    by_kind = {}
    for suite, outcome in outcomes:
        by_kind.setdefault(suite.kind, []).append(outcome)
    print(f"\n  {'kind':10}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}{'share':>8}")
    for kind, group in by_kind.items():
        seconds = sum(outcome.seconds for outcome in group)
        share = f"{SHARE_S[kind]}" if kind in SHARE_S else "-"
        over = "  over its share" if seconds > SHARE_S.get(kind, float("inf")) else ""
        print(
            f"  {kind:10}{sum(o.passed for o in group):8}{sum(len(o.failed) for o in group):8}"
            f"{sum(o.skipped for o in group):9}{seconds:9.1f}{share:>8}{over}")
    print(f"  {'together':10}{'':25}{wall_s:9.1f}{sum(SHARE_S.values()):8}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="the build folder (default: build)")
    parser.add_argument("--kind", action="append", default=[], help="run only this kind; may be repeated")
    parser.add_argument("--filter", default="", help="run only tests whose names contain this")
    parser.add_argument("--san", choices=["address", "thread"], help="the build carries this sanitizer")
    arguments = parser.parse_args()

    build = (ROOT / arguments.build).resolve()
    started = time.monotonic()
    slowdown = SANITIZER_SLOWDOWN[arguments.san]
    suites = [suite for suite in find_suites(build, arguments.filter, slowdown)
              if chosen(suite, arguments.kind, arguments.san)]
    runner = Runner(build, arguments.san)
    try:
        outcomes = run_all(runner, suites)
    finally:
        runner.stop()

    passed = sum(outcome.passed for _, outcome in outcomes)
    failed = [name for _, outcome in outcomes for name in outcome.failed]
    print_table(outcomes, time.monotonic() - started)
    for name in failed:
        print(f"  FAILED {name}")
    if passed + len(failed) == 0:
        print("  nothing ran: no test matches, or the build made none")
    sys.stdout.flush()
    print(f"{passed} passed, {len(failed)} failed", flush=True)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
