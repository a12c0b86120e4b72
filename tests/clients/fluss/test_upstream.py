"""The client's own integration tests and examples, unchanged, against this server.

FLUSS_RUST_DIR names a checkout (or a bare clone) of the client's repository; nothing of it is kept here. Each
release runs the tests of its own time: the tag of the older one, and the newest commit for the newer one. What
they find is listed in docs/doors/fluss.md.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

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
def test_of_upstream(checkout, cluster, name):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FIRTH_", "PYTEST_"))}
    environment.update(FLUSS_BOOTSTRAP_SERVERS=cluster.fluss, FLUSS_SASL_BOOTSTRAP_SERVERS=cluster.sasl,
                       PYTHONPATH=str(checkout / "modules"))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=60", "-o", "asyncio_mode=auto",
         "-o", "asyncio_default_fixture_loop_scope=session", f"test/{name}.py"],
        cwd=checkout / "bindings" / "python", env=environment, capture_output=True, text=True, timeout=FILE_S)
    print(run.stdout)
    assert run.returncode == 0, run.stdout[-6000:]


# The client's Rust crate has integration tests of its own. They start servers in containers by a crate (or a file) of
# theirs, in whose place rust_cluster/cluster.rs names this server; the tests are unchanged. Building them takes
# minutes: FLUSS_RUST_TARGET names a folder for what cargo makes, and asks for them.
RUST_TARGET = os.environ.get("FLUSS_RUST_TARGET", "")
RUST_S = 3600
# They declare tables of another lake's format, which is refused.
RUST_REFUSED = ["upsert_and_lookup_with_paimon_format_v2", "upsert_and_prefix_lookup_with_paimon_format_v1"]
STANDS_IN = pathlib.Path(__file__).parent / "rust_cluster" / "cluster.rs"


def rust_workspace(folder):
    """The crate and its tests, in a workspace without the other languages' parts."""
    packed = subprocess.run(["git", "-C", REPOSITORY, "archive", REVISION, "Cargo.toml", "crates/fluss"], check=True,
                            capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    crate, members = folder / "crates" / "fluss", ["crates/fluss"]
    if (crate / "tests" / "integration" / "fluss_cluster.rs").read_text().count("\n") < 50:  # it names a crate
        other = folder / "crates" / "fluss-test-cluster"
        (other / "src").mkdir(parents=True)
        (other / "src" / "lib.rs").write_text(STANDS_IN.read_text())
        (other / "Cargo.toml").write_text(
            '[package]\nname = "fluss-test-cluster"\nedition.workspace = true\nversion.workspace = true\n\n'
            '[dependencies]\nfluss = { workspace = true }\n')
        members.append("crates/fluss-test-cluster")
    else:
        (crate / "tests" / "integration" / "fluss_cluster.rs").write_text(STANDS_IN.read_text())
        manifest = crate / "Cargo.toml"
        manifest.write_text(re.sub(r"^testcontainers = .*\n", "", manifest.read_text(), flags=re.M))
    manifest = folder / "Cargo.toml"
    text = re.sub(r"members = \[[^]]*\]", f"members = {json.dumps(members)}", manifest.read_text())
    manifest.write_text(text.replace(', features = ["storage-all"]', "") + "\n[profile.dev]\ndebug = false\n")


@pytest.mark.skipif(not RUST_TARGET, reason="FLUSS_RUST_TARGET names no folder for cargo")
@pytest.mark.timeout(RUST_S)
def test_of_the_rust_crate(cluster, tmp_path):
    rust_workspace(tmp_path)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FIRTH_", "PYTEST_"))}
    environment.update(FLUSS_BOOTSTRAP_SERVERS=cluster.fluss, FLUSS_SASL_BOOTSTRAP_SERVERS=cluster.sasl,
                       CARGO_TARGET_DIR=RUST_TARGET)
    run = subprocess.run(
        ["cargo", "test", "-p", "fluss-rs", "--features", "integration_tests", "--test", "test_fluss", "--",
         "--test-threads=4", *(word for name in RUST_REFUSED for word in ("--skip", name))],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=RUST_S)
    print(run.stdout)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-3000:]
