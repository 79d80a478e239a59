"""Locks between two processes of one mount, by flock(2) and fcntl(2)."""

import errno
import fcntl
import os
import signal

import pytest

BUSY = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)  # POSIX allows fcntl(2) the last


def elsewhere(path, lock, *region):
    """The errno with which another process fails to lock the file; 0 if it gets the lock, which it lets go at once."""
    child = os.fork()
    if child == 0:
        code = 255
        try:
            lock(os.open(path, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB, *region)
            code = 0
        except OSError as error:
            code = error.errno
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture(params=[fcntl.flock, fcntl.lockf], ids=["flock", "fcntl"])
def lock(request):
    return request.param


def test_one_at_a_time(mounted, lock):
    path = mounted.folder / "lock"
    path.write_bytes(b"x")
    with open(path, "r+b") as file:
        assert elsewhere(path, lock) == 0
        lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert elsewhere(path, lock) in BUSY
        lock(file, fcntl.LOCK_UN)
        assert elsewhere(path, lock) == 0
        lock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert elsewhere(path, lock) in BUSY
    assert elsewhere(path, lock) == 0, "closed"


def test_ranges(mounted):
    path = mounted.folder / "lock"
    path.write_bytes(bytes(100))
    with open(path, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 20)  # 20 to 29
        assert elsewhere(path, fcntl.lockf, 10, 25) in BUSY
        assert elsewhere(path, fcntl.lockf, 10, 30) == 0
        assert elsewhere(path, fcntl.lockf, 10, 10) == 0


def test_whoever_dies_lets_go(mounted, lock):
    path = mounted.folder / "lock"
    path.write_bytes(b"x")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            lock(os.open(path, os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(writing, b"x")
            signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    try:
        assert os.read(reading, 1) == b"x"
        assert elsewhere(path, lock) in BUSY
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
    assert elsewhere(path, lock) == 0
