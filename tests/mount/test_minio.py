"""An S3 store that is not Weir: MinIO, from $PEERS_BIN or PATH; without it these tests are skipped."""

import json
import os
import random
import shutil
import socket
import subprocess
import time

import boto3
import botocore.config
import botocore.exceptions
import pytest
from http_proxy import HttpProxy

from weir_server import BINARY

KEY, SECRET = "minio-of-tests", "secret-of-tests"
WITHIN_S = 60
MIB = 1 << 20


def found():
    folder = os.environ.get("PEERS_BIN", "")
    path = shutil.which("minio", path=f"{folder}{os.pathsep}{os.environ['PATH']}" if folder else None)
    if path is None:
        pytest.skip("minio is not on PATH or in $PEERS_BIN")
    return path


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Minio:
    """What the fixtures of conftest.py want of a server."""

    moves_folders = False  # but for empty ones

    def __init__(self, program, folder):
        self.folder = folder
        self.port = free_port()
        endpoint = f"127.0.0.1:{self.port}"
        self.url = f"http://{endpoint}"
        environment = {**os.environ, "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_UPDATE": "off"}
        command = [program, "server", "--quiet", "--address", endpoint, folder / "data"]
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def await_start(self):
        deadline = time.monotonic() + WITHIN_S
        while True:
            try:
                return self.client().list_buckets()
            except (botocore.exceptions.ClientError, botocore.exceptions.HTTPClientError):
                assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=WITHIN_S)

    def client_environment(self):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return clean | {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self):
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=botocore.config.Config(s3={"addressing_style": "path"}),
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Minio(found(), tmp_path_factory.mktemp("minio"))
    made.await_start()
    yield made
    made.stop()


def test_names_and_bytes(s3, bucket, mount):
    files = {"a.txt": b"hello", "empty": b"", "d/e/model.safetensors": random.Random(1).randbytes(19 * MIB + 3), "d/g": b"g"}
    for key, body in files.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"mode": str(0o100600)} if key == "d/g" else {})
    one = mount(bucket)
    found = one.run("find", ".", "-type", "f", "-printf", "%P %m\n").stdout.splitlines()
    assert sorted(found) == ["a.txt 644", "d/e/model.safetensors 644", "d/g 600", "empty 644"]
    assert {name: one.read(name) for name in files} == files
    assert not one.exists("nothing")


def test_changes_elsewhere_are_seen_within_the_time_to_live(s3, bucket, mount):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    one = mount(bucket, "--ttl", "1")
    assert one.read("a") == b"1"
    s3.put_object(Bucket=bucket, Key="a", Body=b"22")
    s3.put_object(Bucket=bucket, Key="b", Body=b"b")
    deadline = time.monotonic() + WITHIN_S
    while not (one.read("a") == b"22" and one.exists("b")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "no journal" in one.log()


def test_a_second_mount_finds_the_cache(s3, bucket, mount):
    body = random.Random(2).randbytes(9 * MIB)
    s3.put_object(Bucket=bucket, Key="a.safetensors", Body=body)
    one = mount(bucket)
    assert one.read("a.safetensors") == body
    one.stop()
    assert mount(bucket).read("a.safetensors") == body


def requests_of(one):
    """That the mount has sent so far."""
    command = [*one.who, BINARY, "mount", "status", one.folder, "--json"]
    environment = one.environment | ({"HOME": str(one.base)} if one.user else {})
    told = subprocess.run(command, check=True, capture_output=True, timeout=WITHIN_S, env=environment)
    return json.loads(told.stdout)["requests"]["sent"]


def attributes_in(one, *options):
    """Of each name: its type, mode, time in seconds, size and where it points to."""
    lines = one.run("find", ".", "-mindepth", "1", *options, "-printf", "%P|%y|%m|%T@|%s|%l\n").stdout.splitlines()
    found = {}
    for line in lines:
        name, kind, mode, seconds, size, target = line.split("|")
        found[name] = (kind, mode, int(float(seconds)), int(size), target)
    return found


def test_a_listing_alone_tells_attributes(s3, bucket, mount):
    expected = {}
    for i in range(150):
        mode, seconds = 0o400 + i % 64, 1_000_000_000 + i
        metadata = {"mode": str(0o100000 | mode), "mtime": f"{seconds}.5"}
        s3.put_object(Bucket=bucket, Key=f"{i:04}", Body=b"x" * i, Metadata=metadata)
        expected[f"{i:04}"] = ("f", f"{mode:o}", seconds, i, "")
    s3.put_object(Bucket=bucket, Key="link", Body=b"0001", Metadata={"mode": str(0o120777), "mtime": "7"})
    expected["link"] = ("l", "777", 7, 4, "0001")
    s3.put_object(Bucket=bucket, Key="d/", Metadata={"mode": str(0o040750), "mtime": "8"})
    expected["d"] = ("d", "750", 8, 0, "")
    # What another program keeps there: it is told in another way than by HEAD, and means nothing to a mount.
    odd = {"mode": "=?UTF-8?B?UmVuw6k=?=", "mtime": "9", "author": "=?UTF-8?q?Ren=C3=A9?=", "quoted": "<&\"'>"}
    s3.put_object(Bucket=bucket, Key="odd", Metadata=odd)
    expected["odd"] = ("f", "644", 9, 0, "")
    one = mount(bucket, "--ttl", "600")
    before = requests_of(one)
    assert attributes_in(one) == expected
    # The root, the folder, a symlink's target, and whether there is a journal.
    assert requests_of(one) - before < 10


def test_metadata_names_that_are_no_xml(s3, bucket, mount):
    for key, metadata in (("a", {"mode": str(0o100600), "a!b": "1"}), ("b", {"mode": str(0o100640), "1+2": "3"}), ("c", {})):
        s3.put_object(Bucket=bucket, Key=key, Metadata=metadata)
    for i in range(4):
        s3.put_object(Bucket=bucket, Key=f"well/{i}", Metadata={"mode": str(0o100604)})
    one = mount(bucket)
    found = {name: mode for name, (kind, mode, *_) in attributes_in(one, "-type", "f").items()}
    assert found == {"a": "600", "b": "640", "c": "644"} | {f"well/{i}": "604" for i in range(4)}


@pytest.mark.parametrize("user", ["root"], indirect=True)
def test_attributes_are_asked_for_ahead(server, s3, bucket, mount):
    """Of a store that tells none in listings, for all one knows: each once, many of them at a time."""
    files = 120
    for i in range(files):
        s3.put_object(Bucket=bucket, Key=f"{i:04}", Metadata={"mode": str(0o100400 + i % 64)})
    proxy = HttpProxy(server.port, alone=2, together=9)
    try:
        one = mount(bucket, "--ttl", "600", environment=server.client_environment() | {"AWS_ENDPOINT_URL": proxy.endpoint})
        modes = {name: mode for name, (_, mode, *_) in attributes_in(one).items()}
        one.stop()
    finally:
        proxy.close()
    assert modes == {f"{i:04}": f"{0o400 + i % 64:o}" for i in range(files)}
    assert not proxy.apart.is_set()
    assert proxy.heads == {f"/{bucket}/{i:04}": 1 for i in range(files)}
