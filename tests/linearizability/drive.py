"""Races clients against a server that is killed and restarted on the way, and judges what they were told.

`.venv/bin/python tests/linearizability/drive.py --operations 1000000` is the long run; test_linearizability.py the short one.
The seed decides what each client asks for and when the server dies; how the requests meet is up to the machine.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from weir_server import ROOT, WeirServer  # noqa: E402

PROGRAM = ROOT / "build/clients/linearizability"
BUCKET = "races"
OPERATIONS_PER_KILL = 1500
PROGRESS = 50
# Below the ports that the system gives to clients, which could take a dead server's.
PORTS = range(10_000, 30_000)


def new_seed() -> int:
    """Of WEIR_TEST_SEED, or a new one; printed, so that a failure can be replayed."""
    seed = int(os.environ.get("WEIR_TEST_SEED") or random.SystemRandom().getrandbits(32))
    print(f"WEIR_TEST_SEED={seed}", flush=True)
    return seed


def free_port() -> int:
    """One on which a server can be started again and again."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port is free")


def start_server(folder: pathlib.Path, versioned: bool) -> WeirServer:
    """A server with the bucket of the races."""
    server = WeirServer(folder, "--reserve-bytes", "0", "--reclaim-delay-s", "1", listen=f"127.0.0.1:{free_port()}").start()
    s3 = server.client()
    s3.create_bucket(Bucket=BUCKET)
    if versioned:
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return server


def kill_points(operations: int, seed: int) -> list[int]:
    """After how many operations the server dies, the last first."""
    chooser = random.Random(seed)
    points = [begin + chooser.randrange(OPERATIONS_PER_KILL) for begin in range(0, operations, OPERATIONS_PER_KILL)]
    return sorted((point for point in points if 0 < point < operations), reverse=True)


def race(server: WeirServer, history: pathlib.Path, operations: int, seed: int, versioned: bool) -> int:
    """Records a history; how often the server was killed meanwhile."""
    command = [PROGRAM, "record", "-endpoint", server.endpoint, "-bucket", BUCKET, "-operations", str(operations)]
    command += ["-seed", str(seed), "-progress", str(PROGRESS), f"-versioned={str(versioned).lower()}", history]
    points = kill_points(operations, seed)
    kills = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=server.client_environment()) as recorder:
        for line in recorder.stdout:
            if not line.strip().isdigit():
                print(line, end="", flush=True)
            elif points and int(line) >= points[-1]:
                while points and int(line) >= points[-1]:
                    points.pop()
                server.kill()
                server.start()
                kills += 1
    assert recorder.returncode == 0, f"the recorder failed: {recorder.returncode}"
    return kills


def check(history: pathlib.Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The checker's verdict: 0 all is linearizable, 1 something is not, 2 undecided; pictures go beside the history."""
    command = [PROGRAM, "check", "-pictures", history.parent, *options, history]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--versioned", action="store_true", help="in a bucket that keeps versions")
    parser.add_argument("--folder", type=pathlib.Path, help="where the data and the history stay (default: a temporary one)")
    return parser.parse_args()


def main() -> int:
    """One long race."""
    arguments = parse_arguments()
    folder = arguments.folder or pathlib.Path(tempfile.mkdtemp(prefix="weir-linearizability-"))
    seed = new_seed()
    server = start_server(folder / "weir", arguments.versioned)
    history = folder / "history.jsonl"
    try:
        kills = race(server, history, arguments.operations, seed, arguments.versioned)
    finally:
        server.kill()
    print(f"{history}: the server was killed {kills} times", flush=True)
    verdict = check(history)
    print(verdict.stdout, verdict.stderr, sep="", end="")
    return verdict.returncode


if __name__ == "__main__":
    sys.exit(main())
