"""mount(8) itself: `mount -t weir` and `mount -a`, with the helper where it looks for one.

In a mount namespace of the test's own, in which a folder with nothing but the helper stands for /sbin.
"""

import pathlib
import shlex
import subprocess

import pytest

from weir_server import BINARY

WITHIN_S = 120


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "mnt"
    made.mkdir()
    return made


@pytest.fixture
def run(server, tmp_path):
    """Runs a script in which `mount` finds mount.weir; what it mounts ends with it."""
    sbin = tmp_path / "sbin"
    sbin.mkdir()
    (sbin / "mount.weir").symlink_to(BINARY)
    environment = server.client_environment() | {"HOME": str(tmp_path)}
    prologue = f"""
        set -e
        trap "umount -l mnt 2>/dev/null || :" EXIT
        mount --bind {shlex.quote(str(sbin))} {pathlib.Path("/sbin").resolve()}
        """

    def run_script(script):
        return subprocess.run(["unshare", "-m", "sh", "-c", prologue + script], env=environment, capture_output=True, text=True,
                              timeout=WITHIN_S, cwd=tmp_path, check=False)  # fmt: skip

    if run_script("test -x /sbin/mount.weir").returncode:
        pytest.skip("no mount namespace can be made here")
    return run_script


def test_by_its_type(s3, bucket, run, folder, tmp_path):
    s3.put_object(Bucket=bucket, Key="p/a", Body=b"hello")
    options = f"ro,_netdev,uid=12,cache={tmp_path}/cache,log={tmp_path}/log"
    said = run(
        f"""
        mount -t weir {bucket}:p {folder} -o {options}
        stat --format=%u {folder}/a; cat {folder}/a; echo
        if touch {folder}/b; then exit 7; fi
        {BINARY} mount status {folder} > /dev/null
        umount {folder}
        ls {folder}
        """
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.split() == ["12", "hello"]
    assert "Read-only" in said.stderr


def test_a_wrong_bucket(run, folder, tmp_path):
    said = run(f"mount -t weir nothing-like-it {folder} -o cache={tmp_path}/cache,log={tmp_path}/log")
    assert said.returncode == 32 and "NoSuchBucket" in said.stderr


def test_of_fstab(s3, bucket, run, folder, tmp_path):
    s3.put_object(Bucket=bucket, Key="p/a", Body=b"hello")
    line = f"{bucket}:p {folder} weir ro,_netdev,nofail,cache={tmp_path}/cache,log={tmp_path}/log 0 0\n"
    (tmp_path / "fstab").write_text(line)
    said = run(
        f"""
        mount -a -T fstab
        cat {folder}/a; echo
        # mount(8) knows it again by what it reads in /proc/self/mountinfo.
        mount -a -v -T fstab
        grep -c {folder} /proc/self/mountinfo
        cat {folder}/a; echo
        {BINARY} umount {folder}
        """
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == ["hello", f"{folder}: already mounted", "1", "hello"]
