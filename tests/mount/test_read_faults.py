"""The network and the server fail while a mount is used: what is read is right, or fails; nothing hangs for good."""

import hashlib
import json
import os
import random
import signal
import subprocess
import threading
import time

import mounts
import pytest
from mounts import eventually

from weir_server import BINARY

MIB = 1 << 20
WITHIN_S = 60
SEED = int(os.environ.get("WEIR_TEST_SEED", "7"))


@pytest.fixture
def user():
    """Root: the proxy's threads are this process's, which a test of somebody else's is not."""


def noise(size, seed=SEED):
    return random.Random(seed).randbytes(size)


def journal_of(one):
    told = subprocess.run([BINARY, "mount", "status", one.folder, "--json"], capture_output=True, text=True, timeout=WITHIN_S,
                          check=True)  # fmt: skip
    return json.loads(told.stdout)["journal"]


def test_reads_over_connections_that_break(s3, bucket, mount, proxy):
    print(f"WEIR_TEST_SEED={SEED}")
    bodies = {f"model-{i}.safetensors": noise(12 * MIB + i, i) for i in range(3)} | {"other.dat": noise(20 * MIB, 9)}
    for key, body in bodies.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    one = mount(bucket, "--endpoint", proxy.endpoint)
    proxy.break_after_bytes = 8 * MIB
    for key, body in bodies.items():
        assert hashlib.sha256(one.read(key)).digest() == hashlib.sha256(body).digest(), key
    assert proxy.broken > 0


def test_reads_over_a_slow_line(s3, bucket, mount, proxy):
    body = noise(16 * MIB)
    s3.put_object(Bucket=bucket, Key="a.safetensors", Body=body)
    one = mount(bucket, "--endpoint", proxy.endpoint)
    proxy.delay_s = 0.05
    assert one.read("a.safetensors") == body
    # Round trips overlap: one after the other, 128 KiB each, they would take 12 s and more.
    assert proxy.connections > 1


def test_a_paused_line_is_waited_for(s3, bucket, mount, proxy):
    body = noise(8 * MIB)
    s3.put_object(Bucket=bucket, Key="a.dat", Body=body)
    one = mount(bucket, "--endpoint", proxy.endpoint)
    proxy.passing.clear()
    got = []
    reader = threading.Thread(target=lambda: got.append(one.read("a.dat")))
    reader.start()
    time.sleep(1)
    assert not got
    proxy.passing.set()
    reader.join(WITHIN_S)
    assert got == [body]


def test_readers_of_a_paused_line_do_not_keep_others_waiting(s3, bucket, mount, proxy):
    """As many as the daemon has threads, and more."""
    names = [f"{i}.dat" for i in range(100)]
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=noise(4 * MIB))
    s3.put_object(Bucket=bucket, Key="small", Body=b"here")
    one = mount(bucket, "--endpoint", proxy.endpoint, "--ttl", "600")
    assert one.read("small") == b"here"
    assert len(os.listdir(one.folder)) == 101
    proxy.passing.clear()
    readers = [subprocess.Popen([*one.who, "cat", one.folder / name], stdout=subprocess.DEVNULL) for name in names]
    time.sleep(2)
    asked = subprocess.run(
        [*one.who, "sh", "-c", f"cd {one.folder} && ls -l | wc -l && cat small"],
        capture_output=True,
        text=True,
        timeout=10,
        check=True,
    )
    assert asked.stdout.split() == ["102", "here"]
    assert all(reader.poll() is None for reader in readers)
    proxy.passing.set()
    assert [reader.wait(timeout=WITHIN_S) for reader in readers] == [0] * 100


def test_a_reader_that_waits_can_be_interrupted(s3, bucket, mount, proxy):
    s3.put_object(Bucket=bucket, Key="a.dat", Body=noise(8 * MIB))
    one = mount(bucket, "--endpoint", proxy.endpoint)
    assert one.exists("a.dat")
    proxy.passing.clear()
    reader = subprocess.Popen([*one.who, "cat", one.folder / "a.dat"], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    assert reader.poll() is None
    reader.send_signal(signal.SIGKILL)
    reader.wait(timeout=WITHIN_S)
    proxy.passing.set()


def test_the_journal_is_followed_again(s3, bucket, mount, proxy):
    one = mount(bucket, "--endpoint", proxy.endpoint)
    eventually(lambda: journal_of(one)["state"] == "following")
    before = journal_of(one)["streams"]
    for i in range(3):
        proxy.cut()
        s3.put_object(Bucket=bucket, Key=f"new-{i}", Body=b"x")
        eventually(lambda i=i: one.exists(f"new-{i}"))
        eventually(lambda: journal_of(one)["state"] == "following")
    after = journal_of(one)
    assert after["streams"] > before
    # Taken up where it was: each change was told once.
    assert after["entries"] == 3


def test_without_the_journal_names_lapse(s3, bucket, mount, proxy):
    """The line is dead for the journal's silence and more: names that were believed are asked for again."""
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    one = mount(bucket, "--endpoint", proxy.endpoint, "--ttl", "1")
    eventually(lambda: journal_of(one)["state"] == "following")
    assert one.read("a") == b"1"
    proxy.passing.clear()
    s3.put_object(Bucket=bucket, Key="a", Body=b"22")
    eventually(lambda: journal_of(one)["state"] != "following")
    proxy.passing.set()
    eventually(lambda: one.read("a") == b"22")
    eventually(lambda: journal_of(one)["state"] == "following")


def test_a_server_that_is_killed_and_comes_back(own_server, tmp_path):
    server = own_server(name="server").start()
    s3 = server.client()
    s3.create_bucket(Bucket="models")
    body = noise(6 * MIB)
    s3.put_object(Bucket="models", Key="a.dat", Body=body)
    base = tmp_path / "mount"
    base.mkdir()
    one = mounts.Mounted(base, server.client_environment(), "models").start()
    try:
        assert one.read("a.dat") == body
        server.kill()
        server.listen = f"127.0.0.1:{server.port}"
        server.start()
        s3.put_object(Bucket="models", Key="b.dat", Body=b"new")
        eventually(lambda: one.exists("b.dat"))
        assert one.read("b.dat") == b"new"
        assert one.read("a.dat") == body
        eventually(lambda: journal_of(one)["state"] == "following")
    finally:
        one.stop()
