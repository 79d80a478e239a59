#!/usr/bin/env python3
"""Power cuts under `weir serve` while clients write, and a proof after each that nothing acknowledged was lost.

usage: .venv/bin/python tests/faults/power_cut.py --file-system ext4 --cuts 1000 [--seed N] [--folder DIR]

Each cut shuts a real file system down in mid-flight, without letting it write its journal, at a random moment or at a
place in the code that has a name (POINTS), while serving or while starting; takes away every name whose directory was not
synced; kills the server; mounts again; asks `weir fsck`; starts again; and lets each client compare everything. A seed
repeats the choices, not the threads' timing. Exits with 1 at the first thing lost, and leaves its logs.
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

from interposer import Interposer
from loop_disk import LoopDisk, missing
from power_cut_client import KEPT, PLAIN, RACE_KEY, Broken, Client

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from weir_server import WeirServer  # noqa: E402

CLIENTS = 4
POINT_WITHIN_S = 3
FSCK_EVERY = 20
# Where a cut may fall: the call, the path, and whether before or after it is made.
POINTS = {
    "a blob is made, nothing is in it": ("create", "*/blobs/*", "after"),
    "a blob is written in part": ("write", "*/blobs/*", "after"),
    "a blob is written, not synced": ("datasync", "*/blobs/*", "before"),
    "a blob is synced, its name is not": ("sync", "*/blobs/*", "before"),
    "a blob's name is synced, there is no record": ("sync", "*/blobs/*", "after"),
    "a folder of blobs is made": ("mkdir", "*/blobs/*", "after"),
    "a record is not yet logged": ("write", "*/meta/*.log", "before"),
    "a record is logged, not synced": ("datasync", "*/meta/*.log", "before"),
    "a record is synced, not acknowledged": ("datasync", "*/meta/*.log", "after"),
    "a blob is not yet reclaimed": ("unlink", "*/blobs/*", "before"),
    "a blob is reclaimed": ("unlink", "*/blobs/*", "after"),
    "space is reserved or given back": ("allocate", "*/blobs/*", "after"),
}
STARTING_POINTS = {
    "the log is replayed into a table in part": ("write", "*/meta/*.sst", "before"),
    "the table is not synced": ("datasync sync", "*/meta/*.sst", "before"),
    "the manifest is written, not synced": ("datasync sync", "*/meta/MANIFEST*", "before"),
    "the manifest is synced": ("datasync sync", "*/meta/MANIFEST*", "after"),
    "the manifest is not yet the current one": ("rename", "*/meta/CURRENT", "before"),
    "the manifest is the current one": ("rename", "*/meta/CURRENT", "after"),
    "the old log is not yet removed": ("unlink", "*/meta/*", "before"),
    "the new log is made": ("create", "*/meta/*.log", "after"),
    "the first record is not synced": ("datasync", "*/meta/*.log", "before"),
    "an orphan is not yet removed": ("unlink", "*/blobs/*", "before"),
    "an orphan is removed": ("unlink", "*/blobs/*", "after"),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PowerCuts:
    """One data directory and its clients through many cuts."""

    def __init__(self, folder, kind, seed):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seed = seed
        self.rng = random.Random(seed)
        self.disk = LoopDisk(self.folder, kind)
        self.interposer = Interposer(self.folder)
        self.server = WeirServer(
            self.folder, "--reserve-bytes", "0", "--reclaim-delay-s", "0",
            listen=f"127.0.0.1:{free_port()}", environment=self.interposer.environment,
        )  # fmt: skip
        self.server.data = self.disk.at / "data"
        self.cut_has_begun = threading.Event()
        self.cuts = 0
        self.by_place = {}
        self.starts_s = []
        self.mended = 0

    def open(self):
        """The first start, the buckets and the clients."""
        self.server.start()
        s3 = self.server.client()
        for bucket in (PLAIN, KEPT):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=KEPT, VersioningConfiguration={"Status": "Enabled"})
        self.race_etag = s3.put_object(Bucket=PLAIN, Key=RACE_KEY, Body=b"0")["ETag"]
        self.s3 = s3
        self.clients = [Client(number, self.server, self.seed, self.cut_has_begun) for number in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def close(self):
        """Ends the server and removes the image; the logs stay."""
        if self.server.process and self.server.process.poll() is None:
            self.server.kill()
        self.disk.destroy()

    @property
    def operations(self):
        return sum(client.operations for client in self.clients)

    def one(self):
        """A cut, and everything that must be true after it."""
        self.cuts += 1
        self.cut_has_begun.clear()
        for client in self.clients:
            client.begin("work")
        place = self.wait_for_the_moment(POINTS)
        self.cut(place)
        for client in self.clients:
            client.wait()
        self.recover()
        if self.rng.random() < 0.2:
            self.cut_while_starting()
        self.start()
        self.verify()

    def wait_for_the_moment(self, points, within_s=1.0):
        """A random time, or a place in the code that a random number of calls have passed before."""
        if self.rng.random() < 0.4:
            time.sleep(self.rng.uniform(0.01, within_s))
            return "a random moment"
        place = self.rng.choice(list(points))
        calls, pattern, action = points[place]
        skip = int(2 ** self.rng.uniform(0, 6)) - 1 if points is POINTS else self.rng.choice([0, 0, 1, 3])
        self.interposer.arm(calls, pattern, action, skip=skip, times=1)
        until = time.monotonic() + POINT_WITHIN_S
        while not self.server.is_stopped() and time.monotonic() < until:
            if points is STARTING_POINTS and self.server.serves():
                break
            time.sleep(0.005)
        return place if self.server.is_stopped() else "a random moment"

    def cut(self, place):
        self.by_place[place] = self.by_place.get(place, 0) + 1
        self.cut_has_begun.set()
        self.disk.cut()
        time.sleep(self.rng.choice([0, 0.005, 0.05]))
        self.server.kill()
        self.interposer.disarm()

    def recover(self):
        """The power is back."""
        self.disk.unmount()
        self.disk.mount()
        for path in self.interposer.unsynced_names():
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)

    def cut_while_starting(self):
        """The second cut falls before the first is dealt with."""
        self.server.launch()
        self.cut("starting: " + self.wait_for_the_moment(STARTING_POINTS, within_s=0.2))
        self.recover()

    def start(self):
        """Half of the time `weir fsck` mends first, else the server finds everything as the cut left it."""
        if self.rng.random() < 0.5:
            self.mended += self.fsck("--repair")[1]
            if self.fsck()[1] > 0:
                raise Broken(f"weir fsck --repair left something behind: {self.fsck_said}")
        begin = time.monotonic()
        self.server.start()
        self.starts_s.append(time.monotonic() - begin)

    def fsck(self, *options):
        """(damaged, leaks); damage is the end of the run."""
        outcome = self.server.run("fsck", *options, check=False)
        self.fsck_said = outcome.stdout + outcome.stderr
        counts = re.search(r"(\d+) damaged, (\d+) leaks", outcome.stdout)
        if not counts or int(counts[1]) > 0:
            raise Broken(f"weir fsck: {self.fsck_said}")
        return int(counts[1]), int(counts[2])

    def verify(self):
        for client in self.clients:
            client.begin("verify")
        for client in self.clients:
            client.wait()
        self.verify_race()
        if self.cuts % FSCK_EVERY == 0:
            self.fsck("--read")

    def verify_race(self):
        """The object's ETag ends one chain of replacements that holds every acknowledged one."""
        races = {}
        for client in self.clients:
            races |= {after: (before, acknowledged) for before, after, acknowledged in client.races}
            client.races = []
        etag = now = self.s3.head_object(Bucket=PLAIN, Key=RACE_KEY)["ETag"]
        chain = set()
        while etag != self.race_etag:
            if etag not in races:
                raise Broken(f"{RACE_KEY} has the ETag {now}, and {etag} before it comes from nowhere: {races}")
            chain.add(etag)
            etag = races[etag][0]
        lost = {after for after, (_, acknowledged) in races.items() if acknowledged} - chain
        if lost:
            raise Broken(f"{RACE_KEY}: acknowledged, and not on the way to {now}: {lost}")
        self.race_etag = now

    def report(self):
        """What was done, for a person."""
        lines = [f"{self.disk.kind}: {self.cuts} cuts, {self.operations} acknowledged operations, seed {self.seed}"]
        lines += [f"  {count:6} {place}" for place, count in sorted(self.by_place.items(), key=lambda each: -each[1])]
        starts = sorted(self.starts_s)
        lines.append(f"  ready after {starts[len(starts) // 2]:.2f} s (median), {starts[-1]:.2f} s (most)")
        lines.append(f"  {self.mended} leaks mended by weir fsck --repair; nothing lost, nothing half done")
        return "\n".join(lines)


def run(folder, kind, cuts, seed):
    """Cuts the power so many times; the report. Raises Broken with what was lost."""
    power = PowerCuts(folder, kind, seed)
    try:
        power.open()
        for _ in range(cuts):
            try:
                power.one()
            except BaseException as problem:
                problem.add_note(f"{kind}, seed {seed}, cut {power.cuts}; places so far {power.by_place}")
                raise
        return power.report()
    finally:
        power.close()


def main():
    parser = argparse.ArgumentParser(prog="power_cut.py")
    parser.add_argument("--file-system", choices=["ext4", "xfs"], default="ext4")
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--folder", help="where the image and the logs go; a new one below /tmp if not given")
    arguments = parser.parse_args()
    if reason := missing():
        print(f"no power cuts here: {reason}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = arguments.folder or tempfile.mkdtemp(prefix="weir-power-cut-")
    print(f"seed {arguments.seed}, logs in {folder}", flush=True)
    try:
        print(run(folder, arguments.file_system, arguments.cuts, arguments.seed))
    except Broken as problem:
        print(f"LOST: {problem}\n{''.join(problem.__notes__)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
