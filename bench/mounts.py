"""What a bucket is mounted with: Weir as root and as a user, tigrisfs and rclone where they are installed; and beside them a
local folder, and the same through bindfs, a plain FUSE file system.

A program is looked for in $PEERS_BIN and on PATH. A mount is stopped by its process id and unmounted whatever happened.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
from typing import Any

import servers

NOBODY = 65534
MOUNTS_WITHIN_S = 60
STOPS_WITHIN_S = 120


def is_mounted(folder: pathlib.Path) -> bool:
    """Without asking the mount, which may hang."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == str(folder) for line in lines)


def drop_kernel_caches() -> None:
    """What every file system has in memory."""
    os.sync()
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")


class Mount:
    """A bucket as a folder. `label` names it in the table."""

    program = ""
    program_of_its_own = True
    of_bucket = True
    user: int | None = None

    def __init__(self, label: str, base: pathlib.Path, server: servers.Server, url: str | None = None) -> None:
        """Not started yet. `url`: of the server, if it is asked through a proxy."""
        self.label = label
        self.base = base
        self.folder = base / "mnt"
        self.cache = base / "cache"
        self.server = server
        self.url = url or server.url
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def missing(cls) -> str | None:
        """Why it cannot be used here."""
        return None if servers.binary(cls.program) else f"{cls.program} is not on PATH or in $PEERS_BIN"

    def command(self) -> list[Any]:
        """That stays in the foreground."""
        raise NotImplementedError

    def place(self, model: pathlib.Path, small: pathlib.Path) -> None:
        """Puts a file and a folder where it shows them, unless it shows the bucket."""

    def environment(self) -> dict[str, str]:
        """Keys, for all of them."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return clean | {
            "AWS_ACCESS_KEY_ID": self.server.access,
            "AWS_SECRET_ACCESS_KEY": self.server.secret,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Mounts; a cache that is there is kept."""
        for folder in (self.base, self.folder, self.cache):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700 if folder == self.cache else 0o755)
            if self.user:
                os.chown(folder, self.user, self.user)
        with (self.base / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in self.command()], env=self.environment(), stdout=log, stderr=log, cwd="/"
            )
        deadline = time.monotonic() + MOUNTS_WITHIN_S
        while not is_mounted(self.folder):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.label} did not mount: {(self.base / 'log').read_text(errors='replace')[-800:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Unmounts; waits until what is written is there."""
        if self.process is None:
            return
        subprocess.run(["umount", self.folder], check=False, capture_output=True)
        try:
            self.process.wait(timeout=STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if is_mounted(self.folder):
            subprocess.run(["umount", "-l", self.folder], check=False)
        self.process = None

    def make_cold(self) -> None:
        """Nothing of the bucket is on this machine any more, but for the server's own files."""
        self.stop()
        shutil.rmtree(self.cache, ignore_errors=True)
        drop_kernel_caches()
        self.start()

    @property
    def process_id(self) -> int | None:
        """Of its daemon."""
        return self.process.pid if self.process else None

    def work(self, what: str, name: str, count: int = 0) -> dict[str, float]:
        """Runs mount_work.py, as whoever mounted."""
        if self.program_of_its_own and not is_mounted(self.folder):
            raise RuntimeError(f"{self.label} is not mounted any more")
        who = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        script = pathlib.Path(__file__).parent / "mount_work.py"
        command = [*who, sys.executable, script, what, self.folder / name, str(count)]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{self.label}: {what} {name}: {done.stderr[-600:]}")
        return json.loads(done.stdout)


class Local(Mount):
    """A folder of the disk that the caches are on."""

    program_of_its_own = False
    of_bucket = False

    @classmethod
    def missing(cls) -> str | None:
        """It is always there."""
        return None

    def place(self, model: pathlib.Path, small: pathlib.Path) -> None:
        """Copies."""
        self.start()
        shutil.copy(model, self.folder)
        shutil.copytree(small, self.folder / small.name)

    def start(self) -> None:
        """Makes it."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def make_cold(self) -> None:
        """Its files stay, their pages go."""
        drop_kernel_caches()

    def stop(self) -> None:
        """There is nothing to stop."""


class PlainFuse(Mount):
    """bindfs: a local folder through FUSE, cached by the kernel. What the kernel's part of FUSE can do, without a store."""

    program = "bindfs"
    of_bucket = False

    @property
    def source(self) -> pathlib.Path:
        """What it shows."""
        return self.base / "source"

    def command(self) -> list[Any]:
        """What the kernel has stays when a file is opened again."""
        return [servers.binary("bindfs"), "-f", "-o", "kernel_cache", self.source, self.folder]

    def place(self, model: pathlib.Path, small: pathlib.Path) -> None:
        """Copies."""
        self.source.mkdir(parents=True)
        shutil.copy(model, self.source)
        shutil.copytree(small, self.source / small.name)


class Weir(Mount):
    """As root: with passthrough and a larger read-ahead; of the store's own files it makes no use, as if it were elsewhere."""

    switches: tuple[str, ...] = ("--no-store-files",)

    @classmethod
    def missing(cls) -> str | None:
        """The build under test."""
        return None if servers.WEIR.exists() else f"{servers.WEIR} is not there: build it"

    def command(self) -> list[Any]:
        """With its defaults, but for the switches."""
        who = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        return [*who, servers.WEIR, "mount", servers.BUCKET, self.folder, "--foreground", "--cache", self.cache, *self.switches]


class WeirUser(Weir):
    """As somebody who is not root: through the kernel's page cache."""

    user = NOBODY


class WeirAsync(Weir):
    """For many small files: close() does not wait for the store."""

    switches = (*Weir.switches, "--async-close")


class WeirHere(Weir):
    """As it is with a Weir on this machine: large objects are read from the store's own files."""

    switches = ()


class Tigrisfs(Mount):
    """TigrisFS with its defaults; its close() does not wait for the store, fsync() does."""

    program = "tigrisfs"

    def command(self) -> list[Any]:
        """In the foreground."""
        return [servers.binary("tigrisfs"), "-f", "--endpoint", self.url, servers.BUCKET, self.folder]


class Rclone(Mount):
    """rclone with the cache mode that can do everything."""

    program = "rclone"

    def command(self) -> list[Any]:
        """In the foreground."""
        return [
            *(servers.binary("rclone"), "mount", f"bench:{servers.BUCKET}", self.folder),
            *("--vfs-cache-mode", "full", "--cache-dir", self.cache),
        ]

    def environment(self) -> dict[str, str]:
        """Its remote."""
        return super().environment() | {
            "RCLONE_CONFIG_BENCH_TYPE": "s3",
            "RCLONE_CONFIG_BENCH_PROVIDER": "Other",
            "RCLONE_CONFIG_BENCH_ENDPOINT": self.url,
            "RCLONE_CONFIG_BENCH_ACCESS_KEY_ID": self.server.access,
            "RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY": self.server.secret,
        }


KNOWN: dict[str, type[Mount]] = {
    "local": Local,
    "bindfs": PlainFuse,
    "weir": Weir,
    "weir-user": WeirUser,
    "weir-async": WeirAsync,
    "weir-here": WeirHere,
    "tigrisfs": Tigrisfs,
    "rclone": Rclone,
}
