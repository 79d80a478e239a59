"""Real mounts of real buckets: `weir mount --foreground`, as root and as somebody else."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from weir_server import BINARY, SANITIZER

NOBODY = 65534
MOUNTS_WITHIN_S = 60
ENDS_WITHIN_S = 60
HELD_UP_AFTER_S = 10


def is_mounted(folder):
    """Without asking the mount itself, which may hang."""
    return any(line.split()[4] == str(folder) for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines())


def as_user(user):
    """Before a command that is to be run as somebody else; nothing where this process is his already."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user and user != os.geteuid() else []


@contextlib.contextmanager
def opened(path, flags):
    """A descriptor; what close(2) says counts, unless something failed before it."""
    descriptor = os.open(path, flags, 0o644)
    try:
        yield descriptor
    except OSError:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise
    os.close(descriptor)


class Mounted:
    """A bucket that is mounted; `kill()` is SIGKILL, after which the folder is healed as a person would."""

    def __init__(self, base, environment, source, *options, user=None, endpoint=None, cache=None):
        self.base = pathlib.Path(base)
        self.folder = self.base / "mnt"
        self.cache = cache or self.base / "cache"
        self.environment = environment
        self.source = source
        self.options = [*options, *(["--endpoint", endpoint] if endpoint else [])]
        self.user = user
        self.process = None
        self.starts = 0

    @property
    def log_path(self):
        return self.base / f"mount.{self.starts}.log"

    def log(self):
        return self.log_path.read_text(errors="replace")

    @property
    def who(self):
        """Before a command: whoever mounted, whom alone the kernel lets in where he is not root."""
        return as_user(self.user)

    def command(self):
        return [*self.who, BINARY, "mount", self.source, self.folder, "--foreground", "--cache", self.cache, *self.options]

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.user and os.geteuid() == 0:
            for folder in (self.base, self.folder):
                os.chown(folder, self.user, self.user)
        self.starts += 1
        environment = self.environment | ({"HOME": str(self.base)} if self.user else {})
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(list(map(str, self.command())), stdout=log, stderr=log, env=environment, cwd="/")
        deadline = time.monotonic() + MOUNTS_WITHIN_S
        while not is_mounted(self.folder):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"weir mount did not mount ({self.process.poll()}): {self.log()}")
            time.sleep(0.02)
        return self

    def stop(self):
        if self.process is None or self.process.returncode is not None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=ENDS_WITHIN_S)
        assert not SANITIZER.search(self.log()), self.log()
        assert code == 0, (code, self.log())
        assert not is_mounted(self.folder)

    def kill(self):
        self.process.kill()
        # One whose end the kernel holds up (src/mount/notifier.h) ends with the umount.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=HELD_UP_AFTER_S)
        subprocess.run([BINARY, "umount", self.folder], check=True, timeout=ENDS_WITHIN_S)
        self.process.wait(timeout=ENDS_WITHIN_S)
        assert not is_mounted(self.folder)

    def clear_cache(self):
        """Between two mounts."""
        shutil.rmtree(self.cache, ignore_errors=True)

    def run(self, *command, **options):
        """A program of whoever mounted, in the mount."""
        words = [str(word) for word in (*self.who, "env", "-C", self.folder, *command)]
        options = {"check": True, "capture_output": True, "text": True, "timeout": 120} | options
        return subprocess.run(words, **options)  # noqa: PLW1510

    def read(self, name):
        """A file's bytes, by whoever mounted."""
        command = [str(word) for word in (*self.who, "cat", self.folder / name)]
        return subprocess.run(command, check=True, capture_output=True, timeout=120).stdout

    def exists(self, name):
        """Whether he finds it."""
        command = [str(word) for word in (*self.who, "test", "-e", self.folder / name)]
        return subprocess.run(command, check=False, timeout=120).returncode == 0

    def status(self):
        """What `weir mount status --json` tells."""
        environment = self.environment | ({"HOME": str(self.base)} if self.user else {})
        command = list(map(str, [*self.who, BINARY, "mount", "status", self.folder, "--json"]))
        told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
        return json.loads(told.stdout)

    def cpu_seconds(self):
        """That the daemon took so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        """The most that the daemon ever had in memory."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024


def eventually(check, within_s=60):
    """Waits until `check()` is true."""
    deadline = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def drop_kernel_caches():
    """What every file system has in memory; for root."""
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
