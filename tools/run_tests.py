#!/usr/bin/env python3
"""Builds Weir in each of its flavours and runs every test in it; `./run-tests` is how it is called.

Prints one line a stage with its time, the output of what failed, and at the end `N passed, N failed`. Exits with 1 if
anything failed, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

import environment

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
# Sanitized servers are slow: of the clients' tests they run those that a race or a bad access could hide in.
SANITIZED_MOUNT_TESTS = [
    *("command", "conflicts", "kills", "long_folders", "read", "read_faults", "server_faults"),
    *("shared_writers", "store_files", "write", "write_faults"),
]
SANITIZED_TESTS = [
    "tests/s3",
    *(f"tests/mount/test_{name}.py" for name in SANITIZED_MOUNT_TESTS),
    "-m",
    "not slow",
    # Another user's mounts run the same code.
    "-k",
    "not nobody",
]
# Each has servers of its own.
WORKERS = 2
# For each target of tests/fuzz, two at a time: enough to meet again what was found once.
FUZZ_SECONDS = 12
# A stage that hangs is a failure, not a build that never ends.
STAGE_SECONDS_MAX = 1500


class Tally:
    """How many tests passed and failed so far."""

    def __init__(self) -> None:
        """Starts at nothing."""
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def add_junit(self, path: pathlib.Path) -> None:
        """Adds a JUnit file's cases; a file that is missing or cut short counts as one failure."""
        try:
            report = ElementTree.parse(path)
        except (OSError, ElementTree.ParseError) as error:
            print(f"{path.name} tells no results: {error}", flush=True)
            self.failed += 1
            return
        for case in report.iter("testcase"):
            skipped = case.find("skipped")
            if skipped is not None:
                self.skipped += 1
                print(f"skipped: {case.get('classname')}.{case.get('name')}: {skipped.get('message')}", flush=True)
            if skipped is not None or case.get("status") == "notrun":
                continue
            if case.find("failure") is not None or case.find("error") is not None:
                self.failed += 1
            else:
                self.passed += 1

    def add(self, passed: bool) -> None:
        """Adds one check that is no test file."""
        if passed:
            self.passed += 1
        else:
            self.failed += 1


def run_logged(command: list[str], variables: dict[str, str], log: pathlib.Path) -> int:
    """Runs a command, its output to a file; its exit code, 127 if there is no such program, 124 if it does not end."""
    with log.open("w") as out:
        try:
            return subprocess.run(
                command,
                cwd=ROOT,
                env=variables,
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=STAGE_SECONDS_MAX,
            ).returncode
        except FileNotFoundError:
            out.write(f"{command[0]} is not on this machine; tools/setup --test installs it\n")
            return 127
        except subprocess.TimeoutExpired:
            out.write(f"\nnot over after {STAGE_SECONDS_MAX} s, and killed\n")
            return 124


def stage(name: str, command: list[str], variables: dict[str, str] | None = None) -> bool:
    """Runs a command, its output to build/log; prints a line, and the output's end if it failed."""
    log = BUILD / "log" / (name.replace(" ", "-").replace("/", "-") + ".txt")
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f"{name} ...", flush=True)
    begin = time.monotonic()
    code = run_logged(command, {**os.environ, **(variables or {})}, log)
    print(
        f"{name}: {'ok' if code == 0 else 'FAILED'} after {time.monotonic() - begin:.0f} s ({log.relative_to(ROOT)})",
        flush=True,
    )
    if code != 0:
        print("\n".join(log.read_text(errors="replace").splitlines()[-60:]), flush=True)
    return code == 0


def build(preset: str) -> bool:
    """Configures and builds one flavour."""
    return stage(f"{preset}: configure", ["cmake", "--preset", preset]) and stage(
        f"{preset}: build", ["cmake", "--build", "--preset", preset]
    )


def counted(name: str, command: list[str], report: pathlib.Path, variables: dict[str, str], tally: Tally) -> None:
    """Runs a command that writes a JUnit file; one that fails though no case did, as by a leak at its end, counts too."""
    report.unlink(missing_ok=True)
    before = tally.failed
    good = stage(name, command, variables)
    tally.add_junit(report)
    if not good and tally.failed == before:
        tally.add(False)


def unit_tests(preset: str, tally: Tally) -> None:
    """Runs every gtest binary of a flavour, one after the other, each test counted."""
    for binary in sorted((BUILD / preset).glob("*_test")):
        report = BUILD / preset / f"{binary.name}.xml"
        command = [str(binary), f"--gtest_output=xml:{report}"]
        counted(f"{preset}: {binary.name}", command, report, sanitizer_options(), tally)


def sanitizer_options() -> dict[str, str]:
    """Makes sanitizers end the process, with their own exit code."""
    return {
        "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/tsan.suppressions",
    }


def client_tests(preset: str, options: list[str], tally: Tally) -> None:
    """Runs pytest against the server of a flavour."""
    report = BUILD / preset / "pytest.xml"
    command = [str(environment.PYTHON), "-m", "pytest", "-q", "-n", str(WORKERS), "--continue-on-collection-errors"]
    variables = sanitizer_options() | {"WEIR_BIN": str(BUILD / preset / "weir")}
    counted(f"{preset}: clients", [*command, f"--junitxml={report}", *options], report, variables, tally)


def fuzz_tests(tally: Tally) -> None:
    """Builds the fuzz targets and runs each for a while; each is one test."""
    built = build("fuzz")
    tally.add(built)
    if not built:
        return
    report = BUILD / "fuzz" / "fuzz.xml"
    command = [sys.executable, "tests/fuzz/fuzz.py", "--seconds", str(FUZZ_SECONDS), f"--junit={report}"]
    counted("fuzz: targets", command, report, {}, tally)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="./run-tests")
    parser.add_argument("--quick", action="store_true", help="the release build only")
    parser.add_argument("--latest", action="store_true", help="the clients' newest versions")
    parser.add_argument("--only", metavar="PATTERN", help="only the pytest tests that match")
    return parser.parse_args()


def clients(latest: bool, tally: Tally) -> None:
    """Installs the clients; the newest programs come before the machine's."""
    for good in environment.make_all(stage, latest).values():
        tally.add(good)
    if latest:
        os.environ["PATH"] = f"{environment.NEWEST}{os.pathsep}{os.environ['PATH']}"


def main() -> int:
    """Runs the stages."""
    arguments = parse_arguments()
    tally = Tally()
    begin = time.monotonic()
    tally.add(build("release"))
    clients(arguments.latest, tally)
    if arguments.only:
        client_tests("release", ["tests", "-k", arguments.only], tally)
    else:
        tally.add(stage("tidy", [str(environment.PYTHON), "tools/tidy.py"]))
        tally.add(stage("table of operations", ["ctest", "--test-dir", "build/release", "-R", "s3_table_of_operations"]))
        unit_tests("release", tally)
        client_tests("release", ["tests"], tally)
        for preset in [] if arguments.quick else ["asan", "tsan"]:
            built = build(preset)
            tally.add(built)
            if built:
                unit_tests(preset, tally)
                client_tests(preset, SANITIZED_TESTS, tally)
        if not arguments.quick:
            fuzz_tests(tally)
    print(f"all stages took {time.monotonic() - begin:.0f} s")
    print(f"{tally.passed} passed, {tally.failed} failed" + (f", {tally.skipped} skipped" if tally.skipped else ""))
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
