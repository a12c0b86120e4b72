"""The client's own integration tests and examples, unchanged, against this server.

FLUSS_RUST_DIR names a checkout (or a bare clone) of the client's repository; nothing of it is kept here. Each
release runs the tests of its own time: the tag of the older one, and the newest commit for the newer one. What
they find is listed in docs/doors/fluss.md.
"""

import os
import signal
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from bridge import IS_NEW
from server import Server

REPOSITORY = os.environ.get("FLUSS_RUST_DIR", "")
REVISION = "HEAD" if IS_NEW else "v0.1.0-incubating"
PARTS = ["bindings/python/test", "bindings/python/example"]
FILES = ["test_admin", "test_kv_table", "test_log_table", "test_sasl_auth", "test_schema"]
if IS_NEW:
    FILES += ["test_batch_scanner", "test_context_manager", "test_examples", "test_kv_changelog"]
FILE_S = 170

# The users that those tests sign in as.
CONFIG = """
[[user]]
name = "admin"
secret = "admin-secret"
role = "admin"

[[user]]
name = "alice"
secret = "alice-secret"
role = "admin"
"""
# Their set-up imports a lock with which workers would share a cluster in containers; here it is not used.
NO_LOCK = """
class FileLock:
    def __init__(self, *words, **options):
        raise RuntimeError("no cluster in containers is started here")
"""

pytestmark = pytest.mark.skipif(not REPOSITORY, reason="FLUSS_RUST_DIR names no checkout of the client's repository")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upstream")
    packed = subprocess.run(["git", "-C", REPOSITORY, "archive", REVISION, *PARTS], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    (folder / "modules").mkdir()
    (folder / "modules" / "filelock.py").write_text(NO_LOCK)
    # Beside the tests lies the package's source without its compiled part: only tests and examples were taken.
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("upstream-server") / "data", config=CONFIG)
    yield running
    running.stop()


@pytest.mark.parametrize("name", FILES)
def test_of_upstream(checkout, cluster, tmp_path, name):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FIRTH_", "PYTEST_"))}
    environment.update(FLUSS_BOOTSTRAP_SERVERS=cluster.fluss, FLUSS_SASL_BOOTSTRAP_SERVERS=cluster.sasl,
                       PYTHONPATH=str(checkout / "modules"))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=60", "-o", "asyncio_mode=auto",
         "-o", "asyncio_default_fixture_loop_scope=session", f"--junitxml={tmp_path}/report.xml", f"test/{name}.py"],
        cwd=checkout / "bindings" / "python", env=environment, capture_output=True, text=True, timeout=FILE_S)
    print(run.stdout)
    # The report is whole before the interpreter ends, at which the client's own threads now and then abort or break it.
    assert run.returncode in (0, -signal.SIGABRT, -signal.SIGSEGV), run.stdout[-6000:]
    suite = ElementTree.parse(tmp_path / "report.xml").getroot().find("testsuite")
    assert int(suite.get("tests")) > 0 and suite.get("errors") == suite.get("failures") == "0", run.stdout[-6000:]
