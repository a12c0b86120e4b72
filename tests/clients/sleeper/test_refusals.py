"""Requests that are not what they should be: each gets its service's own error, and changes nothing."""

import datetime
import hashlib
import http.client
import socket

import boto3
import pytest
import urllib3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from xml.etree import ElementTree

from server import KEY, SECRET


def make(service, key=KEY, secret=SECRET, **more):
    return boto3.client(service, aws_access_key_id=key, aws_secret_access_key=secret,
                        config=Config(retries={"max_attempts": 1}), **more)


def error(call, *args, **kwargs):
    with pytest.raises(ClientError) as raised:
        call(*args, **kwargs)
    answer = raised.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


class ByHand(S3SigV4Auth):
    """Signs whatever is asked for, with the time and the hash of the body that it is told."""

    late_s = 0

    def _modify_request_before_signing(self, request):
        told = request.headers.get("X-Amz-Content-SHA256")
        request.context["timestamp"] = (
            datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=self.late_s)).strftime("%Y%m%dT%H%M%SZ")
        super()._modify_request_before_signing(request)
        if told:
            del request.headers["X-Amz-Content-SHA256"]
            request.headers["X-Amz-Content-SHA256"] = told

    def payload(self, request):
        return request.headers.get("X-Amz-Content-SHA256") or hashlib.sha256(request.body or b"").hexdigest()

    def canonical_request(self, request):
        # The path as it is sent, and not as a careful client would write it.
        host, _, path = request.url.partition("://")[2].partition("/")
        text = super().canonical_request(request)
        method, _, rest = text.partition("\n")
        return "\n".join([method, "/" + path.partition("?")[0], rest.partition("\n")[2]])


class Late(ByHand):
    late_s = 16 * 60


def signed(server, method, path, body=b"", headers=None, sign=ByHand):
    """A request that no client of this house would send: status, the error's code, body."""
    request = AWSRequest(method=method, url=server.url + path, data=body, headers=headers or {})
    sign(Credentials(KEY, SECRET), "s3", "eu-west-2").add_auth(request)
    connection = http.client.HTTPConnection(server.address)
    connection.request(method, path, body=body, headers=dict(request.headers.items()))
    answer = connection.getresponse()
    data = answer.read()
    code = ElementTree.fromstring(data).findtext("Code") if answer.status >= 400 and data else None
    return answer.status, code, data


def test_keys_and_signatures(server):
    for key, secret, s3_code, sqs_code, dynamo_code in [
            ("nobody", "whatever-it-is", "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException"),
            (KEY, "not-the-secret", "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException"),
            ("anonymous", "guess", "SignatureDoesNotMatch", "SignatureDoesNotMatch", "InvalidSignatureException")]:
        assert error(make("s3", key, secret).list_buckets) == (s3_code, 403)
        assert error(make("sqs", key, secret).list_queues) == (sqs_code, 403)
        assert error(make("sts", key, secret).get_caller_identity) == (sqs_code, 403)
        assert error(make("dynamodb", key, secret).list_tables) == (dynamo_code, 400)


def test_rights(server):
    eve = dict(key="eve", secret="only-looking-around")
    make("s3").create_bucket(Bucket="box")
    make("s3").put_object(Bucket="box", Key="x", Body=b"1")
    s3 = make("s3", **eve)
    assert s3.get_object(Bucket="box", Key="x")["Body"].read() == b"1"
    for call in [lambda: s3.put_object(Bucket="box", Key="x", Body=b"2"), lambda: s3.delete_object(Bucket="box", Key="x"),
                 lambda: s3.create_bucket(Bucket="other"), lambda: s3.create_multipart_upload(Bucket="box", Key="y"),
                 lambda: s3.put_object(Bucket="sleeper-farm-table-data", Key="for_ingest/x.parquet", Body=b"")]:
        assert error(call) == ("AccessDenied", 403)
    # The configuration is nobody's to change; without a signature, the caller has no rights here.
    assert error(make("s3").put_object, Bucket="sleeper-farm-config", Key="config", Body=b"") == ("AccessDenied", 403)
    answer = urllib3.request("GET", f"{server.url}/box/x")
    assert answer.status == 403 and b"<Code>AccessDenied</Code>" in answer.data
    for target in ("AmazonSQS.ListQueues", "DynamoDB_20120810.ListTables"):
        assert urllib3.request("POST", server.url, headers={"X-Amz-Target": target}, body=b"{}").status in (400, 403)
    # A reader's job is refused as a reader's.
    assert error(make("dynamodb").put_item, TableName="sleeper-farm-query-tracking-table", Item={}) == ("AccessDeniedException", 400)


def test_time_and_body(server):
    assert signed(server, "GET", "/", sign=Late)[:2] == (403, "RequestTimeTooSkewed")
    wrong = {"X-Amz-Content-SHA256": hashlib.sha256(b"other").hexdigest()}
    make("s3").create_bucket(Bucket="box")
    assert signed(server, "PUT", "/box/x", b"body", wrong)[:2] == (400, "XAmzContentSHA256Mismatch")
    assert signed(server, "PUT", "/box/x", b"body", {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="})[:2] == (400, "BadDigest")
    assert signed(server, "PUT", "/box/x", b"body", {"Content-MD5": "zz"})[:2] == (400, "InvalidDigest")
    for chunks in (b"4\r\nbody\r\n", b"ffffffffffff\r\nbody\r\n0\r\n\r\n", b"x\r\n", b"", b"4\r\nbodyXX0\r\n\r\n"):
        headers = {"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length": "4"}
        assert signed(server, "PUT", "/box/x", chunks, headers)[:2] == (400, "InvalidRequest"), chunks
    headers = {"X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length": "4"}
    assert signed(server, "PUT", "/box/x", b"4\r\nbody\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", headers)[:2] == (400, "BadDigest")
    assert error(make("s3").get_object, Bucket="box", Key="x") == ("NoSuchKey", 404)


@pytest.mark.parametrize("path, expected", [
    ("/box/..%2F..%2Fetc%2Fpasswd", (404, "NoSuchKey")),
    ("/box/%2e%2e/other/x", (404, "NoSuchKey")),
    ("/..%2Fcatalog.db", (400, "InvalidBucketName")),
    ("/box/a%00b", (400, "InvalidURI")),
    ("/box/%ff", (400, "InvalidURI")),
    ("/box/%zz", (400, "InvalidURI")),
    ("/box/" + "k" * 1025, (400, "KeyTooLongError")),
    ("/Box/x", (400, "InvalidBucketName")),
    ("/box?acl", (501, "NotImplemented")),
    ("/box/x?tagging", (501, "NotImplemented")),
])
def test_paths(server, path, expected):
    make("s3").create_bucket(Bucket="box")
    assert signed(server, "GET", path)[:2] == expected


def test_a_key_stays_in_its_bucket(server):
    s3 = make("s3")
    s3.create_bucket(Bucket="box")
    s3.create_bucket(Bucket="other")
    for key in ("../other/x", "/etc/passwd", "./x", "a//b", "x/"):
        s3.put_object(Bucket="box", Key=key, Body=key.encode())
        assert s3.get_object(Bucket="box", Key=key)["Body"].read() == key.encode()
    assert "Contents" not in s3.list_objects_v2(Bucket="other")


@pytest.mark.parametrize("body", [
    b"", b"<", b"<Delete>", b"<Other/>", b"\xff\xfe", b"<Delete>" + b"<Object><Key>k</Key></Object>" * 1001 + b"</Delete>",
    b'<!DOCTYPE d [<!ENTITY a "' + b"x" * 1000 + b'">]><Delete><Object><Key>&a;</Key></Object>',
    b"<a>" * 300_000,
])
def test_hostile_xml(server, body):
    make("s3").create_bucket(Bucket="box")
    assert signed(server, "POST", "/box?delete", body)[:2] == (400, "MalformedXML")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 500_000, b'{"TableName": 7}', b'{"QueueUrl": {}}', b'{"a": 1e999}'])
def test_hostile_json(server, body):
    for service, target in (("dynamodb", "DynamoDB_20120810.Query"), ("sqs", "AmazonSQS.SendMessage")):
        request = AWSRequest(method="POST", url=server.url + "/", data=body,
                             headers={"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.0"})
        SigV4Auth(Credentials(KEY, SECRET), service, "eu-west-2").add_auth(request)
        answer = urllib3.request("POST", server.url + "/", body=body, headers=dict(request.headers.items()), retries=False)
        assert answer.status == 400 and b"__type" in answer.data


def test_expressions(server):
    dynamo = make("dynamodb")
    table = "sleeper-farm-query-tracking-table"
    ask = lambda expression, **more: dynamo.query(TableName=table, KeyConditionExpression=expression, ExpressionAttributeNames={"#q": "queryId"},
                                                  ExpressionAttributeValues={":q": {"S": "x"}, ":s": {"S": "-"}}, **more)
    for good in ("#q = :q", "queryId = :q AND subQueryId = :s", "(#q = :q AND begins_with(subQueryId, :s))",
                 "#q = :q and subQueryId BETWEEN :s AND :q", "#q=:q AND (subQueryId >= :s)"):
        assert ask(good)["Items"] == []
    for bad in ("", "#q", "#q = ", "#q = :none", "#none = :q", "subQueryId = :s", "#q = :q OR #q = :s", "(" * 100 + "#q = :q" + ")" * 100,
                "#q = :q AND", "begins_with(#q)", "#q = :q; x", "#q == :q"):
        with pytest.raises(Exception) as raised:
            ask(bad)
        assert "ValidationException" in str(raised.value) or "Parameter" in str(raised.value), bad
    assert error(dynamo.query, TableName="none", KeyConditionExpression="a = :q", ExpressionAttributeValues={":q": {"S": "x"}}) == (
        "ResourceNotFoundException", 400)


def test_broken_http(server):
    host, port = server.address.rsplit(":", 1)
    for sent in (b"\x16\x03\x01garbage\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"PUT /box/x HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                 b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(sent)
            connection.settimeout(10)
            try:
                assert connection.recv(100).startswith((b"HTTP/1.1 4", b""))
            except ConnectionResetError:
                pass
    assert make("s3").list_buckets()["Buckets"]
