"""The Python environments that the tests and the demo use, at the versions of their locks or the newest.

.venv holds boto3, s3fs, pytest and, where it was asked for, torch and transformers. .venv/aws-cli holds the AWS CLI, which
asks for one exact botocore. A torch that another Python on this machine has is used where it fits. Needs no network when
everything is there.
"""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
AWS_CLI = VENV / "aws-cli" / "bin" / "aws"
LOCKS = ROOT / "tests" / "env"
# Only torch itself needs these; a torch that is there already brought its own.
OF_TORCH = re.compile(r"(torch|triton|nvidia-|cuda-)")

# Runs a command under a name, shows how it went, and says whether it ended well.
Run = Callable[[str, list[str]], bool]


def installed(folder: pathlib.Path, what: str, wanted: str, install: Callable[[], bool]) -> bool:
    """Runs `install` unless the folder's stamp says that it holds `wanted` already."""
    stamp = folder / f"weir-{what}.stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return True
    if not install():
        return False
    stamp.write_text(wanted)
    return True


def pip(folder: pathlib.Path, lock: str, latest: bool) -> list[str]:
    """The command that installs a lock, or the newest of what it was made from."""
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if latest:
        return [*command, "--upgrade", "-r", str(LOCKS / f"{lock}.in")]
    return [*command, "--require-hashes", "-r", str(LOCKS / f"{lock}.lock")]


def make(run: Run, folder: pathlib.Path, lock: str, latest: bool) -> bool:
    """Makes an environment with what a lock names."""
    wanted = "latest" if latest else (LOCKS / f"{lock}.lock").read_text()

    def install() -> bool:
        there = (folder / "bin" / "pip").exists()
        return (there or run(f"{lock}: environment", [sys.executable, "-m", "venv", str(folder)])) and run(
            f"{lock}: packages", pip(folder, lock, latest)
        )

    return installed(folder, lock, wanted, install)


def make_clients(run: Run, latest: bool = False) -> bool:
    """boto3, s3fs, safetensors, pytest."""
    return make(run, VENV, "tests", latest)


def make_aws_cli(run: Run, latest: bool = False) -> bool:
    """The AWS CLI."""
    return make(run, VENV / "aws-cli", "aws-cli", latest)


def imports(python: pathlib.Path | str, *modules: str) -> bool:
    """Whether an interpreter can import all of these."""
    command = [str(python), "-c", f"import {', '.join(modules)}"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def borrow_torch() -> bool:
    """Lets .venv see the torch of the Python on PATH, if that is of the same version and has one."""
    other = shutil.which("python3", path=None)
    if other is None or pathlib.Path(other).parent == PYTHON.parent:
        return False
    show = "import sys, torch, pathlib; print(sys.version_info[:2], pathlib.Path(torch.__file__).parent.parent, sep='\\n')"
    result = subprocess.run([other, "-c", show], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return False
    version, folder = result.stdout.splitlines()
    if version != str(tuple(sys.version_info[:2])):
        return False
    packages = next((VENV / "lib").glob("python3.*")) / "site-packages"
    (packages / "weir_borrowed_torch.pth").write_text(folder + "\n")
    return imports(PYTHON, "torch")


def has_torch() -> bool:
    """Whether torch and what loads weights into it can be used without fetching anything."""
    return PYTHON.exists() and imports(PYTHON, "torch", "transformers", "safetensors")


def without_torch(lock: str) -> str:
    """A lock less torch and its CUDA libraries."""
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", lock)
    return "\n".join(block for block in blocks if not OF_TORCH.match(block)) + "\n"


def make_torch(run: Run, latest: bool = False) -> bool:
    """torch, safetensors, transformers, into .venv; a torch that is there already stays the one that is used."""
    lock = (LOCKS / "torch.lock").read_text()

    def install() -> bool:
        if imports(PYTHON, "torch") or borrow_torch():
            rest = VENV / "without_torch.lock"
            rest.write_text(without_torch(lock))
            command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            return run("transformers: packages", [*command, "--require-hashes", "-r", str(rest)])
        return run("torch: packages", pip(VENV, "torch", latest))

    return installed(VENV, "torch", "latest" if latest else lock, install)


def main() -> int:
    """`environment.py clients|torch` makes one, for scripts."""

    def run(name: str, command: list[str]) -> bool:
        print(f"{name} ...", flush=True)
        return subprocess.run(command, check=False).returncode == 0

    return 0 if {"clients": make_clients, "torch": make_torch}[sys.argv[1]](run) else 1


if __name__ == "__main__":
    sys.exit(main())
