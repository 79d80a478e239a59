#!/usr/bin/env python3
"""`weir cp` beside the AWS CLI and rclone: `.venv/bin/python bench/copy_bench.py`; bench/README.md has the table.

One large file and a folder of small ones, up to a Weir on loopback and down again, by each program in turns. Rate, and CPU of
the program itself: the programs' own files are in the page cache, what they write is not synced by any of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import proc
import servers

GB = 1e9
MIB = 1 << 20
AWS = servers.ROOT / ".venv/aws-cli/bin/aws"


@dataclasses.dataclass(frozen=True)
class Program:
    """One that copies, as a command line for each direction; {bucket} stands before a path below the bucket."""

    name: str
    binary: str
    file: tuple[str, ...]  # SOURCE DESTINATION follow
    folder: tuple[str, ...]
    bucket: str

    def command(self, case: Case, source: str, destination: str) -> list[str]:
        """How it is called."""
        return [self.binary, *(self.folder if case.count > 1 else self.file), source, destination]


@dataclasses.dataclass(frozen=True)
class Case:
    """Files of one size."""

    name: str
    count: int
    bytes: int

    @property
    def total(self) -> int:
        """Of all of them."""
        return self.count * self.bytes


CASES = (Case("1 GiB", 1, 1024 * MIB), Case("1,000 files of 100 KiB", 1000, 100 * 1024))
S3 = f"s3://{servers.BUCKET}"
TUNED = ("--transfers", "16", "--checkers", "16", "--s3-upload-concurrency", "16", "--multi-thread-streams", "16")
RCLONE = f"weir:{servers.BUCKET}"


def programs(weir: pathlib.Path) -> list[Program]:
    """Those that are there."""
    aws = str(AWS) if AWS.exists() else "aws"
    known = [
        Program("weir cp", str(weir), ("cp", "--quiet"), ("cp", "--quiet", "--recursive"), S3),
        Program("AWS CLI", aws, ("s3", "cp", "--quiet"), ("s3", "cp", "--quiet", "--recursive"), S3),
        Program("rclone", "rclone", ("copyto", "-q"), ("copy", "-q"), RCLONE),
        Program("rclone, 16 at a time", "rclone", ("copyto", "-q", *TUNED), ("copy", "-q", *TUNED), RCLONE),
    ]
    found = [program for program in known if shutil.which(program.binary)]
    for program in known:
        if program not in found:
            print(f"without {program.name}: {program.binary} is not there", file=sys.stderr)
    return found


def environment(server: servers.Server, folder: pathlib.Path) -> dict[str, str]:
    """Where the server is, for all of them."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_", "WEIR_"))}
    remote = {"TYPE": "s3", "PROVIDER": "Other", "ACCESS_KEY_ID": servers.ACCESS, "SECRET_ACCESS_KEY": servers.SECRET,
              "ENDPOINT": server.url, "REGION": "us-east-1"}  # fmt: skip
    return clean | {f"RCLONE_CONFIG_WEIR_{name}": value for name, value in remote.items()} | {
        "RCLONE_CONFIG": str(folder / "rclone.conf"),
        "AWS_ACCESS_KEY_ID": servers.ACCESS,
        "AWS_SECRET_ACCESS_KEY": servers.SECRET,
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


def run(command: list[str], variables: dict[str, str]) -> tuple[float, float]:
    """Seconds that it took, and its own CPU seconds."""
    begin = time.monotonic()
    process = subprocess.Popen(command, env=variables)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {process.returncode}")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime


def make_files(case: Case, folder: pathlib.Path) -> pathlib.Path:
    """A file, or a folder of them."""
    if case.count == 1:
        path = folder / "large"
        with path.open("wb") as out:
            for _ in range(case.bytes // MIB):
                out.write(os.urandom(MIB))
        return path
    path = folder / "small"
    path.mkdir()
    for number in range(case.count):
        (path / f"{number:04}").write_bytes(os.urandom(case.bytes))
    return path


def check(case: Case, path: pathlib.Path) -> None:
    """All of it came."""
    found = [path] if case.count == 1 else list(path.iterdir())
    if sum(each.stat().st_size for each in found) != case.total:
        raise RuntimeError(f"{path} is not what was uploaded")


def sync(folder: pathlib.Path) -> None:
    """Its file system only: what others mounted is not ours to wait for."""
    subprocess.run(["sync", "--file-system", folder], check=True)


Samples = dict[tuple[str, str, str], list[tuple[float, float]]]


def measure(case: Case, chosen: list[Program], variables: dict[str, str], folder: pathlib.Path, rounds: int) -> Samples:
    """Each program in turns: seconds and CPU seconds by case, direction and program."""
    samples: Samples = {}
    source = make_files(case, folder)
    target = folder / "down"
    for number in range(rounds):
        for at, program in enumerate(chosen):
            print(f"  {case.name}: round {number + 1}, {program.name}", file=sys.stderr, flush=True)
            place = f"{program.bucket}/{number}-{at}"
            proc.touch_memory(2 * case.total)
            sync(folder)
            up = run(program.command(case, str(source), place), variables)
            sync(folder)
            down = run(program.command(case, place, str(target)), variables)
            check(case, target)
            samples.setdefault((case.name, "up", program.name), []).append(up)
            samples.setdefault((case.name, "down", program.name), []).append(down)
            target.unlink() if target.is_file() else shutil.rmtree(target)
    return samples


def show(case: Case, samples: Samples, chosen: list[Program]) -> None:
    """Medians, as rows of Markdown."""
    for way in ("up", "down"):
        for program in chosen:
            rounds = samples[case.name, way, program.name]
            seconds = statistics.median(took for took, _ in rounds)
            cpu = statistics.median(used for _, used in rounds)
            print(
                f"| {case.name}, {way} | {program.name} | {seconds:.2f} s | {case.total / GB / seconds:.2f} GB/s "
                f"| {cpu / (case.total / GB):.2f} |"
            )


def main() -> None:
    """All cases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weir", type=pathlib.Path, default=servers.WEIR)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=pathlib.Path, default=servers.ROOT / "build", help="on the disk to be measured")
    parser.add_argument("--json", type=pathlib.Path, help="a file for every round")
    arguments = parser.parse_args()
    chosen = programs(arguments.weir)
    everything: Samples = {}
    print("| files | program | took | rate | CPU s/GB |\n|---|---|---|---|---|")
    for case in CASES:
        with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="copy-bench-") as name:
            folder = pathlib.Path(name)
            server = servers.Weir("server", folder, False, arguments.weir)
            try:
                samples = measure(case, chosen, environment(server, folder), folder, arguments.rounds)
            finally:
                server.stop()
            show(case, samples, chosen)
            everything |= samples
    if arguments.json:
        arguments.json.write_text(json.dumps({" / ".join(key): rounds for key, rounds in everything.items()}, indent=1))


if __name__ == "__main__":
    main()
