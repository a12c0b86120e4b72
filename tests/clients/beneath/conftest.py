"""One server for all tests; each test has a project of its own in it.

The client reads its environment when it is imported and its addresses at each call: both are set here.
"""

import asyncio
import inspect
import itertools
import os

os.environ["BENEATH_ENV"] = "dev"

import beneath  # noqa: E402
import pytest  # noqa: E402
from beneath import config  # noqa: E402

from server import SECRETS, Server  # noqa: E402

TEST_S = 120
numbers = itertools.count(1)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(asyncio.wait_for(test(**{name: pyfuncitem.funcargs[name] for name in names}), TEST_S))
    return True


def point_at(server):
    config.BENEATH_CONTROL_HOST = f"http://{server.http}"
    config.BENEATH_GATEWAY_HOST_GRPC = server.grpc


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("beneath") / "data")
    yield running
    running.stop()


@pytest.fixture
def server(shared_server):
    point_at(shared_server)
    return shared_server


@pytest.fixture
def own_server(tmp_path):
    """A server that a test may stop and start."""
    running = Server(tmp_path / "data")
    point_at(running)
    yield running
    if running.process.poll() is None:
        running.stop()


@pytest.fixture
def client(server):
    return beneath.Client(secret=SECRETS["ada"])


@pytest.fixture
def project(server):
    """The path of a project of ada's, made for this test."""
    return asyncio.run(new_project(SECRETS["ada"], f"project_{next(numbers)}"))


async def new_project(secret, name, public=False):
    made = beneath.Client(secret=secret)
    me = await made.admin.organizations.find_me()
    await made.admin.projects.create(
        organization_id=me["organizationID"], project_name=name, display_name=None, public=public,
        description=None, site_url=None, photo_url=None)
    return f"{me['name']}/{name}"
