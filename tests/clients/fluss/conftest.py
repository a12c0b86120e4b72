"""One server for all tests; each test has a database of its own in it.

Tests are coroutines on one event loop, that of the connections.
"""

import asyncio
import inspect
import itertools

import fluss
import pytest

import bridge
from server import Server

TEST_S = 120

numbers = itertools.count(1)


class Loop:
    """The event loop, to be run from fixtures."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()

    def run(self, coroutine):
        return self.loop.run_until_complete(asyncio.wait_for(coroutine, TEST_S))

    def call(self, function, *words, **options):
        """Call what must be called while the loop runs, and wait for its answer."""
        async def calling():
            return await function(*words, **options)
        return self.run(calling())


LOOP = Loop()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    LOOP.run(test(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("fluss") / "data")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def connection(server):
    made = bridge.connect(server.fluss)
    yield LOOP.run(made.__aenter__())
    LOOP.run(made.__aexit__(None, None, None))


@pytest.fixture
def admin(connection):
    return connection.get_admin()


@pytest.fixture
def database(admin):
    name = f"db{next(numbers)}"
    LOOP.call(admin.create_database, name)
    yield name
    LOOP.call(admin.drop_database, name, ignore_if_not_exists=True, cascade=True)


@pytest.fixture
def path(database):
    """The path of a table that is yet to be made."""
    return fluss.TablePath(database, f"t{next(numbers)}")


@pytest.fixture
def private_server(tmp_path):
    """A server that a test may stop and kill."""
    running = Server(tmp_path / "data")
    yield running
    if running.process.poll() is None:
        running.stop()
