"""A mount on the server's machine reads the files in which the server keeps large objects, and copies none."""

import json
import mmap
import random
import subprocess

import pytest
from mounts import eventually

from weir_server import BINARY

MIB = 1 << 20
WITHIN_S = 60


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def status_of(one):
    told = subprocess.run([BINARY, "mount", "status", one.folder, "--json"], capture_output=True, text=True, timeout=WITHIN_S,
                          check=True, env=one.environment)  # fmt: skip
    return json.loads(told.stdout)


def received(one):
    return status_of(one)["requests"]["received_bytes"]


def upload_in_parts(s3, bucket, key, body, part_bytes):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    parts = []
    for number, at in enumerate(range(0, len(body), part_bytes), 1):
        part = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body[at : at + part_bytes])
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def test_large_objects_are_not_copied(s3, bucket, mount, user):
    bodies = {"one.safetensors": noise(12 * MIB + 5), "parts.bin": noise(20 * MIB + 7, 2), "small": noise(20_000, 3)}
    upload_in_parts(s3, bucket, "parts.bin", bodies["parts.bin"], 5 * MIB)
    for key in ("one.safetensors", "small"):
        s3.put_object(Bucket=bucket, Key=key, Body=bodies[key])
    one = mount(bucket, store_files=True)
    for key, body in bodies.items():
        assert one.read(key) == body, key
        with open(one.folder / key, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert mapped[:] == body
    if user:
        # The server is root's, who keeps its files to himself.
        assert received(one) > 32 * MIB
    else:
        assert received(one) < MIB
        assert status_of(one)["budgets"]["cache_bytes"] < MIB
        if status_of(one)["passthrough"]:
            assert status_of(one)["reads"]["passthrough_opens"] >= 4


def test_what_is_open_stays_what_it_was(s3, bucket, mount, user):
    if user:
        pytest.skip("the server's files are root's; what he did not fetch yet may be stale")
    first, second = noise(8 * MIB), noise(8 * MIB, 2)
    s3.put_object(Bucket=bucket, Key="a.bin", Body=first)
    one = mount(bucket, store_files=True)
    with open(one.folder / "a.bin", "rb") as file:
        assert file.read(MIB) == first[:MIB]
        s3.put_object(Bucket=bucket, Key="a.bin", Body=second)
        s3.delete_object(Bucket=bucket, Key="a.bin")
        assert file.read() == first[MIB:]
    eventually(lambda: not one.exists("a.bin"))
    s3.put_object(Bucket=bucket, Key="a.bin", Body=second)
    eventually(lambda: one.exists("a.bin"))
    assert one.read("a.bin") == second


def test_changes_through_the_mount(s3, bucket, mount):
    body = noise(9 * MIB)
    s3.put_object(Bucket=bucket, Key="a.bin", Body=body)
    one = mount(bucket, store_files=True)
    assert one.read("a.bin") == body
    with open(one.folder / "a.bin", "r+b") as file:
        file.seek(5 * MIB)
        file.write(b"changed")
    changed = body[: 5 * MIB] + b"changed" + body[5 * MIB + 7 :]
    assert one.read("a.bin") == changed
    assert s3.get_object(Bucket=bucket, Key="a.bin")["Body"].read() == changed
