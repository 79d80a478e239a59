"""RenameObject of all that is in a folder: Weir's own, by a header (docs/S3.md)."""

import contextlib

import pytest

from expect import s3_error


@contextlib.contextmanager
def header(s3, name, value):
    """Every request of the client carries it."""

    def add(request, **_):
        request.headers[name] = value

    s3.meta.events.register("before-sign.s3", add)
    try:
        yield
    finally:
        s3.meta.events.unregister("before-sign.s3", add)


def rename(s3, bucket, source, key, **conditions):
    with header(s3, "x-weir-rename-prefix", "true"):
        reply = s3.rename_object(Bucket=bucket, Key=key, RenameSource=f"/{bucket}/{source}", **conditions)
    return int(reply["ResponseMetadata"]["HTTPHeaders"]["x-weir-renamed-keys"])


def keys(s3, bucket):
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("versioning", [None, "Suspended", "Enabled"])
def test_takes_the_whole_folder(s3, bucket, noise, versioning):
    if versioning:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": versioning})
    large = noise(300_000)
    s3.put_object(Bucket=bucket, Key="from/", Body=b"")
    s3.put_object(Bucket=bucket, Key="from/large", Body=large, Metadata={"mode": "33188"}, ContentType="x/y")
    s3.put_object(Bucket=bucket, Key="from/deep/small", Body=b"small")
    s3.put_object(Bucket=bucket, Key="from0", Body=b"beside")
    assert rename(s3, bucket, "from/", "to/there/") == 3
    assert keys(s3, bucket) == ["from0", "to/there/", "to/there/deep/small", "to/there/large"]
    got = s3.get_object(Bucket=bucket, Key="to/there/large")
    assert got["Body"].read() == large
    assert (got["Metadata"], got["ContentType"]) == ({"mode": "33188"}, "x/y")
    assert s3.get_object(Bucket=bucket, Key="to/there/deep/small")["Body"].read() == b"small"
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="from/large")
    if versioning == "Enabled":
        (version,) = s3.list_object_versions(Bucket=bucket, Prefix="from/large")["Versions"]
        old = s3.get_object(Bucket=bucket, Key="from/large", VersionId=version["VersionId"])
        assert old["Body"].read() == large


def test_refuses_as_rename_2_does(s3, bucket):
    for key in ["a/1", "full/1", "empty/"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"" if key.endswith("/") else b"x")
    before = keys(s3, bucket)
    with s3_error(404, "NoSuchKey"):
        rename(s3, bucket, "none/", "x/")
    with s3_error(409, "RenameTargetNotEmpty"):
        rename(s3, bucket, "a/", "full/")
    with s3_error(400, "InvalidRequest"):
        rename(s3, bucket, "a/", "a/b/")
    with s3_error(400, "InvalidArgument"):
        rename(s3, bucket, "a/", "b")
    with s3_error(400, "InvalidRequest"):
        rename(s3, bucket, "a/", "b/", DestinationIfNoneMatch="*")
    with s3_error(400, "InvalidArgument"), header(s3, "x-weir-rename-prefix", "yes"):
        s3.rename_object(Bucket=bucket, Key="b/", RenameSource=f"/{bucket}/a/")
    with s3_error(404, "NoSuchKey"):  # without the header, a key like any other
        s3.rename_object(Bucket=bucket, Key="b/", RenameSource=f"/{bucket}/a/")
    assert keys(s3, bucket) == before
    assert rename(s3, bucket, "a/", "empty/") == 1


def test_changes_nothing_past_the_bound_of_a_batch(s3, bucket):
    body = bytes(16 * 1024)
    for i in range(520):
        s3.put_object(Bucket=bucket, Key=f"a/{i:04}", Body=body)
    with s3_error(400, "RenameTooLarge"):
        rename(s3, bucket, "a/", "b/")
    assert len(keys(s3, bucket)) == 520 and keys(s3, bucket)[0] == "a/0000"
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"a/{i:04}"} for i in range(100)]})
    assert rename(s3, bucket, "a/", "b/") == 420
    assert keys(s3, bucket) == [f"b/{i:04}" for i in range(100, 520)]
