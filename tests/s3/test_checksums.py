import base64
import hashlib
import zlib

import awscrt.checksums
import google_crc32c
import pytest
import requests
import xxhash
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from expect import s3_error

MiB = 1024 * 1024


def text(digest):
    return base64.b64encode(digest).decode()


ALGORITHMS = {
    "CRC32": lambda body: text(zlib.crc32(body).to_bytes(4)),
    "CRC32C": lambda body: text(google_crc32c.value(body).to_bytes(4)),
    "CRC64NVME": lambda body: text(awscrt.checksums.crc64nvme(body).to_bytes(8)),
    "SHA1": lambda body: text(hashlib.sha1(body).digest()),
    "SHA256": lambda body: text(hashlib.sha256(body).digest()),
    "SHA512": lambda body: text(hashlib.sha512(body).digest()),
    "MD5": lambda body: text(hashlib.md5(body).digest()),
    "XXHASH64": lambda body: text(xxhash.xxh64_digest(body)),
    "XXHASH3": lambda body: text(xxhash.xxh3_64_digest(body)),
    "XXHASH128": lambda body: text(xxhash.xxh3_128_digest(body)),
}
BOTH = pytest.mark.parametrize("algorithm", ALGORITHMS)


class Raw:
    """Signed requests by hand, for what no SDK would send."""

    def __init__(self, server):
        self.server = server
        self.keys = Credentials(server.exports["AWS_ACCESS_KEY_ID"], server.exports["AWS_SECRET_ACCESS_KEY"])

    def send(self, method, path, body=b"", headers=None, payload=None):
        """`payload` is x-amz-content-sha256, where it is not the body's hash."""
        headers = dict(headers or {})
        if payload:
            headers["x-amz-content-sha256"] = payload
        request = AWSRequest(method, self.server.endpoint + path, headers, body)
        signer = S3SigV4Auth(self.keys, "s3", "us-east-1")
        if payload:
            signer.payload = lambda _: payload
        signer.add_auth(request)
        ready = request.prepare()
        return requests.request(method, ready.url, headers=ready.headers, data=body, verify=self.server.verify, timeout=60)


@pytest.fixture
def raw(server):
    return Raw(server)


def trailing(body, name, value, chunk=40_000):
    """The body in aws-chunked coding, with a checksum in the trailer."""
    pieces = [body[at : at + chunk] for at in range(0, len(body), chunk)]
    coded = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return coded + b"0\r\n%b:%b\r\n\r\n" % (name.encode(), value.encode())


@BOTH
def test_as_header(raw, s3, bucket, noise, algorithm):
    body = noise(100_000)
    name, value = f"x-amz-checksum-{algorithm.lower()}", ALGORITHMS[algorithm](body)
    reply = raw.send("PUT", f"/{bucket}/k", body, {name: value})
    assert reply.status_code == 200, reply.text
    assert reply.headers[name] == value
    got = raw.send("GET", f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED"})
    assert (got.content, got.headers[name]) == (body, value)
    assert got.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert name not in raw.send("GET", f"/{bucket}/k").headers
    part = raw.send("GET", f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED", "Range": "bytes=0-9"})
    assert part.status_code == 206
    assert name not in part.headers
    wrong = raw.send("PUT", f"/{bucket}/wrong", body + b"!", {name: value})
    assert (wrong.status_code, "BadDigest" in wrong.text) == (400, True), wrong.text
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="wrong")


@BOTH
def test_as_trailer(raw, s3, bucket, noise, algorithm):
    body = noise(100_000)
    name, value = f"x-amz-checksum-{algorithm.lower()}", ALGORITHMS[algorithm](body)
    headers = {"x-amz-trailer": name, "x-amz-decoded-content-length": str(len(body)), "Content-Encoding": "aws-chunked"}
    unsigned = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    reply = raw.send("PUT", f"/{bucket}/k", trailing(body, name, value), headers, unsigned)
    assert reply.status_code == 200, reply.text
    got = raw.send("GET", f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED"})
    assert (got.content, got.headers[name]) == (body, value)
    assert "Content-Encoding" not in got.headers
    wrong = raw.send("PUT", f"/{bucket}/wrong", trailing(body, name, ALGORITHMS[algorithm](b"other")), headers, unsigned)
    assert (wrong.status_code, "BadDigest" in wrong.text) == (400, True), wrong.text
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="wrong")


@BOTH
def test_a_checksum_that_is_none(raw, bucket, algorithm):
    name = f"x-amz-checksum-{algorithm.lower()}"
    for nonsense in ("bad", "!!!!", ""):
        reply = raw.send("PUT", f"/{bucket}/k", b"x", {name: nonsense})
        assert reply.status_code == 400, f"{nonsense!r}: {reply.text}"


def test_two_checksums_at_once(raw, bucket):
    headers = {f"x-amz-checksum-{name}": ALGORITHMS[name.upper()](b"x") for name in ("sha1", "crc32")}
    assert raw.send("PUT", f"/{bucket}/k", b"x", headers).status_code == 400


def test_what_nobody_sent_is_crc64nvme(raw, bucket):
    raw.send("PUT", f"/{bucket}/k", b"weights")
    got = raw.send("HEAD", f"/{bucket}/k", headers={"x-amz-checksum-mode": "ENABLED"})
    assert got.headers["x-amz-checksum-crc64nvme"] == ALGORITHMS["CRC64NVME"](b"weights")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_boto3_sends_and_checks_each(s3, bucket, noise, algorithm):
    body = noise(50_000)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=algorithm)
    assert put[f"Checksum{algorithm}"] == ALGORITHMS[algorithm](body)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert got[f"Checksum{algorithm}"] == ALGORITHMS[algorithm](body)


def upload_parts(s3, bucket, bodies, algorithm, kind):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind)["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    field = f"Checksum{algorithm}"
    parts = []
    for number, body in enumerate(bodies, 1):
        reply = s3.upload_part(**where, PartNumber=number, Body=body, ChecksumAlgorithm=algorithm)
        assert reply[field] == ALGORITHMS[algorithm](body)
        parts.append({"PartNumber": number, "ETag": reply["ETag"], field: reply[field]})
    return where, parts


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "SHA1", "SHA256"])
def test_composite(s3, bucket, noise, algorithm):
    bodies = [noise(5 * MiB, 1), noise(5 * MiB, 2), noise(10, 3)]
    where, parts = upload_parts(s3, bucket, bodies, algorithm, "COMPOSITE")
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    joined = b"".join(base64.b64decode(part[f"Checksum{algorithm}"]) for part in parts)
    assert done[f"Checksum{algorithm}"] == f"{ALGORITHMS[algorithm](joined)}-3"
    assert done["ChecksumType"] == "COMPOSITE"
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (done[f"Checksum{algorithm}"], "COMPOSITE")
    wanted = ["ObjectParts", "Checksum"]
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert attributes["ObjectParts"]["TotalPartsCount"] == 3
    assert [part["Size"] for part in attributes["ObjectParts"]["Parts"]] == [5 * MiB, 5 * MiB, 10]
    assert attributes["ObjectParts"]["Parts"][2][f"Checksum{algorithm}"] == parts[2][f"Checksum{algorithm}"]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_full_object_of_parts(s3, bucket, noise, algorithm):
    bodies = [noise(5 * MiB, 1), noise(5 * MiB, 2), noise(10, 3)]
    whole = ALGORITHMS[algorithm](b"".join(bodies))
    where, parts = upload_parts(s3, bucket, bodies, algorithm, "FULL_OBJECT")
    with s3_error(400, "BadDigest", "InvalidRequest"):
        wrong = {f"Checksum{algorithm}": ALGORITHMS[algorithm](b"other")}
        s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, ChecksumType="FULL_OBJECT", **wrong)
    right = {f"Checksum{algorithm}": whole}
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, ChecksumType="FULL_OBJECT", **right)
    assert (done[f"Checksum{algorithm}"], done["ChecksumType"]) == (whole, "FULL_OBJECT")
    assert s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["Body"].read() == b"".join(bodies)


@pytest.mark.parametrize("algorithm, kind", [("CRC64NVME", "COMPOSITE"), ("SHA256", "FULL_OBJECT"), ("SHA1", "FULL_OBJECT")])
def test_kinds_that_do_not_go_together(s3, bucket, algorithm, kind):
    with s3_error(400, "InvalidRequest"):
        s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm, ChecksumType=kind)


def test_a_part_with_a_wrong_checksum_is_not_stored(s3, bucket, noise):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32")["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    with s3_error(400, "BadDigest"):
        s3.upload_part(**where, PartNumber=1, Body=b"x", ChecksumCRC32=ALGORITHMS["CRC32"](b"other"))
    assert "Parts" not in s3.list_parts(**where)


def test_a_copy_keeps_or_changes_the_checksum(s3, bucket, noise):
    body = noise(100_000)
    s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm="SHA256")
    source = {"Bucket": bucket, "Key": "k"}
    kept = s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    assert kept["CopyObjectResult"]["ChecksumSHA256"] == ALGORITHMS["SHA256"](body)
    changed = s3.copy_object(Bucket=bucket, Key="changed", CopySource=source, ChecksumAlgorithm="SHA1")
    assert changed["CopyObjectResult"]["ChecksumSHA1"] == ALGORITHMS["SHA1"](body)
    head = s3.head_object(Bucket=bucket, Key="changed", ChecksumMode="ENABLED")
    assert head["ChecksumSHA1"] == ALGORITHMS["SHA1"](body)
