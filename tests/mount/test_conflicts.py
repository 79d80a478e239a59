"""What somebody else wrote meanwhile is not overwritten: whoever writes hears of it, and sees theirs."""

import errno
import os
import time

import mounts
import pytest
from test_write import get, noise, root

# ruff: noqa: F401, F811 -- fixtures are used by pytest alone

MIB = 1 << 20


def test_a_late_rename_replaces_nothing_that_others_wrote_meanwhile(s3, bucket, mount, get):
    """Renamed while it is open, it is committed when it is closed: by then somebody else may have that name."""
    root = mount(bucket).folder
    (root / "old").write_bytes(b"old")
    for name in ("old", "new"):
        descriptor = os.open(root / "temporary", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"mine")
        os.rename(root / "temporary", root / name)
        s3.put_object(Bucket=bucket, Key=name, Body=b"theirs")
        with pytest.raises(OSError) as refused:
            os.close(descriptor)
        assert refused.value.errno == errno.ESTALE
        assert get(name) == b"theirs"


def test_what_others_changed_meanwhile_is_a_conflict(s3, bucket, root, get):
    path = root / "c"
    path.write_bytes(b"first")
    file = open(path, "r+b", buffering=0)
    file.write(b"mine")
    s3.put_object(Bucket=bucket, Key="c", Body=b"theirs")
    with pytest.raises(OSError) as refused:
        os.fsync(file.fileno())
    assert refused.value.errno == errno.ESTALE
    with pytest.raises(OSError) as refused:
        os.close(file.detach() if hasattr(file, "detach") else file.fileno())
    assert refused.value.errno == errno.ESTALE
    assert get("c") == b"theirs"
    deadline = time.monotonic() + 10
    while path.read_bytes() != b"theirs" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.read_bytes() == b"theirs"


def test_who_still_reads_what_was_written_keeps_nobody_from_what_is_newer(s3, bucket, root):
    path = root / "a"
    with open(path, "wb") as writer:
        writer.write(b"mine")
        writer.flush()
        reader = open(path, "rb", buffering=0)
    assert reader.read(2) == b"mi"
    s3.put_object(Bucket=bucket, Key="a", Body=b"theirs")
    mounts.eventually(lambda: path.read_bytes() == b"theirs")
    path.write_bytes(b"and mine again")
    assert reader.read() == b"ne"
    reader.close()


def test_what_was_refused_after_its_close_is_told_once_and_not_shown_for_ever(s3, bucket, mount):
    one = mount(bucket, "--async-close")
    path = one.folder / "a"
    s3.put_object(Bucket=bucket, Key="a", Body=b"before")
    mounts.eventually(path.exists)
    path.write_bytes(b"mine")
    s3.put_object(Bucket=bucket, Key="a", Body=b"theirs")

    def shown():
        try:
            return path.read_bytes() == b"theirs"
        except OSError as error:
            assert error.errno == errno.ESTALE
            return False

    mounts.eventually(shown)
    path.write_bytes(b"next")
    mounts.eventually(lambda: s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"next")


def test_a_large_conflict_leaves_no_upload(s3, bucket, root, get):
    path = root / "c"
    with pytest.raises(OSError) as refused, open(path, "wb", buffering=0) as file:
        for _ in range(4):
            file.write(noise(8 * MIB))
        s3.put_object(Bucket=bucket, Key="c", Body=b"theirs")
        os.fsync(file.fileno())
    assert refused.value.errno == errno.ESTALE
    deadline = time.monotonic() + 30
    while s3.list_multipart_uploads(Bucket=bucket).get("Uploads") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert get("c") == b"theirs"
