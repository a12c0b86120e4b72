"""TLS, which the client speaks exactly to port 4411, and keys over it and without it."""

import json
import subprocess
import uuid

import btrdb
import btrdb.exceptions as errors
import grpc
import pytest
from btrdb.grpcinterface import btrdb_pb2
from conftest import Server

# Every address of 127/8 is this machine's, so a host of its own has the port free.
HOST = "127.44.11.1"


@pytest.fixture
def certificate(tmp_path):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=firth", "-addext", f"subjectAltName=IP:{HOST},DNS:localhost",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")],
        check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def secured(certificate):
    config = certificate / "firth.toml"
    config.write_text(f"""
[doors]
btrdb_tls = "{HOST}:4411"
tls = {{ cert = "{certificate}/cert.pem", key = "{certificate}/key.pem" }}
[access]
anonymous = "none"
[[user]]
name = "ada"
secret = "the key of ada"
role = "admin"
[[user]]
name = "bob"
secret = "the key of bob"
role = "reader"
""")
    running = Server(certificate / "data", "--config", str(config), anonymous=None)
    yield running
    running.stop()


def test_tls_and_keys(secured, certificate, monkeypatch):
    monkeypatch.setenv("BTRDB_CA_BUNDLE", str(certificate / "cert.pem"))
    endpoints = json.loads((secured.folder / "endpoints.json").read_text())
    assert endpoints["btrdb_tls"] == f"{HOST}:4411"
    for address in (endpoints["btrdb_tls"], endpoints["btrdb"]):
        conn = btrdb.connect(address, apikey="the key of ada")
        assert conn.info()["proxy"]["proxyEndpoints"] == [address]
        stream = conn.create(uuid.uuid4(), "keys", tags={"name": address})
        assert stream.insert([(1, 2.0)]) == 11
        for wrong in ("the key of eve", "The key of ada"):
            with pytest.raises(errors.BTrDBError, match="invalid api key"):
                btrdb.connect(address, apikey=wrong)
        reader = btrdb.connect(address, apikey="the key of bob")
        seen = reader.stream_from_uuid(stream.uuid)
        assert len(seen.values(0, 10)) == 1
        with pytest.raises(Exception) as refused:
            seen.insert([(2, 2.0)])
        assert "PERMISSION_DENIED" in str(refused.value)
        assert stream.version() == 11


def test_every_method_wants_a_key_where_nothing_is_open(secured):
    address = json.loads((secured.folder / "endpoints.json").read_text())["btrdb"]
    with pytest.raises(errors.BTrDBError, match="invalid api key"):
        btrdb.connect(address)
    methods = btrdb_pb2.DESCRIPTOR.services_by_name["BTrDB"].methods
    assert len(methods) == 26
    with grpc.insecure_channel(address) as channel:
        for method in methods:
            call = channel.stream_stream(f"/v5api.BTrDB/{method.name}")
            for header in (None, "", "Bearer", "Bearer ", "the key of ada", "Basic the key of ada"):
                with pytest.raises(grpc.RpcError) as refused:
                    list(call(iter([b""]), metadata=None if header is None else [("authorization", header)]))
                told = refused.value.code(), refused.value.details()
                assert told == (grpc.StatusCode.UNAUTHENTICATED, "invalid api key"), (method.name, header)


def test_a_stranger_is_not_trusted(secured, monkeypatch):
    monkeypatch.delenv("BTRDB_CA_BUNDLE", raising=False)
    with pytest.raises(Exception):
        btrdb.connect(f"{HOST}:4411", apikey="the key of ada")
