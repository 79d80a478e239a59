"""A server, buckets and mounts. A test that takes `mounted` runs as root and as nobody; needs root and /dev/fuse."""

import os
import sys

import mounts
import pytest

from weir_server import WeirServer, new_bucket_name

if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
    print("tests/mount need root and /dev/fuse", file=sys.stderr)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    server = WeirServer(tmp_path_factory.mktemp("server"), "--reserve-bytes", "0").start()
    yield server
    server.stop()


@pytest.fixture
def s3(server):
    return server.client()


@pytest.fixture
def bucket(s3):
    name = new_bucket_name("mount")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["root", "nobody"])
def user(request):
    return None if request.param == "root" else mounts.NOBODY


@pytest.fixture
def mount(server, user, tmp_path):
    """Mounts a bucket; several times, if one likes: mount(bucket, "--read-only", name="b")."""
    made = []

    def make(source, *options, name="a"):
        # pytest's own folders are for root alone.
        for folder in (tmp_path, *tmp_path.parents[:3]):
            folder.chmod(0o755)
        base = tmp_path / name
        base.mkdir(exist_ok=True)
        one = mounts.Mounted(base, server.client_environment(), source, *options, user=user)
        made.append(one)
        return one.start()

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def mounted(mount, bucket):
    return mount(bucket)
