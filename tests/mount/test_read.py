"""What is in a bucket is in the folder: names, attributes and bytes, before and after they change elsewhere."""

import concurrent.futures
import ctypes
import errno
import hashlib
import mmap
import os
import random
import stat
import struct
import threading
import time
from functools import partial

import pytest

MIB = 1 << 20
SEEN_WITHIN_S = 5  # the product says 1; the machine may be busy


def put(s3, bucket, key, body=b"", **headers):
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **headers)


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def eventually(check):
    """Until it holds: what others changed is seen soon."""
    deadline = time.monotonic() + SEEN_WITHIN_S
    while True:
        try:
            return check()
        except (AssertionError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_names_and_bytes(s3, bucket, mounted):
    files = {"a.txt": b"hello", "empty": b"", "d/e/f.bin": noise(3 * MIB + 17), "d/g": noise(5)}
    for key, body in files.items():
        put(s3, bucket, key, body)
    put(s3, bucket, "marker/")
    root = mounted.folder
    eventually(lambda: os.stat(root / "marker"))
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, root)] = file.read()
    assert found == files
    assert sorted(os.listdir(root)) == ["a.txt", "d", "empty", "marker"]
    assert os.listdir(root / "marker") == []
    assert os.stat(root / "d/e/f.bin").st_size == 3 * MIB + 17
    for missing in ("nothing", "d/nothing", "a.txt/x", "d/e/f"):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            os.stat(root / missing)


def test_attributes(s3, bucket, mounted):
    metadata = {"mode": str(0o100644), "uid": "12", "gid": "34", "mtime": "1600000000.123456789",
                "weir-xattr-ovzwk4romexgc": "dmFsdWU="}  # fmt: skip
    put(s3, bucket, "f", b"x", Metadata=metadata)
    put(s3, bucket, "link", b"f", Metadata={"mode": str(0o120777)})
    put(s3, bucket, "folder/", Metadata={"mode": str(0o40700), "uid": "5"})
    put(s3, bucket, "folder/x", b"x")
    root = mounted.folder
    told = eventually(lambda: os.lstat(root / "f"))
    assert (stat.filemode(told.st_mode), told.st_uid, told.st_gid) == ("-rw-r--r--", 12, 34)
    assert told.st_mtime_ns == 1600000000123456789
    assert os.listxattr(root / "f") == ["user.a.a"]
    assert os.getxattr(root / "f", "user.a.a") == b"value"
    with pytest.raises(OSError) as raised:
        os.getxattr(root / "f", "user.none")
    assert raised.value.errno == errno.ENODATA
    assert os.readlink(root / "link") == "f"
    assert stat.filemode(os.stat(root / "folder").st_mode) == "drwx------"
    assert os.stat(root / "folder").st_uid == 5
    plain = os.stat(root)
    assert plain.st_uid == (mounted.user or 0)


def test_random_reads_and_mmap(s3, bucket, mounted):
    body = noise(20 * MIB + 123)
    for name in ("model.safetensors", "other.dat"):
        put(s3, bucket, name, body)
    chance = random.Random(7)
    for name in ("model.safetensors", "other.dat"):
        path = mounted.folder / name
        eventually(partial(os.stat, path))
        with open(path, "rb") as file:
            for _ in range(50):
                at, size = chance.randrange(len(body)), chance.randrange(1, 2 * MIB)
                assert os.pread(file.fileno(), size, at) == body[at : at + size]
            with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
                assert hashlib.sha256(mapped).digest() == hashlib.sha256(body).digest()


def test_a_second_mount_finds_the_cache(s3, bucket, mount):
    body = noise(9 * MIB)
    put(s3, bucket, "m.safetensors", body)
    first = mount(bucket)
    assert (first.folder / "m.safetensors").read_bytes() == body
    first.stop()
    s3.delete_object(Bucket=bucket, Key="m.safetensors")
    put(s3, bucket, "m.safetensors", body)
    first.start()
    assert (first.folder / "m.safetensors").read_bytes() == body


def test_changes_elsewhere(s3, bucket, mounted):
    root = mounted.folder
    put(s3, bucket, "d/f", b"one")
    eventually(lambda: os.stat(root / "d/f"))
    assert (root / "d/f").read_bytes() == b"one"
    put(s3, bucket, "d/f", b"second")
    eventually(lambda: _equal((root / "d/f").read_bytes(), b"second"))
    put(s3, bucket, "d/new", b"")
    eventually(lambda: _equal(sorted(os.listdir(root / "d")), ["f", "new"]))
    s3.delete_object(Bucket=bucket, Key="d/f")
    s3.delete_object(Bucket=bucket, Key="d/new")
    eventually(lambda: _equal(os.path.exists(root / "d"), False))


def _equal(one, other):
    # Not compared by assert itself, which would be a long while showing how they differ.
    if one != other:
        raise AssertionError("other bytes")


def test_who_has_it_open_keeps_what_he_opened(s3, bucket, mounted):
    old, new = noise(30 * MIB, 1), noise(30 * MIB, 2)
    put(s3, bucket, "m.safetensors", old)
    eventually(lambda: os.stat(mounted.folder / "m.safetensors"))
    with open(mounted.folder / "m.safetensors", "rb") as file:
        _equal(file.read(), old)
        put(s3, bucket, "m.safetensors", new)
        eventually(lambda: _equal((mounted.folder / "m.safetensors").read_bytes(), new))
        file.seek(0)
        _equal(file.read(), old)


def test_a_version_that_is_kept_is_read_by_all_who_have_it_open(s3, bucket, mounted):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    body = noise(96 * MIB)
    put(s3, bucket, "x.dat", body)
    with eventually(lambda: open(mounted.folder / "x.dat", "rb", buffering=0)) as file:
        for number in range(1100):  # more than a page of versions
            put(s3, bucket, "x.dat", b"%d" % number)
        barrier = threading.Barrier(16)

        def read(at):
            barrier.wait()
            return os.pread(file.fileno(), 4096, at) == body[at : at + 4096]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert all(pool.map(read, range(0, 96 * MIB, 6 * MIB)))


def test_as_it_was(s3, bucket, mount):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(s3, bucket, "gone", b"then")
    for number in range(1100):  # more than a page, so that a name is asked for alone
        put(s3, bucket, f"n{number:04}")
    put(s3, bucket, "f/x", b"then")
    last = put(s3, bucket, "latest.json", b"then")
    time.sleep(0.01)  # a listing tells milliseconds
    for number in range(1100):  # a page of what was not there yet
        put(s3, bucket, "latest.json", b"%d" % number)
        put(s3, bucket, f"later/{number}")
    s3.delete_object(Bucket=bucket, Key="gone")
    s3.delete_object(Bucket=bucket, Key="f/x")
    root = mount(f"{bucket}@{last['VersionId']}").folder
    assert (root / "latest.json").read_text() == "then"
    assert (root / "f/x").read_text() == "then"
    assert not os.path.exists(root / "later/7")
    assert (root / "gone").read_text() == "then"
    assert set(os.listdir(root)) - {"later"} == {"gone", "f", "latest.json"} | {f"n{number:04}" for number in range(1100)}


def test_what_is_gone_and_was_not_read_is_stale(s3, bucket, mounted):
    put(s3, bucket, "x.dat", noise(200 * MIB))
    with eventually(lambda: open(mounted.folder / "x.dat", "rb", buffering=0)) as file:
        assert len(os.pread(file.fileno(), 4096, 0)) == 4096
        s3.delete_object(Bucket=bucket, Key="x.dat")
        with pytest.raises(OSError) as raised:
            os.pread(file.fileno(), 4096, 150 * MIB)
        assert raised.value.errno == errno.ESTALE


def test_large_folders(s3, bucket, mounted):
    keys = [f"large/{number:05}.txt" for number in range(2500)]
    for key in keys:
        put(s3, bucket, key, key.encode())
    root = mounted.folder
    eventually(lambda: os.stat(root / keys[-1]))
    # A name alone, of a folder that is not known whole.
    assert (root / keys[1700]).read_text() == keys[1700]
    assert not os.path.exists(root / "large/none")
    assert sorted(os.listdir(root / "large")) == [key[6:] for key in keys]
    for key in keys:
        assert (root / key).read_text() == key


def test_a_folder_is_read_from_any_place(s3, bucket, mounted):
    """As seekdir(3) does, back and forth, by replies that hold a few names."""
    for number in range(200):
        put(s3, bucket, f"d/{number:03}")
    libc = ctypes.CDLL(None, use_errno=True)
    folder = os.open(mounted.folder / "d", os.O_RDONLY | os.O_DIRECTORY)

    def names_from(place):
        os.lseek(folder, place, os.SEEK_SET)
        buffer = ctypes.create_string_buffer(1024)
        size = libc.getdents64(folder, buffer, len(buffer))
        assert size >= 0, (place, os.strerror(ctypes.get_errno()))
        found, at = [], 0
        while at < size:
            _, after, length, _ = struct.unpack_from("=QqHB", buffer, at)
            found.append((place, buffer.raw[at + 19 : at + length].rstrip(b"\0")))
            place, at = after, at + length
        return found, place

    places, place = [], 0
    while (told := names_from(place))[0]:
        places += told[0]
        place = told[1]
    assert len(places) == 202
    random.Random(7).shuffle(places)
    for place, name in places:
        assert names_from(place)[0][0] == (place, name)
    os.close(folder)


def test_hidden_keys(s3, bucket, mounted):
    for key in ("a//b", "a/./c", "a/../d", "a/ok", "both", "both/x"):
        put(s3, bucket, key, b"x")
    eventually(lambda: _equal(sorted(os.listdir(mounted.folder)), ["a", "both"]))
    assert os.listdir(mounted.folder / "a") == ["ok"]
    assert os.listdir(mounted.folder / "both") == ["x"]


def test_prefix_and_read_only(s3, bucket, mount):
    put(s3, bucket, "p/q/f", b"x")
    put(s3, bucket, "other", b"y")
    mounted = mount(f"{bucket}:p", "--read-only")
    assert os.listdir(mounted.folder) == ["q"]
    for attempt in (lambda: open(mounted.folder / "new", "wb"), lambda: os.unlink(mounted.folder / "q/f")):
        with pytest.raises(OSError) as raised:
            attempt()
        assert raised.value.errno == errno.EROFS


def test_a_file_larger_than_the_cache(s3, bucket, mount):
    body = noise(96 * MIB)
    put(s3, bucket, "large.dat", body)
    mounted = mount(bucket, "--cache-bytes", "32M")
    digest = hashlib.sha256()
    with open(mounted.folder / "large.dat", "rb") as file:
        while piece := file.read(MIB):
            digest.update(piece)
    assert digest.digest() == hashlib.sha256(body).digest()


def test_seek_and_statfs(s3, bucket, mounted):
    put(s3, bucket, "f", b"12345")
    with eventually(lambda: open(mounted.folder / "f", "rb")) as file:
        assert os.lseek(file.fileno(), 2, os.SEEK_DATA) == 2
        assert os.lseek(file.fileno(), 2, os.SEEK_HOLE) == 5
        with pytest.raises(OSError) as raised:
            os.lseek(file.fileno(), 9, os.SEEK_DATA)
        assert raised.value.errno == errno.ENXIO
    assert os.statvfs(mounted.folder).f_namemax == 255
