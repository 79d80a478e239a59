"""Two mounts and an SDK write to one bucket at once: no write that was acknowledged is lost without a later or concurrent
one, conflicts are errors, and afterwards all see the same. WEIR_TEST_SEED repeats the choices, not the timing.

A body is a chain of chunks, each of which tells whose it is: one that was written whole, and those appended to it since.
"""

import dataclasses
import itertools
import os
import random
import struct
import threading
import time

import pytest
from botocore.exceptions import ClientError
from mounts import eventually, opened

KIB, MIB = 1 << 10, 1 << 20
STEPS = int(os.environ.get("WEIR_MODEL_STEPS", "200"))
SHARED_KEYS = 5
HEAD = struct.Struct("<8sQQ")  # what it is, its number, the length of the whole chunk
MAGIC = b"weirrace"


@dataclasses.dataclass
class Write:
    """What somebody did to a key; a chunk has its number."""

    number: int
    kind: str  # whole, append, delete
    began: float
    ended: float = 0.0
    error: str = ""


class History:
    """Of one bucket, by key."""

    def __init__(self, seed):
        self.seed = seed
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        self.writes = {}

    def chunk(self, number, size):
        noise = random.Random(self.seed * 1_000_003 + number).randbytes(size)
        return HEAD.pack(MAGIC, number, HEAD.size + size) + noise

    def record(self, key, kind, size, action):
        """Does `action(chunk)` to a key; what it raises is the write's error, and is returned."""
        with self.lock:
            write = Write(next(self.numbers), kind, time.monotonic())
            self.writes.setdefault(key, {})[write.number] = write
        chunk = self.chunk(write.number, size)
        write.began = time.monotonic()
        try:
            action(chunk)
        except (OSError, ClientError) as error:
            write.error = f"{type(error).__name__}: {error}"
        write.ended = time.monotonic()
        return write.error

    def chain(self, key, body):
        """The numbers of a body's chunks. Each must be whole, and somebody's who wrote to this key."""
        found, at = [], 0
        while at < len(body):
            magic, number, length = HEAD.unpack_from(body, at)
            assert magic == MAGIC and number in self.writes.get(key, {}), (key, at, "is nobody's")
            kind = self.writes[key][number].kind
            assert kind == ("append" if found else "whole"), (key, found, number, kind)
            assert body[at : at + length] == self.chunk(number, length - HEAD.size), (key, number, "is torn")
            found.append(number)
            at += length
        return found

    def judge(self, key, body):
        """That a key may end with a body (None: it is not there)."""
        writes = self.writes.get(key, {})
        good = [write for write in writes.values() if not write.error]
        if body is None:
            deletes = [write for write in good if write.kind == "delete"]
            late = [write for write in good if write.kind != "delete"]
            assert not late or any(all(write.began <= delete.ended for write in late) for delete in deletes), self.story(key)
            return
        chain = [writes[number] for number in self.chain(key, body)]
        assert chain, (key, "is empty")
        assert not [write for write in chain if write.error], ("was refused, and is there", self.story(key, chain))
        for earlier, later in itertools.combinations(chain, 2):
            assert earlier.began <= later.ended, ("out of order", self.story(key, chain))
        for write in good:
            # What is not in the chain came before its first: an append keeps all that was there.
            assert write in chain or write.began <= chain[0].ended, (f"{write} is lost", self.story(key, chain))

    def story(self, key, chain=()):
        lines = map(str, sorted(self.writes.get(key, {}).values(), key=lambda write: write.began))
        return "\n".join([f"{key} ends with {[write.number for write in chain]}", *lines])


class Writer(threading.Thread):
    """Writes and reads at random, in keys of its own and in those of all."""

    def __init__(self, history, seed, name):
        super().__init__(daemon=True)
        self.history = history
        self.pick = random.Random(f"{seed} {name}")
        self.name = name
        self.own = [f"{name}-{i}" for i in range(3)]
        self.failure = None

    def run(self):
        try:
            for _ in range(STEPS):
                self.step()
        except BaseException as failure:  # of any kind: the test raises it
            self.failure = failure

    def step(self):
        shared = self.pick.random() < 0.6
        key = f"shared-{self.pick.randrange(SHARED_KEYS)}" if shared else self.pick.choice(self.own)
        how = self.pick.choice(["whole", "whole", "replace", "append", "append", "delete", "read", "read"])
        if how == "read":
            body = self.read(key)
            if body is not None:
                self.history.chain(key, body)
            return
        large = not shared and self.pick.random() < 0.05
        size = self.pick.randrange(9 * MIB, 20 * MIB) if large else self.pick.choice([0, 10, 5000, 70 * KIB])
        kind = "whole" if how == "replace" else how
        error = self.history.record(key, kind, size, lambda chunk: getattr(self, how)(key, chunk))
        if error:
            missing = how in ("append", "delete") and ("FileNotFound" in error or "NoSuchKey" in error)
            assert missing or shared, f"{how} of {key}, which nobody else writes: {error}"


class MountWriter(Writer):
    """Through a mount. Those of one mount take turns with each key: what a file is while it is written, all there see."""

    def __init__(self, history, seed, name, root, turns):
        super().__init__(history, seed, name)
        self.root = root
        self.turns = turns

    def step_alone(self, key):
        with self.history.lock:
            return self.turns.setdefault(key, threading.Lock())

    def write(self, key, chunk, flags):
        with opened(self.root / key, os.O_WRONLY | flags) as descriptor:
            done = 0
            while done < len(chunk):
                done += os.write(descriptor, chunk[done : done + 300_000])
            if self.pick.random() < 0.3:
                os.fsync(descriptor)

    def whole(self, key, chunk):
        with self.step_alone(key):
            self.write(key, chunk, os.O_CREAT | os.O_TRUNC)

    def append(self, key, chunk):
        with self.step_alone(key):
            self.write(key, chunk, os.O_APPEND)

    def replace(self, key, chunk):
        temporary = f".{self.name}.part"
        self.write(temporary, chunk, os.O_CREAT | os.O_TRUNC)
        with self.step_alone(key):
            os.rename(self.root / temporary, self.root / key)

    def delete(self, key, _):
        with self.step_alone(key):
            os.unlink(self.root / key)

    def read(self, key):
        """None if it is not there, or was replaced meanwhile: the bucket keeps no versions."""
        with self.step_alone(key):
            try:
                return (self.root / key).read_bytes()
            except OSError:
                return None


class SdkWriter(Writer):
    """Through boto3."""

    def __init__(self, history, seed, name, client, bucket):
        super().__init__(history, seed, name)
        self.client = client
        self.bucket = bucket

    def whole(self, key, chunk):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=chunk)

    replace = whole

    def append(self, key, chunk):
        old = self.client.get_object(Bucket=self.bucket, Key=key)
        body = old["Body"].read()
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body + chunk, IfMatch=old["ETag"])

    def delete(self, key, _):
        self.client.delete_object(Bucket=self.bucket, Key=key)

    def read(self, key):
        try:
            return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None


def bodies_of_bucket(s3, bucket):
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def body_or_error(path):
    """An error while a file is not what it was listed as."""
    try:
        return path.read_bytes()
    except OSError as error:
        return error


def bodies_of_mount(root):
    """What each name has."""
    return {name: body_or_error(root / name) for name in os.listdir(root)}


@pytest.mark.parametrize("share", [False, True], ids=["own_caches", "one_cache"])
def test_two_mounts_and_an_sdk(server, mount, bucket, share):
    seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(10**9)))
    print(f"WEIR_TEST_SEED={seed}")
    first = mount(bucket, name="a")
    roots = [first.folder, mount(bucket, name="b", cache=first.cache if share else None).folder]
    s3 = server.client()
    history = History(seed)
    writers = [SdkWriter(history, seed, f"sdk{i}", s3, bucket) for i in range(2)]
    for name, root in zip("ab", roots, strict=True):
        turns = {}
        writers += [MountWriter(history, seed, f"{name}{i}", root, turns) for i in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for writer in writers:
        if writer.failure:
            raise writer.failure

    stored = bodies_of_bucket(s3, bucket)
    # A rename that failed leaves its source.
    judged = {key: body for key, body in stored.items() if not key.startswith(".")}
    for key in history.writes.keys() | judged.keys():
        history.judge(key, judged.get(key))
    for root in roots:
        differs = {}

        def agrees(root=root, differs=differs):
            """Whether the mount shows what is stored; `differs` has the sizes of what it shows otherwise."""
            shown = bodies_of_mount(root)
            differs.clear()
            for key in shown.keys() | stored.keys():
                if shown.get(key) != stored.get(key):
                    both = (shown.get(key), stored.get(key))
                    differs[key] = [len(body) if isinstance(body, bytes) else body for body in both]
            return not differs

        try:
            eventually(agrees)
        except AssertionError:
            pytest.fail(f"{root} shows other bytes than are stored, of sizes: {differs}")
    assert bodies_of_bucket(s3, bucket) == stored, "nothing more came"
