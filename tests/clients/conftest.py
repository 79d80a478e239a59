"""Clients run as a person runs them who pasted the lines that the server printed; nothing else tells them where it is."""

import os
import pathlib
import subprocess

import pytest
import s3fs
from programs import found

TIMEOUT_S = 300


@pytest.fixture
def run(server, tmp_path):
    """Runs a program in the test's folder: its output, or all of the process with check=False."""

    def run(program, *arguments, check=True, text=True, without=(), stdin=None, **variables):
        environment = server.client_environment() | variables
        for name in without:
            environment.pop(name, None)
        result = subprocess.run(
            [found(program), *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            input=stdin,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if check and result.returncode:
            said = (result.stdout[-2000:] + result.stderr[-4000:]).decode(errors="replace")
            pytest.fail(f"{pathlib.Path(program).name} {arguments}: {result.returncode}\n{said}")
        if not check:
            return result
        return result.stdout.decode() if text else result.stdout

    return run


@pytest.fixture
def files(server, monkeypatch):
    """s3fs; its instances are shared by what they were called with, not by the environment, so older ones must go."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in server.client_environment().items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    yield s3fs.S3FileSystem()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def model_folder(tmp_path, noise):
    """A folder as checkpoints have it: small and large files, in folders, with an odd name; their bodies by path."""
    bodies = {
        "config.json": b'{"layers": 2}',
        "empty": b"",
        "weights/model-00001-of-00002.safetensors": noise(17 * 1024 * 1024 + 5, 1),
        "weights/model-00002-of-00002.safetensors": noise(300_000, 2),
        "optimizer/step 1000/état+(1).bin": noise(40_000, 3),
    }
    folder = tmp_path / "model"
    for name, body in bodies.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder, bodies


@pytest.fixture
def stored(s3, bucket):
    """What boto3 finds in the bucket: the bodies by key."""

    def stored(prefix=""):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    return stored
