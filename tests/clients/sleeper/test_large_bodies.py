"""Objects that come in one request, however long: the server holds a few pieces of each, and nothing stays of those that
came to nothing."""

import base64
import hashlib
import os
import pathlib
import socket
import threading
import time
import zlib

import boto3
import pyarrow.fs
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from test_refusals import signed

SIZE = 48 << 20
WRITERS = 6


@pytest.fixture
def s3(server):
    client = boto3.client("s3", config=Config(retries={"max_attempts": 1}))
    client.create_bucket(Bucket="box")
    return client


def memory_mib(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) >> 10


def stored(server):
    return sum(path.stat().st_size for path in (server.folder / "objects").rglob("*") if path.is_file())


def wait_until(what, seconds=10):
    until = time.monotonic() + seconds
    while not what() and time.monotonic() < until:
        time.sleep(0.05)
    assert what()


def test_memory_is_bounded(server, s3):
    data = os.urandom(1 << 20) * (SIZE >> 20)
    s3.put_object(Bucket="box", Key="first", Body=data)
    before = memory_mib(server)
    threads = [threading.Thread(target=lambda n=n: boto3.client("s3").put_object(Bucket="box", Key=f"k{n}", Body=data))
               for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Held as a whole they would be 288 MiB more.
    assert memory_mib(server) - before < 150
    for n in range(WRITERS):
        body = s3.get_object(Bucket="box", Key=f"k{n}")
        assert body["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
        assert hashlib.sha256(body["Body"].read()).digest() == hashlib.sha256(data).digest()


def test_every_way_to_send_one(server, s3):
    data = os.urandom((9 << 20) + 17)
    digest = hashlib.sha256(data).hexdigest()
    assert signed(server, "PUT", "/box/hashed", data, {"X-Amz-Content-SHA256": digest})[0] == 200
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(data[i:i + 300_000]), data[i:i + 300_000]) for i in range(0, len(data), 300_000))
    crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big"))
    headers = {"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length": str(len(data)),
               "X-Amz-Trailer": "x-amz-checksum-crc32"}
    assert signed(server, "PUT", "/box/chunked", chunks + b"0\r\nx-amz-checksum-crc32:" + crc + b"\r\n\r\n", headers)[0] == 200
    arrow = pyarrow.fs.S3FileSystem(endpoint_override=server.url, region="eu-west-2", scheme="http")
    with arrow.open_output_stream("box/arrow") as stream:
        stream.write(data)
    upload = s3.create_multipart_upload(Bucket="box", Key="parts")["UploadId"]
    parts = [{"PartNumber": n, "ETag": s3.upload_part(Bucket="box", Key="parts", UploadId=upload, PartNumber=n, Body=data)["ETag"]}
             for n in (1, 2)]
    s3.complete_multipart_upload(Bucket="box", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket="box", Key="copied", CopySource="box/parts")
    for key, wanted in {"hashed": data, "chunked": data, "arrow": data, "parts": data + data, "copied": data + data}.items():
        assert s3.get_object(Bucket="box", Key=key)["Body"].read() == wanted, key
    assert s3.get_object(Bucket="box", Key="chunked", ChecksumMode="ENABLED")["ChecksumCRC32"] == crc.decode()


def test_nothing_stays_of_what_is_refused(server, s3):
    data = os.urandom(20 << 20)
    before = stored(server)
    wrong = {"X-Amz-Content-SHA256": hashlib.sha256(b"other").hexdigest()}
    assert signed(server, "PUT", "/box/x", data, wrong)[:2] == (400, "XAmzContentSHA256Mismatch")
    assert signed(server, "PUT", "/box/x", data, {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="})[:2] == (400, "BadDigest")
    chunk = b"%x\r\n%s\r\n0\r\n" % (len(data), data)
    headers = {"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length": str(len(data))}
    assert signed(server, "PUT", "/box/x", chunk + b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n", headers)[:2] == (400, "InvalidRequest")
    announced = {**headers, "X-Amz-Trailer": "x-amz-checksum-crc32"}
    assert signed(server, "PUT", "/box/x", chunk + b"x-amz-checksum-crc32:AAAAAA==\r\n\r\n", announced)[:2] == (400, "BadDigest")
    assert signed(server, "PUT", "/box/x", chunk[:-5], headers)[:2] == (400, "InvalidRequest")
    assert signed(server, "PUT", "/box/x", chunk + b"\r\n", {**headers, "X-Amz-Decoded-Content-Length": "7"})[:2] == (400, "IncompleteBody")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="box", Key="here", Body=b"small")
        s3.put_object(Bucket="box", Key="here", Body=data, IfNoneMatch="*")
    wait_until(lambda: stored(server) < before + (1 << 20))
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="box", Key="x")


def test_refused_before_it_is_sent(server, s3):
    """Who may not write, or names no bucket, hears so without sending: boto3 waits for `100 Continue`."""
    data = b"x" * (64 << 20)
    began = time.monotonic()
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_object(Bucket="none", Key="x", Body=data)
    eve = boto3.client("s3", aws_access_key_id="eve", aws_secret_access_key="only-looking-around")
    with pytest.raises(ClientError, match="AccessDenied"):
        eve.put_object(Bucket="box", Key="x", Body=data)
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.upload_part(Bucket="box", Key="x", UploadId="0" * 32, PartNumber=1, Body=data)
    assert time.monotonic() - began < 20


def test_a_client_that_goes_away(server, s3):
    before = stored(server)
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "box", "Key": "gone"})
    host, port = server.address.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as raw:
        target = url.removeprefix(server.url)
        raw.sendall(f"PUT {target} HTTP/1.1\r\nHost: {server.address}\r\nContent-Length: {40 << 20}\r\n\r\n".encode())
        raw.sendall(os.urandom(20 << 20))
        wait_until(lambda: stored(server) > before + (8 << 20))
    wait_until(lambda: stored(server) < before + (1 << 20))
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket="box", Key="gone")
