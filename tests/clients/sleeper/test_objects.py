"""Objects with ordinary clients: boto3, Arrow, s3fs."""

import io
import os
import urllib.request

import boto3
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest
import s3fs
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture
def s3(server):
    client = boto3.client("s3")
    client.create_bucket(Bucket="box")
    return client


def code(call, *args, **kwargs):
    with pytest.raises(ClientError) as raised:
        call(*args, **kwargs)
    return raised.value.response["Error"]["Code"]


def test_put_get_head_delete(s3):
    put = s3.put_object(Bucket="box", Key="a/b c+d=ü.txt", Body=b"0123456789", ContentType="text/plain", Metadata={"who": "me"})
    got = s3.get_object(Bucket="box", Key="a/b c+d=ü.txt")
    assert got["Body"].read() == b"0123456789"
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("text/plain", {"who": "me"}, put["ETag"])
    head = s3.head_object(Bucket="box", Key="a/b c+d=ü.txt")
    assert head["ContentLength"] == 10 and head["AcceptRanges"] == "bytes"
    for range_, expected in {"bytes=2-4": b"234", "bytes=7-": b"789", "bytes=-3": b"789", "bytes=5-99": b"56789"}.items():
        part = s3.get_object(Bucket="box", Key="a/b c+d=ü.txt", Range=range_)
        assert part["Body"].read() == expected and part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert code(s3.get_object, Bucket="box", Key="a/b c+d=ü.txt", Range="bytes=10-") == "InvalidRange"
    s3.delete_object(Bucket="box", Key="a/b c+d=ü.txt")
    assert code(s3.get_object, Bucket="box", Key="a/b c+d=ü.txt") == "NoSuchKey"
    assert code(s3.head_object, Bucket="box", Key="a/b c+d=ü.txt") == "404"
    assert code(s3.get_object, Bucket="none", Key="x") == "NoSuchBucket"
    s3.put_object(Bucket="box", Key="empty", Body=b"")
    assert s3.get_object(Bucket="box", Key="empty")["Body"].read() == b""


def test_lists(s3):
    keys = ["a", "b/1", "b/2", "b/c/3", "c d", "ü", "z+", "z/"]
    for key in reversed(keys):
        s3.put_object(Bucket="box", Key=key, Body=key.encode())
    for operation in ("list_objects", "list_objects_v2"):
        for page in (1, 2, 3, 1000):
            pages = list(s3.get_paginator(operation).paginate(Bucket="box", PaginationConfig={"PageSize": page}))
            assert [c["Key"] for p in pages for c in p.get("Contents", [])] == sorted(keys, key=str.encode), (operation, page)
            pages = list(s3.get_paginator(operation).paginate(Bucket="box", Delimiter="/", PaginationConfig={"PageSize": page}))
            assert [c["Key"] for p in pages for c in p.get("Contents", [])] == ["a", "c d", "z+", "ü"], (operation, page)
            assert [c["Prefix"] for p in pages for c in p.get("CommonPrefixes", [])] == ["b/", "z/"]
    under = s3.list_objects_v2(Bucket="box", Prefix="b/", Delimiter="/")
    assert [c["Key"] for c in under["Contents"]] == ["b/1", "b/2"] and under["CommonPrefixes"] == [{"Prefix": "b/c/"}]
    assert [c["Key"] for c in s3.list_objects_v2(Bucket="box", StartAfter="b/2")["Contents"]][0] == "b/c/3"
    assert s3.list_objects_v2(Bucket="box", MaxKeys=0)["KeyCount"] == 0
    assert code(s3.list_objects_v2, Bucket="box", ContinuationToken="***") == "InvalidArgument"
    answer = s3.delete_objects(Bucket="box", Delete={"Objects": [{"Key": key} for key in keys + ["absent"]]})
    assert len(answer["Deleted"]) == len(keys) + 1 and "Errors" not in answer
    assert "Contents" not in s3.list_objects_v2(Bucket="box")


def test_buckets(s3):
    assert code(s3.create_bucket, Bucket="box", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"}) == "BucketAlreadyOwnedByYou"
    assert "box" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    s3.head_bucket(Bucket="box")
    assert code(s3.head_bucket, Bucket="none") == "404"
    assert s3.get_bucket_location(Bucket="box")["LocationConstraint"] == "eu-west-2"
    s3.put_object(Bucket="box", Key="x", Body=b"")
    assert code(s3.delete_bucket, Bucket="box") == "BucketNotEmpty"
    s3.delete_object(Bucket="box", Key="x")
    s3.delete_bucket(Bucket="box")
    assert code(s3.head_bucket, Bucket="box") == "404"
    assert code(s3.delete_bucket, Bucket="sleeper-farm-table-data") == "AccessDenied"
    assert code(s3.get_bucket_acl, Bucket="none") == "NotImplemented"


def test_uploads_in_parts(s3):
    data = os.urandom(20 << 20)
    s3.upload_fileobj(io.BytesIO(data), "box", "big", Config=TransferConfig(multipart_threshold=8 << 20, multipart_chunksize=6 << 20))
    assert s3.get_object(Bucket="box", Key="big")["Body"].read() == data
    assert s3.head_object(Bucket="box", Key="big")["ETag"].endswith('-4"')
    assert s3.get_object(Bucket="box", Key="big", Range=f"bytes={(6 << 20) - 3}-{(6 << 20) + 2}")["Body"].read() == data[(6 << 20) - 3:(6 << 20) + 3]
    upload = s3.create_multipart_upload(Bucket="box", Key="parts")["UploadId"]
    part = lambda number, body: s3.upload_part(Bucket="box", Key="parts", UploadId=upload, PartNumber=number, Body=body)["ETag"]
    complete = lambda *parts: s3.complete_multipart_upload(
        Bucket="box", Key="parts", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": n, "ETag": e} for n, e in parts]})
    one, two = part(1, b"small"), part(2, b"end")
    assert code(complete, (2, two), (1, one)) == "InvalidPartOrder"
    assert code(complete, (1, one), (2, two)) == "EntityTooSmall"
    assert code(complete, (1, two)) == "InvalidPart"
    assert code(complete, (3, two)) == "InvalidPart"
    assert [p["PartNumber"] for p in s3.list_parts(Bucket="box", Key="parts", UploadId=upload)["Parts"]] == [1, 2]
    complete((2, two))
    assert s3.get_object(Bucket="box", Key="parts")["Body"].read() == b"end"
    assert code(complete, (2, two)) == "NoSuchUpload"
    upload = s3.create_multipart_upload(Bucket="box", Key="gone")["UploadId"]
    s3.abort_multipart_upload(Bucket="box", Key="gone", UploadId=upload)
    assert code(s3.upload_part, Bucket="box", Key="gone", UploadId=upload, PartNumber=1, Body=b"x") == "NoSuchUpload"


def test_copy(s3):
    s3.put_object(Bucket="box", Key="from ü", Body=b"bytes", Metadata={"a": "1"})
    s3.copy_object(Bucket="box", Key="to", CopySource={"Bucket": "box", "Key": "from ü"})
    got = s3.get_object(Bucket="box", Key="to")
    assert got["Body"].read() == b"bytes" and got["Metadata"] == {"a": "1"}
    s3.copy_object(Bucket="box", Key="to", CopySource="box/from ü", MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert s3.head_object(Bucket="box", Key="to")["Metadata"] == {"b": "2"}
    assert code(s3.copy_object, Bucket="box", Key="to", CopySource="box/absent") == "NoSuchKey"


def test_conditions(s3):
    tag = s3.put_object(Bucket="box", Key="x", Body=b"1", IfNoneMatch="*")["ETag"]
    assert code(s3.put_object, Bucket="box", Key="x", Body=b"2", IfNoneMatch="*") == "PreconditionFailed"
    assert code(s3.put_object, Bucket="box", Key="x", Body=b"2", IfMatch='"0123"') == "PreconditionFailed"
    s3.put_object(Bucket="box", Key="x", Body=b"2", IfMatch=tag)
    assert code(s3.get_object, Bucket="box", Key="x", IfMatch=tag) == "PreconditionFailed"
    assert code(s3.get_object, Bucket="box", Key="x", IfNoneMatch=s3.head_object(Bucket="box", Key="x")["ETag"]) == "304"


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums(s3, algorithm):
    s3.put_object(Bucket="box", Key="x", Body=b"0123456789", ChecksumAlgorithm=algorithm)
    got = s3.get_object(Bucket="box", Key="x", ChecksumMode="ENABLED")
    assert got[f"Checksum{algorithm}"] and got["Body"].read() == b"0123456789"
    assert f"Checksum{algorithm}" not in s3.get_object(Bucket="box", Key="x", ChecksumMode="ENABLED", Range="bytes=1-2")
    assert code(s3.put_object, Bucket="box", Key="x", Body=b"0123456789", **{f"Checksum{algorithm}": "AAAAAA=="}) == "BadDigest"
    assert s3.get_object(Bucket="box", Key="x")["Body"].read() == b"0123456789"


def test_presigned(server, s3):
    s3 = boto3.client("s3", config=Config(signature_version="s3v4"))
    put = s3.generate_presigned_url("put_object", Params={"Bucket": "box", "Key": "p q"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(put, data=b"by address", method="PUT"))
    get = s3.generate_presigned_url("get_object", Params={"Bucket": "box", "Key": "p q"}, ExpiresIn=60)
    assert urllib.request.urlopen(get).read() == b"by address"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(get.replace("p%20q", "p"))


@pytest.fixture
def arrow(server):
    return pa.fs.S3FileSystem(access_key=os.environ["AWS_ACCESS_KEY_ID"], secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
                              region="eu-west-2", endpoint_override=server.address, scheme="http", allow_bucket_creation=True)


def test_arrow(arrow):
    arrow.create_dir("tables")
    table = pa.table({"a": range(100_000), "b": [f"text {i}" for i in range(100_000)]})
    pq.write_table(table, "tables/d/t.parquet", filesystem=arrow)
    assert pq.read_table("tables/d/t.parquet", filesystem=arrow) == table
    with arrow.open_output_stream("tables/d/raw") as stream:
        for _ in range(30):
            stream.write(b"x" * 1_000_000)
    assert arrow.get_file_info("tables/d/raw").size == 30_000_000
    assert sorted(info.path for info in arrow.get_file_info(pa.fs.FileSelector("tables", recursive=True)) if info.is_file) == [
        "tables/d/raw", "tables/d/t.parquet"]
    arrow.copy_file("tables/d/t.parquet", "tables/e.parquet")
    assert pq.read_table("tables/e.parquet", filesystem=arrow, columns=["a"]).num_rows == 100_000
    arrow.delete_file("tables/e.parquet")
    assert arrow.get_file_info("tables/e.parquet").type == pa.fs.FileType.NotFound


def test_s3fs(server):
    files = s3fs.S3FileSystem(anon=False)
    files.mkdir("box")
    with files.open("box/a/b.txt", "wb") as file:
        file.write(b"y" * (60 << 20))  # more than one block
    assert files.ls("box/a") == ["box/a/b.txt"]
    assert files.info("box/a/b.txt")["size"] == 60 << 20
    with files.open("box/a/b.txt", "rb") as file:
        file.seek((60 << 20) - 5)
        assert file.read() == b"yyyyy"
    files.rm("box/a", recursive=True)
    assert files.ls("box") == []
