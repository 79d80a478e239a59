"""SIGTERM while nobody answers at the endpoint: the daemon ends all the same, and keeps what is not in the store."""

import os
import time

import pytest
from mounts import ENDS_WITHIN_S

BUCKET = "dead-end"
BODY = b"written, and in no store"
# docs/MOUNT.md: what is being written is finished within 30 seconds. The rest is for a machine that is busy.
ENDS_AFTER_S = 30 + 15


@pytest.mark.parametrize("how", ["closed", "open"])
def test_what_is_not_saved_is_kept(own_server, mount, how):
    server = own_server(listen="127.0.0.1:0").start()
    server.client().create_bucket(Bucket=BUCKET)
    options = ["--async-close"] if how == "closed" else []
    one = mount(BUCKET, *options, environment=server.client_environment())
    assert os.listdir(one.folder) == []
    server.kill()
    descriptor = os.open(one.folder / "file", os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, BODY)
    if how == "closed":
        os.close(descriptor)
    began = time.monotonic()
    one.process.terminate()
    code = one.process.wait(timeout=ENDS_WITHIN_S * 2)
    took_s = time.monotonic() - began
    if how == "open":
        with pytest.raises(OSError):
            os.close(descriptor)
    assert took_s < ENDS_AFTER_S
    assert code != 0
    server.listen = f"127.0.0.1:{server.port}"
    server.start()
    one.options.append("--recover")
    one.start()
    try:
        assert (one.folder / "file").read_bytes() == BODY
        assert server.client().get_object(Bucket=BUCKET, Key="file")["Body"].read() == BODY
    finally:
        one.stop()
        server.stop()
