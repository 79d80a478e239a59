#!/usr/bin/env python3
"""Measures mounts of one bucket side by side, and a local folder: `.venv/bin/python bench/mount_bench.py`; needs root.

Every case runs on every mount in turns, --rounds times; medians are shown. bench/README.md explains the table.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import boto3.s3.transfer

import mounts
import proc
import servers
from mounts import Mount

MODEL = "model.safetensors"
TENSOR_BYTES = 64 << 20
GB = 1e9
MIB = 1 << 20
GET_THREADS = (8, 16)
STORED_WITHIN_S = 120


@dataclasses.dataclass(frozen=True)
class Case:
    """Something that is done on a mount; its figure is a rate."""

    name: str
    title: str
    unit: str  # "GB/s" or "/s"
    run: Callable[[Mount, Bench], dict[str, float]]
    prime: Callable[[Mount], None] | None = None  # comes first, and is not measured


@dataclasses.dataclass
class Bench:
    """What all cases share."""

    base: pathlib.Path
    server: servers.Server
    model: pathlib.Path
    files: int
    round: int = 0
    puts_a_second: float = 0  # of the small files, by boto3, one after the other


def make_model(path: pathlib.Path, size: int) -> None:
    """A safetensors file of that size, of bytes that do not compress."""
    import torch
    from safetensors.torch import save_file

    half = torch.int16
    count = max(1, size // TENSOR_BYTES)
    shape = (1024, TENSOR_BYTES // 2 // 1024)
    tensors = {f"layer.{i}.weight": torch.randint(0, 2**15, shape, dtype=half).view(torch.float16) for i in range(count)}
    save_file(tensors, path)


def cold(what: str) -> Callable[[Mount, Bench], dict[str, float]]:
    """Of a file that this machine knows nothing of."""

    def run(mount: Mount, _bench: Bench) -> dict[str, float]:
        mount.make_cold()
        return mount.work(what, MODEL)

    return run


def warm(what: str) -> Callable[[Mount, Bench], dict[str, float]]:
    """Of one that another process read to its end."""
    return lambda mount, _bench: mount.work(what, MODEL)


def kept(mount: Mount) -> None:
    """Read to its end by another process."""
    mount.work("read", MODEL)


def dropped(mount: Mount) -> None:
    """The same, and the kernel has forgotten it."""
    kept(mount)
    mounts.drop_kernel_caches()


def write(mount: Mount, bench: Bench) -> dict[str, float]:
    """A new name each round."""
    return mount.work("write", f"written-{mount.label}-{bench.round}", bench.model.stat().st_size)


def create(mount: Mount, bench: Bench) -> dict[str, float]:
    """A new folder each round. What a mount puts into the store later is there before the next one begins."""
    folder = f"created-{mount.label}-{bench.round}"
    done = mount.work("create", folder, bench.files)
    if mount.of_bucket:
        await_stored(bench, folder)
    return done


def await_stored(bench: Bench, folder: str) -> None:
    """Until all of its files are objects."""
    pages = bench.server.s3.get_paginator("list_objects_v2")
    deadline = time.monotonic() + STORED_WITHIN_S
    while True:
        found = pages.paginate(Bucket=servers.BUCKET, Prefix=f"{folder}/file-")
        count = sum(page["KeyCount"] for page in found)
        if count == bench.files:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{count} of {bench.files} files of {folder} are in the store")
        time.sleep(0.5)


def small(what: str) -> Callable[[Mount, Bench], dict[str, float]]:
    """Of a folder that nobody looked into."""

    def run(mount: Mount, bench: Bench) -> dict[str, float]:
        mount.make_cold()
        done = mount.work(what, "small")
        if done["count"] != bench.files:
            raise RuntimeError(f"{mount.label} told {done['count']} of {bench.files} files")
        return done

    return run


CASES = [
    Case("read-cold", "sequential read, cold", "GB/s", cold("read")),
    Case("load-cold", "safetensors load_file and touch every page, cold", "GB/s", cold("load")),
    Case("read-kept", "read again, kernel cache kept", "GB/s", warm("read"), kept),
    Case("read-dropped", "read again, kernel cache dropped", "GB/s", warm("read"), dropped),
    Case("touch-kept", "mmap, a byte a page, kernel cache kept", "GB/s", warm("touch"), kept),
    Case("touch-dropped", "mmap, a byte a page, kernel cache dropped", "GB/s", warm("touch"), dropped),
    Case("write", "sequential write until close() and fsync() return", "GB/s", write),
    Case("create", "create small files", "/s", create),
    Case("scan", "scandir and stat of small files, cold", "/s", small("scan")),
    Case("read-all", "read all small files, cold", "/s", small("read_all")),
]


def measure(case: Case, mount: Mount, bench: Bench) -> dict[str, Any]:
    """Rate, the daemon's CPU and its memory; what failed says why."""
    try:
        if mount.process_id is None:
            mount.start()
        result = measured(case, mount, bench)
    except RuntimeError as error:
        return {"error": str(error)}
    return result


def measured(case: Case, mount: Mount, bench: Bench) -> dict[str, Any]:
    """Of one that is mounted. A case that mounts anew has the new daemon's own CPU time, mounting included."""
    if case.prime:
        case.prime(mount)
    before_id = mount.process_id
    before = proc.cpu_seconds(before_id) if before_id else 0.0
    done = case.run(mount, bench)
    count = done["count"] / (GB if case.unit == "GB/s" else 1)
    figures: dict[str, Any] = {"rate": count / done["seconds"]}
    if mount.process_id:
        cpu = proc.cpu_seconds(mount.process_id) - (before if mount.process_id == before_id else 0.0)
        figures["cpu_s"] = cpu / count
        figures["peak_mib"] = proc.memory_mib(mount.process_id, "VmHWM")
    return figures


def references(bench: Bench) -> dict[str, float]:
    """The same bytes by boto3: the best of some numbers of threads."""
    rates: dict[str, list[float]] = {"parallel GET into a file": [], "parallel PUT": []}
    size = bench.model.stat().st_size / GB
    for threads in GET_THREADS:
        config = boto3.s3.transfer.TransferConfig(max_concurrency=threads, multipart_chunksize=8 * MIB)
        target = bench.base / "downloaded"
        begin = time.perf_counter()
        bench.server.s3.download_file(servers.BUCKET, MODEL, str(target), Config=config)
        rates["parallel GET into a file"].append(size / (time.perf_counter() - begin))
        target.unlink()
        begin = time.perf_counter()
        bench.server.s3.upload_file(str(bench.model), servers.BUCKET, "uploaded", Config=config)
        rates["parallel PUT"].append(size / (time.perf_counter() - begin))
    return {name: max(each) for name, each in rates.items()}


def prepare(bench: Bench, every: list[Mount]) -> None:
    """The model and the small files, in the bucket and in the local folder."""
    bench.server.make_bucket()
    bench.server.put(MODEL, bench.model)
    source = bench.base / "small"
    source.mkdir()
    body = b"x" * 2000
    names = [f"file-{number:06}" for number in range(bench.files)]
    for name in names:
        (source / name).write_bytes(body)
    begin = time.perf_counter()
    for name in names:
        bench.server.s3.put_object(Bucket=servers.BUCKET, Key=f"small/{name}", Body=body)
    bench.puts_a_second = bench.files / (time.perf_counter() - begin)
    for mount in every:
        mount.place(bench.model, source)


def shown(figures: list[dict[str, Any]], unit: str) -> str:
    """The medians of a cell."""
    if wrong := next((each["error"] for each in figures if "error" in each), None):
        return f"failed: {' '.join(wrong.split())[-120:]}"
    rate = statistics.median(each["rate"] for each in figures)
    text = f"{rate:,.2f}" if unit == "GB/s" else f"{rate:,.0f}"
    if "cpu_s" not in figures[0]:
        return text
    cpu = statistics.median(each["cpu_s"] for each in figures)
    return text + (f" ({cpu:.2f})" if unit == "GB/s" else f" ({cpu * 1e6:.0f})")


def print_table(results: dict[str, dict[str, list[dict[str, Any]]]], labels: list[str]) -> None:
    """Markdown: a row a case, a column a mount."""
    print("\n| case | " + " | ".join(labels) + " |\n|---|" + "---|" * len(labels))
    for case in CASES:
        if case.name in results:
            cells = [shown(results[case.name][label], case.unit) for label in labels]
            unit = "GB/s (CPU s/GB)" if case.unit == "GB/s" else "files/s (CPU us each)"
            print(f"| {case.title}, {unit} | " + " | ".join(cells) + " |")
    peaks = {
        label: max((each.get("peak_mib", 0) for rounds in results.values() for each in rounds[label]), default=0)
        for label in labels
    }
    print("| peak resident memory, MiB | " + " | ".join(f"{peak:.0f}" if peak else "" for peak in peaks.values()) + " |")


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mounts", default=",".join(mounts.KNOWN), help="of these")
    parser.add_argument("--cases", default=",".join(case.name for case in CASES))
    parser.add_argument("--server", default="weir", help=f"{', '.join(servers.KNOWN)}, LABEL=PATH of a weir")
    parser.add_argument("--gb", type=float, default=2, help="of the model")
    parser.add_argument("--files", type=int, default=10_000, help="small ones")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rtt-ms", type=float, default=0, help="through a proxy that adds so much to each round trip")
    parser.add_argument("--proxy", action="store_true", help="through the proxy, without a delay")
    parser.add_argument("--folder", type=pathlib.Path, default=servers.ROOT / "build", help="on the disk of the caches")
    parser.add_argument("--json", type=pathlib.Path, help="a file for everything that was measured")
    arguments = parser.parse_args()
    for name in arguments.mounts.split(","):
        if name not in mounts.KNOWN:
            parser.error(f"no mount is called {name}")
    return arguments


def usable(names: list[str]) -> list[str]:
    """Those that are installed; the others are named."""
    for name in names:
        if why := mounts.KNOWN[name].missing():
            print(f"{name} is left out: {why}", file=sys.stderr)
    return [name for name in names if not mounts.KNOWN[name].missing()]


def open_proxy(arguments: argparse.Namespace, server: servers.Server) -> Any:
    """The tests' own proxy, if one is asked for."""
    if not arguments.rtt_ms and not arguments.proxy:
        return None
    sys.path.append(str(servers.ROOT / "tests" / "mount"))
    import proxy

    made = proxy.Proxy(int(server.address.rsplit(":", 1)[1]))
    made.delay_s = arguments.rtt_ms / 2000
    return made


def main() -> int:
    """Measures."""
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = [case for case in CASES if case.name in arguments.cases.split(",")]
    with tempfile.TemporaryDirectory(prefix="mount_bench-", dir=arguments.folder.resolve()) as name:
        base = pathlib.Path(name)
        base.chmod(0o755)
        model = base / MODEL
        make_model(model, int(arguments.gb * GB))
        (base / "server").mkdir()
        server = servers.Choice(arguments.server).start(base / "server", False)
        between = open_proxy(arguments, server)
        labels = usable(arguments.mounts.split(","))
        every = [mounts.KNOWN[each](each, base / each, server, between and between.endpoint) for each in labels]
        bench = Bench(base, server, model, arguments.files)
        results: dict[str, dict[str, list[dict[str, Any]]]] = {}
        try:
            prepare(bench, every)
            proc.touch_memory(4 << 30)
            reference = references(bench)
            for case in wanted:
                results[case.name] = {label: [] for label in labels}
                for bench.round in range(arguments.rounds):
                    for mount in every:
                        figures = measure(case, mount, bench)
                        results[case.name][mount.label].append(figures)
                        print(case.name, mount.label, json.dumps(figures), file=sys.stderr, flush=True)
        finally:
            for mount in every:
                mount.stop()
            server.stop()
    print_table(results, labels)
    print("\n" + ", ".join(f"{name}: {rate:.2f} GB/s" for name, rate in reference.items()) + " (boto3, the best of some)")
    print(f"small files, put one after the other: {bench.puts_a_second:.0f}/s (boto3)")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"results": results, "references": reference | {"small PUTs a second": bench.puts_a_second}}, indent=1)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
