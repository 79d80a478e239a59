import datetime

import pytest

from expect import s3_error
from weir_server import new_bucket_name

MiB = 1024 * 1024


@pytest.mark.parametrize("size", [0, 100, 16 * 1024 + 1, 6 * MiB])
def test_a_copy_is_the_same(s3, bucket, noise, size):
    body = noise(size)
    etag = s3.put_object(Bucket=bucket, Key="from", Body=body, Metadata={"a": "b"}, ContentType="x/y")["ETag"]
    copied = s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
    assert copied["CopyObjectResult"]["ETag"] == etag
    s3.delete_object(Bucket=bucket, Key="from")
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == body
    assert (got["ETag"], got["Metadata"], got["ContentType"]) == (etag, {"a": "b"}, "x/y")


def test_into_another_bucket(s3, bucket, noise):
    body = noise(3 * MiB)
    there = new_bucket_name()
    s3.create_bucket(Bucket=there)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    s3.copy_object(Bucket=there, Key="k", CopySource=f"/{bucket}/k")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    assert s3.get_object(Bucket=there, Key="k")["Body"].read() == body


def test_metadata_directive(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", Metadata={"old": "1"}, ContentType="old/type")
    source = {"Bucket": bucket, "Key": "from"}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source, Metadata={"new": "2"})
    assert s3.head_object(Bucket=bucket, Key="kept")["Metadata"] == {"old": "1"}
    s3.copy_object(
        Bucket=bucket,
        Key="replaced",
        CopySource=source,
        Metadata={"new": "2"},
        ContentType="new/type",
        MetadataDirective="REPLACE",
    )
    head = s3.head_object(Bucket=bucket, Key="replaced")
    assert (head["Metadata"], head["ContentType"]) == ({"new": "2"}, "new/type")
    with s3_error(400, "InvalidArgument"):
        s3.copy_object(Bucket=bucket, Key="x", CopySource=source, MetadataDirective="MERGE")


def test_onto_itself_needs_a_change(s3, bucket, noise):
    body = noise(100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body, Metadata={"old": "1"})
    source = {"Bucket": bucket, "Key": "k"}
    with s3_error(400, "InvalidRequest"):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="k", CopySource=source, Metadata={"new": "2"}, MetadataDirective="REPLACE")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["Body"].read(), got["Metadata"]) == (body, {"new": "2"})


BEFORE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
OTHER = '"00000000000000000000000000000000"'


@pytest.mark.parametrize(
    "conditions, status",
    [
        ({"CopySourceIfMatch": "same"}, 200),
        ({"CopySourceIfMatch": OTHER}, 412),
        ({"CopySourceIfNoneMatch": "same"}, 412),
        ({"CopySourceIfNoneMatch": OTHER}, 200),
        ({"CopySourceIfUnmodifiedSince": BEFORE}, 412),
        ({"CopySourceIfModifiedSince": BEFORE}, 200),
        ({"CopySourceIfMatch": "same", "CopySourceIfUnmodifiedSince": BEFORE}, 200),
        ({"CopySourceIfNoneMatch": "same", "CopySourceIfModifiedSince": BEFORE}, 412),
    ],
)
def test_conditions_on_the_source(s3, bucket, conditions, status):
    etag = s3.put_object(Bucket=bucket, Key="from", Body=b"x")["ETag"]
    conditions = {name: etag if value == "same" else value for name, value in conditions.items()}
    arguments = {"Bucket": bucket, "Key": "to", "CopySource": {"Bucket": bucket, "Key": "from"}, **conditions}
    if status == 200:
        s3.copy_object(**arguments)
        s3.head_object(Bucket=bucket, Key="to")
    else:
        with s3_error(412, "PreconditionFailed"):
            s3.copy_object(**arguments)
        with s3_error(404):
            s3.head_object(Bucket=bucket, Key="to")


def test_conditions_on_the_target(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"new")
    etag = s3.put_object(Bucket=bucket, Key="to", Body=b"old")["ETag"]
    source = {"Bucket": bucket, "Key": "from"}
    with s3_error(412, "PreconditionFailed"):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, IfNoneMatch="*")
    with s3_error(412, "PreconditionFailed"):
        s3.copy_object(Bucket=bucket, Key="to", CopySource=source, IfMatch=OTHER)
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"old"
    s3.copy_object(Bucket=bucket, Key="to", CopySource=source, IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"new"


def test_sources_that_are_not_there(server, s3, bucket):
    with s3_error(404, "NoSuchKey"):
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "nothing"})
    with s3_error(404, "NoSuchBucket"):
        s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": new_bucket_name(), "Key": "k"})
    with s3_error(400):
        s3.copy_object(Bucket=bucket, Key="to", CopySource="no slash")
    s3.put_object(Bucket=bucket, Key="mine", Body=b"x")
    other = server.client(server.create_keys("a.thief"))
    theirs = new_bucket_name()
    other.create_bucket(Bucket=theirs)
    with s3_error(403, "AccessDenied"):
        other.copy_object(Bucket=theirs, Key="k", CopySource={"Bucket": bucket, "Key": "mine"})


def test_copies_of_copies_outlive_each_other(s3, bucket, noise):
    body = noise(2 * MiB)
    s3.put_object(Bucket=bucket, Key="0", Body=body)
    for number in range(5):
        s3.copy_object(Bucket=bucket, Key=str(number + 1), CopySource={"Bucket": bucket, "Key": str(number)})
        s3.delete_object(Bucket=bucket, Key=str(number))
    assert s3.get_object(Bucket=bucket, Key="5")["Body"].read() == body


def test_a_copy_of_a_multipart_object(s3, bucket, noise):
    bodies = [noise(5 * MiB, 1), noise(100, 2)]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="from")["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        etag = s3.upload_part(Bucket=bucket, Key="from", UploadId=upload, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    s3.complete_multipart_upload(Bucket=bucket, Key="from", UploadId=upload, MultipartUpload={"Parts": parts})
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
    s3.delete_object(Bucket=bucket, Key="from")
    assert s3.get_object(Bucket=bucket, Key="to")["Body"].read() == b"".join(bodies)
