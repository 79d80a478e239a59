"""What goes past the page cache, and what is no longer in it: large bodies, and objects that only the disk has."""

import errno
import hashlib
import io
import os
import subprocess
import time

import pytest
from boto3.s3.transfer import TransferConfig

MiB = 1024 * 1024
SIZE = 20 * MiB + 4097
PART = 5 * MiB + 1


@pytest.fixture
def blobs(server):
    """The large blob files that a test made, as they are now."""
    before = set(server.data.rglob("*"))

    def made():
        files = (path for path in server.data.rglob("*") if path not in before and path.is_file())
        return [path for path in files if "blobs" in path.parts and path.stat().st_size > MiB]

    return made


def cached_bytes(path):
    """How much of a file the page cache holds."""
    return int(subprocess.check_output(["fincore", "-b", "-n", "-r", "-o", "RES", path]).split()[0])


def can_write_direct(folder):
    """Whether the disk takes writes that go past the page cache."""
    try:
        os.close(os.open(folder / "direct", os.O_WRONLY | os.O_CREAT | os.O_DIRECT, 0o600))
    except OSError as error:
        assert error.errno == errno.EINVAL, error
        return False
    return True


def put_whole(s3, bucket, body):
    """A body whose SHA-256 is signed over http, aws-chunked with a trailer over TLS."""
    s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(body))


def put_chunked(s3, bucket, body):
    """Chunks with a checksum behind them."""
    s3.put_object(Bucket=bucket, Key="k", Body=io.BytesIO(body), ChecksumAlgorithm="SHA1")


def put_odd_parts(s3, bucket, body):
    """Parts that begin anywhere in a page."""
    config = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART)
    s3.upload_fileobj(io.BytesIO(body), bucket, "k", Config=config)


@pytest.mark.parametrize("put", [put_whole, put_chunked, put_odd_parts])
def test_large_bodies_go_past_it(server, s3, bucket, noise, blobs, tmp_path, put):
    if not can_write_direct(server.folder):
        pytest.skip("the file system of the temporary folder has no O_DIRECT")
    body = noise(SIZE)
    put(s3, bucket, body)
    written = blobs()
    assert written
    # Odd beginnings and ends, and what a short read of the socket left, are written as other files are.
    assert sum(map(cached_bytes, written)) < SIZE / 2
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def forget(paths):
    """Drops files from the page cache."""
    for path in paths:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def test_what_is_not_in_it_comes_whole(server, s3, bucket, noise, blobs):
    body = noise(SIZE)
    put_whole(s3, bucket, body)
    written = blobs()
    for begin, end in [(0, SIZE), (1, 100), (4 * MiB - 1, 4 * MiB + 1), (3 * MiB + 5, 17 * MiB), (SIZE - 1, SIZE)]:
        forget(written)
        reply = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={begin}-{end - 1}")
        assert hashlib.sha256(reply["Body"].read()).digest() == hashlib.sha256(body[begin:end]).digest(), (begin, end)


def test_a_slow_reader_gets_it_all_though_it_leaves_meanwhile(s3, bucket, noise, blobs):
    body = noise(SIZE)
    put_whole(s3, bucket, body)
    written = blobs()
    forget(written)
    stream = s3.get_object(Bucket=bucket, Key="k")["Body"]
    received = b""
    for _ in range(8):
        received += stream.read(128 * 1024)
        forget(written)
        time.sleep(0.15)
    received += stream.read()
    assert received == body
