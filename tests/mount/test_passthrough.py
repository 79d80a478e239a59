"""Files that are complete in the cache are read by the kernel itself, where the mount is root's and the kernel can."""

import random

import mounts
import pytest

MIB = 1 << 20
BODY = random.Random(1).randbytes(3 * MIB + 5)


@pytest.fixture
def user():
    """Root: nobody else has it."""


def reads(one):
    return one.status()["reads"]


def read_by_daemon(one):
    """Bytes that the daemon handed to the kernel."""
    return reads(one)["hit_bytes"] + reads(one)["missed_bytes"]


def fetch_all(s3, bucket, one):
    """A file that is read completely, and in the cache."""
    s3.put_object(Bucket=bucket, Key="a.dat", Body=BODY)
    assert one.read("a.dat") == BODY
    assert read_by_daemon(one) >= len(BODY)
    mounts.drop_kernel_caches()


def test_a_complete_file(s3, bucket, mount):
    one = mount(bucket)
    if not one.status()["passthrough"]:
        pytest.skip("the kernel has no FUSE passthrough")
    fetch_all(s3, bucket, one)
    before = reads(one)["passthrough_opens"]

    def opened_so():
        assert one.read("a.dat") == BODY
        return reads(one)["passthrough_opens"] > before

    mounts.eventually(opened_so)
    mounts.drop_kernel_caches()
    known = reads(one)
    assert one.read("a.dat") == BODY
    now = reads(one)
    assert now["passthrough_opens"] > known["passthrough_opens"]
    assert (now["hit_bytes"], now["missed_bytes"]) == (known["hit_bytes"], known["missed_bytes"])


def test_without_it(s3, bucket, mount):
    one = mount(bucket, "--no-passthrough")
    assert not one.status()["passthrough"]
    fetch_all(s3, bucket, one)
    before = read_by_daemon(one)
    assert one.read("a.dat") == BODY
    assert read_by_daemon(one) >= before + len(BODY)
    assert reads(one)["passthrough_opens"] == 0
