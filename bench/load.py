"""Runs clients against a server and measures both meanwhile.

A client is a process that prints a line when its window begins and one line of JSON with its figures when it is over:
s3_load, or boto3_client.py. A sample is a dictionary of figures by name; `derived` lists those that are computed.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import proc
import servers

HERE = pathlib.Path(__file__).resolve().parent
S3_LOAD = servers.ROOT / "build" / "release" / "s3_load"
CLIENT_ENDS_WITHIN_S = 4 * 3600

Sample = dict[str, Any]


def build() -> None:
    """Builds s3_load, where that was not done."""
    command = ["cmake", "--build", str(S3_LOAD.parent), "--target", "s3_load"]
    done = subprocess.run(command, cwd=servers.ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"s3_load could not be built:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


class Client:
    """One client process to be."""

    def __init__(self, command: list[str]) -> None:
        """By its command."""
        self.command = command

    def start(self, server: servers.Server) -> subprocess.Popen[str]:
        """Starts it, with the server's keys."""
        keys = {"AWS_ACCESS_KEY_ID": server.access, "AWS_SECRET_ACCESS_KEY": server.secret}
        quiet = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "PYTHONWARNINGS": "ignore"}
        return subprocess.Popen(self.command, env=os.environ | keys | quiet, stdout=subprocess.PIPE, text=True)


def s3_load(server: servers.Server, *switches: str, **options: object) -> Client:
    """The load generator; body_bytes=4096 becomes --body-bytes 4096."""
    named = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    tls = ["--tls"] if server.tls else []
    place = ["--address", server.address, "--bucket", servers.BUCKET]
    return Client([str(S3_LOAD), *place, *tls, *named, *(f"--{switch}" for switch in switches)])


@contextlib.contextmanager
def target_file(*targets: str) -> Iterator[str]:
    """Presigned targets for s3_load."""
    with tempfile.NamedTemporaryFile("w", suffix=".targets") as file:
        file.write("\n".join(targets) + "\n")
        file.flush()
        yield file.name


def boto3_client(server: servers.Server, file: pathlib.Path, connections: int, seconds: float) -> Client:
    """upload_file, again and again."""
    options = ["--url", server.url, "--file", str(file), "--connections", str(connections), "--seconds", str(seconds)]
    return Client([sys.executable, str(HERE / "boto3_client.py"), *options])


def derived(sample: Sample) -> Sample:
    """Rates and costs, added to a sample; what was not done has none."""
    units = {"gb": sample["bytes"] / 1e9, "operation": sample["operations"], "key": sample["keys"]}
    server, both = sample["server_cpu_s"], sample["server_cpu_s"] + sample["client_cpu_s"]
    for unit, done in units.items():
        scale = 1 if unit == "gb" else 1e6
        name = "s_per_gb" if unit == "gb" else f"us_per_{unit}"
        sample[f"{unit}_per_s"] = done / sample["seconds"]
        sample[f"server_{name}"] = server / done * scale if done else None
        sample[f"both_{name}"] = both / done * scale if done else None
    return sample


def measure(server: servers.Server, *clients: Client) -> list[Sample]:
    """Runs clients at the same time; a sample of each. The server's CPU time is in all of them."""
    os.sync()  # what was written before is not to be paid for now
    running = [client.start(server) for client in clients]
    try:
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        meter = proc.Meter(server.process_id)
        results = [json.loads(process.stdout.readline() or "{}") for process in running if process.stdout]
        usage = meter.stop()
        for process in running:
            if process.wait(CLIENT_ENDS_WITHIN_S) != 0:
                raise RuntimeError(f"a client of {server.label} failed: {process.args}")
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    whole: Sample = {
        "server_cpu_s": usage.server_cpu_s,
        "machine_cpu_s": usage.machine_cpu_s,
        "peak_rss_mib": usage.peak_rss_mib,
        "client_cpu_s": sum(result["cpu_s"] for result in results),
    }
    return [derived(without_latencies_of_none({**result, **whole})) for result in results]


def without_latencies_of_none(sample: Sample) -> Sample:
    """Where no request ended within the window there is no percentile."""
    if sample["operations"]:
        return sample
    return {name: None if name.endswith("_us") else value for name, value in sample.items()}


def fill(server: servers.Server, prefix: str, first: int, count: int, body_bytes: int) -> Sample:
    """Puts numbered keys; that must go well."""
    client = s3_load(server, verb="put", prefix=prefix, first=first, operations=count, body_bytes=body_bytes, connections=32)
    (sample,) = measure(server, client)
    if sample["errors"]:
        raise RuntimeError(f"{server.label} did not take {sample['errors']} objects: {sample['first_error']}")
    return sample
