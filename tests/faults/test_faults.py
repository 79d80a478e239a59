"""Each fault of a disk, one at a time, under a running server: what it answers, that it goes on by itself, what is kept."""

import errno
import os
import resource
import socket
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from interposer import Interposer
from witness import BUCKET, LARGE, SMALL, MiB, Witness


@pytest.fixture
def witness(tmp_path):
    made = Witness(tmp_path, Interposer(tmp_path)).start()
    made.put("before/large")
    made.put("before/small", SMALL)
    yield made
    made.interposer.disarm()
    if made.server.process.poll() is None:
        made.server.kill()


# name: (calls, paths, errno, size of the body, HTTP status)
BLOB_FAULTS = {
    "create": ("create", "*/blobs/*", errno.EIO, LARGE, 500),
    "reserve": ("allocate", "*/blobs/*", errno.ENOSPC, LARGE, 507),
    "write": ("write", "*/blobs/*", errno.EIO, LARGE, 500),
    "full": ("write", "*/blobs/*", errno.ENOSPC, LARGE, 507),
    "sync": ("datasync", "*/blobs/*", errno.EIO, LARGE, 500),
    "name": ("sync", "*/blobs/*", errno.EIO, LARGE, 500),
    "read-only": ("create write datasync sync unlink mkdir allocate", "*/blobs/*", errno.EROFS, LARGE, 500),
}
LOG_FAULTS = {
    "write": ("write", "*/meta/*.log", errno.EIO, SMALL, 500),
    "full": ("write", "*/meta/*.log", errno.ENOSPC, SMALL, 507),
    "sync": ("datasync", "*/meta/*.log", errno.EIO, SMALL, 500),
    "sync-large": ("datasync", "*/meta/*.log", errno.EIO, LARGE, 500),
    "full-large": ("write", "*/meta/*.log", errno.ENOSPC, LARGE, 507),
}


def cause(error):
    return os.strerror(error)


@pytest.mark.parametrize("name", BLOB_FAULTS)
def test_a_blob_that_cannot_be_written_is_refused_and_the_next_one_is_not(witness, name):
    calls, paths, error, size, status = BLOB_FAULTS[name]
    with witness.interposer.fault(calls, paths, error=error):
        for round_ in range(3):
            assert cause(error) in witness.refused(lambda at=round_: witness.put(f"refused/{at}", size), status)
        witness.put("meanwhile", SMALL)
        witness.check_reads()
    assert cause(error) in witness.log()
    witness.put("at-once", size)
    witness.put("refused/0", size)
    witness.finish()


@pytest.mark.parametrize("name", LOG_FAULTS)
def test_a_commit_that_cannot_be_logged_is_not_acknowledged(witness, name):
    calls, paths, error, size, status = LOG_FAULTS[name]
    with witness.interposer.fault(calls, paths, error=error):
        for at in range(4):
            told = witness.refused(lambda at=at: witness.put(f"refused/{at}", size), status, 503)
            assert cause(error) in told
        witness.refused(lambda: witness.delete("before/small"), status, 503)
        witness.check_reads()
    assert cause(error) in witness.log()
    assert "the database stopped writing" in witness.log()
    took = witness.until_done(lambda: witness.put("refused/0", size))
    assert took < 5, took
    assert "the database writes again" in witness.log()
    witness.finish()


def test_a_file_system_that_is_read_only_for_a_while(witness):
    with witness.interposer.fault("create write datasync sync rename unlink mkdir allocate", "*/data/*", error=errno.EROFS):
        for at, size in enumerate([SMALL, LARGE, SMALL, LARGE]):
            assert cause(errno.EROFS) in witness.refused(lambda at=at, size=size: witness.put(f"{at}", size), 500, 503)
        witness.refused(lambda: witness.delete("before/large"), 500, 503)
        witness.check_reads()
    assert cause(errno.EROFS) in witness.log()
    assert witness.until_done(lambda: witness.put("after")) < 5
    witness.finish()


def test_a_process_without_descriptors(witness):
    """Whoever needs one is refused or waits; when there are some again, service is as before."""
    pid = witness.server.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, limits[1]))
    told = witness.refused(lambda: witness.put("refused"), 503)
    assert cause(errno.EMFILE) in told and cause(errno.EMFILE) in witness.log()
    witness.put("row", SMALL)
    assert witness.get("before/small")
    waiting = [socket.create_connection(("127.0.0.1", witness.server.port)) for _ in range(50)]
    time.sleep(0.3)
    assert "accepting on" in witness.log()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    for connection in waiting:
        connection.close()
    witness.put("refused")
    witness.finish()


@pytest.mark.parametrize("calls", ["write", "datasync"])
def test_one_failure_of_the_log_among_many_writers(witness, calls):
    """The failed group is not acknowledged, the others are, and after a crash each is whole or absent."""
    with witness.interposer.fault(calls, "*/meta/*.log", error=errno.EIO, skip=5, times=1):
        for at in range(20):
            try:
                witness.put(f"{at}", SMALL if at % 2 else LARGE)
            except (ClientError, BotoCoreError):
                witness.until_done(lambda at=at: witness.put(f"again/{at}", SMALL))
    witness.finish()


def test_a_sync_that_failed_is_not_tried_again(witness):
    """The log and the blob whose sync failed are left: the writes after it go to others."""
    logs = set((witness.server.data / "meta").glob("*.log"))
    with witness.interposer.fault("datasync", "*/meta/*.log", times=1):
        witness.refused(lambda: witness.put("small", SMALL), 500)
    # From now on the old log cannot be synced, and nobody tries.
    for slot, log in enumerate(logs):
        witness.interposer.arm("datasync sync", str(log), slot=slot)
    witness.until_done(lambda: witness.put("small", SMALL))
    assert sum(witness.interposer.hits(slot) for slot in range(len(logs))) == 0
    assert not logs & set((witness.server.data / "meta").glob("*.log"))
    witness.interposer.disarm()
    blobs = {path for path in (witness.server.data / "blobs").rglob("*") if path.is_file()}
    with witness.interposer.fault("datasync", "*/blobs/*", times=1):
        witness.refused(lambda: witness.put("large"), 500)
    left = {path for path in (witness.server.data / "blobs").rglob("*") if path.is_file()}
    assert left == blobs, "what was not synced is gone"
    witness.put("large")
    witness.finish()


def test_a_part_whose_sync_failed_goes_elsewhere(witness):
    """The parts of an upload share a file: after a failed sync the next ones get files of their own."""
    s3 = witness.s3
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    bodies = [bytes([number]) * (5 * MiB) for number in range(4)]
    where = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload}
    tags = {1: s3.upload_part(**where, PartNumber=1, Body=bodies[0])["ETag"]}
    with witness.interposer.fault("datasync", "*/blobs/*", times=1):
        witness.refused(lambda: s3.upload_part(**where, PartNumber=2, Body=bodies[1]), 500)
    for number in (2, 3, 4):
        tags[number] = s3.upload_part(**where, PartNumber=number, Body=bodies[number - 1])["ETag"]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in tags.items()]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert witness.get("parts") == b"".join(bodies)
    witness.server.kill()
    witness.start()
    assert witness.get("parts") == b"".join(bodies)
    witness.s3.delete_object(Bucket=BUCKET, Key="parts")
    witness.finish()


@pytest.mark.parametrize("paths", ["*/blobs/*", "*/meta/*.log"])
@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_writes_that_write_half_are_written_on(witness, paths, size):
    if "blobs" in paths and size == SMALL:
        size = LARGE + 1
    with witness.interposer.fault("write", paths, action="half"):
        for at in range(5):
            witness.put(f"half/{at}", size)
    witness.finish()


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("what", ["create", "write", "datasync sync"])
def test_tables_and_the_manifest_that_cannot_be_written(witness, tmp_path, what, error):
    """Errors of RocksDB's own threads: nothing is lost, reads go on, and writes when the cause is gone."""
    for at in range(5):
        witness.put(f"row/{at}", SMALL)
    witness.interposer.arm(what, "*/meta/*.sst", error=error, slot=0)
    witness.interposer.arm(what, "*/meta/*.blob", error=error, slot=1)
    witness.interposer.arm(what.replace("create", "create write"), "*/meta/MANIFEST*", error=error, slot=2)
    done, told = witness.flush(tmp_path / "backup")
    assert not done and cause(error) in told, told
    assert cause(error) in witness.log()
    for at in range(3):
        told = witness.refused(lambda at=at: witness.put(f"refused/{at}", SMALL), 503)
        assert cause(error) in told
        witness.check_reads()
    assert sum(witness.interposer.hits(slot) for slot in range(3)) > 0
    witness.interposer.disarm()
    assert witness.until_done(lambda: witness.put("after", SMALL)) < 5
    assert witness.flush(tmp_path / "backup")[0]
    witness.finish()


def test_a_compaction_that_fails_stops_nobody(witness, tmp_path):
    """Which table is a flush's and which a compaction's only RocksDB knows: any may fail, until one was a compaction's."""
    for at in range(40):
        witness.put(f"row/{at}", SMALL)
        if at > 2:
            witness.interposer.arm("create", "*/meta/*.sst", skip=2 + at % 3, times=1)
        witness.flush(tmp_path / "backup")
        witness.until_done(lambda at=at: witness.put(f"meanwhile/{at}", SMALL))
        if "the database could not compact" in witness.log():
            break
    else:
        raise AssertionError("no compaction failed")
    assert "stopped writing" not in witness.log().split("could not compact")[-1]
    witness.finish()


def test_a_body_that_cannot_be_read_is_cut_and_the_others_are_served(witness):
    with witness.interposer.fault("read", "*/blobs/*"), pytest.raises((ClientError, HTTPClientError, BotoCoreError)):
        witness.get("before/large")
    assert "broke off: the file cannot be read" in witness.log()
    witness.check_reads()
    with witness.interposer.fault("read", "*/blobs/*", action="half"):
        witness.check_reads()
    with witness.interposer.fault("open", "*/blobs/*"):
        witness.server.kill()
        witness.start()
        witness.refused(lambda: witness.get("before/large"), 500)
        witness.get("before/small")
    witness.finish()


def test_rows_that_cannot_be_read(witness, tmp_path):
    """Once they are in tables and no cache holds them."""
    assert witness.flush(tmp_path / "backup")[0]
    witness.server.stop()
    witness.start()
    witness.interposer.arm("read", "*/meta/*")
    failed = 0
    for key in ("before/large", "before/small"):
        try:
            witness.get(key)
        except ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 500
            failed += 1
    assert failed and cause(errno.EIO) in witness.log()
    witness.interposer.disarm()
    witness.check_reads()
    witness.finish()


def test_what_could_not_be_removed_is_removed_later(witness):
    """A PUT that fails where nothing can be unlinked leaves its bytes; so does a commit of which nobody knows."""
    with witness.interposer.fault("datasync unlink", "*/blobs/*"):
        witness.refused(lambda: witness.put("refused"), 500)
    with witness.interposer.fault("datasync", "*/meta/*.log", times=1):
        witness.refused(lambda: witness.put("unsure"), 500)
    witness.until_done(lambda: witness.put("after", SMALL))
    witness.until_done(lambda: no_leaks(witness))
    witness.finish()


def no_leaks(witness):
    told = witness.server.run("fsck", check=False).stdout
    if " 0 damaged, 0 leaks" not in told:
        raise BotoCoreError(msg=told)
