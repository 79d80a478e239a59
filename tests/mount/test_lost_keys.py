"""The mount's key is taken away while a file is written, and given back."""

import contextlib
import errno
import os
import random

import pytest
from mounts import eventually

BUCKET = "hers"
BODY = b"what she wrote before, and after"
BEFORE = 20


def unsaved(one):
    """What the status tells of files that are not in the store."""
    writes = one.status()["writes"]
    return {file["path"] for file in writes["problems"]} | {file["key"] for file in writes["kept"]}


@pytest.fixture
def hers(own_server, mount):
    """A bucket that is mounted by a key of its own: (server, its client, the mount, the key's id)."""

    def make(*options):
        server = own_server(listen="127.0.0.1:0").start()
        key, secret = server.create_keys("alice")
        client = server.client((key, secret))
        client.create_bucket(Bucket=BUCKET)
        environment = server.client_environment() | {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        return server, client, mount(BUCKET, *options, environment=environment), key

    return make


def body_of(client, name):
    return client.get_object(Bucket=BUCKET, Key=name)["Body"].read()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_close_says_so_and_nothing_is_lost(hers, end):
    server, client, one, key = hers()
    try:
        descriptor = os.open(one.folder / "model", os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, BODY[:BEFORE])
        # This starts a process, whose copy of the descriptor is closed: which saves what was written so far.
        server.run("keys", "disable", key)
        os.write(descriptor, BODY[BEFORE:])
        with pytest.raises(OSError) as refused:
            os.close(descriptor)
        assert refused.value.errno == errno.EACCES
        assert unsaved(one) == {"model"}
        server.run("keys", "enable", key)
        assert body_of(client, "model") == BODY[:BEFORE]
        (one.folder / "next").write_bytes(b"the mount goes on")
        assert body_of(client, "next") == b"the mount goes on"
        getattr(one, end)()
        one.options.append("--recover")
        one.start()
        assert (one.folder / "model").read_bytes() == BODY == body_of(client, "model")
        assert not unsaved(one)
    finally:
        one.stop()


def test_after_an_asynchronous_close_it_is_tried_again(hers):
    server, client, one, key = hers("--async-close")
    try:
        assert os.listdir(one.folder) == []
        server.run("keys", "disable", key)
        (one.folder / "model").write_bytes(BODY)
        eventually(lambda: unsaved(one) == {"model"})
        server.run("keys", "enable", key)
        eventually(lambda: not unsaved(one))
        assert body_of(client, "model") == BODY
    finally:
        one.stop()


def test_a_large_file_whose_parts_are_refused(hers):
    server, client, one, key = hers()
    first, second = (random.Random(seed).randbytes(24 << 20) for seed in (1, 2))
    try:
        file = open(one.folder / "model", "wb", buffering=0)
        file.write(first)
        server.run("keys", "disable", key)
        with pytest.raises(OSError) as refused:
            file.write(second)
            file.close()
        assert refused.value.errno == errno.EACCES
        with contextlib.suppress(OSError):
            file.close()
        assert unsaved(one) == {"model"}
        server.run("keys", "enable", key)
        one.stop()
        one.options.append("--recover")
        one.start()
        assert body_of(client, "model") == first + second
        assert not unsaved(one)
        assert not client.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
    finally:
        one.stop()
