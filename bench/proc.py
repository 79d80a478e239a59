"""What processes have used, from /proc: CPU time and memory of a server and all its children.

On loopback a sender does the receiver's work in the network stack, and the time is its own: so the two sides are reported
apart and together. CPU times have the kernel's resolution of 10 ms.
"""

from __future__ import annotations

import dataclasses
import mmap
import os
import pathlib

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


def tree(process_id: int) -> list[int]:
    """A process and its descendants; those that end meanwhile are left out."""
    found, waiting = [], [process_id]
    while waiting:
        number = waiting.pop()
        found.append(number)
        try:
            for task in pathlib.Path(f"/proc/{number}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def cpu_seconds(process_id: int) -> float:
    """User and system time of a tree."""
    ticks = 0
    for number in tree(process_id):
        try:
            fields = pathlib.Path(f"/proc/{number}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_S


def machine_cpu_seconds() -> float:
    """What all processors were busy with, interrupts included."""
    fields = list(map(int, pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    return (sum(fields) - fields[3] - fields[4]) / TICKS_PER_S


def memory_mib(process_id: int, field: str) -> float:
    """VmRSS or VmHWM of a tree; pages that its processes share count for each."""
    kib = 0
    for number in tree(process_id):
        try:
            lines = pathlib.Path(f"/proc/{number}/status").read_text().splitlines()
        except OSError:
            continue
        kib += sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
    return kib * 1024 / MIB


def forget_peak(process_id: int) -> None:
    """Lets VmHWM begin anew; without the right to, the peak is since the server started."""
    for number in tree(process_id):
        try:
            pathlib.Path(f"/proc/{number}/clear_refs").write_text("5")
        except OSError:
            continue


@dataclasses.dataclass(frozen=True)
class Usage:
    """Of a server, between two moments."""

    server_cpu_s: float
    machine_cpu_s: float
    peak_rss_mib: float


class Meter:
    """Measures a server from here on."""

    def __init__(self, process_id: int) -> None:
        """The window begins."""
        self.process_id = process_id
        forget_peak(process_id)
        self.machine = machine_cpu_seconds()
        self.server = cpu_seconds(process_id)

    def stop(self) -> Usage:
        """The window ends."""
        server = cpu_seconds(self.process_id) - self.server
        machine = machine_cpu_seconds() - self.machine
        return Usage(server, machine, memory_mib(self.process_id, "VmHWM"))


def touch_memory(size: int) -> None:
    """Uses memory and gives it back, so that the pages that a server's files get next are known to a virtual machine's host.

    Where the host takes unused memory away, a fresh page costs the guest's kernel a fault there, more than a second for each
    GB, and whoever happens to get such pages looks expensive.
    """
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    size = min(size, available // 2 // mmap.PAGESIZE * mmap.PAGESIZE)
    if size > 0:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE).close()
