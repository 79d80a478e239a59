"""The daemon stays within its memory, however many read and write large files at once."""

import hashlib
import mmap
import threading

import pytest

MIB = 1 << 20
# By the options that are given: what it may be altogether.
BUDGETS = {"default": ([], 256 * MIB), "small": (["--memory-bytes", str(32 * MIB)], 96 * MIB)}
THREADS = 64
FILES = 16
FILE_BYTES = 32 * MIB
PIECE_BYTES = MIB


class Body:
    """A large body that need not be held: each piece is made of its number and place."""

    def __init__(self, number):
        self.number = number

    def piece(self, at):
        seed = hashlib.sha256(b"%d %d" % (self.number, at)).digest()
        return seed * (PIECE_BYTES // len(seed))

    def whole(self):
        return b"".join(self.piece(at) for at in range(0, FILE_BYTES, PIECE_BYTES))


def run_all(calls):
    """Each in a thread of its own; raises what one of them raised."""
    failures = []

    def run(call):
        try:
            call()
        except BaseException as failure:  # of any kind: the test raises it
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def read(path, number, begin):
    """All of a file, from somewhere in it on."""
    with open(path, "rb", buffering=0) as file:
        for i in range(0, FILE_BYTES, PIECE_BYTES):
            at = (begin + i) % FILE_BYTES
            file.seek(at)
            assert file.read(PIECE_BYTES) == Body(number).piece(at), (path, at)


def map_and_read(path, number, begin):
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for i in range(0, FILE_BYTES, PIECE_BYTES):
            at = (begin + i) % FILE_BYTES
            assert mapped[at : at + PIECE_BYTES] == Body(number).piece(at), (path, at)


def write(path, number):
    with open(path, "wb", buffering=0) as file:
        for at in range(0, FILE_BYTES, PIECE_BYTES):
            file.write(Body(number).piece(at))


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("reader", [read, map_and_read], ids=["read", "mmap"])
def test_sixty_four_threads(mount, s3, bucket, reader, budget):
    """Three of four read, several a file; the others write, and all that they wrote is read back by the SDK."""
    writers = THREADS // 4
    # Weights are fetched whole, others ahead of their readers.
    names = [f"{number}.{'dat' if number % 2 else 'safetensors'}" for number in range(FILES)]
    for number, name in enumerate(names):
        s3.put_object(Bucket=bucket, Key=name, Body=Body(number).whole())
    options, resident_bytes_max = BUDGETS[budget]
    one = mount(bucket, *options)
    calls = [lambda i=i: write(one.folder / f"new-{i}.dat", 100 + i) for i in range(writers)]
    for i in range(THREADS - writers):
        begin = (i // FILES) * 7 * PIECE_BYTES
        calls.append(lambda i=i, begin=begin: reader(one.folder / names[i % FILES], i % FILES, begin))
    run_all(calls)
    peak = one.resident_bytes()
    print(f"{peak / MIB:.0f} MiB")
    for i in range(writers):
        stored = s3.get_object(Bucket=bucket, Key=f"new-{i}.dat")["Body"]
        for at in range(0, FILE_BYTES, PIECE_BYTES):
            assert stored.read(PIECE_BYTES) == Body(100 + i).piece(at), (i, at)
        assert stored.read() == b""
    assert peak < resident_bytes_max
