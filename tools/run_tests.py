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

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
VENV = ROOT / ".venv"
# Sanitized servers are slow: of the clients' tests they run those that a race or a bad access could hide in.
SANITIZED_TESTS = ["tests/s3"]


class Tally:
    """How many tests passed and failed so far."""

    def __init__(self) -> None:
        """Starts at nothing."""
        self.passed = 0
        self.failed = 0

    def add_junit(self, path: pathlib.Path) -> None:
        """Adds a JUnit file's cases; a file that is missing counts as one failure."""
        if not path.exists():
            self.failed += 1
            return
        for case in ElementTree.parse(path).iter("testcase"):
            if case.find("skipped") is not None or case.get("status") == "notrun":
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


def stage(name: str, command: list[str], environment: dict[str, str] | None = None) -> bool:
    """Runs a command, its output to build/log; prints a line, and the output's end if it failed."""
    log = BUILD / "log" / (name.replace(" ", "-").replace("/", "-") + ".txt")
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f"{name} ...", flush=True)
    begin = time.monotonic()
    with log.open("w") as out:
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=out,
                              stderr=subprocess.STDOUT, check=False).returncode
    print(f"{name}: {'ok' if code == 0 else 'FAILED'} after {time.monotonic() - begin:.0f} s ({log.relative_to(ROOT)})",
          flush=True)
    if code != 0:
        print("\n".join(log.read_text(errors="replace").splitlines()[-60:]), flush=True)
    return code == 0


def build(preset: str) -> bool:
    """Configures and builds one flavour."""
    return (stage(f"{preset}: configure", ["cmake", "--preset", preset])
            and stage(f"{preset}: build", ["cmake", "--build", "--preset", preset]))


def unit_tests(preset: str, tally: Tally) -> None:
    """Runs every gtest binary of a flavour, one after the other, each test counted."""
    for binary in sorted((BUILD / preset).glob("*_test")):
        report = BUILD / preset / f"{binary.name}.xml"
        report.unlink(missing_ok=True)
        stage(f"{preset}: {binary.name}", [str(binary), f"--gtest_output=xml:{report}"], sanitizer_options())
        tally.add_junit(report)


def sanitizer_options() -> dict[str, str]:
    """Makes sanitizers end the process, with their own exit code."""
    return {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:exitcode=99",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
            "TSAN_OPTIONS": f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/tsan.suppressions"}


def make_venv(latest: bool) -> bool:
    """Makes .venv with the clients at their locked versions, or the newest."""
    stamp = VENV / "weir.stamp"
    lock = ROOT / "tests" / "env" / "tests.lock"
    wanted = "latest" if latest else lock.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return True
    pip = [str(VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    install = ["--upgrade", "-r", "tests/env/tests.in"] if latest else ["--require-hashes", "-r", str(lock)]
    done = (stage("venv: make", [sys.executable, "-m", "venv", str(VENV)])
            and stage("venv: install", pip + install))
    if done:
        stamp.write_text(wanted)
    return done


def client_tests(preset: str, paths: list[str], only: str | None, tally: Tally) -> None:
    """Runs pytest against the server of a flavour."""
    report = BUILD / preset / "pytest.xml"
    report.unlink(missing_ok=True)
    command = [str(VENV / "bin" / "python"), "-m", "pytest", "-q", f"--junitxml={report}", *paths]
    if only:
        command += ["-k", only]
    stage(f"{preset}: clients", command, {**sanitizer_options(), "WEIR_BIN": str(BUILD / preset / "weir")})
    tally.add_junit(report)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="./run-tests")
    parser.add_argument("--quick", action="store_true", help="the release build only")
    parser.add_argument("--latest", action="store_true", help="the clients' newest versions")
    parser.add_argument("--only", metavar="PATTERN", help="only the pytest tests that match")
    return parser.parse_args()


def main() -> int:
    """Runs the stages."""
    arguments = parse_arguments()
    tally = Tally()
    begin = time.monotonic()
    tally.add(build("release"))
    tally.add(make_venv(arguments.latest))
    if arguments.only:
        client_tests("release", ["tests"], arguments.only, tally)
    else:
        tally.add(stage("tidy", [str(VENV / "bin" / "python"), "tools/tidy.py"]))
        tally.add(stage("table of operations", ["ctest", "--test-dir", "build/release", "-R", "s3_table_of_operations"]))
        unit_tests("release", tally)
        client_tests("release", ["tests"], None, tally)
        for preset in [] if arguments.quick else ["asan", "tsan"]:
            built = build(preset)
            tally.add(built)
            if built:
                unit_tests(preset, tally)
                client_tests(preset, SANITIZED_TESTS, None, tally)
    print(f"all stages took {time.monotonic() - begin:.0f} s")
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
