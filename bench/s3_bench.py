#!/usr/bin/env python3
"""Measures S3 servers side by side: `.venv/bin/python bench/s3_bench.py`; bench/README.md explains the table.

For each case every server is started anew and prepared; then they are measured in turns, --rounds times, and the medians
shown. Only ratios within one run say much.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import pathlib
import resource
import signal
import sys
import tempfile
from collections.abc import Callable

import cases_get
import cases_keys
import cases_put
import load
import proc
import report
import servers
from cases import Case, Figures, Settings

CASES: list[Case] = [*cases_get.CASES, *cases_put.CASES, *cases_keys.CASES]
# Take long, or are about size and not speed: only by name.
UNASKED = ("scale-few", "scale")
MIB = 1 << 20
GIB = 1 << 30


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [case.name for case in CASES]
    parser.add_argument("--servers", default="weir,nginx,versitygw", help=f"{', '.join(servers.KNOWN)}, LABEL=PATH of a weir")
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL,PID,ACCESS,SECRET", help="one that runs")
    parser.add_argument("--cases", help=f"of {', '.join(names)}; all but {', '.join(UNASKED)} if not given")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8, help="of each window")
    parser.add_argument("--keys", type=int, default=100_000, help="of list and delete-objects")
    parser.add_argument("--objects", type=int, default=10_000_000, help="of scale")
    parser.add_argument("--object-bytes", type=int, default=1024, help="of scale")
    parser.add_argument("--cold-mib", type=int, default=1024, help="of cold")
    parser.add_argument("--touch-gib", type=int, default=4, help="memory used before each round of large PUTs; 0: none")
    parser.add_argument("--folder", type=pathlib.Path, default=servers.ROOT / "build", help="on the disk to be measured")
    parser.add_argument("--json", type=pathlib.Path, help="a file for everything that was measured")
    arguments = parser.parse_args()
    wanted = arguments.cases.split(",") if arguments.cases else [name for name in names if name not in UNASKED]
    if unknown := set(wanted) - set(names):
        parser.error(f"no case is called {', '.join(sorted(unknown))}")
    arguments.wanted = [case for case in CASES if case.name in wanted]
    return arguments


def choices(arguments: argparse.Namespace) -> list[servers.Choice]:
    """The servers that can be had."""
    found = []
    for choice in [
        *(servers.Choice(text) for text in arguments.servers.split(",") if text),
        *(servers.Choice(text, given=True) for text in arguments.peer),
    ]:
        if why := choice.missing():
            print(f"without {choice.label}: {why}", file=sys.stderr)
        else:
            found.append(choice)
    return found


class Run:
    """One case on all servers in turns; a server that fails is left out from there on, with a line that says why."""

    def __init__(self, case: Case, settings: Settings) -> None:
        """Nothing runs yet."""
        self.case = case
        self.settings = settings
        self.running: list[tuple[servers.Choice, servers.Server]] = []
        self.results: dict[tuple[str, str], report.Result] = {}
        self.failed = False

    def attempt(self, label: str, step: Callable[[], None]) -> bool:
        """Whether a step went well."""
        try:
            step()
            return True
        except Exception as error:  # what the others did is not to be lost
            print(f"{self.case.name} failed on {label}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            self.failed = True
            return False

    def start(self, choice: servers.Choice, tls: bool) -> None:
        """Starts and prepares a server."""
        server = choice.start(self.settings.folder, tls)
        self.running.append((choice, server))
        if not self.attempt(server.label, lambda: self.case.prepare(self.settings, server)):
            self.running.pop()
            server.stop()

    def measure(self, choice: servers.Choice, server: servers.Server) -> None:
        """One round."""
        if self.case.fills_memory:
            proc.touch_memory(self.settings.touch_bytes)
        samples = self.case.measure(self.settings, server)
        for row in self.case.rows:
            key = (row.name, server.label)
            self.results.setdefault(key, report.Result(row, server.label, report.is_weir(choice), []))
            self.results[key].rounds.append(samples[row.name])

    def rounds(self, chosen: list[servers.Choice], count: int) -> list[report.Result]:
        """All of it."""
        try:
            for choice in filter(self.case.fits, chosen):
                for tls in self.case.modes if not choice.given else (False,):
                    self.attempt(choice.label, functools.partial(self.start, choice, tls))
            for number in range(1 if self.case.once else count):
                for choice, server in list(self.running):
                    print(f"  {self.case.name}: round {number + 1}, {server.label}", file=sys.stderr, flush=True)
                    if not self.attempt(server.label, functools.partial(self.measure, choice, server)):
                        self.running.remove((choice, server))
                        server.stop()
        finally:
            for _, server in self.running:
                server.stop()
        order = [row.name for row in self.case.rows]
        return sorted(self.results.values(), key=lambda result: order.index(result.row.name))


def measure_all(arguments: argparse.Namespace, folder: pathlib.Path) -> tuple[list[report.Result], Settings, bool]:
    """All cases; whether all went well comes last."""
    settings = Settings(
        seconds=arguments.seconds,
        folder=folder,
        keys=arguments.keys,
        objects=arguments.objects,
        object_bytes=arguments.object_bytes,
        cold_bytes=arguments.cold_mib * MIB,
        touch_bytes=arguments.touch_gib * GIB,
    )
    results: list[report.Result] = []
    good = True
    chosen = choices(arguments)
    for case in arguments.wanted:
        run = Run(case, settings)
        results += run.rounds(chosen, arguments.rounds)
        good = good and not run.failed
    return results, settings, good


def main() -> int:
    """Measures, prints the table, writes the file."""
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # servers are stopped and files removed on the way out
    load.build()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    machine = report.machine()
    with tempfile.TemporaryDirectory(prefix="s3_bench.", dir=arguments.folder) as folder:
        results, settings, good = measure_all(arguments, pathlib.Path(folder).resolve())
    figures: Figures = {
        (result.row.name, result.server): report.median(result.rounds) | {"is_weir": result.is_weir} for result in results
    }
    print(report.table(results, figures))
    if arguments.json:
        told = {name: str(value) for name, value in dataclasses.asdict(settings).items()} | {"rounds": arguments.rounds}
        everything = {"machine": machine, **report.as_json(results, figures, told)}
        arguments.json.write_text(json.dumps(everything, indent=1) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
