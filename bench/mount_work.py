"""What is done in a mounted folder, each in a process of its own: `mount_work.py WHAT PATH [COUNT]`. Prints count and seconds.

The clock begins when everything is imported.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import time
from collections.abc import Callable

STEP_BYTES = 4 << 20
SMALL_BYTES = 2000
PAGE_BYTES = mmap.PAGESIZE


def read(path: str, _count: int) -> tuple[int, float]:
    """From the first byte to the last, by read(2)."""
    buffer = bytearray(STEP_BYTES)
    begin, total = time.perf_counter(), 0
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            total += count
    return total, time.perf_counter() - begin


def touch(path: str, _count: int) -> tuple[int, float]:
    """A byte of each page, by mmap(2)."""
    begin = time.perf_counter()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        total = len(mapped)
        # A slice with a step is made in C: faults, and next to nothing else.
        touched = len(mapped[::PAGE_BYTES])
    assert touched == -(-total // PAGE_BYTES)
    return total, time.perf_counter() - begin


def load(path: str, _count: int) -> tuple[int, float]:
    """safetensors.torch.load_file, and a byte of each page of every tensor."""
    import torch
    from safetensors.torch import load_file

    begin = time.perf_counter()
    tensors = load_file(path)
    total = sum(each.nbytes for each in tensors.values())
    for each in tensors.values():
        each.reshape(-1).view(torch.uint8)[::PAGE_BYTES].sum().item()
    return total, time.perf_counter() - begin


def write(path: str, count: int) -> tuple[int, float]:
    """So many bytes in order, until close(2) returns; a local file is synced as well, which a mount's close() does."""
    data = os.urandom(STEP_BYTES)
    begin, total = time.perf_counter(), 0
    with open(path, "wb", buffering=0) as file:
        while total < count:
            total += file.write(data[: count - total])
        os.fsync(file.fileno())
    return total, time.perf_counter() - begin


def create(path: str, count: int) -> tuple[int, float]:
    """So many small files, each open, write, close."""
    os.makedirs(path, exist_ok=True)
    begin = time.perf_counter()
    for number in range(count):
        with open(f"{path}/file-{number:06}", "wb", buffering=0) as file:
            file.write(b"x" * SMALL_BYTES)
    return count, time.perf_counter() - begin


def scan(path: str, _count: int) -> tuple[int, float]:
    """scandir(), and stat() of each."""
    begin, total = time.perf_counter(), 0
    with os.scandir(path) as entries:
        for entry in entries:
            total += entry.stat().st_size == SMALL_BYTES
    return total, time.perf_counter() - begin


def read_all(path: str, _count: int) -> tuple[int, float]:
    """Every file of a folder, in the order of its listing."""
    begin, total = time.perf_counter(), 0
    for name in os.listdir(path):
        with open(f"{path}/{name}", "rb", buffering=0) as file:
            total += len(file.read()) == SMALL_BYTES
    return total, time.perf_counter() - begin


WORK: dict[str, Callable[[str, int], tuple[int, float]]] = {
    each.__name__: each for each in (read, touch, load, write, create, scan, read_all)
}


def main() -> None:
    """Does one thing."""
    what, path, *count = sys.argv[1:]
    if what == "load":
        import safetensors.torch  # noqa: F401
        import torch  # noqa: F401
    done, seconds = WORK[what](path, int(count[0]) if count else 0)
    print(json.dumps({"count": done, "seconds": seconds}))


if __name__ == "__main__":
    main()
