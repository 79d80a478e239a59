"""What a case is: rows of the table, how to prepare a server for them, how to measure it once, and what Weir must reach."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable

import load
import servers
from load import Sample

# Medians by (row, server).
Figures = dict[tuple[str, str], Sample]
# The limit for a server's figure, or None where what it is compared with was not measured.
Limit = Callable[[Figures, str, str], float | None]


@dataclasses.dataclass(frozen=True)
class Target:
    """A figure of Weir against a limit. `at_most` None: only the ratio is of interest."""

    metric: str
    at_most: bool | None
    limit: Limit
    text: str


def value(figures: Figures, row: str, server: str, metric: str) -> float | None:
    """A median, where there is one."""
    found = figures.get((row, server), {}).get(metric)
    return None if found is None else float(found)


def of_server(metric: str, at_most: bool, factor: float, server: str) -> Target:
    """In terms of one peer's figure of the same row."""

    def limit(figures: Figures, row: str, _label: str) -> float | None:
        found = value(figures, row, server, metric)
        return None if found is None else factor * found

    return Target(metric, at_most, limit, f"{metric} {sign(at_most)} {factor:g} x {server}")


def of_best(metric: str, at_most: bool, factor: float) -> Target:
    """In terms of the best peer's figure of the same row."""

    def limit(figures: Figures, row: str, _label: str) -> float | None:
        peers = [
            found
            for (other_row, _), sample in figures.items()
            if other_row == row and not sample["is_weir"] and (found := sample.get(metric))
        ]
        return factor * (min(peers) if at_most else max(peers)) if peers else None

    return Target(metric, at_most, limit, f"{metric} {sign(at_most)} {factor:g} x the best peer")


def of_number(metric: str, at_most: bool, number: float) -> Target:
    """A number."""
    return Target(metric, at_most, lambda *_: number, f"{metric} {sign(at_most)} {number:g}")


def of_row(metric: str, at_most: bool | None, factor: float, row: str) -> Target:
    """In terms of the same server's figure of another row."""

    def limit(figures: Figures, _row: str, label: str) -> float | None:
        found = value(figures, row, label, metric)
        return None if found is None else factor * found

    return Target(metric, at_most, limit, f"{metric} {sign(at_most)} {factor:g} x {row}")


def of_plain(metric: str, more: float) -> Target:
    """TLS: not much more than the same server without it."""

    def limit(figures: Figures, row: str, label: str) -> float | None:
        found = value(figures, row, label.removesuffix("+tls"), metric)
        return None if found is None or not label.endswith("+tls") else found + more

    return Target(metric, True, limit, f"{metric} <= plain + {more:g}")


def of_figure(metric: str, other: str, what: str) -> Target:
    """The ratio to something else that was measured with it."""

    def limit(figures: Figures, row: str, label: str) -> float | None:
        return value(figures, row, label, other)

    return Target(metric, None, limit, f"{metric} / {what}")


def sign(at_most: bool | None) -> str:
    """As it is printed."""
    return "/" if at_most is None else "<=" if at_most else ">="


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table for each server. `unit` is what its rate and its cost count: gb, operation or key."""

    name: str
    title: str
    unit: str
    targets: tuple[Target, ...] = ()


@dataclasses.dataclass
class Settings:
    """What the command line says."""

    seconds: float
    folder: pathlib.Path
    keys: int
    objects: int
    object_bytes: int
    cold_bytes: int
    touch_bytes: int

    def file(self, size: int) -> pathlib.Path:
        """A file of random bytes."""
        path = self.folder / f"file-{size}"
        if not path.exists() or path.stat().st_size != size:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                for begin in range(0, size, 1 << 20):
                    out.write(os.urandom(min(1 << 20, size - begin)))
        return path


class Case:
    """Servers are started anew for a case, prepared once, and measured in turns."""

    name = ""
    rows: tuple[Row, ...] = ()
    writes = True  # servers of files alone cannot do it
    ours = False  # only servers that we start: it needs their data folder, or kills them
    modes: tuple[bool, ...] = (False,)  # with and without TLS
    once = False  # one round tells all
    fills_memory = False  # with files' pages, whose first use is not to be measured (proc.touch_memory)

    def fits(self, choice: servers.Choice) -> bool:
        """Whether a server can do it."""
        return (choice.kind.writes or not self.writes) and not (self.ours and choice.given)

    def prepare(self, settings: Settings, server: servers.Server) -> None:
        """What is not measured."""

    def measure(self, settings: Settings, server: servers.Server) -> dict[str, Sample]:
        """One round: a sample for each row."""
        raise NotImplementedError


def get(server: servers.Server, settings: Settings, keys: list[str], connections: int) -> Sample:
    """GETs by presigned URLs for the window."""
    with load.target_file(*(server.target(key) for key in keys)) as targets:
        client = load.s3_load(
            server, targets=targets, connections=connections, warmup=warmup_s(settings), seconds=settings.seconds
        )
        return load.measure(server, client)[0]


def warmup_s(settings: Settings) -> float:
    """Seconds before the window."""
    return min(1.0, settings.seconds / 4)
