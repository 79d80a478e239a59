"""Small real file systems that fill up and turn read-only under a running server."""

import contextlib
import threading
import time

import loop_disk
import pytest
from botocore.exceptions import ClientError
from loop_disk import LoopDisk
from witness import BUCKET, LARGE, SMALL, MiB, Witness

DISK_BYTES = 384 * MiB  # the least that mkfs.xfs makes is 300 MiB
RESERVE_BYTES = 64 * MiB
PART_BYTES = 5 * MiB


@pytest.fixture(params=["ext4", "xfs"])
def witness(request, tmp_path):
    if reason := loop_disk.missing():
        pytest.skip(reason)
    disk = LoopDisk(tmp_path, request.param, DISK_BYTES)
    made = Witness(tmp_path, data=disk.at / "data", reserve=RESERVE_BYTES)
    made.disk = disk
    try:
        made.start()
        yield made
    finally:
        if made.server.process and made.server.process.poll() is None:
            made.server.kill()
        disk.destroy()


def fill(witness, act):
    """Until it is refused, which must be soon; the message."""
    for at in range(1000):
        try:
            act(at)
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 507, error
            assert error.response["Error"]["Code"] == "InsufficientStorage"
            return error.response["Error"]["Message"]
    raise AssertionError("the disk does not fill up")


def test_a_full_disk_refuses_bodies_and_still_deletes(witness):
    s3 = witness.s3
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    where = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload}
    tags = []

    def both(at):
        witness.put(f"large/{at:03}", 6 * MiB)
        tags.append(s3.upload_part(**where, PartNumber=at + 1, Body=bytes([at]) * PART_BYTES)["ETag"])

    told = fill(witness, both)
    assert "are kept free for deleting" in told
    assert "InsufficientStorage" not in witness.log() and "no_space" in witness.log()
    # Nothing else is refused.
    witness.check_reads()
    assert s3.head_object(Bucket=BUCKET, Key="large/000")["ContentLength"] == 6 * MiB
    assert len(s3.list_parts(**where)["Parts"]) == len(tags)
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/large/000")
    witness.kept["copy"] = witness.kept["large/000"]
    parts = [{"PartNumber": at + 1, "ETag": tag} for at, tag in enumerate(tags)]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert witness.get("parts") == b"".join(bytes([at]) * PART_BYTES for at in range(len(tags)))
    # DELETE makes room, without a word from anybody.
    for at in range(1, 6):
        witness.delete(f"large/{at:03}")
    assert witness.until_done(lambda: witness.put("again", 8 * MiB)) < 15
    s3.delete_object(Bucket=BUCKET, Key="parts")
    witness.finish()


def test_a_disk_that_others_filled_to_the_last_byte(witness):
    """Not even the log can be written: nothing is acknowledged, reads go on, and writes once there is room."""
    for at in range(10):
        witness.put(f"large/{at}")
        witness.put(f"small/{at}", SMALL)
    filler = witness.disk.at / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (MiB, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    assert "No space left" in witness.refused(lambda: fill_log(witness), 503, 507)
    for at in range(5):
        witness.refused(lambda at=at: witness.put(f"refused/{at}"), 503, 507)
    witness.check_reads()
    filler.unlink()
    assert witness.until_done(lambda: witness.put("again")) < 10
    witness.finish()


def fill_log(witness):
    """Until the block that the log ends in is full."""
    for _ in range(1000):
        witness.s3.create_multipart_upload(Bucket=BUCKET, Key="u" * 900)


def test_a_file_system_that_turned_read_only_under_load(tmp_path):
    """As ext4 does when it finds an error. It must be unmounted to write again; until then reads go on."""
    if reason := loop_disk.missing():
        pytest.skip(reason)
    disk = LoopDisk(tmp_path, "ext4", DISK_BYTES)
    witness = Witness(tmp_path, data=disk.at / "data").start()
    try:
        witness.put("before")
        stop = threading.Event()
        outcomes = []
        threads = [threading.Thread(target=load, args=(witness, f"t{at}", stop, outcomes)) for at in range(3)]
        for thread in threads:
            thread.start()
        while outcomes.count("ok") < 10:
            time.sleep(0.05)
        disk.remount("abort")
        time.sleep(0.5)
        begin = len(outcomes)
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join()
        witness.check_reads()
        assert set(outcomes[begin:]) and set(outcomes[begin:]) <= {500, 503}, outcomes
        assert "ok" in outcomes
        assert "Read-only file system" in witness.log()
        witness.server.kill()
        disk.unmount()
        disk.mount()
        witness.start()
        witness.finish()
    finally:
        if witness.server.process.poll() is None:
            witness.server.kill()
        disk.destroy()


def load(witness, name, stop, outcomes):
    """PUTs until `stop`, whatever becomes of them."""
    s3 = witness.server.client(read_timeout=60)
    for at in range(10**6):
        if stop.is_set():
            return
        try:
            witness.put(f"{name}/{at % 5}", SMALL if at % 2 else LARGE, s3)
            outcomes.append("ok")
        except ClientError as error:
            outcomes.append(error.response["ResponseMetadata"]["HTTPStatusCode"])
            time.sleep(0.05)
