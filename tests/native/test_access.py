"""Signing in, and what each caller may do: at a server where anonymous callers may do nothing."""

import json

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from conftest import Server, action, get, put

ROWS = pa.table({"id": [1, 2, 3]})


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("locked") / "data")
    running.admin = (running.folder / "admin.secret").read_text().strip()
    yield running
    assert running.stop() == 0


def bearer(secret):
    return flight.FlightCallOptions(headers=[(b"authorization", b"Bearer " + secret.encode())])


@pytest.fixture
def admin(locked):
    return bearer(locked.admin)


@pytest.fixture
def new_user(locked, admin):
    made = []

    def make(name, role="none"):
        with locked.client() as client:
            action(client, "user.put", options=admin, name=name, role=role)
            made.append(name)
            return action(client, "secret.issue", options=admin, user=name)["secret"]

    yield make
    with locked.client() as client:
        for name in made:
            action(client, "user.remove", options=admin, name=name)


def refused(call):
    with pytest.raises((flight.FlightUnauthorizedError, flight.FlightUnauthenticatedError)):
        call()


def test_admin_secret_is_private(locked):
    assert (locked.folder / "admin.secret").stat().st_mode & 0o777 == 0o600


def test_anonymous_may_do_nothing(locked, admin, path):
    with locked.client() as client:
        put(client, path, ROWS, options=admin, create=True)
        refused(lambda: get(client, path))
        refused(lambda: put(client, path, ROWS))
        refused(lambda: action(client, "describe", path=path))
        refused(lambda: action(client, "drop", path=path))
        refused(lambda: action(client, "users"))
        refused(lambda: action(client, "user.put", name="mallory", role="admin"))
        assert action(client, "tables") == []
        assert list(client.list_flights()) == []
        assert action(client, "describe", options=admin, path=path)["stats"]["rows"] == 3


# A body for each action that is whole, so that nothing but the caller's rights is wrong with it.
BODIES = {
    "alter": {"path": "PATH", "add": "more:text"},
    "backup": {"folder": "FOLDER"},
    "check": {},
    "create": {"path": "PATH_2", "schema": "a:int32"},
    "describe": {"path": "PATH"},
    "drop": {"path": "PATH"},
    "grant": {"user": "admin", "path": "PATH", "role": "reader"},
    "lake.cut": {"path": "PATH"},
    "lake.files": {"path": "PATH"},
    "lake.snapshots": {"path": "PATH"},
    "metrics": {},
    "namespace.alter": {"path": "t", "attributes": {"a": "b"}},
    "namespace.create": {"path": "PATH_3"},
    "namespace.drop": {"path": "t", "cascade": True},
    "partition.create": {"path": "PATH", "values": ["a"]},
    "partition.drop": {"path": "PATH", "values": ["a"]},
    "partitions": {"path": "PATH"},
    "rename": {"path": "PATH", "to": "PATH_2"},
    "revoke": {"user": "admin", "path": "PATH", "role": "reader"},
    "secret.issue": {"user": "admin"},
    "secret.revoke": {"id": 1},
    "secrets": {"user": "admin"},
    "stats": {"path": "PATH"},
    "trim": {},
    "user.put": {"name": "mallory", "role": "admin"},
    "user.remove": {"name": "admin"},
    "users": {},
}
# These tell a caller what it may see; of nothing, nothing.
LISTS = {"tables": [], "namespaces": [], "grants": [], "series.list": []}
# To these a table that a caller may not see is one that is not there.
HIDDEN = {"series.nearest": {"time": "2024-01-01T00:00:00Z"}, "series.windows": {}}
# These are about the caller's own, or nobody's.
OWN = {"version", "query.progress", "query.cancel"}


def test_no_action_is_for_whoever_may_do_nothing(locked, admin, new_user, path, tmp_path):
    nobody = bearer(new_user("nina"))
    with locked.client() as client:
        put(client, path, ROWS, options=admin, create=True)
        before = [action(client, "tables", options=admin), action(client, "users", options=admin),
                  action(client, "secrets", options=admin, user="admin"), action(client, "grants", options=admin)]
        actions = {one.type for one in client.list_actions()}
        assert actions == set(BODIES) | set(LISTS) | set(HIDDEN) | OWN
        for caller in (nobody, None):
            for name, body in BODIES.items():
                given = {key: value.replace("PATH", path).replace("FOLDER", str(tmp_path / "copy"))
                         if isinstance(value, str) else value for key, value in body.items()}
                # A field may be called `name`, so not by `action`.
                refused(lambda: list(client.do_action(flight.Action(name, json.dumps(given).encode()), caller)))
            for name, nothing in LISTS.items():
                assert action(client, name, options=caller) == nothing, name
            for name, body in HIDDEN.items():
                said = []
                for table in (path, "t/that_is_not_there"):
                    with pytest.raises(pa.ArrowKeyError) as raised:
                        action(client, name, options=caller, path=table, **body)
                    said.append(str(raised.value).replace(table, "it"))
                assert said[0] == said[1]
            for call in (lambda: client.get_flight_info(flight.FlightDescriptor.for_path(*path.split("/")), caller),
                         lambda: get(client, path, options=caller), lambda: put(client, path, ROWS, options=caller),
                         lambda: put(client, path + "_2", ROWS, options=caller, create=True)):
                refused(call)
            with pytest.raises(OSError, match="unauth"):  # pyarrow's error of this call
                client.get_schema(flight.FlightDescriptor.for_path(*path.split("/")), caller)
        assert before == [
            action(client, "tables", options=admin), action(client, "users", options=admin),
            action(client, "secrets", options=admin, user="admin"), action(client, "grants", options=admin)]
    assert not (tmp_path / "copy").exists()


def test_wrong_secrets(locked):
    with locked.client() as client:
        for header in (b"Bearer wrong-secret", b"Basic d3Jvbmc=", b"Basic ???", b"Digest x", b"Bearer "):
            options = flight.FlightCallOptions(headers=[(b"authorization", header)])
            with pytest.raises(flight.FlightUnauthenticatedError):
                action(client, "version", options=options)
            with pytest.raises(flight.FlightUnauthenticatedError):
                get(client, "t", options=options)
            with pytest.raises(flight.FlightUnauthenticatedError):
                put(client, "t", ROWS, options=options)


def test_basic_token(locked):
    """The handshake with a header, as pyarrow's authenticate_basic_token does it."""
    with locked.client() as client:
        header = client.authenticate_basic_token(b"admin", locked.admin.encode())
        assert header[0].lower() == b"authorization" and header[1].startswith(b"Bearer ")
        options = flight.FlightCallOptions(headers=[header])
        assert action(client, "users", options=options)
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.authenticate_basic_token(b"admin", b"wrong-secret")


class Handshake(flight.ClientAuthHandler):
    def __init__(self, name, secret):
        super().__init__()
        self.basic = flight.BasicAuth(name, secret)
        self.token = None

    def authenticate(self, outgoing, incoming):
        outgoing.write(self.basic.serialize())
        self.token = incoming.read()

    def get_token(self):
        return self.token


def test_handshake(locked):
    """The handshake with a payload."""
    with locked.client() as client:
        client.authenticate(Handshake("admin", locked.admin))
        assert action(client, "users")
    with locked.client() as client:
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.authenticate(Handshake("admin", "wrong-secret"))


def test_basic_header_on_every_call(locked):
    with locked.client() as client:
        import base64

        text = base64.b64encode(b"admin:" + locked.admin.encode())
        options = flight.FlightCallOptions(headers=[(b"authorization", b"Basic " + text)])
        assert action(client, "users", options=options)


def test_roles(locked, admin, new_user, path):
    reader, writer = bearer(new_user("rita", "reader")), bearer(new_user("will", "writer"))
    with locked.client() as client:
        put(client, path, ROWS, options=admin, create=True)
        assert get(client, path, options=reader).num_rows == 3
        refused(lambda: put(client, path, ROWS, options=reader))
        assert put(client, path, ROWS, options=writer)["rows"] == 3
        refused(lambda: action(client, "users", options=writer))
        refused(lambda: action(client, "grant", options=writer, user="will", role="admin"))


def test_grants(locked, admin, new_user, path):
    secret = bearer(new_user("gina"))
    with locked.client() as client:
        put(client, path + "/open", ROWS, options=admin, create=True)
        put(client, path + "/closed", ROWS, options=admin, create=True)
        refused(lambda: get(client, path + "/open", options=secret))
        action(client, "grant", options=admin, user="gina", path=path + "/open", role="reader")
        assert get(client, path + "/open", options=secret).num_rows == 3
        refused(lambda: get(client, path + "/closed", options=secret))
        refused(lambda: put(client, path + "/open", ROWS, options=secret))
        assert [one["path"] for one in action(client, "tables", options=secret)] == [path + "/open"]
        assert action(client, "grants", options=secret, user="gina") == [
            {"user": "gina", "path": path + "/open", "role": "reader", "rights": ["see", "read"]}]
        action(client, "revoke", options=admin, user="gina", path=path + "/open", role="reader")
        refused(lambda: get(client, path + "/open", options=secret))


def test_bare_rights_add_up(locked, admin, new_user, path):
    secret = bearer(new_user("bert"))
    with locked.client() as client:
        put(client, path, ROWS, options=admin, create=True)
        action(client, "grant", options=admin, user="bert", path=path, rights=["see"])
        granted = action(client, "grant", options=admin, user="bert", path=path, rights=["read", "write"])
        assert granted["rights"] == ["see", "read", "write"]
        assert put(client, path, ROWS, options=secret)["rows"] == 3
        left = action(client, "revoke", options=admin, user="bert", path=path, rights=["write"])
        assert left["rights"] == ["see", "read"]
        refused(lambda: put(client, path, ROWS, options=secret))
        assert get(client, path, options=secret).num_rows == 6


def test_an_admin_of_a_path_may_grant_there(locked, admin, new_user, path):
    owner, _ = bearer(new_user("olga")), new_user("nick")
    with locked.client() as client:
        action(client, "grant", options=admin, user="olga", path=path, role="admin")
        put(client, path + "/own", ROWS, options=owner, create=True)
        action(client, "grant", options=owner, user="nick", path=path + "/own", role="reader")
        refused(lambda: action(client, "grant", options=owner, user="nick", path="elsewhere", role="reader"))
        refused(lambda: action(client, "grant", options=owner, user="nick", role="reader"))
        assert [one["user"] for one in action(client, "grants", options=owner, user="nick")] == ["nick"]


def test_secrets(locked, admin, new_user):
    first = new_user("sven")
    with locked.client() as client:
        # Its own secrets are a user's own affair.
        second = action(client, "secret.issue", options=bearer(first), user="sven", description="laptop")["secret"]
        assert second != first
        listed = action(client, "secrets", options=bearer(second), user="sven")
        assert {one["description"] for one in listed} >= {"laptop"}
        assert first not in str(listed) and second not in str(listed)
        refused(lambda: action(client, "secrets", options=bearer(first), user="admin"))
        refused(lambda: action(client, "secret.issue", options=bearer(first), user="admin"))
        (laptop,) = [one["id"] for one in listed if one["description"] == "laptop"]
        action(client, "secret.revoke", options=bearer(first), id=laptop)
        with pytest.raises(flight.FlightUnauthenticatedError):
            action(client, "version", options=bearer(second))
        assert action(client, "version", options=bearer(first))
        of_admin = action(client, "secrets", options=admin, user="admin")
        refused(lambda: action(client, "secret.revoke", options=bearer(first), id=of_admin[0]["id"]))


def test_short_secret_and_unknown_role(locked, admin):
    with locked.client() as client:
        with pytest.raises(pa.ArrowInvalid, match="8"):
            action(client, "user.put", options=admin, name="tiny", secret="short")
        with pytest.raises(pa.ArrowInvalid, match="role"):
            action(client, "user.put", options=admin, name="tiny", role="emperor")
        assert "tiny" not in [one["name"] for one in action(client, "users", options=admin)]


def test_the_command_line_signs_in(locked, new_user, path):
    secret = new_user("carl", "writer")
    made = locked.cli("create", path, "--schema", "a:int32", environment={"FIRTH_SECRET": secret})
    assert made.status == 0, made.err
    assert locked.cli("describe", path, "--secret", secret).status == 0
    without = locked.cli("describe", path)
    assert without.status == 1 and "--secret" in without.err and without.err.count("\n") == 1
    wrong = locked.cli("describe", path, "--secret", "wrong-secret")
    assert wrong.status == 1 and wrong.err.count("\n") == 1


def test_the_folder_lends_its_admin_secret(locked):
    """Whoever can read DIR/admin.secret needs not type it."""
    from conftest import run_command

    users = run_command("user", "list", "--data", locked.folder, "--json")
    assert users.status == 0, users.err
    assert "admin" in [one["name"] for one in users.json]
