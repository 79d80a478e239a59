"""A byte that changed on the disk, wherever: it is named, and never served as good data."""

import os
import random
import re
import shutil
import urllib.request

import botocore.exceptions
import pytest

from expect import s3_error

KiB, MiB = 1024, 1024 * 1024
BUCKET = "kept"
CLIENT_ERRORS = (botocore.exceptions.ClientError, botocore.exceptions.HTTPClientError)
ROUNDS = 30


def flip(path, offset):
    """Changes one bit."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def blob_of(running, key, suffix=""):
    """The file that holds an object of one extent."""
    stat = running.run("object", "stat", f"{BUCKET}/{key}").stdout
    name = re.search(r'"blob": "(\w+)"', stat)[1]
    return next((running.data / "blobs").rglob(name + suffix))


def metric(running, name):
    """What Prometheus would read."""
    with urllib.request.urlopen(f"{running.admin}/metrics", timeout=30) as reply:
        text = reply.read().decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])


def scrub(running):
    """(exit code, what it printed)."""
    outcome = running.run("scrub", "--rate-mib", "0", check=False)
    return outcome.returncode, outcome.stdout + outcome.stderr


def get(running, key, **options):
    """An object's bytes, or part of them."""
    return running.client().get_object(Bucket=BUCKET, Key=key, **options)["Body"].read()


@pytest.fixture
def filled(own_server, noise):
    """Makes a running server with a bucket and an object "model" of 20 MiB; (the server, the body)."""

    def make(*options):
        running = own_server(*options).start()
        s3 = running.client()
        s3.create_bucket(Bucket=BUCKET)
        body = noise(20 * MiB, 1)
        s3.put_object(Bucket=BUCKET, Key="model", Body=body)
        return running, body

    return make


def test_what_scrub_found_is_refused_until_it_is_whole_again(filled):
    running, body = filled()
    running.client().copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/model")
    file = blob_of(running, "model")
    flip(file, 9 * MiB)
    assert metric(running, "weir_damaged_blobs") == 0
    code, told = scrub(running)
    assert code == 1 and "1 damaged" in told and file.name in told, told
    assert file.name in running.log(), "named in the log"
    assert metric(running, "weir_damaged_blobs") == 1
    assert metric(running, "weir_damage_met_total") >= 1
    for key in "model", "copy":
        with s3_error(500, "InternalError"):
            get(running, key)
        with s3_error(500, "InternalError"):
            get(running, key, Range="bytes=0-9")
    assert running.client().head_object(Bucket=BUCKET, Key="model")["ContentLength"] == len(body)

    running.stop()
    running.start()
    assert f"blob {file.name} is known to be damaged" in running.log()
    with s3_error(500, "InternalError"):
        get(running, "model")
    flip(file, 9 * MiB)
    code, told = scrub(running)
    assert code == 0, told
    assert get(running, "model") == get(running, "copy") == body
    assert metric(running, "weir_damaged_blobs") == 0


def test_damage_that_fsck_found_offline_is_refused_by_the_next_start(filled):
    running, body = filled()
    file = blob_of(running, "model")
    running.stop()
    flip(file, 0)
    told = running.run("fsck", "--read", check=False)
    assert told.returncode == 1 and file.name in told.stdout
    running.start()
    with s3_error(500, "InternalError"):
        get(running, "model")
    s3 = running.client()
    s3.put_object(Bucket=BUCKET, Key="model", Body=body)
    assert get(running, "model") == body, "what is put anew is served"


def test_a_damaged_blob_that_is_gone_is_forgotten(filled):
    running, _ = filled("--reclaim-delay-s", "0")
    flip(blob_of(running, "model"), 5)
    assert scrub(running)[0] == 1
    running.client().delete_object(Bucket=BUCKET, Key="model")
    while metric(running, "weir_damaged_blobs") > 0:
        pass
    running.stop()
    running.start()
    assert "known to be damaged" not in running.log()


@pytest.mark.parametrize("tls", [[], ["--tls", "self-signed"]], ids=["http", "tls"])
def test_verified_reads_send_nothing_that_is_wrong(filled, tls):
    running, body = filled("--verify-reads", "on", *tls)
    assert get(running, "model") == body
    assert get(running, "model", Range=f"bytes={MiB - 1}-{MiB}") == body[MiB - 1 : MiB + 1]
    file = blob_of(running, "model")
    flip(file, 15 * MiB + 77)
    assert get(running, "model", Range=f"bytes=0-{15 * MiB - 1}") == body[: 15 * MiB], "other blocks are whole"
    # The head was sent before the bad block was met: what comes is right, and short.
    reply = running.client().get_object(Bucket=BUCKET, Key="model")["Body"]
    got = b""
    with pytest.raises((botocore.exceptions.HTTPClientError, botocore.exceptions.IncompleteReadError)):
        while chunk := reply.read(64 * KiB):
            got += chunk
    assert body.startswith(got) and len(got) <= 15 * MiB
    assert file.name in running.log()
    assert metric(running, "weir_damaged_blobs") == 1
    for options in {}, {"Range": "bytes=0-9"}:
        with s3_error(500, "InternalError"):
            get(running, "model", **options)


def test_a_bad_block_at_the_beginning_is_told_as_an_error(filled):
    running, body = filled("--verify-reads", "on")
    flip(blob_of(running, "model"), 3)
    assert get(running, "model", Range=f"bytes={2 * MiB}-") == body[2 * MiB :]
    with s3_error(500, "InternalError"):
        get(running, "model", Range="bytes=10-20")


def test_a_copy_makes_no_good_checksum_of_bad_bytes(filled):
    running, _ = filled()
    flip(blob_of(running, "model"), 3 * MiB)
    s3 = running.client()
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="part")["UploadId"]
    with s3_error(500, "InternalError"):
        s3.upload_part_copy(Bucket=BUCKET, Key="part", UploadId=upload, PartNumber=1, CopySource=f"{BUCKET}/model",
                            CopySourceRange=f"bytes=0-{8 * MiB - 1}")  # fmt: skip
    with s3_error(500, "InternalError"):
        s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=f"{BUCKET}/model", ChecksumAlgorithm="SHA256")
    assert "copy" not in [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]


@pytest.fixture
def stopped(own_server, noise):
    """A stopped server whose rows are in table files; (it, its bodies by key)."""
    running = own_server().start()
    s3 = running.client()
    s3.create_bucket(Bucket=BUCKET)
    bodies = {f"inline/{n:03}": noise(9 * KiB, n) for n in range(40)} | {"blob": noise(3 * MiB, 99)}
    for key, body in bodies.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata={"of": key})
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    bodies["parts"] = noise(10 * MiB, 100)
    parts = []
    for number in 1, 2:
        part = bodies["parts"][(number - 1) * 5 * MiB : number * 5 * MiB]
        name = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload, "PartNumber": number}
        parts.append({"PartNumber": number, "ETag": s3.upload_part(**name, Body=part)["ETag"]})
    s3.complete_multipart_upload(Bucket=BUCKET, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    running.stop()
    running.start()
    running.stop()
    return running, bodies


def inline_value(running, body):
    """(the database's file, the offset) of an inline body."""
    for path in sorted((running.data / "meta").iterdir()):
        if (at := path.read_bytes().find(body)) >= 0:
            return path, at
    raise AssertionError("the body is in no file")


def test_a_changed_inline_body_is_refused_and_named(stopped):
    running, bodies = stopped
    path, at = inline_value(running, bodies["inline/007"])
    flip(path, at + 100)
    told = running.run("fsck", check=False)
    assert told.returncode == 1 and "inline/007" in told.stdout
    running.start()
    code, told = scrub(running)
    assert code == 1 and "inline/007" in told and "1 damaged" in told, told
    with s3_error(500, "InternalError"):
        get(running, "inline/007")
    assert "inline/007" in running.log() or path.name in running.log()
    assert metric(running, "weir_damage_met_total") >= 2
    assert get(running, "inline/008") == bodies["inline/008"]


def test_a_changed_table_is_named_and_nothing_is_taken_for_a_leak(stopped):
    running, bodies = stopped
    s3 = running.start().client()
    for number in range(150):  # rows enough for many blocks, of which one is hit
        bodies[f"rows/{number:03}"] = b""
        s3.put_object(Bucket=BUCKET, Key=f"rows/{number:03}", Body=b"", Metadata={"of": random.randbytes(800).hex()})
    for _ in range(2):
        running.stop()
        running.start()
    running.stop()
    table = max((running.data / "meta").glob("*.sst"), key=lambda path: path.stat().st_size)
    flip(table, table.stat().st_size // 2)
    blobs = sorted((running.data / "blobs").rglob("*"))
    told = running.run("fsck", "--read", "--repair", check=False)
    assert told.returncode == 1 and table.name in told.stdout, told.stdout + told.stderr
    assert "nothing was taken for a leak" in told.stdout
    assert sorted((running.data / "blobs").rglob("*")) == blobs
    running.start()
    code, told = scrub(running)
    assert code == 1 and table.name in told, told
    refused = 0
    for key, body in bodies.items():
        try:
            assert get(running, key) == body
        except CLIENT_ERRORS as error:
            assert "InternalError" in str(error), error
            refused += 1
    assert refused > 0
    assert table.name in running.log()


@pytest.mark.parametrize("tool", ["scrub", "fsck"])
def test_a_changed_log_of_a_running_server_is_named_and_written_anew(own_server, tool):
    """Nobody reads it again before the next start, which would refuse it."""
    running = own_server().start()
    s3 = running.client()
    s3.create_bucket(Bucket=BUCKET)
    bodies = {f"logged/{number}": b"%d" % number * 1000 for number in range(9)}
    for key, body in bodies.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    log = max((running.data / "meta").glob("*.log"), key=lambda path: path.stat().st_size)
    flip(log, log.read_bytes().index(bodies["logged/4"]) + 500)
    look = {"scrub": ("scrub", "--rate-mib", "0"), "fsck": ("fsck", "--read")}[tool]
    told = running.run(*look, check=False)
    assert told.returncode == 1 and log.name in told.stdout and "in tables now" in told.stdout, told
    if tool == "scrub":
        assert log.name in running.log()
        assert metric(running, "weir_damage_met_total") == 1
    assert running.run(*look, check=False).returncode == 0, "what it held is elsewhere"
    running.kill()
    running.start()
    assert {key: get(running, key) for key in bodies} == bodies


def files_that_matter(data):
    """Every file of a data directory that holds what was stored."""
    unread = re.compile(r"LOG.*|LOCK|OPTIONS-.*|IDENTITY")
    files = [path for path in [*(data / "meta").iterdir(), *(data / "blobs").rglob("*")] if path.is_file()]
    return sorted(path for path in files if path.stat().st_size > 0 and not unread.fullmatch(path.name))


def test_a_bit_that_flips_anywhere_is_never_served(stopped, own_server):
    seed = int(os.environ.get("WEIR_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"seed {seed}")
    rng = random.Random(seed)
    whole, bodies = stopped
    outcomes = {"refused": 0, "damage": 0, "unharmed": 0}
    for number in range(ROUNDS):
        running = own_server("--verify-reads", "on", name=f"flipped-{number}")
        shutil.copytree(whole.data, running.data)
        path = rng.choice(files_that_matter(running.data))
        offset = rng.randrange(path.stat().st_size)
        flip(path, offset)
        where = f"seed {seed}, round {number}, {path.name} at {offset}"
        told = running.run("fsck", "--read", check=False)
        if "damaged, " not in told.stdout:
            assert told.returncode == 1 and len(told.stderr.splitlines()) >= 1, where
        if path.suffix in (".sst", "") and "blobs" in path.parts:
            assert told.returncode == 1, f"{where}: {told.stdout}"
        outcomes[look(running, bodies, where)] += 1
        shutil.rmtree(running.data)
    print(outcomes)


def look(running, bodies, where):
    """Every reply must be right, or an error."""
    try:
        running.start()
    except AssertionError as refused:
        assert "weir did not start (1)" in str(refused), where
        return "refused"
    s3 = running.client()
    damage = False
    for key, body in bodies.items():
        try:
            reply = s3.get_object(Bucket=BUCKET, Key=key)
            assert reply["Body"].read() == body, f"{where}: {key}"
            assert reply["Metadata"].get("of", key) == key, f"{where}: {key}"
        except CLIENT_ERRORS as error:
            damage = True
            assert "NoSuchKey" not in str(error), f"{where}: {key} is gone"
    try:
        listed = {entry["Key"]: entry["Size"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
        assert listed == {key: len(body) for key, body in bodies.items()}, where
    except CLIENT_ERRORS:
        damage = True
    running.stop()
    return "damage" if damage else "unharmed"
