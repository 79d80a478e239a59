"""What is written through a mount is in the bucket when close(2), fsync(2) or the call itself returns."""

import errno
import json
import mmap
import os
import random
import shutil
import signal
import stat
import subprocess
import threading
import time

import mounts
import pytest

from weir_server import BINARY

MIB = 1 << 20


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


@pytest.fixture
def root(mounted):
    return mounted.folder


@pytest.fixture
def get(s3, bucket):
    return lambda key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.fixture
def keys(s3, bucket):
    def make(prefix=""):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    return make


def test_create_append_overwrite(root, get):
    path = root / "a"
    path.write_bytes(b"hello")
    assert get("a") == b"hello"
    with open(path, "ab") as file:
        file.write(b" world")
    assert get("a") == path.read_bytes() == b"hello world"
    with open(path, "r+b") as file:
        file.seek(1)
        file.write(b"E")
        file.flush()
        assert path.read_bytes() == b"hEllo world"
        assert get("a") == b"hello world", "neither closed nor synced"
        os.fsync(file.fileno())
        assert get("a") == b"hEllo world"
    path.write_bytes(b"")
    assert get("a") == b""


def test_exclusive_is_a_conditional_put(s3, bucket, root, get):
    descriptor = os.open(root / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    assert get("lock") == b"", "there before it is closed"
    os.write(descriptor, b"me")
    os.close(descriptor)
    assert get("lock") == b"me"
    with pytest.raises(FileExistsError):
        os.open(root / "lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    os.listdir(root)
    s3.put_object(Bucket=bucket, Key="theirs", Body=b"x")
    with pytest.raises(FileExistsError):
        os.open(root / "theirs", os.O_CREAT | os.O_EXCL | os.O_WRONLY)


def test_large_files_in_every_order(root, get):
    body = noise(40 * MIB + 12345)
    (root / "sequential").write_bytes(body)
    assert get("sequential") == body
    pieces = [(at, body[at : at + 300_000]) for at in range(0, len(body), 300_000)]
    random.Random(3).shuffle(pieces)
    with open(root / "shuffled", "wb") as file:
        for at, piece in pieces:
            file.seek(at)
            file.write(piece)
    assert get("shuffled") == body
    with open(root / "shuffled", "r+b") as file:
        file.seek(20 * MIB)
        file.write(b"changed")
    assert get("shuffled") == body[: 20 * MIB] + b"changed" + body[20 * MIB + 7 :]
    with open(root / "shuffled", "rb") as file:
        file.seek(20 * MIB)
        assert file.read(7) == b"changed"


def test_a_writer_reads_what_it_wrote(root):
    with open(root / "rw", "w+b") as file:
        file.write(b"x" * 100_000)
        file.seek(50_000)
        file.write(b"middle")
        file.seek(49_998)
        assert file.read(10) == b"xxmiddlexx"
        assert os.stat(root / "rw").st_size == 100_000


def test_truncate(root, get):
    path = root / "t"
    path.write_bytes(noise(100_000))
    os.truncate(path, 10_000)
    assert get("t") == noise(100_000)[:10_000]
    os.truncate(path, 20_000)
    assert get("t") == noise(100_000)[:10_000] + bytes(10_000)
    with open(path, "r+b") as file:
        file.truncate(5)
        assert os.fstat(file.fileno()).st_size == 5
    assert get("t") == noise(100_000)[:5]


def test_fallocate(root, get):
    descriptor = os.open(root / "f", os.O_CREAT | os.O_RDWR)
    os.write(descriptor, b"x" * 100_000)
    os.posix_fallocate(descriptor, 0, 200_000)
    subprocess.run(["fallocate", "--punch-hole", "--offset", "1000", "--length", "50000", root / "f"], check=True)
    os.close(descriptor)
    assert get("f") == b"x" * 1000 + bytes(50_000) + b"x" * 49_000 + bytes(100_000)


def test_mmap(root, get):
    descriptor = os.open(root / "m", os.O_CREAT | os.O_RDWR)
    os.ftruncate(descriptor, 3 * MIB)
    mapped = mmap.mmap(descriptor, 3 * MIB)
    mapped[5:9] = b"mmap"
    mapped[2 * MIB : 2 * MIB + 4] = b"more"
    mapped.flush()
    os.fsync(descriptor)
    assert get("m")[5:9] == b"mmap"
    os.close(descriptor)
    mapped[10:14] = b"late"
    mapped.close()
    deadline = time.monotonic() + 30
    while get("m")[10:14] != b"late" and time.monotonic() < deadline:
        time.sleep(0.05)
    body = get("m")
    assert (body[5:9], body[10:14], body[2 * MIB : 2 * MIB + 4]) == (b"mmap", b"late", b"more")


def test_folders(root, keys):
    (root / "d" / "e").mkdir(parents=True)
    assert keys() == ["d/", "d/e/"]
    (root / "d" / "e" / "f").write_bytes(b"1")
    with pytest.raises(OSError) as refused:
        (root / "d").rmdir()
    assert refused.value.errno == errno.ENOTEMPTY
    with pytest.raises(FileExistsError):
        (root / "d").mkdir()
    (root / "d" / "e" / "f").unlink()
    (root / "d" / "e").rmdir()
    (root / "d").rmdir()
    assert keys() == [] and os.listdir(root) == []


def test_an_implied_folder_outlives_its_last_file(s3, bucket, root, keys):
    s3.put_object(Bucket=bucket, Key="implied/only", Body=b"x")
    assert os.listdir(root / "implied") == ["only"]
    (root / "implied" / "only").unlink()
    assert os.listdir(root) == ["implied"] and keys() == ["implied/"]


def test_rmdir_asks_the_store(s3, bucket, root):
    (root / "d").mkdir()
    assert os.listdir(root / "d") == []
    s3.put_object(Bucket=bucket, Key="d/theirs", Body=b"x")
    with pytest.raises(OSError) as refused:
        (root / "d").rmdir()
    assert refused.value.errno == errno.ENOTEMPTY


def test_rename(root, get, keys):
    (root / "a").write_bytes(b"a")
    (root / "b").write_bytes(b"b")
    with open(root / "b", "rb") as old:
        os.rename(root / "a", root / "b")
        assert old.read() == b"b", "whoever has it open keeps it"
    assert keys() == ["b"] and get("b") == b"a" == (root / "b").read_bytes()
    with open(root / "b", "r+b") as file:
        file.write(b"A and more")
        os.rename(root / "b", root / "c")
        file.write(b"!")
    assert keys() == ["c"] and get("c") == b"A and more!"
    with open(root / "new", "wb") as file:
        file.write(b"new")
        os.rename(root / "new", root / "c")
    assert keys() == ["c"] and get("c") == b"new" == (root / "c").read_bytes()


def test_rename_folders(root, get, keys):
    (root / "d" / "e").mkdir(parents=True)
    for i in range(20):
        (root / "d" / "e" / str(i)).write_bytes(str(i).encode())
    with open(root / "d" / "open", "wb") as file, open(root / "d" / "e" / "7", "rb") as reader:
        file.write(b"before")
        os.rename(root / "d", root / "n")
        file.write(b" and after")
        assert reader.read() == b"7"
    assert get("n/open") == b"before and after"
    assert keys("d/") == [] and len(keys("n/e/")) == 21
    assert (root / "n" / "e" / "3").read_bytes() == b"3" and not (root / "d").exists()
    (root / "full").mkdir()
    (root / "full" / "x").write_bytes(b"")
    with pytest.raises(OSError) as refused:
        os.rename(root / "n", root / "full")
    assert refused.value.errno == errno.ENOTEMPTY
    with pytest.raises(OSError) as refused:
        os.rename(root / "n", root / "n" / "e" / "within")
    assert refused.value.errno == errno.EINVAL


def test_a_folder_of_versions_is_renamed_while_a_file_in_it_is_written(s3, bucket, root, get):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    (root / "d").mkdir()
    with open(root / "d/f", "wb") as file:
        file.write(noise(9 * MIB))
        file.flush()
        os.fsync(file.fileno())
        os.rename(root / "d", root / "e")
        file.write(b" and more")
    assert get("e/f") == noise(9 * MIB) + b" and more"


def test_unlink_while_open(root, keys):
    with open(root / "u", "w+b") as file:
        file.write(b"data")
        file.flush()
        os.unlink(root / "u")
        file.seek(0)
        assert file.read() == b"data"
        file.write(b" and more")
        file.seek(0)
        assert file.read() == b"data and more"
        assert os.fstat(file.fileno()).st_size == 13
    assert keys() == [] and os.listdir(root) == []
    (root / "r").write_bytes(noise(3 * MIB))
    with open(root / "r", "rb") as file:
        os.unlink(root / "r")
        assert file.read() == noise(3 * MIB)


def test_attributes_stay(mount, s3, bucket, root):
    path = root / "a"
    path.write_bytes(b"x")
    os.chmod(path, 0o751)
    os.utime(path, ns=(1, 1_600_000_000_123_456_789))
    os.setxattr(path, "user.one", b"1\0binary\xff")
    os.setxattr(path, "user.two", b"2")
    os.removexattr(path, "user.two")
    os.symlink("a", root / "link")
    (root / "d").mkdir()
    os.chmod(root / "d", 0o700)
    with pytest.raises(OSError) as refused:
        os.setxattr(path, "user.large", b"x" * 3000)
    assert refused.value.errno == errno.ENOSPC
    with pytest.raises(OSError) as refused:
        os.setxattr(path, "user.one", b"", os.XATTR_CREATE)
    assert refused.value.errno == errno.EEXIST
    other = mount(bucket, name="other").folder
    for folder in (root, other):
        found = os.stat(folder / "a")
        assert found.st_mode & 0o7777 == 0o751 and found.st_mtime_ns == 1_600_000_000_123_456_789
        assert os.getxattr(folder / "a", "user.one") == b"1\0binary\xff"
        assert os.listxattr(folder / "a") == ["user.one"]
        assert os.readlink(folder / "link") == "a" and (folder / "link").read_bytes() == b"x"
        assert os.stat(folder / "d").st_mode & 0o7777 == 0o700
    assert s3.head_object(Bucket=bucket, Key="a")["Metadata"]["mode"] == str(0o100751)


def test_extended_attributes_change_a_file(root):
    (root / "a").write_bytes(b"x")
    times = [(root / "a").stat().st_ctime_ns]
    for change in (lambda: os.setxattr(root / "a", "user.x", b"1"), lambda: os.removexattr(root / "a", "user.x")):
        time.sleep(0.01)
        change()
        times.append((root / "a").stat().st_ctime_ns)
    assert times[0] < times[1] < times[2]


def test_a_folder_with_set_group_id_gives_its_group(root):
    (root / "d").mkdir()
    group = os.getegid()
    if os.geteuid() == 0:
        group = mounts.NOBODY
        os.chown(root / "d", 0, group)
    os.chmod(root / "d", 0o2775)
    (root / "d/e").mkdir()
    (root / "d/f").write_bytes(b"x")
    os.symlink("f", root / "d/l")
    assert (root / "d/e").stat().st_mode & stat.S_ISGID
    assert not (root / "d/f").stat().st_mode & stat.S_ISGID
    assert {os.lstat(root / "d" / name).st_gid for name in "efl"} == {group}


def test_a_folder_that_others_put_anew_gives_its_group(s3, bucket, root):
    """What the journal tells of a folder is without its metadata, which is asked for where it matters."""
    (root / "d").mkdir()
    os.chmod(root / "d", 0o2775)
    folder = os.open(root / "d", os.O_RDONLY | os.O_DIRECTORY)
    assert os.listdir(folder) == []
    s3.put_object(Bucket=bucket, Key="d/", Metadata=s3.head_object(Bucket=bucket, Key="d/")["Metadata"])
    s3.put_object(Bucket=bucket, Key="then")
    mounts.eventually(lambda: "then" in os.listdir(root))
    os.mkdir("e", dir_fd=folder)
    assert os.stat("e", dir_fd=folder).st_mode & stat.S_ISGID
    os.close(folder)


def test_a_rewritten_object_keeps_its_headers(s3, bucket, root, get):
    old, new = noise(24 * MIB), noise(24 * MIB, seed=2)
    s3.put_object(Bucket=bucket, Key="typed", Body=old, ContentType="text/weights", CacheControl="no-cache")
    with open(root / "typed", "r+b") as file:
        file.write(new)
    assert get("typed") == new
    head = s3.head_object(Bucket=bucket, Key="typed")
    assert head["ContentType"] == "text/weights"
    assert head["CacheControl"] == "no-cache"


def test_safetensors(root, get):
    numpy = pytest.importorskip("numpy")
    safetensors = pytest.importorskip("safetensors.numpy")
    tensors = {f"layer.{i}": numpy.random.default_rng(i).random((512, 1024), dtype=numpy.float32) for i in range(12)}
    for _ in range(2):
        safetensors.save_file(tensors, root / "model.safetensors")
        loaded = safetensors.load_file(root / "model.safetensors")
        assert all((loaded[name] == tensor).all() for name, tensor in tensors.items())
        assert os.listdir(root) == ["model.safetensors"]
        assert safetensors.load(get("model.safetensors")).keys() == tensors.keys()
        tensors["layer.0"] += 1


def test_a_checkpoint_by_temporary_name_sync_and_rename(root, get, keys):
    (root / "ckpt").mkdir()
    for step in range(3):
        body = noise(20 * MIB, step)
        with open(root / "ckpt" / ".model.tmp", "wb") as file:
            for at in range(0, len(body), 131_072):
                file.write(body[at : at + 131_072])
            file.flush()
            os.fsync(file.fileno())
        os.replace(root / "ckpt" / ".model.tmp", root / "ckpt" / "model.pt")
        assert get("ckpt/model.pt") == body
        assert keys("ckpt/") == ["ckpt/", "ckpt/model.pt"]


def source_tree(folder):
    """Files, folders, links, modes and times to copy."""
    pick = random.Random(7)
    for i in range(60):
        path = folder / f"d{i % 5}" / f"f{i}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pick.randbytes(pick.choice([0, 1, 100, 5000, 300_000])))
        os.chmod(path, pick.choice([0o644, 0o600, 0o755]))
        os.utime(path, ns=(0, pick.randrange(10**18, 2 * 10**18)))
    os.symlink("f0", folder / "d0" / "link")
    (folder / "large").write_bytes(noise(20 * MIB))
    (folder / "empty").mkdir()


def facts(folder):
    found = {}
    for base, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(base, name)
            stat = os.lstat(path)
            link = os.path.islink(path)
            body = os.readlink(path) if link else b"" if os.path.isdir(path) else open(path, "rb").read()
            times = None if link or os.path.isdir(path) else stat.st_mtime_ns
            found[os.path.relpath(path, folder)] = (stat.st_mode, times, body)
    return found


@pytest.mark.parametrize("how", ["cp", "rsync", "tar"])
def test_trees_are_copied(tmp_path, mount, bucket, mounted, how):
    if how == "rsync" and not shutil.which("rsync"):
        pytest.fail("rsync is not installed: tools/setup --test installs it")
    source = tmp_path / "source"
    source.mkdir()
    source_tree(source)
    subprocess.run(["chmod", "-R", "a+rX", source], check=True)
    target = mounted.folder / "copy"
    target.mkdir()
    if how == "tar":
        subprocess.run(["tar", "--format=pax", "-C", source, "-cf", tmp_path / "t.tar", "."], check=True)
        subprocess.run(["tar", "-C", target, "-xpf", tmp_path / "t.tar"], check=True)
    else:
        options = {"cp": ["cp", "-a"], "rsync": ["rsync", "-a"]}[how]
        subprocess.run([*options, f"{source}/.", target], check=True)
    assert facts(target) == facts(source)
    assert facts(mount(bucket, name="other").folder / "copy") == facts(source)
    if how == "rsync":
        again = subprocess.run(["rsync", "-ai", f"{source}/.", target], check=True, capture_output=True, text=True)
        assert [line for line in again.stdout.splitlines() if line.startswith(">")] == []
    shutil.rmtree(target)
    assert os.listdir(mounted.folder) == []


def test_times_that_are_set_after_closing_stay(root, s3, bucket):
    """As rsync does it, while the journal tells of each step."""
    for i in range(600):
        temporary, final, at = root / f".file{i}.x", root / f"file{i}", 1_300_000_000_000_000_000 + i * 1_000_000_007
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.write(descriptor, b"x" * i)
        os.close(descriptor)
        os.utime(temporary, ns=(at, at))
        os.chmod(temporary, 0o644)
        os.rename(temporary, final)
        assert os.stat(final).st_mtime_ns == at, i
        if i % 50 == 0:
            assert s3.head_object(Bucket=bucket, Key=f"file{i}")["Metadata"]["mtime"] == f"{at // 10**9}.{at % 10**9:09}", i


def test_git(root, user):
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "safe.directory=*", "-C", root / "repo"]
    (root / "repo").mkdir()
    subprocess.run([*git, "init", "-q"], check=True)
    for i in range(30):
        (root / "repo" / f"file{i}").write_text(f"line {i}\n" * i)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    (root / "repo" / "file3").write_text("changed\n")
    subprocess.run([*git, "commit", "-qam", "second"], check=True)
    subprocess.run([*git, "gc", "-q"], check=True)
    subprocess.run([*git, "fsck", "--strict"], check=True)
    assert subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True, text=True).stdout == ""
    log = subprocess.run([*git, "log", "--oneline"], check=True, capture_output=True, text=True).stdout
    assert len(log.splitlines()) == 2


def test_editors(root, get):
    path = root / "text"
    path.write_text("one\n")
    # vim: backup by rename, then a new file of the old name.
    os.rename(path, root / "text~")
    with open(path, "w") as file:
        file.write("two\n")
        file.flush()
        os.fsync(file.fileno())
    os.unlink(root / "text~")
    assert get("text") == b"two\n"
    subprocess.run(["sed", "-i", "s/two/three/", path], check=True)
    assert get("text") == b"three\n" == path.read_bytes()
    assert os.listdir(root) == ["text"]


def test_many_write_at_once(root, get):
    failures = []

    def work(number):
        try:
            for i in range(20):
                path = root / f"{number}-{i}"
                path.write_bytes(noise(5000, number * 100 + i))
                os.rename(path, root / f"{number}-{i}-done")
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(os.listdir(root)) == 160
    assert get("3-7-done") == noise(5000, 307)


def test_threads_write_one_file(root, get):
    body = noise(32 * MIB)
    descriptor = os.open(root / "shared", os.O_CREAT | os.O_WRONLY)

    def work(number):
        for at in range(number * 100_000, len(body), 400_000):
            os.pwrite(descriptor, body[at : at + 100_000], at)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(descriptor)
    assert get("shared") == body


def test_a_dead_endpoint_is_an_error_and_its_return_none(own_server, mount):
    server = own_server(listen="127.0.0.1:0").start()
    s3 = server.client()
    s3.create_bucket(Bucket="dead-end")
    mounted = mount("dead-end", environment=server.client_environment())
    path = mounted.folder / "file"
    file = open(path, "wb", buffering=0)
    file.write(b"first")
    server.process.send_signal(signal.SIGSTOP)
    raised = []

    def sync():
        try:
            os.fsync(file.fileno())
        except OSError as error:
            raised.append(error)

    thread = threading.Thread(target=sync)
    thread.start()
    time.sleep(1)
    server.process.send_signal(signal.SIGCONT)
    thread.join(timeout=60)
    assert not thread.is_alive() and not raised, "a pause is no failure"
    server.kill()
    file.write(b" and second")
    with pytest.raises(OSError):
        file.close()
    mounted.kill()
    server.listen = f"127.0.0.1:{server.port}"
    server.start()
    try:
        assert s3.get_object(Bucket="dead-end", Key="file")["Body"].read() == b"first"
        mounted.options.append("--recover")
        mounted.start()
        assert path.read_bytes() == b"first and second"
        assert server.client().get_object(Bucket="dead-end", Key="file")["Body"].read() == b"first and second"
    finally:
        # By whoever started it: as nobody that is a child of the fixtures' process.
        mounted.stop()
        server.stop()


def test_a_full_cache_is_an_error(mount, s3, bucket):
    mounted = mount(bucket, "--cache-bytes", str(32 * MIB))
    with pytest.raises(OSError) as refused, open(mounted.folder / "large", "wb", buffering=0) as file:
        for _ in range(64):
            file.write(bytes(MIB))
    assert refused.value.errno == errno.ENOSPC
    os.unlink(mounted.folder / "large")
    (mounted.folder / "small").write_bytes(b"there is room again")
    assert s3.get_object(Bucket=bucket, Key="small")["Body"].read() == b"there is room again"


def test_killed_it_loses_only_what_was_not_closed(mount, s3, bucket):
    mounted = mount(bucket)
    (mounted.folder / "closed").write_bytes(noise(10 * MIB))
    file = open(mounted.folder / "open", "wb", buffering=0)
    file.write(noise(20 * MIB))
    mounted.kill()
    with pytest.raises(OSError):
        file.write(b"x")
    mounted.start()
    assert (mounted.folder / "closed").read_bytes() == noise(10 * MIB)
    assert not (mounted.folder / "open").exists()
    mounted.stop()
    mounted.options.append("--recover")
    mounted.start()
    assert (mounted.folder / "open").read_bytes() == noise(20 * MIB), "the process died, not the machine"


def test_close_may_be_asynchronous(mount, s3, bucket):
    mounted = mount(bucket, "--async-close")
    bodies = {f"f{i}": noise(i * 100, i) for i in range(300)}
    for name, body in bodies.items():
        (mounted.folder / name).write_bytes(body)
    for name, body in bodies.items():
        assert (mounted.folder / name).read_bytes() == body
    for i in range(0, 300, 3):
        os.rename(mounted.folder / f"f{i}", mounted.folder / f"r{i}")
    for i in range(1, 300, 3):
        os.unlink(mounted.folder / f"f{i}")
    with open(mounted.folder / "synced", "wb") as file:
        file.write(b"now")
        file.flush()
        os.fsync(file.fileno())
        assert s3.get_object(Bucket=bucket, Key="synced")["Body"].read() == b"now"
    mounted.stop()
    expected = {f"r{i}": bodies[f"f{i}"] for i in range(0, 300, 3)} | {f"f{i}": bodies[f"f{i}"] for i in range(2, 300, 3)}
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert sorted(item["Key"] for item in listed) == sorted([*expected, "synced"])
    for name, body in expected.items():
        assert s3.get_object(Bucket=bucket, Key=name)["Body"].read() == body


def test_status_tells_what_is_written(mount, s3, bucket):
    mounted = mount(bucket)

    def status():
        told = subprocess.run([BINARY, "mount", "status", mounted.folder, "--json"], check=True, capture_output=True, text=True)
        return json.loads(told.stdout)

    with open(mounted.folder / "file", "wb", buffering=0) as file:
        file.write(b"first")
        os.fsync(file.fileno())
        file.write(b"second")
        s3.put_object(Bucket=bucket, Key="file", Body=b"theirs")
        with pytest.raises(OSError):
            os.fsync(file.fileno())
        assert "file" in json.dumps(status())
        os.unlink(mounted.folder / "file")


def test_a_read_only_mount_refuses(mount, s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    root = mount(bucket, "--read-only").folder
    for refused in (
        lambda: (root / "new").write_bytes(b""),
        lambda: open(root / "a", "r+b"),
        lambda: os.unlink(root / "a"),
        lambda: os.mkdir(root / "d"),
        lambda: os.rename(root / "a", root / "b"),
        lambda: os.chmod(root / "a", 0),
    ):
        with pytest.raises(OSError) as error:
            refused()
        assert error.value.errno in (errno.EROFS, errno.EACCES)
