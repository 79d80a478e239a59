"""The server is paused, slowed, cut off, killed and restarted while large and small files are written through a mount.

What close(2) or fsync(2) said is in the store is there; of what they refused `--recover` brings the bytes. WEIR_TEST_SEED
repeats the choices, not the moments.
"""

import dataclasses
import os
import random
import signal
import threading
import time

import pytest
from mounts import eventually, opened
from proxy import Proxy

KIB, MIB = 1 << 10, 1 << 20
FAULTS = 4
SMALL_WRITERS = 3
SMALL_FILES = 25
LARGE_FILES = 4
WITHIN_S = 300


@pytest.fixture
def user():
    """Root: the proxy's threads are this process's, which a test of somebody else's is not."""


@dataclasses.dataclass
class Written:
    """What came of one file."""

    names: tuple  # one of which it has
    body: bytes
    taken: int = 0  # so many bytes were taken by write(2)
    closed: bool = False  # and all of them acknowledged
    error: str = ""


class Writer(threading.Thread):
    """Writes new files, until the faults are over and then some."""

    def __init__(self, root, name, seed, sizes, over):
        super().__init__(daemon=True)
        self.root = root
        self.name = name
        self.pick = random.Random(f"{seed} {name}")
        self.sizes = sizes
        self.over = over
        self.files = []
        self.failure = None

    def run(self):
        try:
            while len(self.files) < len(self.sizes) or not self.over.is_set():
                size = self.sizes[len(self.files) % len(self.sizes)]
                self.files.append(self.write(f"{self.name}-{len(self.files)}", self.pick.randbytes(size)))
        except BaseException as failure:  # of any kind: the test raises it
            self.failure = failure

    def write(self, name, body):
        sync, move = self.pick.random() < 0.5, self.pick.random() < 0.3
        written = Written((name,), body)
        try:
            self.write_to(self.root / name, written, sync)
            if move:
                written.names = (name, f"{name}-moved")
                os.rename(self.root / name, self.root / written.names[1])
                written.names = written.names[1:]
        except OSError as error:
            written.error = str(error)
            # What is refused at once would be tried too often.
            time.sleep(0.1)
        return written

    def write_to(self, path, written, sync):
        exclusive = os.O_EXCL * (self.pick.random() < 0.3)
        with opened(path, os.O_CREAT | exclusive | os.O_WRONLY) as descriptor:
            while written.taken < len(written.body):
                written.taken += os.write(descriptor, written.body[written.taken : written.taken + 700_000])
            if sync:
                os.fsync(descriptor)
        written.closed = True


class Faults:
    """What is done to the server, and undone."""

    def __init__(self, server, proxy, pick):
        self.server = server
        self.proxy = proxy
        self.pick = pick

    def pause(self, for_s):
        self.server.process.send_signal(signal.SIGSTOP)
        time.sleep(for_s)
        self.server.process.send_signal(signal.SIGCONT)

    def slow(self, for_s):
        self.proxy.delay_s, self.proxy.bytes_per_s = self.pick.choice([(0.05, None), (0.0, 4 * MIB), (0.02, 8 * MIB)])
        time.sleep(for_s)
        self.proxy.delay_s, self.proxy.bytes_per_s = 0.0, None

    def cut(self, for_s):
        self.proxy.die()
        time.sleep(for_s / 4)
        self.proxy.dead = False

    def kill(self, for_s):
        self.server.kill()
        time.sleep(for_s / 4)
        self.server.start()


def found(s3, names):
    """The bodies of those of the names that are in the store."""
    bodies = {}
    for name in names:
        try:
            bodies[name] = s3.get_object(Bucket="models", Key=name)["Body"].read()
        except s3.exceptions.NoSuchKey:
            pass
    return bodies


def judge(s3, file, recovered):
    """What was acknowledged is whole, under the name it has; of the rest no byte is wrong, nor missing after --recover."""
    bodies = found(s3, file.names)
    whole = file.closed and list(bodies.values()) == [file.body]
    if file.closed:
        assert whole, (file.names, file.error, {name: len(body) for name, body in bodies.items()}, len(file.body))
    elif recovered and file.taken:
        assert list(bodies.values()) == [file.body[: file.taken]], (file.names, file.error, file.taken, len(file.body))
    for body in bodies.values():
        assert body == file.body[: len(body)], file.names


@pytest.mark.parametrize("fault", ["pause", "slow", "cut", "kill", "kill_async"])
def test_writes_while_the_server_fails(own_server, mount, fault):
    seed = int(os.environ.get("WEIR_TEST_SEED", random.randrange(10**9)))
    print(f"WEIR_TEST_SEED={seed}")
    pick = random.Random(seed)
    fault, _, later = fault.partition("_")
    server = own_server(name="server").start()
    server.listen = f"127.0.0.1:{server.port}"
    server.client().create_bucket(Bucket="models")
    proxy = Proxy(server.port, seed)
    options = ["--endpoint", proxy.endpoint, *(["--async-close"] if later else [])]
    one = mount("models", *options, environment=server.client_environment())
    over = threading.Event()
    small = [[pick.choice([0, 10, 5000, 300 * KIB]) for _ in range(SMALL_FILES)] for _ in range(SMALL_WRITERS)]
    large = [pick.randrange(9 * MIB, 40 * MIB) for _ in range(LARGE_FILES)]
    writers = [Writer(one.folder, f"w{i}", seed, sizes, over) for i, sizes in enumerate([large, *small])]
    for writer in writers:
        writer.start()
    faults = Faults(server, proxy, pick)
    for _ in range(FAULTS):
        time.sleep(pick.random())
        getattr(faults, fault)(0.2 + 2 * pick.random())
    over.set()
    for writer in writers:
        writer.join(WITHIN_S)
        assert not writer.is_alive(), "it hangs"
        if writer.failure:
            raise writer.failure
    files = [file for writer in writers for file in writer.files]
    refused = [file for file in files if file.error]
    print(f"{fault}: {len(files)} files, {len(refused)} refused:", {file.error for file in refused})

    s3 = server.client()
    if later:
        # The daemon goes on trying by itself.
        eventually(lambda: not one.status()["writes"]["problems"])
        eventually(lambda: all(found(s3, file.names) for file in files if file.closed))
    for file in files:
        judge(s3, file, recovered=False)
    one.kill()
    one.options.append("--recover")
    one.start()
    for file in files:
        judge(s3, file, recovered=True)
    one.stop()
    proxy.close()
