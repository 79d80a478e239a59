"""PUTs: by boto3 as users have it, and large and small ones by a client that costs nothing."""

from __future__ import annotations

import hashlib
import time

import load
import servers
from cases import Case, Row, Settings, Target, of_figure, of_plain, of_server, warmup_s
from load import Sample

MIB = 1 << 20


class Upload(Case):
    """boto3's upload_file: parts of 8 MiB whose hash is signed."""

    fills_memory = True

    def __init__(self, connections: int) -> None:
        """That many at a time."""
        self.name = f"upload-{connections}"
        self.connections = connections
        title = f"boto3 upload_file 256 MiB, {connections} threads"
        cpu = of_server("server_s_per_gb", True, 0.35 if connections >= 16 else 0.45, "versitygw")
        self.rows = (Row(self.name, title, "gb", (cpu, of_server("gb_per_s", False, 1.0, "versitygw"))),)

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """Until the time is over."""
        file = settings.file(256 * MIB)
        return {self.name: load.measure(server, load.boto3_client(server, file, self.connections, settings.seconds))[0]}


def put_large(settings: Settings, server: servers.Server, connections: int) -> Sample:
    """PUTs of 64 MiB until the time is over and the last is answered."""
    client = load.s3_load(
        server,
        "whole",
        verb="put",
        prefix="large/",
        count=2 * connections,
        body_bytes=64 * MIB,
        connections=connections,
        seconds=settings.seconds,
    )
    return load.measure(server, client)[0]


def md5_gb_per_s() -> float:
    """OpenSSL's, of one stream, which is what an ETag costs at least."""
    block = bytes(MIB)
    digest = hashlib.md5(usedforsecurity=False)
    begin, blocks = time.monotonic(), 0
    while time.monotonic() - begin < 0.5:
        digest.update(block)
        blocks += 1
    return blocks * len(block) / 1e9 / (time.monotonic() - begin)


class PutLarge(Case):
    """Bodies whose hash is signed, some at a time."""

    fills_memory = True

    def __init__(self, connections: int, targets: tuple[Target, ...]) -> None:
        """That many."""
        self.name = f"put-64m-{connections}"
        self.connections = connections
        self.rows = (Row(self.name, f"PUT 64 MiB, {connections} at a time", "gb", targets),)

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """With MD5's rate beside it."""
        md5 = {"md5_gb_per_s": md5_gb_per_s()} if self.connections == 1 else {}
        return {self.name: put_large(settings, server, self.connections) | md5}


class PutSmall(Case):
    """Objects a second; Weir's are durable when they are answered."""

    name = "put-4k"
    rows = (
        Row(
            name,
            "PUT 4 KiB, 16 connections",
            "operation",
            (
                of_server("server_us_per_operation", True, 0.33, "versitygw"),
                of_server("operation_per_s", False, 1.4, "versitygw"),
            ),
        ),
    )

    def __init__(self) -> None:
        """No keys were used."""
        self.next_first = 0

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """New keys each time."""
        self.next_first += 10_000_000
        client = load.s3_load(
            server,
            verb="put",
            prefix="small/",
            first=self.next_first,
            body_bytes=4096,
            connections=16,
            warmup=warmup_s(settings),
            seconds=settings.seconds,
        )
        return {self.name: load.measure(server, client)[0]}


class PutTls(Case):
    """What encryption adds."""

    name = "tls-put"
    fills_memory = True
    modes = (False, True)
    rows = (Row(name, "PUT 64 MiB, 4 at a time, TLS", "gb", (of_plain("server_s_per_gb", 0.25),)),)

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """The same as without."""
        return {self.name: put_large(settings, server, 4)}


CASES: list[Case] = [
    Upload(8),
    Upload(16),
    PutLarge(4, (of_server("server_s_per_gb", True, 0.75, "versitygw"),)),
    PutLarge(16, (of_server("server_s_per_gb", True, 0.45, "versitygw"),)),
    PutLarge(1, (of_figure("gb_per_s", "md5_gb_per_s", "MD5"),)),
    PutSmall(),
    PutTls(),
]
