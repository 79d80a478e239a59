"""Many keys: listing them, deleting and copying them, and whether ten million are as quick as a hundred thousand."""

from __future__ import annotations

import load
import servers
from cases import Case, Row, Settings, Target, of_number, of_row, warmup_s
from load import Sample

LISTED = "listed/"
DELETED = "deleted/"
SCALE = "scale/"
BATCH = 1000
FEW = 100_000
ROOT_LISTING_US_MAX = 5000


def for_the_window(settings: Settings, server: servers.Server, connections: int, **options: object) -> Sample:
    """A verb on numbered keys for the window."""
    client = load.s3_load(server, connections=connections, warmup=warmup_s(settings), seconds=settings.seconds, **options)
    return load.measure(server, client)[0]


class ListKeys(Case):
    """Pages of a thousand, and what is at the root of a bucket with one large prefix."""

    name = "list"
    rows = (
        Row("list", "ListObjectsV2, pages of 1000", "key", (of_number("server_us_per_key", True, 2),)),
        Row(
            "list-root",
            "ListObjectsV2, delimiter, at the root",
            "operation",
            (of_number("p50_us", True, ROOT_LISTING_US_MAX),),
        ),
    )

    def prepare(self, settings: Settings, server: servers.Server) -> None:
        """The keys."""
        load.fill(server, LISTED, 0, settings.keys, 16)

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """Page after page; then the root alone."""
        pages = for_the_window(settings, server, 4, verb="list", prefix=LISTED, count=settings.keys)
        with load.target_file(server.presigned("list_objects_v2", Delimiter="/")) as targets:
            root = for_the_window(settings, server, 1, targets=targets)
        return {"list": pages, "list-root": root}


class DeleteKeys(Case):
    """DeleteObjects of a thousand."""

    name = "delete-objects"
    rows = (Row(name, "DeleteObjects of 1000, 4 connections", "key", (of_number("key_per_s", False, 100_000),)),)

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """Of keys put just before."""
        count = max(4 * BATCH, settings.keys // BATCH * BATCH)
        load.fill(server, DELETED, 0, count, 16)
        client = load.s3_load(
            server, verb="delete-objects", prefix=DELETED, operations=count // BATCH, page=BATCH, connections=4
        )
        return {self.name: load.measure(server, client)[0]}


class Copy(Case):
    """CopyObject."""

    name = "copy"
    rows = (Row(name, "CopyObject of 64 MiB, 4 connections", "operation"),)

    def prepare(self, settings: Settings, server: servers.Server) -> None:
        """The source."""
        server.put("source", settings.file(64 << 20))

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """To a few keys, again and again."""
        source = f"{servers.BUCKET}/source"
        return {self.name: for_the_window(settings, server, 4, verb="copy", prefix="copy/", count=16, copy_source=source)}


def scale_rows(name: str, few: str) -> tuple[Row, ...]:
    """Of a case with so many keys; `few` is the one that it is compared with."""

    def same(row: str) -> tuple[Target, ...]:
        if name == few:
            return ()
        return tuple(of_row(metric, True, 1.5, f"{few}-{row}") for metric in ("server_us_per_operation", "p50_us"))

    return (
        Row(f"{name}-fill", f"{name}: PUT all, 32 connections", "operation"),
        Row(f"{name}-put", f"{name}: PUT more, 16 connections", "operation", same("put")),
        Row(f"{name}-get", f"{name}: GET any, 16 connections", "operation", same("get")),
        Row(f"{name}-head", f"{name}: HEAD any, 16 connections", "operation", same("head")),
        Row(f"{name}-list", f"{name}: list any page of 1000, 4 connections", "operation", same("list")),
        Row(f"{name}-delete", f"{name}: DELETE, 16 connections", "operation", same("delete")),
        Row(f"{name}-start", f"{name}: start after kill -9", "operation", (of_number("p50_us", True, 5e6),)),
    )


class Scale(Case):
    """One bucket with very many objects; the other case of this class has few, to compare with."""

    once = True
    ours = True

    def __init__(self, few: bool) -> None:
        """Few, or as many as the command line says."""
        self.few = few
        self.name = "scale-few" if few else "scale"
        self.rows = scale_rows(self.name, "scale-few")

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """Everything, in this order."""
        count = min(FEW, settings.objects) if self.few else settings.objects
        samples = {"fill": load.fill(server, SCALE, 0, count, settings.object_bytes)}
        size = settings.object_bytes
        samples["put"] = for_the_window(settings, server, 16, verb="put", prefix=SCALE, first=count, body_bytes=size)
        for verb, connections in (("get", 16), ("head", 16), ("list", 4)):
            client = load.s3_load(
                server,
                "random",
                verb=verb,
                prefix=SCALE,
                count=count,
                connections=connections,
                warmup=warmup_s(settings),
                seconds=settings.seconds,
            )
            samples[verb] = load.measure(server, client)[0]
        samples["delete"] = for_the_window(settings, server, 16, verb="delete", prefix=SCALE)
        assert isinstance(server, servers.Started)
        last = f"{SCALE}{count - 1:010}"
        seconds = server.kill_and_start(lambda: server.s3.head_object(Bucket=servers.BUCKET, Key=last))
        samples["start"] = {"p50_us": seconds * 1e6, "errors": 0}
        return {f"{self.name}-{row}": sample for row, sample in samples.items()}


CASES: list[Case] = [ListKeys(), DeleteKeys(), Copy(), Scale(few=True), Scale(few=False)]
