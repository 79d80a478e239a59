"""An S3 store that is not Weir: MinIO, from $PEERS_BIN or PATH; without it these tests are skipped."""

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

    def __init__(self, program, folder):
        self.folder = folder
        endpoint = f"127.0.0.1:{free_port()}"
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
