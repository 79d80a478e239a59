#!/usr/bin/env python3
"""Random faults of the disk under `weir serve` while clients write, and a proof after each that what was told is so.

usage: .venv/bin/python tests/faults/chaos.py --rounds 1000 [--seed N] [--folder DIR]

Each round arms one or two faults: some calls, on some paths, that fail with some errno, or write half, for all of the round
or only a few times. The clients work until a reply of 5xx or a cut connection tells them of it, which they may only see
while there is a fault. Then the faults go; service must be back by itself; and every client compares everything. Some
rounds kill the server first, which finds on its disk what the fault left. A seed repeats the choices, not the timing.
"""

import argparse
import errno
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from interposer import Interposer
from power_cut import PowerCuts, free_port
from power_cut_client import KEPT, OPERATIONS, PLAIN, RACE_KEY, WEIGHTS, Broken, Client

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from weir_server import WeirServer  # noqa: E402

CLIENTS = 3
ROUND_S = 1.0
RECOVERS_WITHIN_S = 60
FSCK_EVERY = 10
EVERYTHING = "create write datasync sync rename unlink mkdir allocate"
# Calls, and the paths that they are made on.
FAULTS = [
    *((calls, "*/blobs/*") for calls in ("create", "write", "datasync", "sync", "allocate", "unlink", "read", "open")),
    *((calls, "*/meta/*.log") for calls in ("write", "write", "datasync", "datasync", "create")),
    *((calls, "*/meta/*.sst") for calls in ("create", "write", "datasync sync", "read", "unlink")),
    *((calls, "*/meta/*.blob") for calls in ("create", "write", "datasync sync", "read")),
    *((calls, "*/meta/MANIFEST*") for calls in ("create write", "datasync sync", "unlink")),
    ("create write datasync sync rename", "*/meta/CURRENT*"),
    *((calls, "*/data/*") for calls in ("write", "datasync", "sync", "create", "datasync sync", EVERYTHING, EVERYTHING)),
]
ERRORS = [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE, errno.EDQUOT]


class FaultClient(Client):
    """Believes every reply, and ends its round at the first that tells of a fault."""

    def __init__(self, number, server, seed, faulty):
        super().__init__(number, server, seed, faulty)
        self.stop = threading.Event()

    def answered(self, reply):
        return reply

    def work(self):
        while not self.stop.is_set():
            operation = self.rng.choices(OPERATIONS, WEIGHTS)[0]
            self.last = operation.__name__
            self.pending, self.new_upload = [], None
            try:
                if getattr(self, self.last)() is not False:
                    self.operations += 1
            except (HTTPClientError, BotoCoreError) as error:
                return self.end_of_round(error)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                    raise Broken(f"{self.last}: {error}; expected {self.pending}") from error
                return self.end_of_round(error)
        self.pending, self.new_upload = [], None
        return None

    def end_of_round(self, error):
        if not self.cut_has_begun.is_set():
            raise Broken(f"{self.last} failed without a fault: {error!r}")

    def delete_some(self):
        """Some of the keys may be told as failed, in a reply that is none."""
        keys = sorted({self.key() for _ in range(3)})
        self.pending = [{("object", key): None} for key in keys]
        reply = self.s3.delete_objects(Bucket=PLAIN, Delete={"Objects": [{"Key": key} for key in keys]})
        failed = {each["Key"] for each in reply.get("Errors", [])}
        for key in set(keys) - failed:
            self.cells["object", key] = None
        self.pending = [{("object", key): None} for key in sorted(failed)]
        if failed:
            raise BotoCoreError()


class Chaos(PowerCuts):
    """One data directory and its clients through many faults."""

    def __init__(self, folder, seed):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.seed = seed
        self.rng = random.Random(seed)
        self.interposer = Interposer(self.folder)
        self.server = WeirServer(
            self.folder, "--reserve-bytes", "0", "--reclaim-delay-s", "0",
            listen=f"127.0.0.1:{free_port()}", environment=self.interposer.environment,
        )  # fmt: skip
        self.faulty = threading.Event()
        self.rounds = self.met = self.kills = 0
        self.recoveries_s = []
        self.by_fault = {}

    def open(self):
        self.server.start()
        self.s3 = self.server.client(read_timeout=60)
        for bucket in (PLAIN, KEPT):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_bucket_versioning(Bucket=KEPT, VersioningConfiguration={"Status": "Enabled"})
        self.race_etag = self.s3.put_object(Bucket=PLAIN, Key=RACE_KEY, Body=b"0")["ETag"]
        self.clients = [FaultClient(number, self.server, self.seed, self.faulty) for number in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def close(self):
        self.interposer.disarm()
        if self.server.process and self.server.process.poll() is None:
            self.server.kill()

    def one(self):
        """Faults, and everything that must be true after them."""
        self.rounds += 1
        self.names_forgotten()
        for client in self.clients:
            client.stop.clear()
            client.begin("work")
        time.sleep(self.rng.uniform(0, 0.3))
        faults = [self.arm(slot) for slot in range(self.rng.choice([1, 1, 2]))]
        if self.rng.random() < 0.3:
            # What RocksDB does by itself: flush, and compact.
            self.server.run("backup", self.folder / "backup", check=False)
        time.sleep(ROUND_S)
        hits = sum(self.interposer.hits(slot) for slot in range(len(faults)))
        self.met += hits > 0
        for fault in faults:
            self.by_fault[fault] = self.by_fault.get(fault, 0) + (hits > 0)
        killed = self.rng.random() < 0.25
        if killed:
            self.kills += 1
            self.server.kill()
        self.interposer.disarm()
        for client in self.clients:
            client.stop.set()
        for client in self.clients:
            client.wait()
        if killed:
            self.fsck()
            self.server.start()
        self.until_it_serves()
        self.faulty.clear()
        self.verify()

    def arm(self, slot):
        """A fault, by its name."""
        self.faulty.set()
        calls, paths = self.rng.choice(FAULTS)
        action = "half" if calls in ("read", "write") and self.rng.random() < 0.2 else "fail"
        error = self.rng.choice(ERRORS)
        skip = int(2 ** self.rng.uniform(0, 5)) - 1
        times = self.rng.choice([1, 1, 3, 2**31 - 1])
        self.interposer.arm(calls, paths, action, error, skip, times, slot)
        return f"{action} {calls} {paths} {errno.errorcode[error]}"

    def until_it_serves(self):
        """A write and a read, by itself."""
        begin = time.monotonic()
        while True:
            try:
                self.s3.put_object(Bucket=PLAIN, Key="serves", Body=b"row")
                self.s3.put_object(Bucket=PLAIN, Key="serves", Body=bytes(100_000))
                self.s3.get_object(Bucket=PLAIN, Key="serves")["Body"].read()
                break
            except (ClientError, BotoCoreError) as error:
                if time.monotonic() - begin > RECOVERS_WITHIN_S:
                    raise Broken(f"no service though the fault is gone: {error}") from error
                time.sleep(0.05)
        self.recoveries_s.append(time.monotonic() - begin)

    def names_forgotten(self):
        self.interposer.names_path.write_text("")

    def verify(self):
        for client in self.clients:
            client.begin("verify")
        for client in self.clients:
            client.wait()
        self.verify_race()
        if self.rounds % FSCK_EVERY == 0:
            self.fsck("--read")

    def report(self):
        """What was done, for a person."""
        slowest = max(self.recoveries_s, default=0)
        return (
            f"{self.rounds} rounds, {self.met} met a fault, {self.kills} kills, {self.operations} acknowledged operations, "
            f"seed {self.seed}; service was back after {slowest:.2f} s at most; nothing lost, nothing half done"
        )


def run(folder, rounds, seed):
    """So many rounds; the report. Raises Broken with what was lost."""
    chaos = Chaos(folder, seed)
    try:
        chaos.open()
        for _ in range(rounds):
            try:
                chaos.one()
            except BaseException as problem:
                problem.add_note(f"seed {seed}, round {chaos.rounds}; faults so far {list(chaos.by_fault)[-6:]}")
                raise
        chaos.server.stop()
        chaos.fsck("--read")
        return chaos.report()
    finally:
        chaos.close()


def main():
    parser = argparse.ArgumentParser(prog="chaos.py")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--folder", help="where the data and the logs go; a new one below /tmp if not given")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = arguments.folder or tempfile.mkdtemp(prefix="weir-chaos-")
    print(f"seed {arguments.seed}, logs in {folder}", flush=True)
    try:
        print(run(folder, arguments.rounds, arguments.seed))
    except Broken as problem:
        print(f"BROKEN: {problem}\n{''.join(problem.__notes__)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
