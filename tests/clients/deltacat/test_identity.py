"""Bearer tokens, roles and grants."""


import httpx
import pyarrow as pa
import pytest
from server import Server

DATA = pa.table({"id": [1]})
ADMIN, WRITER, READER, NOBODY = "admin-secret", "writer-secret", "reader-secret", "nobody-secret"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    config = folder / "firth.toml"
    config.write_text("".join(
        f'[[user]]\nname = "{name}"\nsecret = "{secret}"\nrole = "{role}"\n'
        for name, secret, role in (("ada", ADMIN, "admin"), ("wil", WRITER, "writer"),
                                   ("rea", READER, "reader"), ("nob", NOBODY, "none"))))
    running = Server(folder / "data", "--config", str(config))
    yield running
    assert running.stop() == 0


def write(client, table="t", namespace="n"):
    return client.catalog.write(DATA, namespace=namespace, table=table, mode="auto", format="parquet")


def test_whoami(server, guarded):
    open_one = server.connect().auth.whoami()
    assert open_one.auth_configured is False
    me = guarded.connect(WRITER).auth.whoami()
    assert (me.user_id, me.auth_configured) == ("wil", True)
    assert [grant["role"] for grant in me.grants] == ["WRITER"]


def test_tokens(guarded, refused):
    for token in (None, "wrong-secret"):
        with refused() as error:
            guarded.connect(token).catalog.list_namespaces()
        assert (error.status, error.code) == (401, "authentication_required")
    assert httpx.get(guarded.url + "/health").status_code == 200
    assert httpx.get(guarded.url + "/v1/namespaces", headers={"authorization": "Basic x"}).status_code == 401


def test_roles(guarded, refused):
    write(guarded.connect(WRITER))
    reader = guarded.connect(READER)
    assert reader.catalog.read(namespace="n", table="t").num_rows == 1
    for call in (lambda: write(reader), lambda: reader.catalog.drop_table(namespace="n", table="t"),
                 lambda: reader.catalog.create_namespace(namespace="m"),
                 lambda: guarded.connect(WRITER).auth.grant(user_id="rea", role="WRITER"),
                 lambda: guarded.connect(NOBODY).catalog.read(namespace="n", table="t")):
        with refused() as error:
            call()
        assert (error.status, error.code) == (403, "permission_denied")
    writer = guarded.connect(WRITER)
    writer.catalog.alter_table(namespace="n", table="t", table_properties={"a": 1})
    writer.catalog.rename_table(namespace="n", table="t", new_name="u")
    writer.catalog.drop_table(namespace="n", table="u")


def test_grants(guarded, refused):
    admin, nobody = guarded.connect(ADMIN), guarded.connect(NOBODY)
    write(admin, "open", "granted")
    write(admin, "closed", "kept")
    given = admin.auth.grant(user_id="nob", role="READER", resource_type="namespace", resource_name="granted")
    assert (given.granted, given.granted_by) == (True, "ada")
    assert nobody.catalog.read(namespace="granted", table="open").num_rows == 1
    with refused() as error:
        nobody.catalog.read(namespace="kept", table="closed")
    assert error.status == 403
    grants = admin.auth.list_grants(user_id="nob")
    assert [(g["role"], g["scope_type"], g["scope_name"]) if isinstance(g, dict) else
            (g.role, g.scope_type, g.scope_name) for g in grants] == [("READER", "namespace", "granted")]
    assert admin.auth.revoke(user_id="nob", resource_type="namespace", resource_name="granted").revoked is True
    assert admin.auth.revoke(user_id="nob", resource_type="namespace", resource_name="granted").revoked is False
    with refused() as error:
        nobody.catalog.read(namespace="granted", table="open")
    assert error.status == 403
    with refused() as error:
        admin.auth.grant(user_id="nob", role="KING")
    assert (error.status, error.code) == (400, "invalid_role")


def test_unknown_catalog(client, refused):
    with refused() as error:
        client.catalog.list_namespaces(catalog="other")
    assert (error.status, error.code) == (404, "catalog_not_found")
