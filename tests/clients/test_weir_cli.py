"""`weir ls`, cp, sync and rm as a person uses them; what they did is looked at with boto3."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import time

import pytest
from programs import in_folder
from stalling_proxy import StallingProxy

from weir_server import BINARY

MiB = 1024 * 1024
WAITS_S = 60
ODD_KEYS = ["a b", "état+(1).bin", "100%25", "q?x=1&y", "semi;colon", "tab\there", "quote'\"", "...", "#hash", "~", "日本/語"]


@pytest.fixture
def weir(run):
    """Runs a command of weir: its standard output; with check=False the process."""

    def weir(*arguments, **options):
        return run(BINARY, *arguments, **options)

    return weir


@pytest.fixture
def put(s3, bucket):
    def put(*keys, body=b"x", **more):
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=body, **more)

    return put


@contextlib.contextmanager
def caught(server, folder, *arguments, stderr=subprocess.PIPE, **limits):
    """A command of weir that stands still in the middle of its transfer, for as long as the test looks at it."""
    proxy = StallingProxy(server, **limits)
    environment = server.client_environment()
    process = subprocess.Popen(
        [BINARY, *map(str, arguments), "--endpoint", proxy.endpoint], cwd=folder, env=environment, stderr=stderr
    )
    try:
        assert proxy.stalled.wait(WAITS_S), process.poll()
        yield process
    finally:
        process.kill()
        process.communicate()
        proxy.close()


# cp


@pytest.mark.parametrize("size", [0, 1, 3 * MiB, 8 * MiB, 8 * MiB + 1, 25 * MiB + 7])
def test_a_file_up_and_down(weir, bucket, tmp_path, noise, stored, size):
    (tmp_path / "file").write_bytes(noise(size))
    weir("cp", "file", f"s3://{bucket}/k")
    assert stored() == {"k": noise(size)}
    weir("cp", f"s3://{bucket}/k", "back")
    assert (tmp_path / "back").read_bytes() == noise(size)


def test_boto3_and_weir_read_each_other(weir, s3, bucket, tmp_path, noise):
    (tmp_path / "up").write_bytes(noise(20 * MiB))
    s3.upload_file(str(tmp_path / "up"), bucket, "k")
    weir("cp", f"s3://{bucket}/k", "down")
    assert (tmp_path / "down").read_bytes() == noise(20 * MiB)
    assert (tmp_path / "down").stat().st_mtime == int(s3.head_object(Bucket=bucket, Key="k")["LastModified"].timestamp())


def test_where_one_file_goes(weir, bucket, tmp_path, stored):
    (tmp_path / "f").write_bytes(b"f")
    (tmp_path / "folder").mkdir()
    weir("cp", "f", f"s3://{bucket}")
    weir("cp", "f", f"s3://{bucket}/in/")
    weir("cp", "f", f"s3://{bucket}/in/other")
    assert set(stored()) == {"f", "in/f", "in/other"}
    weir("cp", f"s3://{bucket}/in/other", "folder")
    weir("cp", f"s3://{bucket}/in/other", "new/")
    weir("cp", f"s3://{bucket}/in/other", "made/for/it")
    assert {"folder/other", "new/other", "made/for/it"} <= set(in_folder(tmp_path))


def test_a_folder_up_and_down(weir, bucket, model_folder, tmp_path, stored):
    folder, bodies = model_folder
    weir("cp", "--recursive", folder, f"s3://{bucket}/up")
    assert stored() == {f"up/{name}": body for name, body in bodies.items()}
    weir("cp", "--recursive", f"s3://{bucket}/up", "down")
    assert in_folder(tmp_path / "down") == bodies


def test_odd_keys(weir, bucket, put, tmp_path, stored):
    for number, key in enumerate(ODD_KEYS):
        put(f"odd/{key}", body=b"%d" % number)
    bodies = {key: b"%d" % number for number, key in enumerate(ODD_KEYS)}
    weir("cp", "--recursive", f"s3://{bucket}/odd", "down")
    assert in_folder(tmp_path / "down") == bodies
    weir("cp", "--recursive", "down", f"s3://{bucket}/again/")
    weir("cp", "--recursive", f"s3://{bucket}/again", f"s3://{bucket}/copied")
    assert stored("copied/") == {f"copied/{key}": body for key, body in bodies.items()}
    assert [json.loads(line)["key"] for line in weir("ls", "--json", f"s3://{bucket}/odd/").splitlines()
            if "key" in json.loads(line)] == sorted(f"odd/{key}" for key in ODD_KEYS if "/" not in key)  # fmt: skip
    weir("rm", "--recursive", f"s3://{bucket}")
    assert stored() == {}


@pytest.mark.parametrize("key", ["x/../../escaped", "x//etc", "x/..", "x/a//b", "x/./a", "x/" + "n" * 256])
def test_keys_that_lead_elsewhere_are_refused(weir, bucket, put, tmp_path, key):
    put(key, "x/good")
    result = weir("cp", "--recursive", f"s3://{bucket}/x", "in/here", check=False)
    assert result.returncode == 1 and b"cannot be a file's name" in result.stderr
    assert in_folder(tmp_path) == {"in/here/good": b"x"}


def test_folder_markers_are_no_files(weir, bucket, put, tmp_path):
    put("x/", "x/sub/", body=b"")
    put("x/sub/f")
    weir("cp", "--recursive", f"s3://{bucket}/x", "down")
    assert in_folder(tmp_path / "down") == {"sub/f": b"x"}


def test_include_and_exclude_in_their_order(weir, bucket, put, tmp_path, stored):
    put("x/a.bin", "x/a.txt", "x/old/b.bin", "x/c")
    url = f"s3://{bucket}/x"
    weir("cp", "--recursive", url, "one", "--exclude", "*", "--include", "*.bin", "--exclude", "old/*")
    assert set(in_folder(tmp_path / "one")) == {"a.bin"}
    weir("cp", "--recursive", url, "two", "--exclude", "*.bin", "--include", "old/*")
    assert set(in_folder(tmp_path / "two")) == {"a.txt", "old/b.bin", "c"}
    weir("rm", "--recursive", url, "--exclude", "*", "--include", "*.bin")
    assert set(stored()) == {"x/a.txt", "x/c"}


@pytest.mark.parametrize("size", [0, 10, 19 * MiB])
def test_streams(weir, bucket, noise, stored, size):
    weir("cp", "-", f"s3://{bucket}/k", stdin=noise(size))
    assert stored() == {"k": noise(size)}
    assert weir("cp", f"s3://{bucket}/k", "-", text=False) == noise(size)


def test_from_bucket_to_bucket(weir, s3, bucket, noise, stored):
    s3.put_object(Bucket=bucket, Key="k", Body=noise(9 * MiB), ContentType="a/b", Metadata={"kept": "1"})
    weir("cp", f"s3://{bucket}/k", f"s3://{bucket}/same")
    weir("cp", f"s3://{bucket}/k", f"s3://{bucket}/other", "--metadata", "new=2")
    assert stored() == dict.fromkeys(["k", "same", "other"], noise(9 * MiB))
    same, other = (s3.head_object(Bucket=bucket, Key=key) for key in ["same", "other"])
    assert (same["ContentType"], same["Metadata"]) == ("a/b", {"kept": "1"})
    assert (other["ContentType"], other["Metadata"]) == ("a/b", {"kept": "1", "new": "2"})


def test_metadata_type_and_time(weir, s3, bucket, tmp_path):
    (tmp_path / "f").write_bytes(b"f")
    os.utime(tmp_path / "f", ns=(0, 1_600_000_000_123_456_789))
    weir("cp", "f", f"s3://{bucket}/k", "--mtime", "--metadata", "Run=a=7", "--content-type", "text/plain")
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ContentType"] == "text/plain"
    assert head["Metadata"] == {"mtime": "1600000000.123456789", "run": "a=7"}
    weir("cp", f"s3://{bucket}/k", "back", "--mtime")
    assert (tmp_path / "back").stat().st_mtime_ns == 1_600_000_000_123_456_789
    weir("cp", f"s3://{bucket}/k", "plain")
    assert (tmp_path / "plain").stat().st_mtime == head["LastModified"].timestamp()


@pytest.mark.parametrize("size", [3, 17 * MiB])
def test_if_absent(weir, bucket, put, tmp_path, noise, stored, size):
    (tmp_path / "f").write_bytes(noise(size))
    weir("cp", "f", f"s3://{bucket}/k", "--if-absent")
    put("k", body=b"theirs")
    for arguments in [("f", f"s3://{bucket}/k"), (f"s3://{bucket}/k", "f"), (f"s3://{bucket}/k", f"s3://{bucket}/k2")]:
        put("k2", body=b"two")
        result = weir("cp", *arguments, "--if-absent", check=False)
        assert result.returncode == 1 and b"--if-absent" in result.stderr, arguments
    assert stored() == {"k": b"theirs", "k2": b"two"}
    assert in_folder(tmp_path) == {"f": noise(size)}


def open_uploads(s3, bucket):
    return s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def parts_of(s3, bucket):
    uploads = open_uploads(s3, bucket)
    if not uploads:
        return []
    return s3.list_parts(Bucket=bucket, Key="k", UploadId=uploads[0]["UploadId"]).get("Parts", [])


UP = ("--part-mib", "5", "--parallelism", "1")


def test_an_upload_that_was_killed_is_gone_on_with(weir, server, s3, bucket, tmp_path, noise, stored):
    (tmp_path / "f").write_bytes(noise(42 * MiB))
    with caught(server, tmp_path, "cp", "f", f"s3://{bucket}/k", "--resume", *UP, up=18 * MiB) as process:
        process.kill()
        process.wait()
    assert stored() == {} and len(parts_of(s3, bucket)) == 3
    result = weir("cp", "f", f"s3://{bucket}/k", "--resume", *UP, check=False)
    assert result.returncode == 0 and b"; 3 parts were there" in result.stderr
    assert stored() == {"k": noise(42 * MiB)} and open_uploads(s3, bucket) == []


@pytest.mark.parametrize("options", [(), ("--resume",)], ids=["plain", "resume"])
def test_an_upload_that_is_interrupted(server, s3, bucket, tmp_path, noise, stored, options):
    (tmp_path / "f").write_bytes(noise(42 * MiB))
    with caught(server, tmp_path, "cp", "f", f"s3://{bucket}/k", *UP, *options, up=18 * MiB) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(WAITS_S) == 1
        assert b"interrupted" in process.stderr.read()
    assert stored() == {} and len(open_uploads(s3, bucket)) == len(options)


@pytest.mark.parametrize("size", [7 * MiB, 40 * MiB], ids=["one request", "ranges"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_download_that_ends_early_leaves_no_half_file(server, s3, bucket, tmp_path, noise, how, size):
    s3.put_object(Bucket=bucket, Key="k", Body=noise(size))
    target = tmp_path / "down"
    target.mkdir()
    (target / "k").write_bytes(b"old")
    with caught(server, tmp_path, "cp", f"s3://{bucket}/k", "down/k", down=3 * MiB) as process:
        process.send_signal(how)
        assert process.wait(WAITS_S) == (-how if how == signal.SIGKILL else 1)
    assert (target / "k").read_bytes() == b"old"
    # A file system that has files without names keeps nothing even of one that was killed.
    left = [name for name in in_folder(target) if how != signal.SIGKILL or not name.startswith(".weir-")]
    assert left == ["k"]


def test_what_fails_is_named_and_the_rest_is_done(weir, bucket, put, tmp_path):
    put("x/a", "x/b", "x/c")
    (tmp_path / "down" / "b").mkdir(parents=True)
    result = weir("cp", "--recursive", f"s3://{bucket}/x", "down", check=False)
    assert result.returncode == 1
    assert f"s3://{bucket}/x/b".encode() in result.stderr and b"2 files" in result.stderr and b"1 failed" in result.stderr
    assert in_folder(tmp_path / "down") == {"a": b"x", "c": b"x"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("cp",),
        ("cp", "a"),
        ("cp", "a", "b"),
        ("cp", ".", "s3://bucket"),
        ("cp", "s3://bucket/x/", "y"),
        ("cp", "-", "s3://bucket/k", "--recursive"),
        ("cp", "a", "s3://bucket", "--nonsense"),
        ("cp", "a", "s3://bucket", "--part-mib", "x"),
        ("sync", "a"),
        ("sync", "s3://bucket/a", "s3://bucket/a/"),
        ("rm", "s3://bucket"),
        ("rm", "file"),
        ("ls", "file"),
    ],
)
def test_wrong_usage(weir, arguments):
    result = weir(*arguments, check=False)
    assert result.returncode == 2 and result.stderr.startswith(b"weir: ") and b"usage: " in result.stderr


def test_errors_say_what_to_do(weir, bucket, tmp_path):
    (tmp_path / "f").write_bytes(b"f")
    missing = weir("cp", "f", "s3://no-such-bucket/k", check=False)
    assert missing.returncode == 1 and b"weir ls" in missing.stderr
    none = weir("cp", "nothing", f"s3://{bucket}/k", check=False)
    assert none.returncode == 1 and b"nothing: No such file" in none.stderr
    keys = {"AWS_ACCESS_KEY_ID": "AKIANOBODY", "AWS_SECRET_ACCESS_KEY": "hush-hush"}
    stranger = weir("ls", check=False, **keys)
    assert stranger.returncode == 1 and b"weir env" in stranger.stderr and b"hush" not in stranger.stderr
    nobody = weir("ls", check=False, without=["AWS_ACCESS_KEY_ID"])
    assert nobody.returncode == 1 and b"AWS_ACCESS_KEY_ID" in nobody.stderr
    for command in ["ls", "cp", "sync", "rm"]:
        assert "--endpoint URL" in weir(command, "--help")


def test_quiet_and_verbose(weir, bucket, tmp_path):
    (tmp_path / "f").write_bytes(b"f")
    result = weir("cp", "f", f"s3://{bucket}/k", "--quiet", check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    result = weir("cp", "f", f"s3://{bucket}/k", check=False)
    assert result.stdout == b"" and result.stderr.startswith(b"1 file, 1 B in") and b"\r" not in result.stderr
    assert weir("cp", "f", f"s3://{bucket}/k", "--verbose") == f"upload: f to s3://{bucket}/k\n"


def test_a_terminal_sees_how_far_it_is(server, bucket, tmp_path, noise):
    (tmp_path / "f").write_bytes(noise(42 * MiB))
    ours, theirs = pty.openpty()
    with caught(server, tmp_path, "cp", "f", f"s3://{bucket}/k", *UP, up=18 * MiB, stderr=theirs) as process:
        shown = b""
        while b"15.0 MiB of 42.0 MiB" not in shown:
            shown += os.read(ours, 4096)
        assert b"\r[=======             ]  36%" in shown and b" left" in shown
        process.send_signal(signal.SIGINT)
        process.wait(WAITS_S)
        while b"interrupted" not in shown:
            shown += os.read(ours, 4096)
        assert b"\r\x1b[Kweir: it was interrupted" in shown
    os.close(ours)
    os.close(theirs)


# ls


def test_listing(weir, s3, bucket, put):
    put("top", body=b"12345")
    put("folder/a", "folder/sub/b", "folder2/c")
    lines = weir("ls", f"s3://{bucket}").splitlines()
    assert lines[:2] == [" " * 27 + "PRE folder/", " " * 27 + "PRE folder2/"]
    date, clock, size, name = lines[2].split()
    assert (len(date), len(clock), size, name) == (10, 8, "5", "top")
    names = [line.split()[-1] for line in weir("ls", f"s3://{bucket}/folder/").splitlines()]
    assert names == ["sub/", "a"]
    assert [line.split()[-1] for line in weir("ls", f"s3://{bucket}/fold").splitlines()] == ["folder/", "folder2/"]
    text = weir("ls", "--recursive", "--summarize", f"s3://{bucket}/folder")
    assert [line.split()[-1] for line in text.splitlines()[:3]] == ["folder/a", "folder/sub/b", "folder2/c"]
    assert "Total Objects: 3\n   Total Size: 3\n" in text
    found = [json.loads(line) for line in weir("ls", "--json", f"s3://{bucket}").splitlines()]
    assert found[0] == {"prefix": "folder/"}
    head = s3.head_object(Bucket=bucket, Key="top")
    assert (found[2]["key"], found[2]["size"], f'"{found[2]["etag"]}"') == ("top", 5, head["ETag"])
    assert any(line.endswith(f" {bucket}") for line in weir("ls").splitlines())
    assert {"bucket": bucket}.items() <= next(
        each for line in weir("ls", "--json").splitlines() if (each := json.loads(line))["bucket"] == bucket
    ).items()
    nothing = weir("ls", f"s3://{bucket}/nothing", check=False)
    assert nothing.returncode == 1 and b"nothing begins with" in nothing.stderr


def test_more_than_a_page(weir, bucket, tmp_path, stored):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(2100):
        (folder / f"{number:04}").write_bytes(b"%d" % number)
    weir("cp", "--recursive", folder, f"s3://{bucket}/m")
    assert [line.split()[-1] for line in weir("ls", f"s3://{bucket}/m/").splitlines()] == [f"{n:04}" for n in range(2100)]
    weir("sync", f"s3://{bucket}/m", "down")
    assert in_folder(tmp_path / "down") == in_folder(folder)
    result = weir("rm", "--recursive", f"s3://{bucket}/m", check=False)
    assert result.returncode == 0 and b"2100 deleted" in result.stderr and stored() == {}


# rm


def test_removal(weir, bucket, put, stored):
    put("a", "x/1", "x/2", "xx")
    weir("rm", f"s3://{bucket}/a")
    planned = weir("rm", "--recursive", f"s3://{bucket}/x", "--dry-run").splitlines()
    assert planned == [f"(dry run) delete: s3://{bucket}/x/{n}" for n in [1, 2]]
    assert set(stored()) == {"x/1", "x/2", "xx"}
    weir("rm", "--recursive", f"s3://{bucket}/x")
    assert set(stored()) == {"xx"}


# sync


def test_sync_up_copies_what_changed(weir, bucket, model_folder, stored):
    folder, bodies = model_folder
    url = f"s3://{bucket}/up"
    weir("sync", folder, url)
    assert stored() == {f"up/{name}": body for name, body in bodies.items()}
    assert weir("sync", folder, url, "--dry-run") == ""
    (folder / "config.json").write_bytes(b"longer than before")
    later = time.time() + 10
    (folder / "empty").touch()
    os.utime(folder / "empty", (later, later))
    (folder / "new").write_bytes(b"new")
    planned = [line.split(" to ")[0] for line in weir("sync", folder, url, "--dry-run").splitlines()]
    assert planned == [f"(dry run) upload: {folder}/{name}" for name in ["config.json", "empty", "new"]]
    assert "empty" not in weir("sync", folder, url, "--dry-run", "--size-only")
    weir("sync", folder, url)
    assert stored() == {f"up/{name}": body for name, body in in_folder(folder).items()}


def test_sync_down_goes_by_size_and_time(weir, bucket, put, tmp_path):
    put("x/a", "x/b", "x/c", body=b"12")
    url = f"s3://{bucket}/x"
    weir("sync", url, "down")
    assert in_folder(tmp_path / "down") == dict.fromkeys("abc", b"12")
    assert weir("sync", url, "down", "--dry-run", "--exact-timestamps") == ""
    now = time.time()
    os.utime(tmp_path / "down/a", (now - 1000, now - 1000))
    os.utime(tmp_path / "down/b", (now + 1000, now + 1000))
    assert [line.split()[-1] for line in weir("sync", url, "down", "--dry-run").splitlines()] == ["down/b"]
    exact = weir("sync", url, "down", "--dry-run", "--exact-timestamps").splitlines()
    assert [line.split()[-1] for line in exact] == ["down/a", "down/b"]
    put("x/c", body=b"longer")
    weir("sync", url, "down")
    assert (tmp_path / "down/c").read_bytes() == b"longer"


def test_sync_delete(weir, bucket, put, tmp_path, stored):
    put("x/a", "x/keep.me", "x/sub/b")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine").write_bytes(b"mine")
    url = f"s3://{bucket}/x"
    weir("sync", url, folder, "--delete", "--exclude", "mine")
    assert set(in_folder(folder)) == {"a", "keep.me", "sub/b", "mine"}
    weir("sync", url, folder, "--delete")
    assert set(in_folder(folder)) == {"a", "keep.me", "sub/b"}
    (folder / "a").unlink()
    (folder / "keep.me").unlink()
    assert weir("sync", folder, url, "--delete", "--dry-run", "--exclude", "keep*") == f"(dry run) delete: {url}/a\n"
    weir("sync", folder, url, "--delete", "--exclude", "keep*")
    assert set(stored()) == {"x/keep.me", "x/sub/b"}


def test_sync_deletes_nothing_where_the_source_was_not_listed(weir, bucket, put, tmp_path, stored):
    put("x/a", "x/b")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine").write_bytes(b"mine")
    (folder / "broken").symlink_to("nowhere")
    gone = weir("sync", "s3://no-such-bucket/x", folder, "--delete", check=False)
    assert gone.returncode == 1 and (folder / "mine").exists()
    missing = weir("sync", tmp_path / "missing", f"s3://{bucket}/x", "--delete", check=False)
    assert missing.returncode == 1 and set(stored()) == {"x/a", "x/b"}
    partly = weir("sync", folder, f"s3://{bucket}/x", "--delete", check=False)
    assert partly.returncode == 1 and b"nothing was deleted" in partly.stderr and b"broken" in partly.stderr
    assert set(stored()) == {"x/a", "x/b", "x/mine"}


def test_sync_from_bucket_to_bucket(weir, bucket, put, stored):
    put("x/a", "x/sub/b")
    put("y/other", "y/a", body=b"longer")
    weir("sync", f"s3://{bucket}/x", f"s3://{bucket}/y", "--delete")
    assert stored("y/") == {"y/a": b"x", "y/sub/b": b"x"}


def test_options_instead_of_the_environment(weir, server, bucket, put):
    put("k", body=b"here")
    keys = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"]
    options = ["--endpoint", server.endpoint, "--region", "us-east-1"]
    options += ["--ca-file", server.verify] if server.tls else []
    assert weir("cp", f"s3://{bucket}/k", "-", *options, without=keys) == "here"
