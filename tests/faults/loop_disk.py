"""A real file system in an image, mounted by loop, whose power can be cut. Needs root and /dev/loop*."""

import fcntl
import os
import pathlib
import shutil
import struct
import subprocess
import time

MiB = 1024 * 1024
# EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are one number; `xfs_io -x -c shutdown` makes the same call. With this flag the
# journal is not flushed: what the file system did not have to make durable yet is lost.
SHUTDOWN = 0x8004587D
WITHOUT_LOG_FLUSH = 2
MAKE = {"ext4": ["mkfs.ext4", "-q", "-F"], "xfs": ["mkfs.xfs", "-q", "-f"]}
UNMOUNTS_WITHIN_S = 60


def missing():
    """Why no such disk can be made here, or None."""
    if os.geteuid() != 0:
        return "mounting a file system needs root"
    if not os.path.exists("/dev/loop-control"):
        return "there are no loop devices"
    programs = [make[0] for make in MAKE.values() if not shutil.which(make[0])]
    return f"{', '.join(programs)} missing" if programs else None


class LoopDisk:
    """Mounted at `folder`/mnt; nothing is left when `destroy()` returns."""

    def __init__(self, folder, kind, size_bytes=4096 * MiB):
        self.kind = kind
        self.image = pathlib.Path(folder) / f"{kind}.img"
        self.at = (pathlib.Path(folder) / "mnt").resolve()
        self.at.mkdir(parents=True, exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(size_bytes)
        subprocess.run([*MAKE[kind], self.image], check=True, capture_output=True)
        self.mount()

    def mount(self, options="loop"):
        """Replays the journal, as the first mount after a power cut does."""
        subprocess.run(["mount", "-t", self.kind, "-o", options, self.image, self.at], check=True)

    def remount(self, options):
        """As in `mount -o remount,ro`."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.at], check=True)

    def cut(self):
        """From now on nothing reaches the image, not even what was written but not synced."""
        descriptor = os.open(self.at, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", WITHOUT_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def unmount(self):
        """Waits for descriptors that a killed process still holds."""
        until = time.monotonic() + UNMOUNTS_WITHIN_S
        while subprocess.run(["umount", self.at], capture_output=True).returncode != 0:
            assert time.monotonic() < until, f"{self.at} stays busy"
            time.sleep(0.02)

    def destroy(self):
        """Unmounts and removes the image."""
        # Not os.path.ismount(): after a cut nothing can be asked about the folder.
        if f" {self.at} " in pathlib.Path("/proc/self/mounts").read_text():
            self.unmount()
        self.image.unlink(missing_ok=True)
