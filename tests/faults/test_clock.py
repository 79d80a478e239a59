"""A server whose clock jumps: no version is lost, no order of acknowledged writes is turned, nothing waits for the clock."""

import datetime

import botocore.auth
import botocore.crt.auth
import pytest
from interposer import Interposer
from witness import BUCKET, LARGE, SMALL, MiB, Witness

KEPT = "kept"
HOURS = 3600.0


class Clocks:
    """The server's, and that of the clients, who sign with the time."""

    def __init__(self, interposer, monkeypatch):
        self.interposer = interposer
        self.ahead = 0.0
        real = botocore.auth.get_current_datetime

        def skewed(*arguments, **options):
            return real(*arguments, **options) + datetime.timedelta(seconds=self.ahead)

        for signers in (botocore.auth, botocore.crt.auth):
            monkeypatch.setattr(signers, "get_current_datetime", skewed)

    def jump_to(self, seconds, clients_too=True):
        self.interposer.skew(seconds)
        if clients_too:
            self.ahead = seconds


@pytest.fixture
def clocks(tmp_path, monkeypatch):
    return Clocks(Interposer(tmp_path), monkeypatch)


@pytest.fixture
def witness(tmp_path, clocks):
    made = Witness(tmp_path, clocks.interposer).start()
    made.s3.create_bucket(Bucket=KEPT)
    made.s3.put_bucket_versioning(Bucket=KEPT, VersioningConfiguration={"Status": "Enabled"})
    yield made
    if made.server.process.poll() is None:
        made.server.kill()


def versions(s3, key):
    """The ids, the newest first."""
    listed = s3.list_object_versions(Bucket=KEPT, Prefix=key)
    entries = listed.get("Versions", []) + listed.get("DeleteMarkers", [])
    return [entry["VersionId"] for entry in sorted(entries, key=lambda entry: entry["VersionId"], reverse=True)]


def test_the_order_of_acknowledged_writes_is_that_of_their_versions(witness, clocks):
    acknowledged, now = [], {}
    for at, ahead in enumerate([0, 5 * HOURS, -5 * HOURS, 600, -600, 48 * HOURS, 0, -1 * HOURS]):
        clocks.jump_to(ahead)
        if at in (3, 6):
            witness.server.kill()
            witness.start()
        size = SMALL if at % 2 else LARGE
        data = bytes([at]) * size
        acknowledged.append(witness.s3.put_object(Bucket=KEPT, Key="model", Body=data)["VersionId"])
        witness.put("plain", size)
        assert witness.s3.get_object(Bucket=KEPT, Key="model")["Body"].read() == data
        assert versions(witness.s3, "model") == acknowledged[::-1]
        now[acknowledged[-1]] = data
        witness.check_reads()
    listed = witness.s3.list_object_versions(Bucket=KEPT, Prefix="model")["Versions"]
    assert [entry["VersionId"] for entry in listed] == acknowledged[::-1]
    assert [entry["IsLatest"] for entry in listed] == [True] + [False] * (len(listed) - 1)
    for version, data in now.items():
        assert witness.s3.get_object(Bucket=KEPT, Key="model", VersionId=version)["Body"].read() == data
    clocks.jump_to(0)
    witness.finish()


def test_no_version_id_is_used_twice(witness, clocks):
    """Not even where the newest version, made while the clock was ahead, was deleted and its place is free."""
    clocks.jump_to(2 * HOURS)
    seen = [witness.s3.put_object(Bucket=KEPT, Key="model", Body=b"0")["VersionId"]]
    clocks.jump_to(0)
    for at in range(5):
        version = witness.s3.put_object(Bucket=KEPT, Key="model", Body=b"%d" % at)["VersionId"]
        assert version > seen[0] and version not in seen
        seen.append(version)
        witness.s3.delete_object(Bucket=KEPT, Key="model", VersionId=version)
    assert versions(witness.s3, "model") == seen[:1]
    marker = witness.s3.delete_object(Bucket=KEPT, Key="model")["VersionId"]
    assert versions(witness.s3, "model") == [marker, seen[0]]


def test_conditions_and_times_after_a_jump(witness, clocks):
    clocks.jump_to(2 * HOURS)
    etag = witness.s3.put_object(Bucket=KEPT, Key="model", Body=b"ahead")["ETag"]
    ahead = witness.s3.head_object(Bucket=KEPT, Key="model")["LastModified"]
    clocks.jump_to(0)
    s3 = witness.s3
    assert s3.get_object(Bucket=KEPT, Key="model", IfMatch=etag)["LastModified"] == ahead
    now = datetime.datetime.now(datetime.UTC)
    assert s3.get_object(Bucket=KEPT, Key="model", IfModifiedSince=now)["Body"].read() == b"ahead"
    with pytest.raises(s3.exceptions.ClientError) as refused:
        s3.get_object(Bucket=KEPT, Key="model", IfUnmodifiedSince=now)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    s3.put_object(Bucket=KEPT, Key="model", Body=b"now", IfMatch=etag)
    reply = s3.get_object(Bucket=KEPT, Key="model")
    assert reply["Body"].read() == b"now"
    assert abs((reply["LastModified"] - now).total_seconds()) < 60, "of when it was written, not of the version before"


def test_an_upload_that_the_clock_jumps_in(witness, clocks):
    s3 = witness.s3
    bodies = [bytes([at]) * (5 * MiB) for at in range(3)]
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    where = {"Bucket": BUCKET, "Key": "parts", "UploadId": upload}
    parts = []
    for at, (ahead, data) in enumerate(zip([3 * HOURS, -3 * HOURS, 0], bodies, strict=True), 1):
        clocks.jump_to(ahead)
        parts.append({"PartNumber": at, "ETag": s3.upload_part(**where, PartNumber=at, Body=data)["ETag"]})
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert witness.get("parts") == b"".join(bodies)
    s3.delete_object(Bucket=BUCKET, Key="parts")
    witness.finish()


def test_space_comes_back_though_the_clock_jumped_back(witness, clocks):
    """What was deleted while the clock was ahead does not wait until the clock is there again."""
    clocks.jump_to(72 * HOURS)
    witness.put("large")
    witness.delete("large")
    witness.put("kept")
    clocks.jump_to(0)
    blobs = witness.server.data / "blobs"

    def is_reclaimed():
        files = [path for path in blobs.rglob("*") if path.is_file()]
        if len(files) != 1:
            raise botocore.exceptions.BotoCoreError()

    witness.until_done(is_reclaimed)
    witness.finish()


def test_a_get_that_began_before_the_clock_jumped_ends_well(witness, clocks):
    """The object is deleted, and reclaimed at once since its time seems to be over."""
    witness.put("large", 24 * MiB)
    wanted = witness.kept["large"]
    body = witness.s3.get_object(Bucket=BUCKET, Key="large")["Body"]
    begin = body.read(1000)
    witness.delete("large")
    clocks.jump_to(100 * HOURS)
    blobs = witness.server.data / "blobs"

    def is_reclaimed():
        if any(path.is_file() for path in blobs.rglob("*")):
            raise botocore.exceptions.BotoCoreError()

    witness.until_done(is_reclaimed)
    from weights import body as made

    assert begin + body.read() == made(*wanted)


def test_a_client_whose_clock_is_wrong_is_told(witness, clocks):
    clocks.jump_to(1 * HOURS, clients_too=False)
    with pytest.raises(witness.s3.exceptions.ClientError) as refused:
        witness.put("never")
    assert refused.value.response["Error"]["Code"] == "RequestTimeTooSkewed"
    clocks.jump_to(0)
    witness.put("now")
