import json

import pytest
import requests
from programs import in_folder

MiB = 1024 * 1024


@pytest.fixture
def rclone(server, run, bucket, tmp_path):
    """rclone with a remote `weir:` that is configured by its environment alone."""
    remote = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ACCESS_KEY_ID": server.exports["AWS_ACCESS_KEY_ID"],
        "SECRET_ACCESS_KEY": server.exports["AWS_SECRET_ACCESS_KEY"],
        "ENDPOINT": server.endpoint,
        "REGION": "us-east-1",
    }
    variables = {f"RCLONE_CONFIG_WEIR_{name}": value for name, value in remote.items()}
    trust = ["--ca-cert", server.verify] if server.tls else []

    def rclone(*arguments, **options):
        # Debian's rclone cannot use AWS_CA_BUNDLE together with a transport of its own.
        options = {"without": ["AWS_CA_BUNDLE"], "RCLONE_CONFIG": str(tmp_path / "rclone.conf")} | variables | options
        return run("rclone", *arguments, *trust, "--retries", "1", "--low-level-retries", "1", **options)

    return rclone


SMALL_PARTS = ("--s3-upload-cutoff", "6Mi", "--s3-chunk-size", "5Mi")


@pytest.mark.parametrize("parts", [(), SMALL_PARTS], ids=["default", "small parts"])
def test_copy_check_and_back(rclone, bucket, model_folder, tmp_path, stored, parts):
    folder, bodies = model_folder
    rclone("copy", folder, f"weir:{bucket}/up", *parts)
    assert stored() == {f"up/{name}": body for name, body in bodies.items()}
    rclone("check", folder, f"weir:{bucket}/up", "--download")
    rclone("check", folder, f"weir:{bucket}/up")
    rclone("copy", f"weir:{bucket}/up", tmp_path / "down")
    assert in_folder(tmp_path / "down") == bodies


def test_times_of_files_come_back(rclone, bucket, model_folder, tmp_path):
    folder, _ = model_folder
    rclone("copy", folder, f"weir:{bucket}/up", *SMALL_PARTS)
    rclone("copy", f"weir:{bucket}/up", tmp_path / "down")
    for path in folder.rglob("*.*"):
        assert (tmp_path / "down" / path.relative_to(folder)).stat().st_mtime_ns == path.stat().st_mtime_ns


def test_sync_removes_what_is_gone(rclone, bucket, model_folder, stored):
    folder, bodies = model_folder
    rclone("sync", folder, f"weir:{bucket}/up")
    (folder / "config.json").unlink()
    (folder / "new").write_bytes(b"new")
    rclone("sync", folder, f"weir:{bucket}/up")
    assert set(stored()) == {f"up/{name}" for name in {*bodies, "new"} - {"config.json"}}
    changed = rclone("check", folder, f"weir:{bucket}/up")
    assert "differences" not in changed


def test_a_difference_is_seen(rclone, bucket, s3, model_folder):
    folder, bodies = model_folder
    rclone("copy", folder, f"weir:{bucket}/up")
    s3.put_object(Bucket=bucket, Key="up/config.json", Body=b"X" * len(bodies["config.json"]))
    result = rclone("check", folder, f"weir:{bucket}/up", check=False)
    assert result.returncode == 1 and b"1 differences found" in result.stderr


def test_listing(rclone, bucket, model_folder):
    folder, bodies = model_folder
    rclone("copy", folder, f"weir:{bucket}")
    listed = [line.split(maxsplit=1) for line in rclone("ls", f"weir:{bucket}").splitlines()]
    assert {name: int(size) for size, name in listed} == {name: len(body) for name, body in bodies.items()}
    entries = json.loads(rclone("lsjson", f"weir:{bucket}", "-R", "--hash"))
    assert {each["Path"] for each in entries if not each["IsDir"]} == set(bodies)
    assert {each["Path"] for each in entries if each["IsDir"]} == {"weights", "optimizer", "optimizer/step 1000"}
    assert f"{bucket}\n" in rclone("lsf", "weir:", "--dirs-only", "--dir-slash=false")
    size = json.loads(rclone("size", f"weir:{bucket}", "--json"))
    assert (size["count"], size["bytes"]) == (len(bodies), sum(map(len, bodies.values())))


@pytest.mark.parametrize("size", [10, 12 * MiB], ids=["small", "multipart"])
def test_streams(rclone, bucket, noise, stored, size):
    rclone("rcat", f"weir:{bucket}/k", *SMALL_PARTS, stdin=noise(size))
    assert stored() == {"k": noise(size)}
    assert rclone("cat", f"weir:{bucket}/k", text=False) == noise(size)
    assert rclone("cat", f"weir:{bucket}/k", "--offset", 3, "--count", 5, text=False) == noise(size)[3:8]


def test_copies_and_moves_on_the_server(rclone, bucket, noise, stored, s3):
    bodies = {"model.bin": noise(13 * MiB), "small": b"small"}
    for key, body in bodies.items():
        s3.put_object(Bucket=bucket, Key=f"from/{key}", Body=body)
    rclone("copy", f"weir:{bucket}/from", f"weir:{bucket}/copy", "--s3-copy-cutoff", "6Mi", "--s3-chunk-size", "5Mi")
    assert stored("copy/") == {f"copy/{key}": body for key, body in bodies.items()}
    rclone("moveto", f"weir:{bucket}/copy/small", f"weir:{bucket}/moved")
    rclone("move", f"weir:{bucket}/from", f"weir:{bucket}/to")
    assert set(stored()) == {"copy/model.bin", "moved", "to/model.bin", "to/small"}
    assert stored("to/") == {f"to/{key}": body for key, body in bodies.items()}


def test_removal(rclone, bucket, model_folder, stored):
    folder, _ = model_folder
    rclone("copy", folder, f"weir:{bucket}/up")
    rclone("deletefile", f"weir:{bucket}/up/config.json")
    assert "up/config.json" not in stored()
    rclone("delete", f"weir:{bucket}/up", "--include", "*.safetensors")
    assert set(stored()) == {"up/empty", "up/optimizer/step 1000/état+(1).bin"}
    rclone("purge", f"weir:{bucket}/up")
    assert stored() == {}
    rclone("mkdir", f"weir:{bucket}-made")
    rclone("rmdir", f"weir:{bucket}-made")
    missing = rclone("ls", f"weir:{bucket}-made", check=False)
    assert missing.returncode == 3 and b"directory not found" in missing.stderr


def test_many_files(rclone, bucket, tmp_path, stored):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / str(number)).write_bytes(b"%d" % number)
    rclone("sync", folder, f"weir:{bucket}", "--transfers", "16", "--checkers", "16")
    rclone("check", folder, f"weir:{bucket}", "--checkers", "16")
    assert stored() == {str(number): b"%d" % number for number in range(300)}


def test_an_address(rclone, bucket, s3, server):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"by address")
    url = rclone("link", f"weir:{bucket}/a b", "--expire", "60s").strip()
    assert requests.get(url, verify=server.verify, timeout=30).content == b"by address"


def test_uploads_that_were_left_open(rclone, bucket, s3):
    s3.create_multipart_upload(Bucket=bucket, Key="open")
    listed = json.loads(rclone("backend", "list-multipart-uploads", f"weir:{bucket}"))
    assert [each["Key"] for each in listed[bucket]] == ["open"]
    rclone("backend", "cleanup", f"weir:{bucket}", "-o", "max-age=0s")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
