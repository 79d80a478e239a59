"""The mount's key is taken away while a file is written, and given back."""

import errno
import os

import pytest

BUCKET = "hers"
BODY = b"what she wrote before, and after"
BEFORE = 20


def unsaved(one):
    """What the status tells of files that are not in the store."""
    writes = one.status()["writes"]
    return {file["key"] for file in writes["problems"] + writes["kept"]}


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_close_says_so_and_nothing_is_lost(own_server, mount, end):
    server = own_server(listen="127.0.0.1:0").start()
    key, secret = server.create_keys("alice")
    client = server.client((key, secret))
    client.create_bucket(Bucket=BUCKET)
    environment = server.client_environment() | {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    one = mount(BUCKET, environment=environment)

    def stored(name):
        return client.get_object(Bucket=BUCKET, Key=name)["Body"].read()

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
        assert stored("model") == BODY[:BEFORE]
        (one.folder / "next").write_bytes(b"the mount goes on")
        assert stored("next") == b"the mount goes on"
        getattr(one, end)()
        one.options.append("--recover")
        one.start()
        assert (one.folder / "model").read_bytes() == BODY == stored("model")
        assert not unsaved(one)
    finally:
        one.stop()
