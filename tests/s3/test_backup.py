"""`weir backup` and `weir restore`: what was acknowledged before a backup is in it, whatever happens meanwhile."""

import itertools
import os
import re
import shutil
import threading

import pytest

KiB, MiB = 1024, 1024 * 1024
BUCKET = "kept"


def backup(running, path, *options, check=True):
    """(what it printed, whether it ended well)."""
    result = running.run("backup", path, *options, check=check)
    return result.stdout + result.stderr, result.returncode == 0


def restored(own_server, path, name, *options):
    """A server on what `weir restore` made of a backup."""
    running = own_server(name=name)
    result = running.run("restore", path, *options)
    assert " 0 damaged, 0 leaks" in result.stdout, result.stdout
    return running.start()


def everything(s3, without=None):
    """Each version of each object with its bytes, by key and version; without the keys that begin so."""
    found = {}
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=BUCKET):
        for version in page.get("Versions", []):
            if without and version["Key"].startswith(without):
                continue
            name = {"Bucket": BUCKET, "Key": version["Key"], "VersionId": version["VersionId"]}
            got = s3.get_object(**name)
            found[version["Key"], version["VersionId"]] = (got["ETag"], got["Metadata"], got["Body"].read())
        for marker in page.get("DeleteMarkers", []):
            found[marker["Key"], marker["VersionId"]] = None
    return found


@pytest.fixture
def filled(own_server, noise):
    """(a running server, its client) with objects of each shape."""
    running = own_server("--reclaim-delay-s", "0").start()
    s3 = running.client()
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    for number in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"inline/{number}", Body=noise(9 * KiB, number), Metadata={"n": str(number)})
        s3.put_object(Bucket=BUCKET, Key=f"blob/{number}", Body=noise(MiB + number, number))
    s3.put_object(Bucket=BUCKET, Key="blob/1", Body=noise(MiB, 77))
    s3.delete_object(Bucket=BUCKET, Key="blob/2")
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/blob/3")
    return running, s3


@pytest.mark.parametrize("live", [True, False])
def test_a_backup_is_what_was_there(filled, own_server, tmp_path, live):
    running, s3 = filled
    before = everything(s3)
    if not live:
        running.stop()
    told, _ = backup(running, tmp_path / "backup")
    assert re.search(r"(\d+) blobs of \d+ bytes, of which \1 of", told), told
    back = restored(own_server, tmp_path / "backup", "back")
    assert everything(back.client((running.exports["AWS_ACCESS_KEY_ID"], running.exports["AWS_SECRET_ACCESS_KEY"]))) == before
    # It lives on: new blobs do not collide with old ones.
    s3 = back.client()
    s3.put_object(Bucket=BUCKET, Key="blob/0", Body=b"x" * MiB)
    assert {version: before[version] for version in before} == {
        version: body for version, body in everything(s3).items() if version in before
    }
    told, ok = backup(back, tmp_path / "backup", check=False)
    assert not ok and "another data directory" in told


def test_only_what_is_new_is_copied_and_old_sets_go(filled, own_server, tmp_path, noise):
    running, s3 = filled
    path = tmp_path / "backup"
    backup(running, path)
    first = everything(s3)
    s3.put_object(Bucket=BUCKET, Key="new", Body=noise(2 * MiB, 50))
    version = s3.head_object(Bucket=BUCKET, Key="blob/4")["VersionId"]
    s3.delete_object(Bucket=BUCKET, Key="blob/4", VersionId=version)
    told, _ = backup(running, path)
    assert "of which 1 of" in told, told
    names = sorted(os.listdir(path / "sets"))
    assert len(names) == 2
    back = restored(own_server, path, "first", "--set", names[0])
    assert everything(back.client()) == first
    told, _ = backup(running, path, "--keep", "1")
    assert "2 older backups and 1 blobs" in told, told
    back = restored(own_server, path, "last")
    assert everything(back.client()) == everything(s3)


def test_a_backup_under_load_has_all_that_was_acknowledged_before(filled, own_server, tmp_path, noise):
    running, s3 = filled
    path = tmp_path / "backup"
    acknowledged, stop = {}, threading.Event()
    bodies = [noise(300 * KiB, seed) for seed in range(7)]

    def write(worker):
        client = running.client()
        for count in range(100_000):
            if stop.is_set():
                return
            key = f"load/{worker}/{count % 10}"  # older versions go, and their blobs with them
            body = bodies[(worker + count) % 7]
            version = client.put_object(Bucket=BUCKET, Key=key, Body=body)["VersionId"]
            old = acknowledged.get((worker, count % 10))
            acknowledged[worker, count % 10] = (key, version, body)
            if old:
                client.delete_object(Bucket=BUCKET, Key=key, VersionId=old[1])

    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    where = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload}
    part = noise(5 * MiB, 60)
    tags = [s3.upload_part(**where, PartNumber=1, Body=part)["ETag"]]
    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = everything(s3, without="load/")
        backup(running, path)
    stop.set()
    for thread in threads:
        thread.join()
    # The upload goes on after the backup; its blob, which grew, is copied again.
    tags.append(s3.upload_part(**where, PartNumber=2, Body=part)["ETag"])
    middle = restored(own_server, path, "middle")
    assert everything(middle.client(), without="load/") == before
    tag = middle.client().upload_part(**where, PartNumber=2, Body=part)["ETag"]
    listed = {"Parts": [{"PartNumber": number + 1, "ETag": each} for number, each in enumerate([tags[0], tag])]}
    middle.client().complete_multipart_upload(**where, MultipartUpload=listed)
    assert middle.client().get_object(Bucket=BUCKET, Key="parts")["Body"].read() == part + part
    listed["Parts"][1]["ETag"] = tags[1]
    s3.complete_multipart_upload(**where, MultipartUpload=listed)
    backup(running, path)
    last = restored(own_server, path, "last")
    assert everything(last.client()) == everything(s3)
    for key, version, body in acknowledged.values():
        got = last.client().get_object(Bucket=BUCKET, Key=key, VersionId=version)
        assert got["Body"].read() == body


def test_the_secret_key_may_be_kept_apart(filled, own_server, tmp_path):
    running, s3 = filled
    alice = running.create_keys("alice")
    backup(running, tmp_path / "backup", "--without-secret-key")
    kept = tmp_path / "apart.key"
    shutil.copy(running.data / "secret.key", kept)
    assert not list((tmp_path / "backup").rglob("secret.key"))
    refused = own_server(name="refused").run("restore", tmp_path / "backup", check=False)
    assert refused.returncode == 1 and "--secret-key" in refused.stderr
    back = restored(own_server, tmp_path / "backup", "back", "--secret-key", kept)
    back.client(alice).list_buckets()
    assert everything(back.client()) == everything(s3)


def test_a_damaged_blob_is_named_and_the_rest_is_saved(filled, own_server, tmp_path):
    running, _ = filled
    files = sorted((path for path in (running.data / "blobs").rglob("*") if path.is_file()), key=lambda path: path.name)
    content = bytearray(files[0].read_bytes())
    content[1000] ^= 1
    files[0].write_bytes(content)
    told, ok = backup(running, tmp_path / "backup", check=False)
    assert not ok and files[0].name in told, told
    result = own_server(name="back").run("restore", tmp_path / "backup", check=False)
    assert result.returncode == 1 and "1 damaged" in result.stdout, result.stdout


def test_bad_places_are_one_sentence(filled, own_server, tmp_path):
    running, _ = filled
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("precious")
    for command in (
        lambda: running.run("backup", tmp_path / "full", check=False),
        lambda: own_server(name="back").run("restore", tmp_path / "nothing", check=False),
        lambda: running.run("restore", tmp_path / "nothing", check=False),
        lambda: running.run("backup", "/proc/none", check=False),
    ):
        result = command()
        assert result.returncode == 1 and len(result.stderr.splitlines()) == 1, result.stderr
    backup(running, tmp_path / "backup")
    onto = running.run("restore", tmp_path / "backup", check=False)
    assert onto.returncode == 1 and "not empty" in onto.stderr, onto.stderr
    assert (tmp_path / "full" / "file").read_text() == "precious"


def test_upgrade_says_what_it_would_do(filled):
    running, _ = filled
    assert "would change nothing" in running.run("upgrade", "--dry-run").stdout
    running.stop()
    for number, command in itertools.product((0, 99), (["upgrade", "--dry-run"], ["fsck"], ["serve"])):
        (running.data / "FORMAT").write_text(f"weir data format {number}\n")
        result = running.run(*command, check=False)
        assert result.returncode == 1, command
        assert f"weir data format {number}" in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr
