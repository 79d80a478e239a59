"""What becomes of written files where the store fails, signals come, or the daemon is killed."""

import errno
import json
import os
import random
import subprocess
import sys
import time

import pytest
from botocore.exceptions import ClientError
from mounts import eventually

from weir_server import BINARY

MIB = 1 << 20
WITHIN_S = 60

SIGNALLED = """
import os, signal, sys
came = []
signal.signal(signal.SIGALRM, lambda *_: came.append(1))
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
root = sys.argv[1]
for i in range(5):
    # Python tries none of these again.
    os.mkdir(f"{root}/folder{i}")
    os.rename(f"{root}/folder{i}", f"{root}/named{i}")
    descriptor = os.open(f"{root}/named{i}/file", os.O_CREAT | os.O_WRONLY)
    os.write(descriptor, b"body")
    os.close(descriptor)
with open(f"{root}/large", "wb") as file:
    file.write(bytes(20 << 20))
signal.setitimer(signal.ITIMER_REAL, 0)
assert len(came) > 5, came
"""


@pytest.fixture
def user():
    """Root: see `proxy`."""


def noise(size):
    return random.Random(size).randbytes(size)


@pytest.fixture
def keys(s3, bucket):
    return lambda: sorted(item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []))


def status_of(one):
    command = [BINARY, "mount", "status", one.folder, "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=True).stdout)


def test_signals_that_a_program_handles_interrupt_nothing(s3, bucket, mount, proxy, keys):
    one = mount(bucket, "--endpoint", proxy.endpoint)
    proxy.delay_s = 0.03
    subprocess.run([sys.executable, "-c", SIGNALLED, one.folder], check=True, timeout=WITHIN_S)
    assert [key for key in keys() if key.endswith("/file")] == [f"named{i}/file" for i in range(5)]
    assert s3.head_object(Bucket=bucket, Key="large")["ContentLength"] == 20 * MIB


def test_a_writer_that_is_killed_does_not_wait(s3, bucket, mount, proxy, keys):
    one = mount(bucket, "--endpoint", proxy.endpoint)
    os.listdir(one.folder)
    writer = subprocess.Popen(["dd", "if=/dev/zero", f"of={one.folder}/file", "bs=1M", "count=3", "conv=fsync"],
                              stderr=subprocess.DEVNULL)  # fmt: skip
    eventually(lambda: (one.folder / "file").exists())
    proxy.passing.clear()
    time.sleep(0.5)
    began = time.monotonic()
    writer.kill()
    writer.wait(timeout=WITHIN_S)
    assert time.monotonic() - began < 20
    proxy.passing.set()


def test_what_was_renamed_is_recovered_by_its_new_name(bucket, mount, proxy, keys):
    one = mount(bucket, "--async-close", "--endpoint", proxy.endpoint)
    (one.folder / "final").write_bytes(b"before")
    eventually(lambda: keys() == ["final"])
    with open(one.folder / "temporary", "wb") as file:
        file.write(b"after")
        proxy.passing.clear()
    os.rename(one.folder / "temporary", one.folder / "final")
    one.kill()
    proxy.cut()
    proxy.passing.set()
    one.options.append("--recover")
    one.start()
    assert keys() == ["final"]
    assert (one.folder / "final").read_bytes() == b"after"


def test_a_signal_ends_what_is_being_recovered(bucket, mount, proxy, keys):
    names = sorted(f"file-{number}" for number in range(60))
    one = mount(bucket, "--async-close", "--endpoint", proxy.endpoint)
    assert os.listdir(one.folder) == []
    proxy.passing.clear()
    for name in names:
        (one.folder / name).write_bytes(name.encode())
    one.kill()
    proxy.cut()
    proxy.passing.set()
    proxy.delay_s = 0.2  # each of them takes longer than a signal
    one.options.append("--recover")
    process = subprocess.Popen(one.command(), env=one.environment, stderr=subprocess.PIPE, text=True)
    eventually(lambda: keys() or process.poll() is not None)
    process.terminate()
    _, said = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 32 and "a signal ended it" in said
    assert 0 < len(keys()) < len(names)
    proxy.delay_s = 0
    one.start()
    assert keys() == names
    assert all((one.folder / name).read_bytes() == name.encode() for name in names)


def test_what_the_store_had_is_not_recovered(s3, bucket, mount, keys):
    one = mount(bucket)
    kept = open(one.folder / "synced", "wb")
    kept.write(noise(100_000))
    kept.flush()
    os.fsync(kept.fileno())
    gone = open(one.folder / "removed", "wb")
    gone.write(noise(5000))
    gone.flush()
    os.fsync(gone.fileno())
    gone.write(b"more")
    gone.flush()
    os.unlink(one.folder / "removed")
    one.kill()
    for file in (kept, gone):
        with pytest.raises(OSError):
            os.fsync(file.fileno())
        file.detach()
    s3.delete_object(Bucket=bucket, Key="synced")
    one.options.append("--recover")
    one.start()
    assert keys() == []
    assert os.listdir(one.cache / "dirty") == []
    assert status_of(one)["writes"]["abandoned"] == 0


def test_what_somebody_else_replaced_is_recovered_beside_it(s3, bucket, mount, keys):
    """After a conflict: he looks what there is, brings it to the store, throws away what he does not want."""
    one = mount(bucket)
    for name in ("model", "unwanted"):
        descriptor = os.open(one.folder / name, os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"mine")
        s3.put_object(Bucket=bucket, Key=name, Body=b"theirs")
        with pytest.raises(OSError) as refused:
            os.close(descriptor)
        assert refused.value.errno == errno.ESTALE
    eventually(lambda: len(status_of(one)["writes"]["kept"]) == 2)
    kept = {file["key"]: file for file in status_of(one)["writes"]["kept"]}
    assert sorted(kept) == ["model", "unwanted"]
    assert kept["model"]["bytes"] == 4 and "somebody else" in kept["model"]["problem"]
    assert one.read("model") == b"theirs"
    one.stop()

    def weir_mount(*arguments, check=True):
        command = [BINARY, "mount", *arguments]
        return subprocess.run(command, env=one.environment, check=check, capture_output=True, text=True, timeout=WITHIN_S)

    listed = weir_mount("--kept", "--cache", one.cache).stdout
    assert f"{bucket}/model" in listed and "somebody else" in listed
    weir_mount("--discard", kept["unwanted"]["id"], "--cache", one.cache)
    again = weir_mount("--discard", kept["unwanted"]["id"], "--cache", one.cache, check=False)
    assert again.returncode == 1 and "nothing is kept as" in again.stderr
    saved = f"model.recovered-{kept['model']['id'][:8]}"
    said = weir_mount(bucket, one.folder, "--recover", "--cache", one.cache).stderr
    try:
        assert saved in said
        assert keys() == ["model", saved, "unwanted"]
        assert s3.get_object(Bucket=bucket, Key=saved)["Body"].read() == b"mine"
        assert (one.folder / saved).read_bytes() == b"mine" and (one.folder / "model").read_bytes() == b"theirs"
    finally:
        subprocess.run([BINARY, "umount", one.folder], check=True, timeout=WITHIN_S)
    assert weir_mount("--kept", "--cache", one.cache).stdout == ""


def test_what_was_refused_and_then_removed_is_kept_nowhere(s3, bucket, mount, keys):
    one = mount(bucket)
    descriptor = os.open(one.folder / "a", os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"mine")
    s3.put_object(Bucket=bucket, Key="a", Body=b"theirs")
    with pytest.raises(OSError) as refused:
        os.fsync(descriptor)
    assert refused.value.errno == errno.ESTALE
    os.unlink(one.folder / "a")
    os.close(descriptor)
    eventually(lambda: os.listdir(one.cache / "dirty") == [])
    assert keys() == ["a"], "somebody else's, which this mount never had"
    assert "could not be kept" not in one.log()


def test_a_failure_is_told_once_and_tried_again(s3, bucket, mount, proxy, keys):
    one = mount(bucket, "--async-close", "--endpoint", proxy.endpoint)
    with open(one.folder / "file", "wb") as file:
        file.write(b"body")
        proxy.die()
    eventually(lambda: status_of(one)["writes"]["problems"])
    with pytest.raises(OSError):
        open(one.folder / "file", "rb").close()
    assert (one.folder / "file").read_bytes() == b"body"
    assert status_of(one)["writes"]["problems"], "it is still not in the store"
    proxy.dead = False
    eventually(lambda: keys() == ["file"])
    eventually(lambda: not status_of(one)["writes"]["problems"])


def test_what_is_changed_beside_a_reader_is_committed(s3, bucket, mount):
    one = mount(bucket)
    path = one.folder / "file"
    with open(path, "wb", buffering=0) as writer:
        writer.write(b"a long body")
        reader = open(path, "rb", buffering=0)
    os.truncate(path, 6)
    assert s3.get_object(Bucket=bucket, Key="file")["Body"].read() == b"a long"
    os.chmod(path, 0o600)
    os.utime(path, (1, 1_700_000_000))
    head = s3.head_object(Bucket=bucket, Key="file")
    assert int(head["Metadata"]["mode"], 8 if head["Metadata"]["mode"].startswith("0o") else 10) & 0o777 == 0o600
    reader.close()


def test_umount_tells_what_is_not_in_the_store(bucket, mount, proxy, keys):
    one = mount(bucket, "--async-close", "--endpoint", proxy.endpoint)
    for name in "ab":
        (one.folder / name).write_bytes(b"body")
    told = subprocess.run([BINARY, "umount", one.folder], capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert one.process.wait(timeout=WITHIN_S) == 0
    assert keys() == ["a", "b"]
    one.start()
    with open(one.folder / "c", "wb") as file:
        file.write(b"body")
        proxy.die()
    told = subprocess.run([BINARY, "umount", one.folder], capture_output=True, text=True, timeout=4 * WITHIN_S, check=False)
    assert told.returncode == 1
    assert "1 files are not in the store" in told.stderr and "--recover" in told.stderr
    assert one.process.wait(timeout=WITHIN_S) != 0
    proxy.dead = False
    one.options.append("--recover")
    one.start()
    assert keys() == ["a", "b", "c"]


def test_folders_move_under_their_writers(s3, bucket, mount, keys):
    one = mount(bucket)
    (one.folder / "x" / "y").mkdir(parents=True)
    with open(one.folder / "x/y/file", "wb") as file:
        file.write(b"first")
        os.rename(one.folder / "x", one.folder / "z")
        file.write(b" second")
    assert s3.get_object(Bucket=bucket, Key="z/y/file")["Body"].read() == b"first second"
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="x/y/file")
