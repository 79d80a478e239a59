"""`weir mount` and `weir umount` as a person calls them: in the background, with errors before the prompt is back."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import mounts
import pytest

from weir_server import BINARY

WITHIN_S = 60
# Mounted and unmounted; WEIR_MOUNTS=1000 is what a release is tried with.
MOUNTS = int(os.environ.get("WEIR_MOUNTS", "25"))
RUN = pathlib.Path("/run/weir")


@pytest.fixture
def weir(server, tmp_path):
    """Runs weir with the server's environment; whatever is mounted in the test's folder at its end is taken away."""

    def run(*arguments, check=True, program=BINARY, without=(), **variables):
        environment = server.client_environment() | {"HOME": str(tmp_path)} | variables
        for name in without:
            environment.pop(name, None)
        result = subprocess.run(
            [str(each) for each in (program, *arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            cwd=tmp_path,
            check=False,
        )
        assert not check or result.returncode == 0, (arguments, result.returncode, result.stderr)
        return result

    yield run
    for folder in reversed(mounted_below(tmp_path)):
        subprocess.run(["umount", "-l", folder], check=False)


def mounted_below(folder):
    table = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4] for line in table if line.split()[4].startswith(str(folder))]


def status_of(weir, folder):
    return json.loads(weir("mount", "status", folder, "--json").stdout)


def runs(pid):
    """One that has ended may wait for init to notice."""
    try:
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def await_end(pid):
    deadline = time.monotonic() + WITHIN_S
    while runs(pid):
        assert time.monotonic() < deadline, f"process {pid} does not end"
        time.sleep(0.02)


def test_background(s3, bucket, weir, tmp_path):
    s3.put_object(Bucket=bucket, Key="a/b", Body=b"hello")
    folder = tmp_path / "made" / "by" / "mount"
    weir("mount", bucket, folder, "--cache", "cache", "--log", tmp_path / "log")
    assert (folder / "a/b").read_bytes() == b"hello"
    status = status_of(weir, folder)
    assert (status["source"], status["folder"]) == (bucket, str(folder))
    assert status["cache_folder"] == str(tmp_path / "cache")
    # The daemon has let go of the terminal, and of the folder that it was called in.
    assert os.readlink(f"/proc/{status['pid']}/cwd") == "/"
    assert {os.readlink(f"/proc/{status['pid']}/fd/{each}") for each in (0, 1, 2)} == {"/dev/null"}
    weir("umount", folder)
    assert mounted_below(tmp_path) == []
    assert not runs(status["pid"])
    assert "is unmounted" in (tmp_path / "log").read_text()


def test_a_relative_folder_and_a_prefix(s3, bucket, weir, tmp_path):
    s3.put_object(Bucket=bucket, Key="models/llama/config.json", Body=b"{}")
    s3.put_object(Bucket=bucket, Key="models-too", Body=b"no")
    weir("mount", f"{bucket}:models/llama", "weights", "--cache", "cache", "--log", "log")
    assert os.listdir(tmp_path / "weights") == ["config.json"]
    (tmp_path / "link").symlink_to("weights")
    weir("umount", "link")
    assert mounted_below(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("nothing-like-it", "mnt"), 32, "NoSuchBucket"),
        (("BUCKET", "mnt", "--endpoint", "http://127.0.0.1:1"), 32, "refused"),
        (("BUCKET", "mnt", "--endpoint", "gopher://x"), 32, "gopher"),
        (("BUCKET", "mnt", "--cache", "/proc/none"), 32, "/proc/none"),
        (("BUCKET", "/proc/none"), 32, "/proc/none"),
        (("BUCKET",), 2, "usage"),
        (("BUCKET", "mnt", "--secret-key", "x"), 2, "--secret-key"),
        (("BUCKET", "mnt", "-o", "colour=red"), 2, "colour"),
        (("BUCKET@someday", "mnt"), 2, "someday"),
    ],
)
def test_errors_come_before_the_prompt(bucket, weir, tmp_path, arguments, code, sentence):
    given = [each.replace("BUCKET", bucket) for each in arguments]
    result = weir("mount", "--cache", "cache", "--log", "log", *given, check=False)
    assert result.returncode == code, result.stderr
    assert result.stderr.startswith("weir: ") and sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert mounted_below(tmp_path) == []


def test_wrong_keys(bucket, weir):
    result = weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log", check=False, AWS_SECRET_ACCESS_KEY="wrong")
    assert result.returncode == 32
    assert "SignatureDoesNotMatch" in result.stderr


def status_socket(folder):
    return RUN / f"mount-{crc64nvme(os.fsencode(folder)):016x}.sock"


def test_a_socket_that_nobody_listens_at_ends_no_mount(s3, bucket, weir, tmp_path):
    s3.put_object(Bucket=bucket, Key="a", Body=b"hello")
    weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log")
    pid = status_of(weir, tmp_path / "mnt")["pid"]
    path = status_socket(tmp_path / "mnt")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
    with open(tmp_path / "mnt/b", "wb") as file:
        file.write(b"not yet closed")
        again = weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log", check=False)
        assert again.returncode == 32 and "already" in again.stderr
        assert weir("mount", "status", "mnt", check=False).returncode == 1
        assert (tmp_path / "mnt/a").read_bytes() == b"hello"
    assert weir("umount", "mnt", check=False).returncode == 0
    await_end(pid)
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"not yet closed"
    assert path.exists(), "it is none of the daemon's"
    path.unlink()


def test_twice_at_one_folder(bucket, weir, tmp_path):
    weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log")
    again = weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log", check=False)
    assert again.returncode == 32 and "already" in again.stderr
    weir("umount", "mnt")
    nothing = weir("umount", "mnt", check=False)
    assert nothing.returncode == 1 and "nothing of Weir's" in nothing.stderr


def test_busy(s3, bucket, weir, tmp_path):
    s3.put_object(Bucket=bucket, Key="a", Body=b"hello")
    weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log")
    pid = status_of(weir, tmp_path / "mnt")["pid"]
    with open(tmp_path / "mnt/a", "rb") as file:
        busy = weir("umount", "mnt", check=False)
        assert busy.returncode == 1 and "in use" in busy.stderr
        weir("umount", "mnt", "--lazy")
        assert mounted_below(tmp_path) == []
        assert file.read() == b"hello"
    await_end(pid)


def test_a_killed_daemon_is_healed(s3, bucket, weir, tmp_path):
    s3.put_object(Bucket=bucket, Key="a", Body=b"hello")
    for heal in ("umount", "mount"):
        weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log")
        pid = status_of(weir, tmp_path / "mnt")["pid"]
        os.kill(pid, signal.SIGKILL)
        await_end(pid)
        with pytest.raises(OSError, match="not connected|connection abort"):
            os.listdir(tmp_path / "mnt")
        dead = weir("mount", "status", "mnt", check=False)
        assert dead.returncode == 1 and "gone" in dead.stderr
        if heal == "umount":
            weir("umount", "mnt")
            assert os.listdir(tmp_path / "mnt") == []
        else:
            weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log")
            assert (tmp_path / "mnt/a").read_bytes() == b"hello"
            weir("umount", "mnt")


def test_sigterm(bucket, weir, tmp_path):
    weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log")
    pid = status_of(weir, tmp_path / "mnt")["pid"]
    os.kill(pid, signal.SIGTERM)
    await_end(pid)
    assert mounted_below(tmp_path) == []


def test_sudo_mounts_for_the_person_who_called_it(s3, bucket, weir, tmp_path):
    s3.put_object(Bucket=bucket, Key="a", Body=b"hello")
    weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log", SUDO_UID="65534", SUDO_GID="65533")
    found = os.stat(tmp_path / "mnt/a")
    assert (found.st_uid, found.st_gid) == (65534, 65533)
    # Others may use it, and the person may ask for its status.
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    someone = ["setpriv", "--reuid=65534", "--regid=65533", "--clear-groups"]
    read = subprocess.run([*someone, "cat", tmp_path / "mnt/a"], capture_output=True, check=True)
    assert read.stdout == b"hello"
    subprocess.run([*someone, BINARY, "mount", "status", tmp_path / "mnt"], capture_output=True, check=True)
    umount = [*someone, BINARY, "umount", tmp_path / "mnt"]
    refused = subprocess.run(umount, capture_output=True, text=True, check=False)
    assert refused.returncode == 1 and "sudo weir umount" in refused.stderr
    weir("umount", "mnt")


def test_sudo_drops_the_keys(bucket, weir):
    dropped = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
    result = weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log", check=False, without=dropped, SUDO_UID="65534",
                  SUDO_GID="65534")  # fmt: skip
    assert result.returncode == 32
    for word in ("no credentials", "/etc/weir/env", "--preserve-env", ".aws/credentials"):
        assert word in result.stderr


def test_keys_of_a_profile(server, bucket, weir, tmp_path):
    (tmp_path / "credentials").write_text(
        "[mine]\naws_access_key_id = {AWS_ACCESS_KEY_ID}\naws_secret_access_key = {AWS_SECRET_ACCESS_KEY}\n".format(
            **server.exports
        )
    )
    (tmp_path / "config").write_text(f"[profile mine]\nendpoint_url = {server.endpoint}\n")
    dropped = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
    weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log", "--profile", "mine", without=dropped,
         AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"), AWS_CONFIG_FILE=str(tmp_path / "config"))  # fmt: skip
    weir("umount", "mnt")


def test_the_helper_of_mount(s3, bucket, weir, tmp_path):
    """As mount(8) calls it for `mount -t weir` and /etc/fstab."""
    s3.put_object(Bucket=bucket, Key="p/a", Body=b"hello")
    helper = tmp_path / "mount.weir"
    helper.symlink_to(BINARY)
    options = f"rw,noauto,_netdev,ro,uid=12,cache={tmp_path}/cache,log={tmp_path}/log"
    weir(f"{bucket}:p", tmp_path / "mnt", "-n", "-o", options, "-f", program=helper)
    assert mounted_below(tmp_path) == []
    weir(f"{bucket}:p", tmp_path / "mnt", "-n", "-o", options, program=helper)
    assert os.stat(tmp_path / "mnt/a").st_uid == 12
    with pytest.raises(OSError, match="Read-only"):
        (tmp_path / "mnt/b").write_bytes(b"")
    weir("umount", "mnt")
    wrong = weir(bucket, tmp_path / "mnt", "-o", "colour=red", program=helper, check=False)
    assert wrong.returncode == 1 and "colour" in wrong.stderr


def test_nothing_secret_is_told(server, bucket, weir, tmp_path):
    secret = server.exports["AWS_SECRET_ACCESS_KEY"]
    weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log", "--log-level", "debug")
    told = weir("mount", "status", "mnt", "--json").stdout + weir("mount", "status", "mnt", "--metrics").stdout
    pid = status_of(weir, tmp_path / "mnt")["pid"]
    line = pathlib.Path(f"/proc/{pid}/cmdline").read_text()
    weir("umount", "mnt")
    for text in (told, line, (tmp_path / "log").read_text(), pathlib.Path("/proc/self/mountinfo").read_text()):
        assert secret not in text


def test_status_and_metrics(s3, bucket, weir, tmp_path):
    s3.put_object(Bucket=bucket, Key="a.bin", Body=b"x" * 3_000_000)
    weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log", "--no-store-files", "--cache-bytes", "64M",
         "--memory-bytes", "40M")  # fmt: skip
    assert len((tmp_path / "mnt/a.bin").read_bytes()) == 3_000_000
    status = status_of(weir, tmp_path / "mnt")
    assert status["budgets"]["cache_bytes_max"] == 64 << 20
    assert status["budgets"]["memory_bytes_max"] == 40 << 20
    assert status["budgets"]["cache_bytes"] >= 3_000_000
    assert status["requests"]["received_bytes"] >= 3_000_000
    metrics = weir("mount", "status", "mnt", "--metrics").stdout
    assert f"weir_mount_received_bytes_total {status['requests']['received_bytes']}" in metrics
    people = weir("mount", "status", "mnt").stdout
    assert bucket in people and "64.0 MiB" in people
    weir("umount", "mnt")


def crc64nvme(data):
    crc = (1 << 64) - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x9A6C9329AC4BC9B5 if crc & 1 else 0)
    return crc ^ (1 << 64) - 1


def test_many_mounts_leave_nothing(s3, bucket, weir, tmp_path):
    s3.put_object(Bucket=bucket, Key="a", Body=b"hello")
    path = status_socket(tmp_path / "mnt")
    for _ in range(MOUNTS):
        weir("mount", bucket, "mnt", "--cache", "cache", "--log", "log")
        assert path.exists()
        assert (tmp_path / "mnt/a").read_bytes() == b"hello"
        weir("umount", "mnt")
    assert mounted_below(tmp_path) == []
    assert not path.exists()
    ours = subprocess.run(["pgrep", "-f", f"mount {bucket} "], capture_output=True, text=True, check=False)
    assert ours.stdout == ""
    # One entry, and the small files that describe it: not one a mount.
    assert sum(1 for each in (tmp_path / "cache").rglob("*") if each.is_file()) < 20


def test_umount_of_a_user(mount, bucket, user):
    if user is None:
        pytest.skip("only for those who are not root")
    one = mount(bucket)
    result = subprocess.run(
        [*one.who, BINARY, "umount", one.folder],
        env=one.environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert not mounts.is_mounted(one.folder)
    assert one.process.wait(timeout=WITHIN_S) == 0
