#!/usr/bin/env python3
"""A test of the source itself: what no compiler checks. Prints each finding as `file:line: what`; exits with 1 if any.

Formatting by clang-format and ruff, lengths of lines, functions and files, names that mean nothing, words that mark
unfinished work, coroutines outside their modules, paths and hosts that belong to one machine, shell syntax.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 700
BANNED_NAMES = re.compile(r"(^|[_/.-])(utils?|helpers?|common|manager|misc)([_/.-]|$)")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# Only these may contain coroutines (docs/ARCHITECTURE.md).
COROUTINE_FOLDERS = ("src/net/", "src/http/", "src/s3/server/", "src/server/", "tests/toolchain/", "tests/fuzz/http_")
# A path that begins as this checkout's does, and packages by the address of whoever serves them here.
MACHINE = re.compile(rf"(?<![\w.}})~*-]){re.escape(str(ROOT))}\b|https?://[^/\s\"]+/\S+\.(tgz|whl|deb|zip)\b")


def tracked(*suffixes: str) -> list[pathlib.Path]:
    """Files in git, and new ones that git does not ignore, with one of the suffixes (none: all)."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\n")
    return [ROOT / name for name in listed if name and (not suffixes or name.endswith(suffixes)) and (ROOT / name).is_file()]


def relative(path: pathlib.Path) -> str:
    """The path as findings show it."""
    return str(path.relative_to(ROOT))


def format_findings(sources: list[pathlib.Path]) -> list[str]:
    """Files that clang-format would change."""
    program = shutil.which("clang-format-19")
    if program is None:
        return ["tools/tidy.py:1: clang-format-19 is missing; tools/setup --test installs it"]
    findings = []
    for begin in range(0, len(sources), 50):
        result = subprocess.run(
            [program, "--dry-run", "-Werror", *map(str, sources[begin : begin + 50])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        findings += sorted(
            {
                line.split(":")[0].replace(f"{ROOT}/", "") + ":1: clang-format would change it"
                for line in result.stderr.splitlines()
                if "error:" in line
            }
        )
    return findings


def function_findings(path: pathlib.Path, lines: list[str]) -> list[str]:
    """Functions that are too long: from a line that ends in `{` at the outer level to its closing brace."""
    findings = []
    start, depth = 0, 0
    for number, line in enumerate(lines, 1):
        opens, closes = line.count("{"), line.count("}")
        begins = depth == 0 and line.rstrip().endswith("{") and ")" in line and not line.startswith(("namespace", "extern"))
        if begins:
            start = number
        if line.startswith(("namespace", "}  // namespace", 'extern "C"')):
            continue
        depth = max(0, depth + opens - closes)
        if start and depth == 0 and closes:
            if number - start > FUNCTION_LINES_MAX:
                findings.append(f"{relative(path)}:{start}: a function of {number - start} lines")
            start = 0
    return findings


def source_findings(path: pathlib.Path) -> list[str]:
    """What is wrong in one C++ file."""
    name = relative(path)
    lines = path.read_text().splitlines()
    findings = []
    if len(lines) > FILE_LINES_MAX:
        findings.append(f"{name}:1: {len(lines)} lines; does it have one purpose?")
    unformatted = False
    for number, line in enumerate(lines, 1):
        unformatted = (unformatted or "clang-format off" in line) and "clang-format on" not in line
        if len(line) > COLUMNS_MAX and not unformatted:
            findings.append(f"{name}:{number}: {len(line)} columns")
        if (
            re.search(r"\bco_(await|return|yield)\b", line)
            and not name.startswith(COROUTINE_FOLDERS)
            and not line.lstrip().startswith(("//", "#define"))
            and name != "src/base/result.h"
        ):
            findings.append(f"{name}:{number}: a coroutine outside net, http, s3/server and server")
        if re.search(r"\[[=&]?[^\]]*\w[^\]]*\]\s*\([^)]*\)\s*->\s*(net::)?Task<", line):
            findings.append(f"{name}:{number}: a lambda that captures is a coroutine")
    if path.suffix == ".cc":
        findings += function_findings(path, lines)
    if path.suffix == ".h" and "#pragma once" not in lines[:3]:
        findings.append(f"{name}:1: #pragma once is missing")
    return findings


def text_findings(path: pathlib.Path) -> list[str]:
    """What may be in no file at all."""
    name = relative(path)
    findings = [f"{name}:1: the name says nothing"] if BANNED_NAMES.search(name) else []
    if name == "tools/tidy.py":
        return findings
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return findings
    for number, line in enumerate(text.splitlines(), 1):
        if UNFINISHED.search(line):
            findings.append(f"{name}:{number}: unfinished: {line.strip()[:60]}")
        if MACHINE.search(line):
            findings.append(f"{name}:{number}: belongs to one machine: {line.strip()[:60]}")
    return findings


def shell_findings() -> list[str]:
    """Shell scripts that bash cannot read."""
    findings = []
    for path in tracked():
        if path.suffix == ".sh" or path.read_bytes()[:20].startswith(b"#!/usr/bin/env bash"):
            result = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False)
            if result.returncode:
                findings.append(f"{relative(path)}:1: {result.stderr.strip()}")
    return findings


def python_findings() -> list[str]:
    """What ruff finds, with the rules of the ruff.toml in each folder; it comes with the tests' environment."""
    ruff = pathlib.Path(sys.executable).parent / "ruff"
    if not ruff.exists():
        return ["tools/tidy.py:1: ruff is missing; .venv/bin/python tools/tidy.py has it"]

    def lines(*command: str) -> list[str]:
        # No cache: what is first-party depends on other files than the one that is looked at.
        folders = ["bench", "tools", "tests"]
        told = subprocess.run(
            [str(ruff), *command, "--no-cache", *folders], cwd=ROOT, capture_output=True, text=True, check=False
        )
        return told.stdout.splitlines()

    wrong = [line for line in lines("check", "--quiet", "--output-format", "concise") if line]
    return wrong + [f"{line.split()[-1]}: ruff would format it" for line in lines("format", "--check") if " --> " in line]


def excepted(finding: str) -> bool:
    """Whether tools/tidy_exceptions.txt lets a finding pass; each entry there has its reason."""
    general = re.sub(r":\d+: a function of \d+ lines", ": a long function", finding)
    lines = (ROOT / "tools" / "tidy_exceptions.txt").read_text().splitlines()
    return general in [line.split("#")[0].strip() for line in lines]


def main() -> int:
    """Prints the findings."""
    sources = tracked(".cc", ".h")
    findings = format_findings(sources) + shell_findings() + python_findings()
    for path in sources:
        findings += source_findings(path)
    for path in tracked(".cc", ".h", ".py", ".md", ".txt", ".cmake", ".json", ".proto", ".toml"):
        if "package-lock" not in path.name:
            findings += text_findings(path)
    findings = [finding for finding in findings if not excepted(finding)]
    print("\n".join(findings))
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
