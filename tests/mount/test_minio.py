"""An S3 store that is not Weir: MinIO, from $PEERS_BIN or PATH; without it these tests are skipped."""

import os
import random
import shutil
import socket
import subprocess
import time

import boto3
import botocore.config
import mounts
import pytest

from weir_server import new_bucket_name

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


@pytest.fixture(scope="module")
def minio(tmp_path_factory):
    """Its environment, for clients."""
    program, folder = found(), tmp_path_factory.mktemp("minio")
    endpoint = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_UPDATE": "off"}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program, "server", "--quiet", "--address", endpoint, folder / "data"], env=environment,
                                   stdout=log, stderr=log)  # fmt: skip
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables = clean | {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": f"http://{endpoint}",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    deadline = time.monotonic() + WITHIN_S
    while True:
        try:
            client_of(variables).list_buckets()
            break
        except Exception:
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
    yield variables
    process.terminate()
    process.wait(timeout=WITHIN_S)


def client_of(variables):
    return boto3.client("s3", endpoint_url=variables["AWS_ENDPOINT_URL"], aws_access_key_id=KEY, aws_secret_access_key=SECRET,
                        region_name="us-east-1", config=botocore.config.Config(s3={"addressing_style": "path"}))  # fmt: skip


@pytest.fixture
def s3(minio):
    return client_of(minio)


@pytest.fixture
def bucket(s3):
    name = new_bucket_name("mount")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def mount_minio(minio, user, tmp_path):
    made = []

    def make(source, *options, name="a"):
        for folder in (tmp_path, *tmp_path.parents[:3]):
            folder.chmod(0o755)
        base = tmp_path / name
        base.mkdir(exist_ok=True)
        one = mounts.Mounted(base, minio, source, *options, user=user)
        made.append(one)
        return one.start()

    yield make
    for one in made:
        one.stop()


def test_names_and_bytes(s3, bucket, mount_minio):
    files = {"a.txt": b"hello", "empty": b"", "d/e/model.safetensors": random.Random(1).randbytes(19 * MIB + 3), "d/g": b"g"}
    for key, body in files.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"mode": str(0o100600)} if key == "d/g" else {})
    one = mount_minio(bucket)
    found = one.run("find", ".", "-type", "f", "-printf", "%P %m\n").stdout.splitlines()
    assert sorted(found) == ["a.txt 644", "d/e/model.safetensors 644", "d/g 600", "empty 644"]
    assert {name: one.read(name) for name in files} == files
    assert not one.exists("nothing")


def test_changes_elsewhere_are_seen_within_the_time_to_live(s3, bucket, mount_minio):
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    one = mount_minio(bucket, "--ttl", "1")
    assert one.read("a") == b"1"
    s3.put_object(Bucket=bucket, Key="a", Body=b"22")
    s3.put_object(Bucket=bucket, Key="b", Body=b"b")
    deadline = time.monotonic() + WITHIN_S
    while not (one.read("a") == b"22" and one.exists("b")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "no journal" in one.log()


def test_a_second_mount_finds_the_cache(s3, bucket, mount_minio):
    body = random.Random(2).randbytes(9 * MIB)
    s3.put_object(Bucket=bucket, Key="a.safetensors", Body=body)
    one = mount_minio(bucket)
    assert one.read("a.safetensors") == body
    one.stop()
    assert mount_minio(bucket).read("a.safetensors") == body
