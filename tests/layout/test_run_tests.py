"""How the tests are run.

Goal: what a sanitizer reports fails the run, also in a process whose end no test looks at. Method: a build folder with
one test program, which passes, and starts another one with a fault that gcc's sanitizers see.
"""

import pathlib
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "run_tests.py"
FAULTS = {
    "heap-use-after-free": "#include <stdlib.h>\nint main(int n, char** v) { char* p = malloc(n); free(p); return *p; }",
    "signed integer overflow": "int main(int n, char** v) { return 0x7fffffff + n; }",
    "leaked": "#include <stdlib.h>\nvoid* p;\nint main(int n, char** v) { p = malloc(n); p = 0; return 0; }",
    "": "int main(int n, char** v) { return 0; }",
}
PASSES = """#!/bin/sh
{faulty} || true
echo '{{"testsuites": [{{"name": "A", "testsuite": [{{"name": "b", "status": "RUN"}}]}}]}}' > "${{1#--gtest_output=json:}}"
"""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_report_fails_the_run(tmp_path, fault):
    faulty = tmp_path / "faulty"
    source = tmp_path / "faulty.c"
    source.write_text(FAULTS[fault])
    # As cmake/FirthCompiler.cmake has it.
    subprocess.run(
        ["gcc", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-static-libubsan", "-o", faulty,
         source], check=True)
    program = tmp_path / "program"
    program.write_text(PASSES.format(faulty=faulty))
    program.chmod(0o755)
    (tmp_path / "tests.txt").write_text(f"unit {program}\n")
    done = subprocess.run(
        [sys.executable, TOOL, "--build", tmp_path, "--kind", "unit", "--san", "address"], capture_output=True, text=True)
    assert done.stdout.endswith("1 passed, 1 failed\n" if fault else "1 passed, 0 failed\n"), done.stdout
    assert done.returncode == (1 if fault else 0)
    assert fault in done.stdout
