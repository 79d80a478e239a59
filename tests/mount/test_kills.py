"""The daemon is killed at random moments under readers and writers: what was closed or synced stays, no byte is wrong.

WEIR_TEST_SEED repeats the choices, not the moments; WEIR_KILLS kills more often.
"""

import os
import random
import threading
import time

import pytest

KIB, MIB = 1 << 10, 1 << 20
KILLS = int(os.environ.get("WEIR_KILLS", "6"))
WRITERS = 3
NAMES = ["a", "b", "c.bin"]
WITHIN_S = 120


class Worker(threading.Thread):
    """Does random things until the daemon is killed, which is the only reason why one may fail."""

    def __init__(self, root, pick, killing):
        super().__init__(daemon=True)
        self.root = root
        self.pick = pick
        self.killing = killing
        self.failure = None

    def run(self):
        try:
            while True:
                self.step()
        except OSError as error:
            if not self.killing.is_set():
                self.failure = error
        except BaseException as failure:  # of any kind: the test raises it
            self.failure = failure


class Reader(Worker):
    """Of files that nobody changes."""

    def __init__(self, root, pick, killing, bodies):
        super().__init__(root, pick, killing)
        self.bodies = bodies

    def step(self):
        name, body = self.pick.choice(sorted(self.bodies.items()))
        at, size = self.pick.choice([(0, len(body)), (self.pick.randrange(len(body)), self.pick.randrange(1, 2 * MIB))])
        with open(self.root / name, "rb", buffering=0) as file:
            got = os.pread(file.fileno(), size, at)
        wanted = body[at : at + size]
        # What was read before the kill is told, then.
        assert got == wanted or (self.killing.is_set() and wanted.startswith(got)), (name, at, size, len(got))


class Writer(Worker):
    """In a folder of its own. It knows what must be there, and what the step that failed may have done besides."""

    def __init__(self, root, pick, killing, state):
        super().__init__(root, pick, killing)
        self.state = state  # {name: body}, as it was acknowledged
        self.maybe = []  # changes {name: body or None}, each as one, that may have happened
        self.prefix = None  # (name, body, at least so much of it): what --recover may bring of a file that was not closed
        self.doing = "nothing"

    def step(self):
        name, other = self.pick.sample(NAMES, 2)
        steps = [self.whole, self.whole, self.append, self.move, self.unlink, self.read]
        self.pick.choice(steps)(name, other)
        self.maybe, self.prefix = [], None

    def noise(self):
        large = self.pick.randrange(9 * MIB, 20 * MIB) if self.pick.random() < 0.2 else 0
        return self.pick.randbytes(large or self.pick.choice([1, 5000, 300 * KIB, 2 * MIB]))

    def write(self, name, flags, old, new):
        """Writes `new` behind `old`; may sync on the way."""
        body, done = old + new, len(old)
        sync_at = self.pick.choice([len(body) + 1, self.pick.randrange(done, len(body) + 1)])
        self.doing = f"write {name} {len(old)}+{len(new)}"
        self.prefix = (name, body, len(old) if flags & os.O_APPEND else 0)
        descriptor = os.open(self.root / name, os.O_WRONLY | flags, 0o644)
        try:
            while done < len(body):
                done += os.write(descriptor, body[done : done + self.pick.choice([4096, 100_000, MIB])])
                if done >= sync_at:
                    self.doing = f"sync {name} at {done}"
                    self.maybe = [{name: body[:done]}]
                    os.fsync(descriptor)
                    self.state[name] = body[:done]
                    self.maybe, self.prefix, sync_at = [], (name, body, done), len(body) + 1
            self.doing = f"close {name} at {done}"
            self.maybe = [{name: body}]
        except OSError:
            self.give_up(descriptor)
            raise
        os.close(descriptor)
        self.state[name] = body

    @staticmethod
    def give_up(descriptor):
        try:
            os.close(descriptor)
        except OSError:
            pass  # the daemon is gone

    def whole(self, name, _):
        self.write(name, os.O_CREAT | os.O_TRUNC, b"", self.noise())

    def append(self, name, _):
        if name in self.state:
            self.write(name, os.O_APPEND, self.state[name], self.noise())

    def move(self, name, other):
        if name in self.state:
            self.doing = f"rename {name} {other}"
            change = {name: None, other: self.state[name]}
            self.maybe = [change]
            os.rename(self.root / name, self.root / other)
            self.state = changed(self.state, change)

    def unlink(self, name, _):
        if name in self.state:
            self.doing = f"unlink {name}"
            self.maybe = [{name: None}]
            os.unlink(self.root / name)
            del self.state[name]

    def read(self, name, _):
        if name in self.state:
            with open(self.root / name, "rb", buffering=0) as file:
                body = file.readall()
            assert body == self.state[name], (name, len(body), len(self.state[name]))
        else:
            assert not (self.root / name).exists() or self.killing.is_set(), name

    def judge(self, found, recovered):
        """That the store may hold this."""
        if any(found == changed(self.state, change) for change in [{}, *self.maybe]):
            return
        if recovered and self.prefix:
            name, body, least = self.prefix
            got = found.get(name, b"")
            others = {key: value for key, value in found.items() if key != name}
            if others == {key: value for key, value in self.state.items() if key != name}:
                assert len(got) >= least and got == body[: len(got)], f"{self.doing}: {len(got)} wrong bytes"
                return
        told = [{name: (len(body), body[:4].hex()) for name, body in state.items()} for state in (found, self.state)]
        raise AssertionError(f"during {self.doing}: the store has {told[0]}, acknowledged was {told[1]}")


def changed(state, change):
    return {name: body for name, body in (state | change).items() if body is not None}


def stored(s3, bucket, folder):
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/").get("Contents", [])]
    return {
        key.partition("/")[2]: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys if not key.endswith("/")
    }


def in_mount(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def kill_under_load(one, pick, states, bodies):
    """Lets all run for a while; the writers, once the daemon is dead and the folder healed."""
    killing = threading.Event()
    writers = [
        Writer(one.folder / folder, random.Random(pick.random()), killing, state) for folder, state in sorted(states.items())
    ]
    workers = [*writers, Reader(one.folder, random.Random(pick.random()), killing, bodies)]
    for worker in workers:
        worker.start()
    time.sleep(pick.choice([0.05, 0.3, 1]) * (pick.random() + 0.5))
    killing.set()
    one.kill()
    for worker in workers:
        worker.join(WITHIN_S)
        assert not worker.is_alive(), "it hangs in a mount that is gone"
        if worker.failure:
            raise worker.failure
    return writers


@pytest.mark.parametrize("options", [[], ["--async-close"]], ids=["sync", "async"])
def test_kills(mount, server, bucket, options):
    seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(10**9)))
    print(f"WEIR_TEST_SEED={seed}")
    pick = random.Random(seed)
    s3 = server.client()
    bodies = {f"read-{i}.safetensors": pick.randbytes(12 * MIB) for i in range(3)} | {"kept.dat": pick.randbytes(16 * MIB)}
    for key, body in bodies.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    one = mount(bucket, "--recover", *options)
    states = {f"w{i}": {} for i in range(WRITERS)}
    for folder in states:
        (one.folder / folder).mkdir()
    assert (one.folder / "kept.dat").read_bytes() == bodies["kept.dat"]
    for kill in range(KILLS):
        writers = kill_under_load(one, pick, states, bodies)
        print(f"kill {kill} during", [writer.doing for writer in writers])
        for folder, writer in zip(sorted(states), writers, strict=True):
            # Asynchronously written, it may still be in the cache alone.
            if not options:
                writer.judge(stored(s3, bucket, folder), recovered=False)
        one.start()
        for folder, writer in zip(sorted(states), writers, strict=True):
            states[folder] = stored(s3, bucket, folder)
            writer.judge(states[folder], recovered=True)
            assert in_mount(one.folder / folder) == states[folder]
        before = one.status()["requests"]["received_bytes"]
        assert (one.folder / "kept.dat").read_bytes() == bodies["kept.dat"]
        assert one.status()["requests"]["received_bytes"] - before < 4 * MIB, "it was in the cache"
    one.stop()
    for folder, state in states.items():
        assert stored(s3, bucket, folder) == state
