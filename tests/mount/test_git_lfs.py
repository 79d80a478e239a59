"""git lfs in a mounted folder: its large files are stored, pushed, cloned and checked out within the mount."""

import os
import random
import shutil
import subprocess

import pytest

MIB = 1 << 20
WITHIN_S = 120
CONFIG = """
[user]
    name = x
    email = x@example.com
[init]
    defaultBranch = main
"""

pytestmark = pytest.mark.skipif(
    not shutil.which("git-lfs"), reason="git-lfs is not on this machine; tools/setup --test installs it"
)


def noise(size, seed):
    return random.Random(seed).randbytes(size)


@pytest.fixture
def git(tmp_path):
    """git(folder, "commit", ...): what it prints. Its configuration is the test's alone."""
    config = tmp_path / "gitconfig"
    config.write_text(CONFIG)
    config.chmod(0o644)
    variables = os.environ | {"GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}

    def run(folder, *arguments):
        command = ["git", "-C", folder, *arguments]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done.stdout

    return run


def test_git_lfs(mount, bucket, git):
    root = mount(bucket).folder
    bodies = {"small.bin": noise(1000, 1), "weights/large.bin": noise(24 * MIB + 7, 2), "weights/other.bin": noise(5 * MIB, 3)}
    repository, bare, clone = (root / name for name in ("repository", "bare.git", "clone"))
    repository.mkdir()
    git(repository, "init", "-q")
    git(repository, "lfs", "install", "--local")
    git(repository, "lfs", "track", "*.bin")
    (repository / "weights").mkdir()
    for name, body in bodies.items():
        (repository / name).write_bytes(body)
    (repository / "README").write_text("text\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "first")
    assert sorted(line.split()[2] for line in git(repository, "lfs", "ls-files").splitlines()) == sorted(bodies)
    changed = bodies["small.bin"] + b" and more"
    (repository / "small.bin").write_bytes(changed)
    git(repository, "commit", "-qam", "second")

    # Through a bare repository, to which git lfs copies its files by itself.
    git(root, "init", "-q", "--bare", bare)
    git(repository, "remote", "add", "origin", f"file://{bare}")
    git(repository, "push", "-q", "origin", "main")
    git(root, "clone", "-q", "--no-checkout", f"file://{bare}", clone)
    git(clone, "lfs", "install", "--local")
    git(clone, "checkout", "-q", "main")
    for name, body in (bodies | {"small.bin": changed}).items():
        assert (clone / name).read_bytes() == body, name
    git(clone, "checkout", "-q", "HEAD~1")
    assert (clone / "small.bin").read_bytes() == bodies["small.bin"]

    for folder in (repository, clone):
        git(folder, "gc", "-q", "--prune=now")
        git(folder, "fsck", "--strict")
        git(folder, "lfs", "fsck")
        assert git(folder, "status", "--porcelain") == ""
    git(repository, "lfs", "prune", "--verify-remote")

    # Whoever mounts it elsewhere has the same.
    other = mount(bucket, name="other").folder
    git(other / "clone", "lfs", "fsck")
    assert git(other / "clone", "status", "--porcelain") == ""
    assert (other / "clone/weights/large.bin").read_bytes() == bodies["weights/large.bin"]
