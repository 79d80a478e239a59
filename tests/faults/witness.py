"""What clients were told, and a proof that it is so: for tests of faults that say when each begins and ends."""

import contextlib
import random
import re
import time

from botocore.exceptions import BotoCoreError, ClientError
from weights import body, digest

from weir_server import WeirServer

KiB, MiB = 1024, 1024 * 1024
BUCKET = "faults"
SMALL, LARGE = 9 * KiB, 3 * MiB + 17  # a row, a blob
RECOVERS_WITHIN_S = 30


class Witness:
    """One server under an interposer, and every object that it acknowledged."""

    def __init__(self, folder, interposer=None, data=None, reserve=0, options=()):
        self.interposer = interposer
        self.server = WeirServer(
            folder / "weir", "--reserve-bytes", str(reserve), "--reclaim-delay-s", "0", *options,
            environment=interposer.environment if interposer else None,
        )  # fmt: skip
        if data:
            self.server.data = data
        self.kept = {}  # key: (body's number, size)
        self.unsure = {}  # key: what may be there instead; None: nothing
        self.number = random.randrange(10**6) * 1000

    def start(self):
        self.server.start()
        self.s3 = self.server.client(read_timeout=60)
        with contextlib.suppress(self.s3.exceptions.BucketAlreadyOwnedByYou):
            self.s3.create_bucket(Bucket=BUCKET)
        return self

    def log(self):
        return self.server.log()

    # --- operations

    def put(self, key, size=LARGE, s3=None):
        """An acknowledged one is kept for good; one that fails raises, and either is there or not."""
        self.number += 1
        what = (self.number, size)
        try:
            (s3 or self.s3).put_object(Bucket=BUCKET, Key=key, Body=body(*what))
        except (ClientError, BotoCoreError):
            self.unsure.setdefault(key, []).append(what)
            raise
        self.kept[key] = what
        self.unsure.pop(key, None)

    def delete(self, key):
        try:
            self.s3.delete_object(Bucket=BUCKET, Key=key)
        except (ClientError, BotoCoreError):
            self.unsure.setdefault(key, []).append(None)
            raise
        self.kept.pop(key, None)
        self.unsure.pop(key, None)

    def refused(self, act, *statuses):
        """`act` must fail with one of the statuses; its message."""
        try:
            act()
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            assert status in statuses, f"{error}; {statuses} expected"
            return error.response["Error"]["Message"]
        raise AssertionError(f"acknowledged; {statuses} expected")

    def until_done(self, act):
        """Service goes on by itself: how long it took."""
        begin = time.monotonic()
        while True:
            try:
                act()
                return time.monotonic() - begin
            except (ClientError, BotoCoreError):
                assert time.monotonic() - begin < RECOVERS_WITHIN_S, self.log()[-4000:]
                time.sleep(0.05)

    # --- proofs

    def get(self, key):
        reply = self.s3.get_object(Bucket=BUCKET, Key=key)
        return reply["Body"].read()

    def check_reads(self):
        """Every acknowledged object byte for byte, those of which nobody knows whole or absent, and nothing else."""
        listed = {}
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            listed |= {entry["Key"]: entry["Size"] for entry in page.get("Contents", [])}
        for key in {*self.kept, *self.unsure, *listed}:
            may_be = [self.kept.get(key), *self.unsure.get(key, [])]
            if key not in listed:
                assert None in may_be, f"{key} is lost"
                continue
            data = self.get(key)
            assert len(data) == listed[key], f"{key} is listed with another size"
            shown = [what for what in may_be if what and what[1] == len(data) and digest(body(*what)) == digest(data)]
            assert shown, f"{key} is something that nobody wrote"

    def settle(self):
        """What was unsure is as it is shown now, and has to stay so."""
        self.check_reads()
        for key, may_be in self.unsure.items():
            try:
                data = self.get(key)
            except self.s3.exceptions.NoSuchKey:
                self.kept.pop(key, None)
                continue
            (self.kept[key],) = (what for what in (*may_be, self.kept.get(key)) if what and body(*what) == data)
        self.unsure.clear()

    def finish(self):
        """All that must be true after a fault: service, a crash, fsck."""
        self.until_done(lambda: self.put("after/large"))
        self.put("after/small", SMALL)
        self.settle()
        self.server.kill()
        self.start()
        self.check_reads()
        self.put("after/restart")
        self.check_reads()
        self.server.stop()
        told = self.server.run("fsck", "--read", check=False)
        assert re.search(r" 0 damaged, 0 leaks", told.stdout), told.stdout + told.stderr + self.log()[-3000:]

    def flush(self, folder):
        """Makes the database write its tables: a backup does. Whether it could."""
        taken = self.server.run("backup", folder, check=False)
        return taken.returncode == 0, taken.stdout + taken.stderr
