"""`weir fsck` and `weir scrub`: what is whole is called whole, and each kind of damage and leak is found and named."""

import functools
import json
import re

import pytest

from expect import s3_error

KiB, MiB = 1024, 1024 * 1024
BUCKET = "kept"


def fill(running, noise):
    """An object of each shape; the bodies that must come back, by key."""
    s3 = running.client()
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    bodies = {"empty": b"", "inline": noise(9 * KiB, 1), "blob": noise(3 * MiB + 17, 2)}
    for key, body in bodies.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"an older version")
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    parts = [noise(5 * MiB, 3), noise(5 * MiB, 4), noise(100, 5)]
    bodies["parts"] = b"".join(parts)
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    names = [{"Bucket": BUCKET, "Key": "parts", "UploadId": upload, "PartNumber": n} for n in (1, 2, 3)]
    tags = [s3.upload_part(**name, Body=part)["ETag"] for name, part in zip(names, parts, strict=True)]
    listed = [{"PartNumber": n, "ETag": tag} for n, tag in zip((1, 2, 3), tags, strict=True)]
    s3.complete_multipart_upload(Bucket=BUCKET, Key="parts", UploadId=upload, MultipartUpload={"Parts": listed})
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/parts")
    bodies["copy"] = bodies["parts"]
    s3.delete_object(Bucket=BUCKET, Key="marked")
    open_upload = s3.create_multipart_upload(Bucket=BUCKET, Key="open")["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key="open", UploadId=open_upload, PartNumber=2, Body=noise(5 * MiB, 6))
    return bodies


def blob_files(running):
    """The blobs' files, biggest first."""
    files = [path for path in (running.data / "blobs").rglob("*") if path.is_file()]
    return sorted(files, key=lambda path: path.stat().st_size, reverse=True)


def file_that_begins(running, begin):
    """The blob's file that begins with these bytes."""
    for path in blob_files(running):
        with path.open("rb") as file:
            if file.read(len(begin)) == begin:
                return path
    raise AssertionError("no such blob")


def flip(path, offset):
    """Changes one bit."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


@pytest.fixture
def filled(own_server, noise):
    """(a stopped server, its bodies)."""
    running = own_server().start()
    bodies = fill(running, noise)
    running.stop()
    return running, bodies


def fsck(running, *options, clean):
    """What fsck prints, with the exit code that it must have."""
    result = running.run("fsck", *options, check=False)
    assert result.returncode == (0 if clean else 1), result.stdout + result.stderr
    return result.stdout


def scrub(running, *, clean):
    """What scrub prints, with the exit code that it must have."""
    result = running.run("scrub", "--rate-mib", "0", check=False)
    assert result.returncode == (0 if clean else 1), result.stdout + result.stderr
    return result.stdout


def test_a_whole_directory_is_whole_offline_and_live(filled):
    running, bodies = filled
    offline = fsck(running, "--read", clean=True)
    assert "1 buckets, 9 versions, 1 uploads" in offline, offline
    assert " 0 damaged, 0 leaks" in offline
    assert "0 damaged" in scrub(running, clean=True)
    running.start()
    # The database's log is another one.
    without_bytes = functools.partial(re.sub, r"\d+ bytes", "")
    assert without_bytes(fsck(running, "--read", clean=True)) == without_bytes(offline)
    assert "0 damaged" in scrub(running, clean=True)
    s3 = running.client()
    for key, body in bodies.items():
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body, key


@pytest.mark.parametrize("live", [False, True])
def test_a_changed_byte_is_found_and_named(filled, live):
    running, bodies = filled
    path = file_that_begins(running, bodies["blob"][:64])
    flip(path, 2 * MiB + 5)
    if live:
        running.start()
    assert fsck(running, clean=True), "without --read nobody looks at the bytes"
    told = fsck(running, "--read", clean=False)
    assert "1 damaged" in told and path.name in told
    assert path.name in scrub(running, clean=False)


def test_a_short_blob_is_found_without_reading(filled):
    running, bodies = filled
    path = file_that_begins(running, bodies["parts"][:64])
    with path.open("r+b") as file:
        file.truncate(6 * MiB)
    told = fsck(running, clean=False)
    assert "1 damaged" in told and path.name in told and "ends at" in told


def test_a_missing_blob_is_found(filled):
    running, bodies = filled
    path = file_that_begins(running, bodies["blob"][:64])
    path.unlink()
    told = fsck(running, "--repair", clean=False)
    assert "1 damaged" in told and path.name in told and "missing" in told
    s3 = running.start().client()
    with s3_error(500, "InternalError"):
        s3.get_object(Bucket=BUCKET, Key="blob")
    assert path.name in running.log()
    s3.delete_object(Bucket=BUCKET, Key="blob")
    assert s3.get_object(Bucket=BUCKET, Key="parts")["Body"].read() == bodies["parts"]


def test_a_leaked_blob_is_mended_and_only_that(filled):
    running, bodies = filled
    neighbour = blob_files(running)[0]
    stray = neighbour.with_name(f"{int(neighbour.name, 16) + 50:032x}")
    stray.write_bytes(b"of an upload that nobody finished")
    before = set(blob_files(running)) - {stray}
    assert stray.name in fsck(running, clean=False)
    assert stray.exists(), "without --repair nothing changes"
    assert "1 leaks, 1 mended" in fsck(running, "--repair", clean=True)
    assert set(blob_files(running)) == before
    assert "0 leaks" in fsck(running, "--read", clean=True)
    running.start()
    s3 = running.client()
    for key, body in bodies.items():
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body, key


def logged(running):
    """The database's newest log: what was committed since the last start."""
    return max((running.data / "meta").glob("*.log"), key=lambda path: path.stat().st_mtime)


@pytest.fixture
def killed(own_server):
    """A killed server whose log holds three objects of a row each, the last one last."""
    running = own_server().start()
    s3 = running.client()
    s3.create_bucket(Bucket=BUCKET)
    for key in ("first", "second", "third"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode() * 1000)
    running.kill()
    return running


def keys(running):
    """What is listed, each of it readable."""
    s3 = running.client()
    found = [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    for key in found:
        assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == key.encode() * 1000
    return found


def test_a_log_whose_end_the_power_cut_tore_starts_without_a_word_from_anybody(killed):
    log = logged(killed)
    size = log.stat().st_size
    with log.open("r+b") as file:
        file.seek(size - 1500)
        file.write(bytes(1500))
    # It was acknowledged here, but could not have been had the power gone before it was synced.
    assert keys(killed.start()) == ["first", "second"]
    assert "power cut tore it" in killed.log()
    killed.stop()
    assert " 0 damaged, 0 leaks" in fsck(killed, "--read", clean=True)


def test_a_damaged_log_is_refused_until_it_is_given_up(killed):
    flip(logged(killed), logged(killed).read_bytes().index(b"second" * 10) + 100)
    with pytest.raises(AssertionError, match="--repair --drop-damaged-log"):
        killed.start()
    for options in (), ("--read",), ("--repair",):
        refused = killed.run("fsck", *options, check=False)
        assert refused.returncode == 1
        assert "--repair --drop-damaged-log" in refused.stderr
    alone = killed.run("fsck", "--drop-damaged-log", check=False)
    assert alone.returncode == 2 and "--repair" in alone.stderr
    assert " 0 damaged" in fsck(killed, "--repair", "--drop-damaged-log", clean=True)
    assert keys(killed.start()) == ["first"]
    live = killed.run("fsck", "--repair", "--drop-damaged-log", check=False)
    assert live.returncode == 1 and "running server" in live.stderr


def test_a_directory_that_is_none_is_named(own_server, tmp_path):
    running = own_server()
    running.data = tmp_path / "nothing"
    result = running.run("fsck", check=False)
    assert result.returncode == 1
    assert str(running.data) in result.stderr
    assert not running.data.exists()


@pytest.mark.parametrize("live", [False, True])
def test_what_lies_where_is_shown(filled, live):
    running, bodies = filled
    if live:
        running.start()
    shown = json.loads(running.run("object", "stat", f"{BUCKET}/blob").stdout)
    assert shown["size_bytes"] == len(bodies["blob"]) and shown["body"] == "extents" and shown["latest"]
    (extent,) = shown["extents"]
    path = next(path for path in blob_files(running) if path.name == extent["blob"])
    assert path.read_bytes() == bodies["blob"], "an object of one extent is the file"
    blob = json.loads(running.run("blob", "stat", extent["blob"]).stdout)
    assert blob["size_bytes"] == len(bodies["blob"])
    assert [run["length"] for run in blob["runs"]] == [len(bodies["blob"])]
    copied = json.loads(running.run("object", "stat", f"{BUCKET}/copy").stdout)
    users = json.loads(running.run("blob", "stat", copied["extents"][0]["blob"]).stdout)["referrers"]
    assert copied["extents"][0]["referrer"] in {user["referrer"] for user in users}
    listed = [line.split()[0] for line in running.run("blob", "ls").stdout.splitlines()[1:]]
    assert sorted(listed) == sorted(path.name for path in blob_files(running))
    assert running.run("object", "stat", f"{BUCKET}/none", check=False).returncode == 1
    assert running.run("blob", "stat", "junk", check=False).returncode == 1
