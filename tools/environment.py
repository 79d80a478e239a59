"""What the tests and the demo use as clients, at the versions of their locks or the newest.

.venv holds boto3, s3fs, pytest and, where it was asked for, torch and transformers. .venv/aws-cli holds the AWS CLI, which
asks for one exact botocore. A torch that another Python on this machine has is used where it fits. tests/clients/js gets
its node_modules; build/clients holds what Go builds. Needs no network when everything is there.
"""

from __future__ import annotations

import json
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
JS = ROOT / "tests" / "clients" / "js"
GO = ROOT / "tests" / "clients" / "go"
LINEARIZABILITY = ROOT / "tests" / "linearizability"
BUILT = ROOT / "build" / "clients"
# Programs at their newest versions, which come before the machine's own on the PATH of `./run-tests --latest`.
NEWEST = BUILT / "newest"
LATEST = "latest"
# Only torch itself needs these; a torch that is there already brought its own.
OF_TORCH = re.compile(r"(torch|triton|nvidia-|cuda-)")

# Runs a command under a name, shows how it went, and says whether it ended well.
Run = Callable[[str, list[str]], bool]


def installed(folder: pathlib.Path, what: str, wanted: str, install: Callable[[], bool]) -> bool:
    """Runs `install` unless the folder's stamp says that it holds `wanted` already; what is latest may have changed."""
    stamp = folder / f"weir-{what}.stamp"
    if wanted != LATEST and stamp.exists() and stamp.read_text() == wanted:
        return True
    stamp.unlink(missing_ok=True)
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
    wanted = LATEST if latest else (LOCKS / f"{lock}.lock").read_text()

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
    """torch, safetensors, transformers, into .venv; a torch that another Python has stays the one that is used."""
    lock = (LOCKS / "torch.lock").read_text()

    def install() -> bool:
        if not latest and borrow_torch():
            rest = VENV / "without_torch.lock"
            rest.write_text(without_torch(lock))
            command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            return run("transformers: packages", [*command, "--require-hashes", "-r", str(rest)])
        return run("torch: packages", pip(VENV, "torch", latest))

    return installed(VENV, "torch", LATEST if latest else lock, install)


def make_js(run: Run, latest: bool = False) -> bool:
    """The AWS SDK for JavaScript, into its node_modules."""
    names = json.loads((JS / "package.json").read_text())["dependencies"]
    quiet = ["--prefix", str(JS), "--no-audit", "--no-fund"]
    newest = ["npm", "install", "--no-save", *quiet, *(f"{name}@latest" for name in names)]
    wanted = LATEST if latest else (JS / "package-lock.json").read_text()
    return installed(
        JS / "node_modules", "js", wanted, lambda: run("js: packages", newest if latest else ["npm", "ci", *quiet])
    )


def make_go(run: Run, latest: bool = False) -> bool:
    """The program that uses the AWS SDK for Go. Go itself sees what is to do, so there is no stamp."""
    BUILT.mkdir(parents=True, exist_ok=True)
    source = GO
    if latest:
        source = BUILT / "go-latest"
        shutil.copytree(GO, source, dirs_exist_ok=True)
        if not run("go: newest packages", ["go", "-C", str(source), "get", "-u", "./..."]):
            return False
    return run("go: build", ["go", "-C", str(source), "build", "-o", str(BUILT / "go-client"), "."])


def make_linearizability(run: Run, _latest: bool = False) -> bool:
    """What records and judges histories (tests/linearizability); a checker has no newest version to be tested with."""
    BUILT.mkdir(parents=True, exist_ok=True)
    output = str(BUILT / "linearizability")
    return run("linearizability: build", ["go", "-C", str(LINEARIZABILITY), "build", "-o", output, "."])


def make_rclone(run: Run, latest: bool = False) -> bool:
    """The newest rclone; the one that is tested otherwise is Debian's, which tools/setup installs."""
    return not latest or run("rclone: newest", ["env", f"GOBIN={NEWEST}", "go", "install", "github.com/rclone/rclone@latest"])


def make_all(run: Run, latest: bool = False) -> dict[str, bool]:
    """Every client, and whether it can be used; one that cannot does not hold up the others."""
    makers = [make_clients, make_aws_cli, make_torch, make_js, make_go, make_linearizability, make_rclone]
    return {maker.__name__: maker(run, latest) for maker in makers}


def main() -> int:
    """`environment.py clients|torch|all` makes them, for scripts."""

    def run(name: str, command: list[str]) -> bool:
        print(f"{name} ...", flush=True)
        return subprocess.run(command, check=False).returncode == 0

    if sys.argv[1] == "all":
        return 0 if all(make_all(run).values()) else 1
    return 0 if {"clients": make_clients, "torch": make_torch}[sys.argv[1]](run) else 1


if __name__ == "__main__":
    sys.exit(main())
