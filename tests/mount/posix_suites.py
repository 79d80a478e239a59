#!/usr/bin/env python3
"""Runs pjdfstest and the generic tests of xfstests that apply on a mount: `posix_suites.py pjdfstest|xfstests`.

They are fetched and built outside of the repository, in $WEIR_SUITES or ~/.cache/weir-tests, at the commits below;
needs root, git, autoconf, automake, make, a C compiler and perl, for xfstests also its own packages (libacl1-dev,
libattr1-dev, xfslibs-dev, uuid-dev, libtool, attr, acl). `--source` takes a repository that is here already.

What is not expected to pass is listed beside this file, with the reason. Exits with 1 if anything else fails, or if
something that is listed passes.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import mounts  # noqa: E402

from weir_server import WeirServer  # noqa: E402

SUITES = pathlib.Path(os.environ.get("WEIR_SUITES", pathlib.Path.home() / ".cache" / "weir-tests"))
PJDFSTEST = "https://github.com/pjd/pjdfstest", "85a8aea9e685999ef0540392fd80535f873d7ff7"
XFSTESTS = "https://github.com/kdave/xfstests", "63a29724a85f1999e49bf0a9bf0d22643b6116e5"
TEST_WITHIN_S = 600
NOT_OK = re.compile(r"^not ok (\d+)(.*)$", re.MULTILINE)
OK = re.compile(r"^ok (\d+)", re.MULTILINE)


def fetched(name, source, build):
    """The suite, built; once."""
    url, commit = source
    folder = SUITES / name
    if not (folder / "weir-built").exists():
        SUITES.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", url, folder], check=True)
        subprocess.run(["git", "-C", folder, "checkout", "--quiet", commit], check=True)
        with open(folder / "weir-build.log", "wb") as log:
            subprocess.run(["sh", "-ec", build], cwd=folder, check=True, stdout=log, stderr=log)
        (folder / "weir-built").touch()
    return folder


def exclusions(name):
    """What is excluded, and why: `rename/21.t 3,5-7: reason`, or without numbers all of it."""
    excluded = {}
    for line in (HERE / f"{name}_exclusions.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        what, _, reason = line.partition(": ")
        assert reason, f"{line}: no reason"
        test, _, numbers = what.partition(" ")
        excluded.setdefault(test, set()).update(expanded(numbers))
    return excluded


def expanded(numbers):
    """ "3,5-7" """
    for part in filter(None, numbers.replace(" ", "").split(",")):
        first, _, last = part.partition("-")
        yield from map(str, range(int(first), int(last or first) + 1))
    if not numbers:
        yield "all"


def shortened(text):
    """Without the names of 4096 letters."""
    return re.sub(r"[0-9a-f/]{60,}", "LONG", text.strip())


def run_pjdfstest(folder, mounted, only):
    """Each file of tests; its TAP."""
    excluded, bad, passed = exclusions("pjdfstest"), [], 0
    for path in sorted((folder / "tests").glob("*/*.t")):
        name = f"{path.parent.name}/{path.name}"
        skip = excluded.get(name, set()) | excluded.get(f"{path.parent.name}/*", set())
        if (only and not re.search(only, name)) or "all" in skip:
            continue
        work = mounted / f"pjdfstest-{path.parent.name}-{path.stem}"
        work.mkdir()
        try:
            told = subprocess.run(["bash", path], cwd=work, capture_output=True, text=True, timeout=TEST_WITHIN_S, check=False)
        except subprocess.TimeoutExpired:
            bad.append(f"{name}: does not end")
            continue
        passed += len(OK.findall(told.stdout))
        failed = dict(NOT_OK.findall(told.stdout))
        planned = re.search(r"^1\.\.(\d+)", told.stdout, re.MULTILINE)
        if planned and len(failed) + len(OK.findall(told.stdout)) != int(planned.group(1)):
            bad.append(
                f"{name}: only {len(failed) + len(OK.findall(told.stdout))} of {planned.group(1)} ran: {told.stderr[-200:]}"
            )
        bad += [f"{name} {number}: {shortened(text)}" for number, text in failed.items() if number not in skip]
        bad += [
            f"{name} {number}: passes, though it is excluded"
            for number in skip - set(failed)
            if number in OK.findall(told.stdout)
        ]
    return bad, passed


def run_xfstests(folder, mounted, only):
    """The list of tests that apply; xfstests mounts by itself, through mount.weir: a directory tree of two mounts."""
    names = [line.split("#")[0].strip() for line in (HERE / "xfstests_list.txt").read_text().splitlines()]
    names = [name for name in names if name and (not only or re.search(only, name))]
    test, scratch = mounted
    environment = os.environ | {
        "FSTYP": "fuse",
        "FUSE_SUBTYP": ".weir",
        "TEST_DEV": "weir:" + test.source,
        "TEST_DIR": str(test.folder),
        "SCRATCH_DEV": "weir:" + scratch.source,
        "SCRATCH_MNT": str(scratch.folder),
        "RESULT_BASE": str(SUITES / "xfstests-results"),
    }
    bad, passed = [], 0
    for name in names:
        told = subprocess.run(["./check", name], cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if told.returncode or f"{name}       [not run]" in told.stdout or "Not run:" in told.stdout:
            bad.append(f"{name}: {told.stdout[-600:]}")
        else:
            passed += 1
    return bad, passed


def mounted_in(base, server, name, *options):
    """A bucket of its own, mounted as root."""
    server.client().create_bucket(Bucket=name)
    folder = base / name
    folder.mkdir()
    return mounts.Mounted(folder, server.client_environment(), name, *options).start()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=["pjdfstest", "xfstests"])
    parser.add_argument("--only", help="tests whose names match")
    parser.add_argument("--source", help="a repository, instead of the public one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-suites-") as name:
        base = pathlib.Path(name)
        base.chmod(0o755)
        server = WeirServer(base / "server", "--reserve-bytes", "0").start()
        every = []
        try:
            if arguments.suite == "pjdfstest":
                url, commit = PJDFSTEST
                build = "autoreconf -ifs && ./configure && make pjdfstest"
                folder = fetched("pjdfstest", (arguments.source or url, commit), build)
                every = [mounted_in(base, server, "pjdfstest")]
                bad, passed = run_pjdfstest(folder, every[0].folder, arguments.only)
            else:
                url, commit = XFSTESTS
                folder = fetched("xfstests", (arguments.source or url, commit), "make")
                every = [mounted_in(base, server, each) for each in ("xfs-test", "xfs-scratch")]
                bad, passed = run_xfstests(folder, every, arguments.only)
        finally:
            for each in every:
                if each.process.poll() is None:
                    each.stop()
                elif mounts.is_mounted(each.folder):
                    print(f"the daemon died: {each.process.poll()}\n{each.log()[-2000:]}")
                    subprocess.run(["umount", "-l", each.folder], check=False)
            server.stop()
    print("\n".join(bad))
    print(f"{passed} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
