#!/usr/bin/env python3
"""Runs the fuzz targets of build/fuzz, two at a time, each for a while; docs/HACKING.md says how to work with them.

Prints the seed, then a line a target. What is found lies in build/fuzz/findings/TARGET; the repository's corpus changes
only with --merge. Exits with 1 if anything crashed, hung or leaked, with the command that shows it again.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "fuzz"
CORPUS = HERE / "corpus"
SUFFIX = "_fuzz"
# Of one input. A parser that needs a second for four kilobytes is broken, on any machine.
INPUT_SECONDS_MAX = 10
MEMORY_MIB_MAX = 1024
INPUT_BYTES_MAX = 4096
# A target that does not end by itself, long after it should have.
GRACE_SECONDS = 120
PROGRESS = re.compile(r"^#\d+\s.* cov: (\d+) ft: (\d+)", re.MULTILINE)
EXECUTIONS = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)


@dataclasses.dataclass
class Outcome:
    """How the run of one target ended."""

    target: str
    executions: int
    edges: int
    artifacts: list[pathlib.Path]
    output: str
    code: int

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return self.code == 0

    def line(self) -> str:
        """The outcome for people."""
        found = "ok" if self.good else f"FAILED ({self.code})"
        return f"{self.target}: {found}, {self.executions} executions, {self.edges} edges"


def targets() -> list[str]:
    """The names of all targets, from their sources."""
    return sorted(path.stem.removesuffix(SUFFIX) for path in HERE.glob(f"*{SUFFIX}.cc"))


def program(target: str) -> pathlib.Path:
    """Where a target was built to."""
    return BUILD / f"{target}{SUFFIX}"


def found_corpus(target: str) -> pathlib.Path:
    """Inputs that earlier runs found and kept; not in the repository."""
    folder = BUILD / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def seed_corpus(target: str) -> pathlib.Path:
    """The inputs in the repository."""
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def common_options(target: str) -> list[str]:
    """What a run and its reproduction share."""
    options = [f"-rss_limit_mb={MEMORY_MIB_MAX}", f"-timeout={INPUT_SECONDS_MAX}", f"-max_len={INPUT_BYTES_MAX}"]
    dictionary = CORPUS / f"{target}.dict"
    return [*options, f"-dict={dictionary}"] if dictionary.exists() else options


def environment(scratch: str) -> dict[str, str]:
    """The sanitizers' options, and a folder for targets that need files."""
    options = {
        "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TMPDIR": scratch,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
    return inherited | options


def run(target: str, seconds: int, seed: int) -> Outcome:
    """Fuzzes one target."""
    findings = BUILD / "findings" / target
    findings.mkdir(parents=True, exist_ok=True)
    before = set(findings.iterdir())
    command = [
        str(program(target)),
        *common_options(target),
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        str(found_corpus(target)),
        str(seed_corpus(target)),
    ]
    with tempfile.TemporaryDirectory(prefix="weir_fuzz_") as scratch:
        try:
            done = subprocess.run(
                command,
                env=environment(scratch),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds + GRACE_SECONDS,
                check=False,
            )
            output, code = done.stdout.decode(errors="replace"), done.returncode
        except subprocess.TimeoutExpired as error:
            output, code = (error.stdout or b"").decode(errors="replace") + "\nnot over in time, and killed\n", 124
        except FileNotFoundError:
            output, code = f"{program(target)} is not built: cmake --build --preset fuzz\n", 127
    executions = EXECUTIONS.search(output)
    progress = PROGRESS.findall(output)
    return Outcome(
        target=target,
        executions=int(executions.group(1)) if executions else 0,
        edges=int(progress[-1][0]) if progress else 0,
        artifacts=sorted(set(findings.iterdir()) - before),
        output=output,
        code=code,
    )


def show_failure(outcome: Outcome) -> None:
    """The end of what the target said, and how to see it again."""
    print("\n".join(outcome.output.splitlines()[-60:]))
    for artifact in outcome.artifacts:
        print(f"again: {program(outcome.target).relative_to(ROOT)} {artifact.relative_to(ROOT)}")


def merge(target: str) -> None:
    """Adds to the repository's corpus the fewest of the inputs found that reach what it does not reach."""
    kept = seed_corpus(target)
    before = len(list(kept.iterdir()))
    command = [str(program(target)), "-merge=1", *common_options(target), str(kept), str(found_corpus(target))]
    with tempfile.TemporaryDirectory(prefix="weir_fuzz_") as scratch:
        subprocess.run(command, env=environment(scratch), check=True, capture_output=True)
    print(f"{target}: {before} inputs were in {kept.relative_to(ROOT)}, {len(list(kept.iterdir()))} are")


def write_junit(path: pathlib.Path, outcomes: list[Outcome]) -> None:
    """Each target as a test case."""
    suite = ElementTree.Element("testsuite", name="fuzz", tests=str(len(outcomes)))
    for outcome in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname="fuzz", name=outcome.target)
        if not outcome.good:
            ElementTree.SubElement(case, "failure", message=outcome.line())
    ElementTree.ElementTree(suite).write(path, encoding="unicode")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Runs fuzz targets.")
    parser.add_argument("target", nargs="*", help="the targets, by the names of their sources without _fuzz; all")
    parser.add_argument("--seconds", type=int, default=30, help="for each target")
    parser.add_argument("--jobs", type=int, default=2, help="targets at a time")
    parser.add_argument("--seed", type=int, default=random.randrange(1, 1 << 31), help="of an earlier run")
    parser.add_argument("--merge", action="store_true", help="then add what reaches more to the repository's corpus")
    parser.add_argument("--junit", type=pathlib.Path, help="write each target's outcome there")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.target) - set(targets()))
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(targets())}")
    return arguments


def main() -> int:
    """Runs the targets that were asked for."""
    arguments = parse_arguments()
    chosen = arguments.target or targets()
    print(f"seed {arguments.seed}, {len(chosen)} targets, {arguments.seconds} s each", flush=True)
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(lambda target: run(target, arguments.seconds, arguments.seed), chosen):
            print(outcome.line(), flush=True)
            if not outcome.good:
                show_failure(outcome)
            outcomes.append(outcome)
    if arguments.junit:
        write_junit(arguments.junit, outcomes)
    if not all(outcome.good for outcome in outcomes):
        return 1
    if arguments.merge:
        for target in chosen:
            merge(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
