import base64
import datetime
import hashlib

import pytest
import requests

from expect import s3_error

KiB, MiB = 1024, 1024 * 1024
ODD_KEYS = [
    "plain", "a/b/c", "//", "/leading", "trailing/", "a//b", "../up", "a/../b", "./here", ".", "..", "%2F", "a%20b", "%",
    "with space", "plus+sign", "ampersand&and", "quo'te", 'dou"ble', "less<more>", "tilde~", "qu?stion", "ha#sh", "eq=ual",
    "semi;colon", "com,ma", "co:lon", "at@", "star*", "back\\slash", "pi|pe", "ümlaut", "日本語", "🧠/weights🏋.bin",
    "e\u0301 decomposed", "\u00e9 composed", "x" * 1024, "ü" * 512,
]  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 4 * KiB, 16 * KiB - 1, 16 * KiB, 16 * KiB + 1, MiB - 1, MiB, MiB + 1, 5 * MiB + 3])
def test_bodies_of_every_size_come_back(s3, bucket, noise, size):
    body = noise(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert got["ContentLength"] == size
    assert got["ETag"] == put["ETag"]
    assert got["AcceptRanges"] == "bytes"


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == key.encode()
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert [each["Key"] for each in deleted["Deleted"]] == [key]
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key=key)


def test_control_characters_in_keys(s3, bucket):
    key = "bell\x07 new\nline \x01\x1f\x7f"
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == 1
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]  # encoding-type=url, by botocore


def test_keys_that_are_too_long(s3, bucket):
    with s3_error(400, "KeyTooLongError"):
        s3.put_object(Bucket=bucket, Key="x" * 1025, Body=b"")


def test_headers_and_metadata_come_back(s3, bucket):
    sent = {
        "CacheControl": "max-age=1",
        "ContentDisposition": 'attachment; filename="m.bin"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "en-GB",
        "ContentType": "application/x-weights",
        "StorageClass": "STANDARD_IA",
    }
    metadata = {"framework": "torch", "Mixed-Case": "Value With Case", "empty": ""}
    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata=metadata, Expires=expires, **sent)
    for got in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert {name: got[name] for name in sent} == sent
        assert got["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"
        assert got["Metadata"] == {name.lower(): value for name, value in metadata.items()}
        assert abs((datetime.datetime.now(datetime.UTC) - got["LastModified"]).total_seconds()) < 60
        assert got["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert listed["StorageClass"] == "STANDARD_IA"
    s3.put_object(Bucket=bucket, Key="k", Body=b"y")
    plain = s3.head_object(Bucket=bucket, Key="k")
    assert plain["Metadata"] == {}
    assert plain["ContentType"] == "binary/octet-stream"
    assert "StorageClass" not in plain


def test_too_much_metadata(s3, bucket):
    with s3_error(400, "MetadataTooLarge"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", Metadata={"big": "x" * 2048})


def test_an_unknown_storage_class(s3, bucket):
    with s3_error(400, "InvalidStorageClass"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"", StorageClass="ATTIC")


@pytest.mark.parametrize(
    "asked, start, stop",
    [("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=5-", 5, 40_000), ("bytes=-7", 39_993, 40_000),
     ("bytes=39999-50000", 39_999, 40_000), ("bytes=-50000", 0, 40_000), ("bytes=0-39999", 0, 40_000)],
)  # fmt: skip
def test_ranges(s3, bucket, noise, asked, start, stop):
    body = noise(40_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {start}-{stop - 1}/40000"
    assert got["Body"].read() == body[start:stop]


@pytest.mark.parametrize("asked", ["bytes=40000-", "bytes=-0", "bytes=40000-50000"])
def test_ranges_that_cannot_be_satisfied(s3, bucket, noise, asked):
    s3.put_object(Bucket=bucket, Key="k", Body=noise(40_000))
    with s3_error(416, "InvalidRange"):
        s3.get_object(Bucket=bucket, Key="k", Range=asked)


def test_a_range_of_an_empty_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with s3_error(416, "InvalidRange"):
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=0-4")


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4"])
def test_ranges_that_mean_nothing_are_passed_over(s3, bucket, asked):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert got["Body"].read() == b"0123456789"


def test_response_overrides(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    got = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseCacheControl="no-cache",
        ResponseContentDisposition="inline",
        ResponseContentEncoding="aaa",
        ResponseContentLanguage="esperanto",
        ResponseContentType="foo/bar",
        ResponseExpires=datetime.datetime(2031, 1, 1, tzinfo=datetime.UTC),
    )
    assert (got["CacheControl"], got["ContentDisposition"], got["ContentEncoding"]) == ("no-cache", "inline", "aaa")
    assert (got["ContentLanguage"], got["ContentType"]) == ("esperanto", "foo/bar")
    assert got["ExpiresString"] == "Wed, 01 Jan 2031 00:00:00 GMT"


BEFORE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
AFTER = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)  # in the future: RFC 9110 passes a date over, AWS too
OTHER = '"00000000000000000000000000000000"'


@pytest.mark.parametrize(
    "conditions, status",
    [
        ({"IfMatch": "same"}, 200),
        ({"IfMatch": OTHER}, 412),
        ({"IfMatch": "*"}, 200),
        ({"IfNoneMatch": "same"}, 304),
        ({"IfNoneMatch": OTHER}, 200),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfModifiedSince": BEFORE}, 200),
        ({"IfUnmodifiedSince": BEFORE}, 412),
        ({"IfUnmodifiedSince": AFTER}, 200),
        ({"IfMatch": "same", "IfUnmodifiedSince": BEFORE}, 200),
        ({"IfMatch": OTHER, "IfUnmodifiedSince": AFTER}, 412),
        ({"IfNoneMatch": "same", "IfModifiedSince": BEFORE}, 304),
        ({"IfNoneMatch": OTHER, "IfModifiedSince": BEFORE}, 200),
    ],
)
def test_conditional_reads(s3, bucket, conditions, status):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    conditions = {name: etag if value == "same" else value for name, value in conditions.items()}
    for read in (s3.get_object, s3.head_object):
        if status == 200:
            read(Bucket=bucket, Key="k", **conditions)
        else:
            with s3_error(status):
                read(Bucket=bucket, Key="k", **conditions)


def test_a_304_says_which_object_it_is(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    try:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    except s3.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPHeaders"]["etag"] == etag
        assert "last-modified" in error.response["ResponseMetadata"]["HTTPHeaders"]
    else:
        raise AssertionError("no 304")


def test_conditional_writes(s3, bucket):
    with s3_error(404, "NoSuchKey"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"0", IfMatch=OTHER)
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    with s3_error(412, "PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    with s3_error(412, "PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=OTHER)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=first)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"3"


def test_conditional_deletes(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    with s3_error(412, "PreconditionFailed"):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch=OTHER)
    s3.head_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="k")


def test_content_md5(server, s3, bucket):
    with s3_error(400, "BadDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="rL0Y20zC+Fzt72VPzMSk2A==")
    with s3_error(400, "InvalidDigest"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5="short")
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="k")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentMD5=base64.b64encode(hashlib.md5(b"x").digest()).decode())


def test_what_is_missing(s3, bucket):
    with s3_error(404, "NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="nothing")
    with s3_error(404, "NoSuchBucket"):
        s3.get_object(Bucket=bucket + "-x", Key="nothing")
    with s3_error(404, "NoSuchBucket"):
        s3.put_object(Bucket=bucket + "-x", Key="k", Body=b"x")
    assert s3.delete_object(Bucket=bucket, Key="nothing")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_delete_objects(s3, bucket):
    keys = [f"k{number:04}" for number in range(1000)]
    for key in keys[:20]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert [each["Key"] for each in deleted["Deleted"]] == keys
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}], "Quiet": True})
    assert "Deleted" not in quiet and "Errors" not in quiet
    with s3_error(400, "MalformedXML"):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": str(number)} for number in range(1001)]})


def test_attributes(s3, bucket, noise):
    body = noise(100)
    s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm="SHA256")
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert got["ETag"] == hashlib.md5(body).hexdigest()
    assert got["ObjectSize"] == 100
    assert got["StorageClass"] == "STANDARD"
    assert got["Checksum"]["ChecksumSHA256"]
    assert got["Checksum"]["ChecksumType"] == "FULL_OBJECT"
    assert "ObjectParts" not in got
    only = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    assert "ETag" not in only and "Checksum" not in only


def test_rename(s3, bucket, noise):
    body = noise(30_000)
    etag = s3.put_object(Bucket=bucket, Key="from here", Body=body, Metadata={"a": "b"})["ETag"]
    s3.rename_object(Bucket=bucket, Key="to/there", RenameSource=f"/{bucket}/from%20here")
    got = s3.get_object(Bucket=bucket, Key="to/there")
    assert (got["Body"].read(), got["ETag"], got["Metadata"]) == (body, etag, {"a": "b"})
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="from here")
    with s3_error(404, "NoSuchKey"):
        s3.rename_object(Bucket=bucket, Key="x", RenameSource=f"/{bucket}/nothing")
    s3.put_object(Bucket=bucket, Key="taken", Body=b"")
    with s3_error(412, "PreconditionFailed"):
        s3.rename_object(Bucket=bucket, Key="taken", RenameSource=f"/{bucket}/to/there", DestinationIfNoneMatch="*")


def test_every_reply_has_a_request_id(server):
    reply = requests.get(server.endpoint, verify=server.verify, timeout=30)
    assert reply.status_code == 403
    assert reply.headers["x-amz-request-id"]
    assert reply.headers["x-amz-request-id"] in reply.text
