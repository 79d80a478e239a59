"""Random operations on a mount and on a local folder: both answer alike, errors included, and hold the same afterwards.

WEIR_TEST_SEED repeats a run, WEIR_MODEL_STEPS makes it longer. What a bucket cannot do is not asked for.
"""

import mmap
import os
import random
import stat

import pytest

KIB, MIB = 1 << 10, 1 << 20
STEPS = int(os.environ.get("WEIR_MODEL_STEPS", "1500"))
NAMES = ["a", "b", "c", "d.bin", "e.safetensors"]


class Pair:
    """The mount and the model; every operation is done on both."""

    def __init__(self, pick, mounted, model, moves_folders):
        self.pick = pick
        self.moves_folders = moves_folders  # or empty ones alone
        self.roots = (mounted, model)
        self.open = []  # [(path, descriptor of the mount, descriptor of the model)]
        self.done = []

    def both(self, what, call):
        """`call(root)` on both; what it returns, or its errno, must be the same."""
        answers = []
        for root in self.roots:
            try:
                answers.append(call(root))
            except OSError as error:
                answers.append(("errno", error.errno))
        self.done.append(f"{what} -> {str(answers[1])[:60]}")
        assert answers[0] == answers[1], self.story(f"the mount says {str(answers[0])[:200]}")
        return answers[1]

    def story(self, end):
        return "\n".join([*self.done[-30:], end])

    def path(self, folders=False):
        depth = self.pick.choice([0, 0, 1, 1, 2])
        parts = [self.pick.choice(["x", "y", "z"]) for _ in range(depth)]
        if not folders:
            parts.append(self.pick.choice(NAMES))
        return "/".join(parts or ["x"])

    def noise(self, size):
        return self.pick.randbytes(size)

    def size(self):
        return self.pick.choice([0, 1, 100, 4095, 4096, 5000, 70 * KIB, 300 * KIB, self.pick.randrange(12 * MIB)])

    # Operations.

    def write_whole(self):
        path, body = self.path(), self.noise(self.size())
        self.both(f"write {path} {len(body)}", lambda root: (root / path).write_bytes(body))

    def append(self):
        path, body = self.path(), self.noise(self.pick.randrange(10_000))

        def call(root):
            with open(root / path, "ab") as file:
                return file.write(body)

        self.both(f"append {path} {len(body)}", call)

    def patch(self):
        path, body, at = self.path(), self.noise(self.pick.randrange(1, 50_000)), self.pick.randrange(2 * MIB)

        def call(root):
            descriptor = os.open(root / path, self.pick_flags)
            try:
                return os.pwrite(descriptor, body, at)
            finally:
                os.close(descriptor)

        self.pick_flags = self.pick.choice([os.O_WRONLY, os.O_RDWR])
        self.both(f"patch {path} {at}+{len(body)}", call)

    def truncate(self):
        path, size = self.path(), self.size()
        self.both(f"truncate {path} {size}", lambda root: os.truncate(root / path, size))

    def map(self):
        path, body = self.path(), self.noise(100)

        def call(root):
            with open(root / path, "r+b") as file:
                size = os.fstat(file.fileno()).st_size
                if size < 200:
                    return size
                with mmap.mmap(file.fileno(), size) as mapped:
                    at = (size * 7) // 11 % (size - 100)
                    mapped[at : at + 100] = body
                    mapped.flush()
                return size

        self.both(f"map {path}", call)

    def read(self):
        path, at, size = self.path(), self.pick.choice([0, self.pick.randrange(MIB)]), self.size()

        def call(root):
            with open(root / path, "rb", buffering=0) as file:
                return os.pread(file.fileno(), size, at)

        self.both(f"read {path} {at}+{size}", call)

    def stat(self):
        path = self.pick.choice([self.path(), self.path(folders=True)])

        def call(root):
            found = os.lstat(root / path)
            return (found.st_mode, 0 if stat.S_ISDIR(found.st_mode) else found.st_size)

        self.both(f"stat {path}", call)

    def list(self):
        path = self.path(folders=True)
        self.both(f"list {path}", lambda root: sorted(os.listdir(root / path)))

    def mkdir(self):
        path = self.path(folders=True)
        self.both(f"mkdir {path}", lambda root: os.mkdir(root / path))

    def rmdir(self):
        path = self.path(folders=True)
        self.both(f"rmdir {path}", lambda root: os.rmdir(root / path))

    def unlink(self):
        path = self.path()
        self.both(f"unlink {path}", lambda root: os.unlink(root / path))

    def rename(self):
        source, target = self.path(), self.path()
        self.both(f"rename {source} {target}", lambda root: os.rename(root / source, root / target))

    def rename_folder(self):
        source, target = self.path(folders=True), self.path(folders=True)
        model = self.roots[1] / source
        if not self.moves_folders and model.is_dir() and any(model.iterdir()):
            return
        self.both(f"rename {source}/ {target}/", lambda root: os.rename(root / source, root / target))

    def symlink(self):
        path, target = self.path(), self.path()
        self.both(f"symlink {path}", lambda root: os.symlink(target, root / path))

    def chmod(self):
        path, mode = self.path(), self.pick.choice([0o644, 0o600, 0o755, 0o640])
        self.both(f"chmod {path} {mode:o}", lambda root: os.chmod(root / path, mode))

    def utime(self):
        path, time = self.path(), self.pick.randrange(10**18)

        def call(root):
            os.utime(root / path, ns=(time, time))
            return os.stat(root / path).st_mtime_ns

        self.both(f"utime {path}", call)

    def exclusive(self):
        path, body = self.path(), self.noise(self.pick.randrange(1000))

        def call(root):
            descriptor = os.open(root / path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o640)
            os.write(descriptor, body)
            os.close(descriptor)

        self.both(f"exclusive {path}", call)

    # Files that stay open while other things happen.

    def open_one(self):
        if len(self.open) >= 6:
            return
        path = self.path()
        flags = self.pick.choice([os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_WRONLY, os.O_RDWR | os.O_CREAT | os.O_TRUNC])
        opened = []

        def call(root):
            opened.append(os.open(root / path, flags, 0o644))

        if self.both(f"open {path} {flags:o}", call) is None:
            self.open.append((path, *opened))

    def with_open(self, what, call):
        path, one, other = self.pick.choice(self.open)
        answers = []
        for descriptor in (one, other):
            try:
                answers.append(call(descriptor))
            except OSError as error:
                answers.append(("errno", error.errno))
        self.done.append(f"open {path}: {what} -> {str(answers[1])[:60]}")
        assert answers[0] == answers[1], self.story(f"the mount says {str(answers[0])[:200]}")

    def open_write(self):
        if self.open:
            body, at = self.noise(self.size() // 4), self.pick.randrange(MIB)
            self.with_open(f"write {at}+{len(body)}", lambda descriptor: os.pwrite(descriptor, body, at))

    def open_read(self):
        if self.open:
            at, size = self.pick.randrange(MIB), self.size()
            self.with_open(f"read {at}+{size}", lambda descriptor: os.pread(descriptor, size, at))

    def open_truncate(self):
        if self.open:
            size = self.size()
            self.with_open(f"truncate {size}", lambda descriptor: os.ftruncate(descriptor, size))

    def open_sync(self):
        if self.open:
            self.with_open("sync", os.fsync)

    def open_size(self):
        if self.open:
            self.with_open("size", lambda descriptor: os.fstat(descriptor).st_size)

    def close_one(self):
        if self.open:
            path, *descriptors = self.open.pop(self.pick.randrange(len(self.open)))
            self.done.append(f"close {path}")
            for descriptor in descriptors:
                os.close(descriptor)

    def step(self):
        often = [self.write_whole, self.patch, self.read, self.append, self.open_write, self.open_read]
        seldom = [
            *(self.truncate, self.map, self.stat, self.list, self.mkdir, self.rmdir, self.unlink, self.rename),
            *(self.rename_folder, self.symlink, self.chmod, self.utime, self.exclusive),
            *(self.open_one, self.open_truncate, self.open_sync, self.open_size, self.close_one),
        ]
        self.pick.choice(often + seldom + seldom)()

    def close_all(self):
        while self.open:
            self.close_one()


def contents(root):
    found = {}
    for base, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(base, name)
            about = os.lstat(path)
            if stat.S_ISLNK(about.st_mode):
                body = os.readlink(path)
            else:
                body = None if stat.S_ISDIR(about.st_mode) else open(path, "rb").read()
            found[os.path.relpath(path, root)] = (about.st_mode, body)
    return found


def differences(one, other):
    return {
        path: [(oct(each[path][0]), each[path][1] and len(each[path][1])) if path in each else None for each in (one, other)]
        for path in one.keys() | other.keys()
        if one.get(path) != other.get(path)
    }


@pytest.mark.parametrize("options", [[], ["--async-close"]], ids=["sync", "async"])
def test_a_mount_is_a_folder(tmp_path, server, mount, bucket, options):
    seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(10**9)))
    print(f"WEIR_TEST_SEED={seed}")
    model = tmp_path / "model"
    model.mkdir()
    mounted = mount(bucket, *options)
    pair = Pair(random.Random(seed), mounted.folder, model, getattr(server, "moves_folders", True))
    old_mask = os.umask(0o022)
    try:
        for step in range(STEPS):
            pair.step()
            if step % 200 == 199:
                assert differences(contents(mounted.folder), contents(model)) == {}, pair.story("")
        pair.close_all()
        assert differences(contents(mounted.folder), contents(model)) == {}, pair.story("")
    finally:
        os.umask(old_mask)
        for _, *descriptors in pair.open:
            for descriptor in descriptors:
                os.close(descriptor)
    mounted.stop()
    mounted.clear_cache()
    assert differences(contents(mount(bucket, name="again").folder), contents(model)) == {}, pair.story("")
