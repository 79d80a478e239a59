"""`x-weir-blob: locate` in a HeadObject: the file in which the server keeps an object, for a reader on its machine."""

import os
import pathlib
from urllib.parse import unquote

import pytest

MIB = 1 << 20


@pytest.fixture
def locate(server):
    """The header's fields, or None where there is none."""
    client = server.client()
    client.meta.events.register(
        "before-sign.s3.HeadObject", lambda request, **_: request.headers.add_header("x-weir-blob", "locate")
    )

    def ask(bucket, key, **more):
        told = client.head_object(Bucket=bucket, Key=key, **more)["ResponseMetadata"]["HTTPHeaders"].get("x-weir-blob")
        return told and dict(field.strip().split("=", 1) for field in told.split(";"))

    return ask


def test_a_whole_file_is_told(s3, bucket, noise, locate):
    body = noise(3 * MIB)
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    told = locate(bucket, "large")
    assert told["boot"] == pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    path = unquote(told["path"])
    found = os.stat(path)
    assert (str(found.st_dev), str(found.st_ino), found.st_size) == (told["device"], told["inode"], len(body))
    assert pathlib.Path(path).read_bytes() == body
    assert "x-weir-blob" not in s3.head_object(Bucket=bucket, Key="large")["ResponseMetadata"]["HTTPHeaders"], "unasked"


def test_what_is_no_file_of_its_own_is_not_told(s3, bucket, noise, locate):
    s3.put_object(Bucket=bucket, Key="small", Body=noise(1000))
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert locate(bucket, "small") is None
    assert locate(bucket, "empty") is None


def test_parts_lie_in_one_file(s3, bucket, noise, locate):
    body = noise(12 * MIB)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    parts = []
    for number, at in enumerate(range(0, len(body), 5 * MIB), 1):
        part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, Body=body[at : at + 5 * MIB])
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    assert pathlib.Path(unquote(locate(bucket, "parts")["path"])).read_bytes() == body


def test_versions_have_their_own(s3, bucket, noise, locate):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="a", Body=noise(MIB))["VersionId"]
    s3.put_object(Bucket=bucket, Key="a", Body=noise(MIB, 1))
    assert pathlib.Path(unquote(locate(bucket, "a", VersionId=first)["path"])).read_bytes() == noise(MIB)
    assert pathlib.Path(unquote(locate(bucket, "a")["path"])).read_bytes() == noise(MIB, 1)
