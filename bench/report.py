"""Medians, targets, and the table."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import platform
import statistics
from typing import Any

import servers
from cases import Figures, Row
from load import Sample

HEADER = ("row", "server", "rate", "server CPU", "with client", "p50", "p99", "peak RSS", "target: ratio to the limit")


def median(samples: list[Sample]) -> Sample:
    """Of each figure of some rounds; errors are added up."""
    result: Sample = {}
    for name in samples[0]:
        values = [sample[name] for sample in samples if sample.get(name) is not None]
        if not values:
            result[name] = None
        elif isinstance(values[0], str):
            result[name] = next((text for text in values if text), "")
        else:
            result[name] = sum(values) if name == "errors" else statistics.median(values)
    return result


@dataclasses.dataclass
class Result:
    """Of a row on a server."""

    row: Row
    server: str
    is_weir: bool
    rounds: list[Sample]

    def verdicts(self, figures: Figures) -> list[dict[str, Any]]:
        """What Weir reached; nothing for its peers."""
        found = []
        for target in self.row.targets if self.is_weir else ():
            value = figures[self.row.name, self.server].get(target.metric)
            limit = target.limit(figures, self.row.name, self.server)
            if value is None or not limit:
                continue
            ratio = value / limit
            reached = None if target.at_most is None else ratio <= 1 if target.at_most else ratio >= 1
            found.append({"target": target.text, "limit": limit, "ratio": ratio, "reached": reached})
        return found


def short(value: float | None, unit: str = "") -> str:
    """Three digits or so."""
    if value is None:
        return ""
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return f"{digits}{unit}"


def duration(micros: float | None) -> str:
    """With its unit."""
    if micros is None:
        return ""
    if micros < 1000:
        return short(micros, " us")
    return short(micros / 1e3, " ms") if micros < 1e6 else short(micros / 1e6, " s")


def cells(result: Result, figures: Figures) -> list[str]:
    """A line of the table."""
    sample = figures[result.row.name, result.server]
    unit = result.row.unit
    rate_unit, cost, cost_unit = {
        "gb": (" GB/s", "s_per_gb", " s/GB"),
        "operation": ("/s", "us_per_operation", " us"),
        "key": (" keys/s", "us_per_key", " us/key"),
    }[unit]
    verdicts = [
        f"{verdict['target']}: {verdict['ratio']:.2f}" + {True: " ok", False: " **missed**", None: ""}[verdict["reached"]]
        for verdict in result.verdicts(figures)
    ]
    if sample.get("errors"):
        verdicts.append(f"{sample['errors']} errors: {sample.get('first_error', '').splitlines()[0][:80]}")
    return [
        result.row.title,
        result.server,
        short(sample.get(f"{unit}_per_s"), rate_unit),
        short(sample.get(f"server_{cost}"), cost_unit),
        short(sample.get(f"both_{cost}"), cost_unit),
        duration(sample.get("p50_us")),
        duration(sample.get("p99_us")),
        short(sample.get("peak_rss_mib"), " MiB"),
        "; ".join(verdicts),
    ]


def table(results: list[Result], figures: Figures) -> str:
    """In Markdown, readable as it is."""
    lines = [list(HEADER), *(cells(result, figures) for result in results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER) - 1)]

    def text(line: list[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        return f"| {' | '.join(padded)} | {line[-1]} |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|---|"
    return "\n".join([text(lines[0]), rule, *map(text, lines[1:])])


def machine() -> dict[str, Any]:
    """Where it was measured."""
    models = [line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].split(":", 1)[1].strip() if models else platform.processor(),
        "processors": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }


def as_json(results: list[Result], figures: Figures, settings: dict[str, Any]) -> dict[str, Any]:
    """Everything."""
    rows = [
        {
            "row": result.row.name,
            "title": result.row.title,
            "unit": result.row.unit,
            "server": result.server,
            "rounds": result.rounds,
            "median": figures[result.row.name, result.server],
            "targets": result.verdicts(figures),
        }
        for result in results
    ]
    return {"settings": settings, "rows": rows}


def is_weir(choice: servers.Choice) -> bool:
    """Whether targets are for it."""
    return choice.kind is servers.Weir or (choice.given and choice.label.startswith("weir"))
