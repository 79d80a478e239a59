#!/usr/bin/env python3
"""Runs a suite on mounts: `posix_suites.py pjdfstest|xfstests [--only PATTERN] [--source REPOSITORY]`; needs root.

They are fetched and built outside of the repository, in $WEIR_SUITES or ~/.cache/weir-tests, each at one commit. `--source`
takes a repository that is here already.

pjdfstest needs git, autoconf, automake, make, a C compiler and perl. What is not expected to pass is in
pjdfstest_exclusions.txt, each with its reason. Exits with 1 if anything else fails, or if something that is listed passes.

xfstests needs besides (Debian's names) libtool, pkg-config, gawk, bc, xfsprogs, xfslibs-dev, libacl1-dev, libaio-dev,
libattr1-dev, libcap-dev, libgdbm-dev, liburing-dev, uuid-dev, acl, attr, quota; and the users fsgqa, fsgqa2 and 123456-fsgqa
with groups of their own. Of its generic tests those of xfstests_list.txt are run; xfstests_exclusions.txt says of others why
not, and what is in neither says itself that it is not for this. `--options async_close` and the like are for the mounts.
Exits with 1 if a test fails or is not run. `--group generic/quick` runs a group instead, to find what belongs into the two.
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
import xfstests  # noqa: E402

from weir_server import WeirServer  # noqa: E402

SUITES = pathlib.Path(os.environ.get("WEIR_SUITES", pathlib.Path.home() / ".cache" / "weir-tests"))
PJDFSTEST = "https://github.com/pjd/pjdfstest", "85a8aea9e685999ef0540392fd80535f873d7ff7"
# Tests of types that a bucket has no place for are left out, and the suite is told of hard links as it is of other mounts.
PJDFSTEST_BUILD = r"""
autoreconf -ifs && ./configure && make pjdfstest
sed -i -E '/^\s*for \w+ in .*\bfifo\b/s/ (fifo|block|char|socket)\b//g' tests/*/*.t
sed -i 's/= "FUSE.S3FS" \]/= "FUSE.S3FS" -o "${fs}" = "FUSE.WEIR" ]/' tests/misc.sh
sed -i 's/^\tmknod)$/&\n\t\t[ "${fs}" != "FUSE.WEIR" ] || return 1/' tests/misc.sh
grep -q FUSE.WEIR tests/misc.sh
"""
TEST_WITHIN_S = 600
# What TAP marks as to be done is what the suite does not expect of Linux.
NOT_OK = re.compile(r"^not ok (\d+)\b(?! # TO[D]O)(.*)$", re.MULTILINE)
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
        # Not how many: those of the types that are left out are not run.
        if not failed and not OK.search(told.stdout):
            bad.append(f"{name}: nothing ran: {told.stderr[-200:]}")
        bad += [f"{name} {number}: {shortened(text)}" for number, text in failed.items() if number not in skip]
        bad += [
            f"{name} {number}: passes, though it is excluded"
            for number in skip - set(failed)
            if number in OK.findall(told.stdout)
        ]
    return bad, passed


def mounted_in(base, server, name, *options):
    """A bucket of its own, mounted as root."""
    server.client().create_bucket(Bucket=name)
    folder = base / name
    folder.mkdir()
    return mounts.Mounted(folder, server.client_environment(), name, *options).start()


def pjdfstest(base, server, arguments):
    """Prints what is not as it should be; whether there is none."""
    url, commit = PJDFSTEST
    folder = fetched("pjdfstest", (arguments.source or url, commit), PJDFSTEST_BUILD)
    mounted = mounted_in(base, server, "pjdfstest")
    try:
        bad, passed = run_pjdfstest(folder, mounted.folder, arguments.only)
    finally:
        if mounted.process.poll() is None:
            mounted.stop()
        elif mounts.is_mounted(mounted.folder):
            print(f"the daemon died: {mounted.process.poll()}\n{mounted.log()[-2000:]}")
            subprocess.run(["umount", "-l", mounted.folder], check=False)
    print("\n".join(bad))
    print(f"{passed} passed, {len(bad)} failed")
    return not bad


def run_xfstests(base, server, arguments):
    """The same."""
    url, commit = xfstests.SOURCE
    folder = fetched("xfstests", (arguments.source or url, commit), xfstests.BUILD)
    tests = [test for test in xfstests.listed("list") if re.search(arguments.only or "", test)]
    with xfstests.Xfstests(folder, base, server, arguments.options) as run:
        run.run(["-g", arguments.group] if arguments.group else tests)
    bad = run.failed if arguments.group else run.failed | run.not_run
    for test, told in sorted(bad.items()):
        print(f"{test}: {told}")
    print(f"{len(run.passed)} passed, {len(run.failed)} failed, {len(run.not_run)} not run")
    return not bad and bool(run.passed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=["pjdfstest", "xfstests"])
    parser.add_argument("--only", help="tests whose names match")
    parser.add_argument("--source", help="a repository, instead of the public one")
    parser.add_argument("--options", default=[], type=lambda text: text.split(","), help="xfstests: for the mounts")
    parser.add_argument("--group", help="xfstests: a group, instead of what is listed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-suites-") as name:
        base = pathlib.Path(name)
        base.chmod(0o755)
        server = WeirServer(base / "server", "--reserve-bytes", "0").start()
        try:
            suite = pjdfstest if arguments.suite == "pjdfstest" else run_xfstests
            return 0 if suite(base, server, arguments) else 1
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
