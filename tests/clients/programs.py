"""The programs that are clients, and folders that they move."""

import pathlib
import shutil

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
AWS = ROOT / ".venv/aws-cli/bin/aws"
JS = ROOT / "tests/clients/js"
GO_CLIENT = ROOT / "build/clients/go-client"


def found(program):
    """The program's path; a missing one is a failure, since a skipped client would look like one that works."""
    path = shutil.which(program)
    if path is None:
        pytest.fail(f"{program} is not there: ./run-tests installs it (tools/setup --test, tools/environment.py)")
    return path


def in_folder(folder):
    """The bodies of a folder's files, by path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
