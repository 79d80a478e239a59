"""GETs: from the page cache, from the disk, of many sizes at once, over TLS, and what a thousand connections hold."""

from __future__ import annotations

import os
import pathlib
import time

import load
import proc
import servers
from cases import Case, Row, Settings, get, of_best, of_figure, of_number, of_plain, of_row, of_server, warmup_s
from load import Sample

COLD_FILES = 8
READ_BYTES = 1 << 20


class GetLarge(Case):
    """Throughput."""

    name = "get-256m"
    writes = False
    rows = (
        Row(
            name,
            "GET 256 MiB, 8 connections",
            "gb",
            (of_best("server_s_per_gb", True, 1.1), of_best("gb_per_s", False, 0.95)),
        ),
    )

    def prepare(self, settings: Settings, server: servers.Server) -> None:
        """One object."""
        server.put("large", settings.file(256 << 20))

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """The same one for all."""
        return {self.name: get(server, settings, ["large"], 8)}


class GetMiddle(Case):
    """What reading a model by ranges or in shards costs."""

    name = "get-1m"
    writes = False
    rows = (
        Row(
            name,
            "GET 1 MiB, 32 connections",
            "operation",
            (
                of_server("server_us_per_operation", True, 1, "versitygw"),
                of_server("operation_per_s", False, 1, "nginx"),
            ),
        ),
    )

    def prepare(self, settings: Settings, server: servers.Server) -> None:
        """One object."""
        server.put("middle", settings.file(1 << 20))

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """The same one for all."""
        return {self.name: get(server, settings, ["middle"], 32)}


class GetSmall(Case):
    """The cost of a request."""

    name = "get-4k"
    writes = False
    rows = (
        Row(
            name,
            "GET 4 KiB, signed, 32 connections",
            "operation",
            (
                of_server("server_us_per_operation", True, 3, "nginx"),
                of_server("operation_per_s", False, 5, "versitygw"),
            ),
        ),
    )

    def prepare(self, settings: Settings, server: servers.Server) -> None:
        """One object."""
        server.put("small", settings.file(4096))

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """The same one for all."""
        return {self.name: get(server, settings, ["small"], 32)}


class GetCold(Case):
    """From the disk, which is read in the same round for comparison."""

    name = "cold"
    writes = False
    ours = True
    rows = (
        Row("cold-1", "cold GET, one stream", "gb", (of_figure("gb_per_s", "disk_gb_per_s", "disk"),)),
        Row("cold-8", "cold GET, eight streams", "gb", (of_figure("gb_per_s", "disk_gb_per_s", "disk"),)),
    )

    def prepare(self, settings: Settings, server: servers.Server) -> None:
        """Eight objects."""
        for number in range(COLD_FILES):
            server.put(f"cold{number}", settings.file(settings.cold_bytes // COLD_FILES))

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """Each object once, one after the other and all at once."""
        assert server.data is not None
        samples: dict[str, Sample] = {}
        for row, connections in (("cold-1", 1), ("cold-8", COLD_FILES)):
            disk = disk_gb_per_s(settings, server.data)
            forget_pages(server.data)
            with load.target_file(*(server.target(f"cold{number}") for number in range(COLD_FILES))) as targets:
                client = load.s3_load(server, targets=targets, connections=connections, operations=COLD_FILES)
                (sample,) = load.measure(server, client)
            samples[row] = sample | {"disk_gb_per_s": disk}
        return samples


def forget_pages(folder: pathlib.Path) -> None:
    """Drops a folder's files from the page cache, which takes no privilege and leaves other people's there."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size >= READ_BYTES:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def disk_gb_per_s(settings: Settings, folder: pathlib.Path) -> float:
    """The rate at which one reader gets files of the same size, in order, from the same disk without the page cache."""
    scratch = folder.parent / "scratch"
    if not scratch.exists():
        scratch.mkdir()
        source = settings.file(settings.cold_bytes // COLD_FILES).read_bytes()
        for number in range(COLD_FILES):
            (scratch / str(number)).write_bytes(source)
    forget_pages(scratch)
    buffer = bytearray(READ_BYTES)
    begin, done = time.monotonic(), 0
    for path in sorted(scratch.iterdir()):
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                done += count
    return done / 1e9 / (time.monotonic() - begin)


class Mixed(Case):
    """Small requests must not wait behind large ones."""

    name = "mixed"
    writes = False
    rows = (
        Row("mixed-large-alone", "8 x GET 256 MiB, alone", "gb"),
        Row("mixed-small-alone", "4 x GET 4 KiB, alone", "operation"),
        Row(
            "mixed-large",
            "8 x GET 256 MiB, beside the small",
            "gb",
            (of_row("gb_per_s", False, 0.9, "mixed-large-alone"),),
        ),
        Row(
            "mixed-small",
            "4 x GET 4 KiB, beside the large",
            "operation",
            (of_server("p50_us", True, 1, "nginx"), of_server("p99_us", True, 1, "nginx")),
        ),
    )

    def prepare(self, settings: Settings, server: servers.Server) -> None:
        """Two objects."""
        server.put("large", settings.file(256 << 20))
        server.put("small", settings.file(4096))

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """Each alone, then both."""
        samples = {
            "mixed-large-alone": get(server, settings, ["large"], 8),
            "mixed-small-alone": get(server, settings, ["small"], 4),
        }
        with load.target_file(server.target("large")) as large, load.target_file(server.target("small")) as small:
            window = {"warmup": warmup_s(settings), "seconds": settings.seconds}
            both = load.measure(
                server,
                load.s3_load(server, targets=large, connections=8, **window),
                load.s3_load(server, targets=small, connections=4, **window),
            )
        return samples | {"mixed-large": both[0], "mixed-small": both[1]}


class GetTls(Case):
    """What encryption adds."""

    name = "tls-get"
    writes = False
    modes = (False, True)
    rows = (Row(name, "GET 256 MiB, 8 connections, TLS", "gb", (of_plain("server_s_per_gb", 0.35),)),)

    def prepare(self, settings: Settings, server: servers.Server) -> None:
        """One object."""
        server.put("large", settings.file(256 << 20))

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """The same one for all."""
        return {self.name: get(server, settings, ["large"], 8)}


class Memory(Case):
    """Idle, and under a thousand connections at work."""

    name = "memory"
    connections = 1000
    rows = (
        Row("memory-idle", "idle, just started", "operation", (of_number("peak_rss_mib", True, 64),)),
        Row("memory-get", "1000 connections, GET 1 MiB", "operation", (of_number("peak_rss_mib", True, 512),)),
        Row("memory-put", "1000 connections, PUT 1 MiB", "operation", (of_number("peak_rss_mib", True, 512),)),
    )
    once = True

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """In this order."""
        idle = {"peak_rss_mib": proc.memory_mib(server.process_id, "VmRSS"), "errors": 0}
        server.put("middle", settings.file(1 << 20))
        window = {"connections": self.connections, "seconds": settings.seconds}
        put = load.s3_load(server, "whole", verb="put", prefix="m/", count=5000, body_bytes=1 << 20, **window)
        return {
            "memory-idle": idle,
            "memory-get": get(server, settings, ["middle"], self.connections),
            "memory-put": load.measure(server, put)[0],
        }


CASES: list[Case] = [GetLarge(), GetMiddle(), GetSmall(), GetCold(), Mixed(), GetTls(), Memory()]
