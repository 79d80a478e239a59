"""The generic tests of xfstests on two mounts, which its own `check` mounts and unmounts by mount(8).

For that, /sbin/mount.fuse.weir and /sbin/umount.fuse.weir are there for the time of a run; the keys are in a file of root's.
"""

import os
import pathlib
import re
import selectors
import shlex
import signal
import subprocess
import time

import mounts

from weir_server import BINARY

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = "https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git", "63a29724a85f1999e49bf0a9bf0d22643b6116e5"
# A mount's type in the kernel's table is "fuse.weir".
BUILD = r"""
make
sed -i -E 's/(_check_mounted_on TEST_DEV .* \$FSTYP) /\1$FUSE_SUBTYP /' common/rc
grep -q 'TEST_DIR $FSTYP$FUSE_SUBTYP ' common/rc
"""
TEST_WITHIN_S = int(os.environ.get("WEIR_TEST_WITHIN_S", "300"))
HELPERS = {"mount": pathlib.Path("/sbin/mount.fuse.weir"), "umount": pathlib.Path("/sbin/umount.fuse.weir")}
BUCKETS = {"TEST": "xfstests-test", "SCRATCH": "xfstests-scratch"}
# "generic/001  5s ... " when it begins; what became of it when it ends, after what this run's time is.
BEGINS = re.compile(r"^(generic/\d+)\s")
NOT_RUN = re.compile(r"\[not run\]\s*(.*)")
FAILED = re.compile(r"\[failed|output mismatch|_check_|\[dmesg|no qualified output")
ENDS = re.compile(r"\s\d+s\s*$")


def listed(name):
    """The tests in a file: one a line, what comes after `#` or `:` is not."""
    lines = (HERE / f"xfstests_{name}.txt").read_text().splitlines()
    return [test for line in lines if (test := re.split("[:#]", line)[0].strip())]


def write(path, text, mode):
    """A file that nobody else may read before it has its mode."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)


class Xfstests:
    """One run; everything of it is in `base` but the two helpers in /sbin."""

    def __init__(self, suite, base, server, options):
        self.suite = suite
        self.base = base
        self.server = server
        self.options = ["cache=" + str(base / "cache"), *options]
        self.passed, self.not_run, self.failed = [], {}, {}

    def __enter__(self):
        for bucket in BUCKETS.values():
            self.server.client().create_bucket(Bucket=bucket)
            (self.base / bucket).mkdir()
        keys = {name: value for name, value in self.server.client_environment().items() if name.startswith("AWS_")}
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in keys.items()]
        write(self.base / "keys", "".join(lines), 0o600)
        # By this name weir reads a command line as mount(8) writes it.
        (self.base / "mount.weir").symlink_to(BINARY)
        own = ",".join([*self.options, f"log={self.base / 'mount.log'}"])
        self.helper("mount", f'exec {self.base}/mount.weir "$@" -o {own}\n')
        self.helper("umount", f'exec {BINARY} umount "$1"\n')
        return self

    def helper(self, verb, text):
        path = self.base / f"{verb}-helper"
        write(path, f"#!/bin/sh\n. {self.base}/keys\n{text}", 0o700)
        HELPERS[verb].symlink_to(path)

    def __exit__(self, *_):
        for bucket in BUCKETS.values():
            while mounts.is_mounted(self.base / bucket):
                subprocess.run([BINARY, "umount", "--lazy", self.base / bucket], check=False, timeout=mounts.ENDS_WITHIN_S)
        for path in HELPERS.values():
            if path.is_symlink() and path.readlink().is_relative_to(self.base):
                path.unlink()

    def environment(self):
        result = self.base / "results"
        result.mkdir(exist_ok=True)
        told = {"FSTYP": "fuse", "FUSE_SUBTYP": ".weir", "RESULT_BASE": str(result), "HOST_OPTIONS": "/nonexistent"}
        for which, bucket in BUCKETS.items():
            told[f"{which}_DEV"] = bucket
            told["TEST_DIR" if which == "TEST" else "SCRATCH_MNT"] = str(self.base / bucket)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "WEIR_"))}
        return clean | told

    def run(self, arguments):
        """`check` with these; what takes too long is killed, and is a failure."""
        command = ["./check", *arguments]
        checks = subprocess.Popen(command, cwd=self.suite, env=self.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
        try:
            with checks.stdout:
                self.take(followed(checks))
        finally:
            end_test(checks.pid)
            checks.kill()
            checks.wait()

    def take(self, told):
        """What `check` told of each test."""
        blocks = re.split(r"^(?=generic/\d+\s)", told, flags=re.MULTILINE)
        for block in blocks:
            if not (begins := BEGINS.match(block)):
                continue
            test = begins.group(1)
            if "[expunged]" in block:
                continue
            if reason := NOT_RUN.search(block):
                self.not_run[test] = reason.group(1)
            elif FAILED.search(block) or not ENDS.search(block.splitlines()[0]):
                self.failed[test] = block[len(test) :].strip()
            else:
                self.passed.append(test)


def followed(checks):
    """What `check` prints, which is printed here too. A test that does not end is killed."""
    told, since = "", time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(checks.stdout, selectors.EVENT_READ)
        while True:
            if selector.select(timeout=1):
                some = os.read(checks.stdout.fileno(), 65536).decode(errors="replace")
                if not some:
                    return told
                print(some, end="", flush=True)
                told += some
                since = time.monotonic()
            elif time.monotonic() - since > TEST_WITHIN_S:
                end_test(checks.pid)
                told += "[failed: does not end\n"
                since = time.monotonic()


def children(pid):
    """Of a process, and theirs."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue  # it ended
        if int(fields[1]) == pid:
            child = int(path.parent.name)
            found += [child, *children(child)]
    return found


def end_test(check):
    """Kills what `check` waits for; the mounts' daemons are nobody's children."""
    for pid in children(check):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
