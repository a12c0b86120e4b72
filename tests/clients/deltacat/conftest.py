import httpx
import pytest
from server import Server, bridge

bridge()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("deltacat") / "data")
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0


@pytest.fixture
def client(server):
    return server.connect()


@pytest.fixture
def own_server(tmp_path):
    """For tests that kill it."""
    running = Server(tmp_path / "data")
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0


class Refused:
    status = None
    code = None


@pytest.fixture
def refused():
    """`with refused() as error:` expects the server's error, whichever way the client raises it."""
    import contextlib
    import json

    from deltacat_generated_client.errors import UnexpectedStatus

    @contextlib.contextmanager
    def expect():
        error = Refused()
        try:
            yield error
        except UnexpectedStatus as raised:
            error.status, body = raised.status_code, json.loads(raised.content)
        except httpx.HTTPStatusError as raised:
            error.status, body = raised.response.status_code, raised.response.json()
        else:
            pytest.fail("the call was not refused")
        error.code = body["error"]["code"]
        assert body["detail"] == body["error"]["message"]

    return expect
