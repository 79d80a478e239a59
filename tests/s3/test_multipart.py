import concurrent.futures
import hashlib
import http.client
import random
import socket
import ssl
import time
import urllib.parse

import pytest

from expect import s3_error

MiB = 1024 * 1024
PART = 5 * MiB


class Upload:
    """One multipart upload, driven by hand."""

    def __init__(self, s3, bucket, key="k", **options):
        self.s3, self.bucket, self.key = s3, bucket, key
        self.id = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]
        self.etags = {}

    @property
    def where(self):
        return {"Bucket": self.bucket, "Key": self.key, "UploadId": self.id}

    def put(self, number, body, **options):
        reply = self.s3.upload_part(**self.where, PartNumber=number, Body=body, **options)
        assert reply["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        self.etags[number] = reply["ETag"]
        return reply

    def complete(self, numbers=None, **options):
        parts = [{"PartNumber": number, "ETag": self.etags[number]} for number in numbers or sorted(self.etags)]
        return self.s3.complete_multipart_upload(**self.where, MultipartUpload={"Parts": parts}, **options)

    def read(self, **which):
        return self.s3.get_object(Bucket=self.bucket, Key=self.key, **which)["Body"].read()


def composite_etag(bodies):
    digests = b"".join(hashlib.md5(body).digest() for body in bodies)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(bodies)}"'


ORDERS = {
    "in order": [1, 2, 3],
    "reversed, so the short last part first": [3, 2, 1],
    "the middle first": [2, 3, 1],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS.keys())
def test_parts_in_any_order(s3, bucket, noise, order):
    bodies = {1: noise(PART, 1), 2: noise(PART, 2), 3: noise(12_345, 3)}
    upload = Upload(s3, bucket)
    for number in order:
        upload.put(number, bodies[number])
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="k")
    done = upload.complete()
    assert done["ETag"] == composite_etag(bodies.values())
    assert upload.read() == b"".join(bodies.values())


def test_gaps_in_the_numbers(s3, bucket, noise):
    upload = Upload(s3, bucket)
    bodies = {2: noise(PART, 2), 500: noise(PART, 500), 10_000: noise(1, 3)}
    for number, body in bodies.items():
        upload.put(number, body)
    upload.complete()
    assert upload.read() == b"".join(bodies.values())
    assert s3.head_object(Bucket=bucket, Key="k", PartNumber=1)["PartsCount"] == 3


def test_parts_of_odd_and_different_sizes(s3, bucket, noise):
    upload = Upload(s3, bucket)
    bodies = [noise(size, size) for size in (PART + 1, PART, 2 * PART + 77, PART + 4096, 3)]
    for number, body in enumerate(bodies, 1):
        upload.put(number, body)
    upload.complete()
    assert upload.read() == b"".join(bodies)


def test_parts_that_are_left_out_of_complete(s3, bucket, noise):
    upload = Upload(s3, bucket)
    bodies = {number: noise(PART, number) for number in (1, 2, 3)}
    for number, body in bodies.items():
        upload.put(number, body)
    upload.complete([1, 3])
    assert upload.read() == bodies[1] + bodies[3]


def test_a_part_again_replaces_it(s3, bucket, noise):
    upload = Upload(s3, bucket)
    old, new, last = noise(PART, 1), noise(PART + 5, 2), noise(100, 3)
    old_etag = upload.put(1, old)["ETag"]
    upload.put(2, last)
    upload.put(1, new)
    with s3_error(400, "InvalidPart"):
        parts = [{"PartNumber": 1, "ETag": old_etag}, {"PartNumber": 2, "ETag": upload.etags[2]}]
        s3.complete_multipart_upload(**upload.where, MultipartUpload={"Parts": parts})
    upload.complete()
    assert upload.read() == new + last


def test_a_part_sent_twice_at_once_is_one_of_the_two(s3, bucket, noise):
    bodies = [noise(PART, seed) for seed in range(6)]
    upload = Upload(s3, bucket)
    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as threads:
        list(threads.map(lambda body: s3.upload_part(**upload.where, PartNumber=1, Body=body), bodies))
    listed = s3.list_parts(**upload.where)["Parts"]
    assert len(listed) == 1
    upload.etags[1] = listed[0]["ETag"]
    upload.complete()
    got = upload.read()
    assert got in bodies
    assert f'"{hashlib.md5(got).hexdigest()}"' == listed[0]["ETag"]


def send_half_a_part(server, s3, where, number, body):
    """Sends half of a part's bytes, then cuts the connection, as a client does that is killed."""
    url = s3.generate_presigned_url("upload_part", Params={**where, "PartNumber": number}, HttpMethod="PUT")
    parts = urllib.parse.urlsplit(url)
    raw = socket.create_connection((parts.hostname, parts.port), timeout=30)
    if server.tls:
        raw = ssl.create_default_context(cafile=server.verify).wrap_socket(raw, server_hostname=parts.hostname)
    head = f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
    raw.sendall(head.encode() + body[: len(body) // 2])
    return raw


def test_a_re_upload_killed_midway_leaves_the_part_that_was_acknowledged(server, s3, bucket, noise):
    upload = Upload(s3, bucket)
    body, last = noise(PART, 1), noise(99, 2)
    upload.put(1, body)
    upload.put(2, last)
    send_half_a_part(server, s3, upload.where, 1, noise(PART, 3)).close()
    upload.complete()
    assert upload.read() == body + last


def test_a_re_upload_killed_during_complete_leaves_the_object_whole(server, s3, bucket, noise):
    upload = Upload(s3, bucket)
    bodies = {number: noise(PART, number) for number in range(1, 5)}
    for number, body in bodies.items():
        upload.put(number, body)
    hanging = [send_half_a_part(server, s3, upload.where, number, noise(PART, 90 + number)) for number in bodies]
    upload.complete()
    for connection in hanging:
        connection.close()
    assert upload.read() == b"".join(bodies.values())
    time.sleep(0.5)
    assert upload.read() == b"".join(bodies.values())


def test_parts_that_are_too_small(s3, bucket, noise):
    upload = Upload(s3, bucket)
    upload.put(1, noise(100))
    upload.put(2, noise(100))
    with s3_error(400, "EntityTooSmall"):
        upload.complete()


def test_bad_lists_of_parts(s3, bucket, noise):
    upload = Upload(s3, bucket)
    upload.put(1, noise(PART))
    upload.put(2, noise(10))
    with s3_error(400, "InvalidPartOrder"):
        upload.complete([2, 1])
    with s3_error(400, "InvalidPart"):
        parts = [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]
        s3.complete_multipart_upload(**upload.where, MultipartUpload={"Parts": parts})
    with s3_error(400, "InvalidPart"):
        parts = [{"PartNumber": 9, "ETag": upload.etags[1]}]
        s3.complete_multipart_upload(**upload.where, MultipartUpload={"Parts": parts})
    with s3_error(400, "MalformedXML"):
        s3.complete_multipart_upload(**upload.where, MultipartUpload={"Parts": []})
    upload.complete()  # none of these harmed it


@pytest.mark.parametrize("number", [0, 10_001, -1])
def test_bad_part_numbers(s3, bucket, number):
    upload = Upload(s3, bucket)
    with s3_error(400, "InvalidArgument"):
        s3.upload_part(**upload.where, PartNumber=number, Body=b"x")


def test_an_upload_that_is_gone(s3, bucket, noise):
    upload = Upload(s3, bucket)
    upload.put(1, noise(100))
    s3.abort_multipart_upload(**upload.where)
    for call in (
        lambda: upload.put(1, b"x"),
        upload.complete,
        lambda: s3.list_parts(**upload.where),
        lambda: s3.abort_multipart_upload(**upload.where),
    ):
        with s3_error(404, "NoSuchUpload"):
            call()


def test_complete_twice_gives_the_same_object(s3, bucket, noise):
    upload = Upload(s3, bucket)
    upload.put(1, noise(100))
    first = upload.complete()
    try:
        assert upload.complete()["ETag"] == first["ETag"]
    except s3.exceptions.NoSuchUpload:
        pass  # AWS: a while later it is forgotten
    assert upload.read() == noise(100)


def test_headers_are_those_of_the_start(s3, bucket, noise):
    upload = Upload(s3, bucket, ContentType="application/x-weights", Metadata={"a": "b"}, CacheControl="no-cache")
    upload.put(1, noise(100))
    upload.complete()
    got = s3.head_object(Bucket=bucket, Key="k")
    assert (got["ContentType"], got["Metadata"], got["CacheControl"]) == (
        "application/x-weights",
        {"a": "b"},
        "no-cache",
    )


def test_reading_by_part_number(s3, bucket, noise):
    bodies = [noise(PART, 1), noise(PART, 2), noise(77, 3)]
    upload = Upload(s3, bucket)
    for number, body in enumerate(bodies, 1):
        upload.put(number, body)
    upload.complete()
    for number, body in enumerate(bodies, 1):
        got = s3.get_object(Bucket=bucket, Key="k", PartNumber=number)
        assert (got["Body"].read(), got["PartsCount"]) == (body, 3)
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert s3.head_object(Bucket=bucket, Key="k", PartNumber=number)["ContentLength"] == len(body)
    with s3_error(400, "InvalidPart"):
        s3.get_object(Bucket=bucket, Key="k", PartNumber=4)
    s3.put_object(Bucket=bucket, Key="single", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key="single", PartNumber=1)["Body"].read() == b"x"


def test_ranges_across_parts(s3, bucket, noise):
    bodies = [noise(PART, 1), noise(PART + 3, 2), noise(PART, 3), noise(1000, 4)]
    upload = Upload(s3, bucket)
    for number in (3, 1, 4, 2):
        upload.put(number, bodies[number - 1])
    upload.complete()
    whole = b"".join(bodies)
    seed = random.randrange(1 << 32)
    numbers = random.Random(seed)
    for _ in range(30):
        start, stop = sorted(numbers.sample(range(len(whole)), 2))
        assert upload.read(Range=f"bytes={start}-{stop - 1}") == whole[start:stop], f"seed {seed}: {start}-{stop}"


def test_listing_parts_and_uploads(s3, bucket, noise):
    uploads = [Upload(s3, bucket, key) for key in ("a", "b/1", "b/2", "b/2", "c")]
    for number in (1, 3, 7):
        uploads[0].put(number, noise(10 + number))
    pages = list(s3.get_paginator("list_parts").paginate(**uploads[0].where, PaginationConfig={"PageSize": 2}))
    assert [(part["PartNumber"], part["Size"]) for page in pages for part in page["Parts"]] == [
        (1, 11),
        (3, 13),
        (7, 17),
    ]
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    listed = [(each["Key"], each["UploadId"]) for page in pages for each in page["Uploads"]]
    assert [key for key, _ in listed] == ["a", "b/1", "b/2", "b/2", "c"]
    assert {upload for _, upload in listed} == {upload.id for upload in uploads}
    folded = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [each["Prefix"] for each in folded["CommonPrefixes"]] == ["b/"]
    assert [each["Key"] for each in folded["Uploads"]] == ["a", "c"]
    assert [each["Key"] for each in s3.list_multipart_uploads(Bucket=bucket, Prefix="b/1")["Uploads"]] == ["b/1"]
    for upload in uploads:
        s3.abort_multipart_upload(**upload.where)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_conditions_on_complete(s3, bucket, noise):
    upload = Upload(s3, bucket)
    upload.put(1, b"multipart")
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"first")["ETag"]
    with s3_error(412, "PreconditionFailed"):
        upload.complete(IfNoneMatch="*")
    with s3_error(412, "PreconditionFailed"):
        upload.complete(IfMatch='"00000000000000000000000000000000"')
    assert upload.read() == b"first"
    upload.complete(IfMatch=etag)
    assert upload.read() == b"multipart"


def test_a_wrong_size_of_the_whole_is_refused(s3, bucket, noise):
    upload = Upload(s3, bucket)
    upload.put(1, b"12345")
    with s3_error(400):
        upload.complete(MpuObjectSize=6)
    upload.complete(MpuObjectSize=5)
    assert upload.read() == b"12345"


def test_copied_parts(s3, bucket, noise):
    source = noise(12 * MiB)
    s3.put_object(Bucket=bucket, Key="source", Body=source)
    upload = Upload(s3, bucket)
    from_there = {"Bucket": bucket, "Key": "source"}
    pieces = {1: (0, PART), 2: (7 * MiB, 7 * MiB + PART), 3: (3, 1000)}
    for number, (start, stop) in pieces.items():
        reply = s3.upload_part_copy(
            **upload.where, PartNumber=number, CopySource=from_there, CopySourceRange=f"bytes={start}-{stop - 1}"
        )
        upload.etags[number] = reply["CopyPartResult"]["ETag"]
        assert upload.etags[number] == f'"{hashlib.md5(source[start:stop]).hexdigest()}"'
    with s3_error(416, "InvalidRange"):
        s3.upload_part_copy(**upload.where, PartNumber=1, CopySource=from_there, CopySourceRange="bytes=0-99999999")
    upload.complete()
    assert upload.read() == b"".join(source[start:stop] for start, stop in pieces.values())


@pytest.mark.slow
def test_ten_thousand_parts(s3, bucket, noise):
    """Copied from one object, so that it takes little time; all of 5 MiB, so 48 GiB that take 5 MiB of disk."""
    body = noise(PART)
    s3.put_object(Bucket=bucket, Key="source", Body=body)
    upload = Upload(s3, bucket)

    def copy(number):
        reply = s3.upload_part_copy(**upload.where, PartNumber=number, CopySource={"Bucket": bucket, "Key": "source"})
        return number, reply["CopyPartResult"]["ETag"]

    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        upload.etags = dict(threads.map(copy, range(1, 10_001)))
    upload.complete()
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentLength"] == 10_000 * PART
    assert head["ETag"].endswith('-10000"')
    assert s3.head_object(Bucket=bucket, Key="k", PartNumber=9_999)["PartsCount"] == 10_000
    offset = 7_777 * PART - 10  # far past 5 GiB, over the seam of two parts
    assert upload.read(Range=f"bytes={offset}-{offset + 19}") == body[-10:] + body[:10]
    assert upload.read(Range="bytes=-10") == body[-10:]


def test_a_body_shorter_than_its_length_stores_nothing(server, s3, bucket, noise):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "short"}, HttpMethod="PUT")
    parts = urllib.parse.urlsplit(url)
    if server.tls:
        context = ssl.create_default_context(cafile=server.verify)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Length", "100000")
    connection.endheaders()
    connection.send(noise(50_000))
    connection.close()
    time.sleep(0.2)
    with s3_error(404):
        s3.head_object(Bucket=bucket, Key="short")
