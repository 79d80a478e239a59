#!/usr/bin/env python3
"""What ./try-weir does once Weir is built and boto3 is there: starts the server and moves models through it.

Everything lies in build/try: the server's data and log, its process id, the models.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

import environment

HERE = environment.ROOT / "build" / "try"
WEIR = environment.ROOT / "build" / "release" / "weir"
BUCKET = "my-models"
PREFERRED_PORT = 9000
WIDTH = 30


class Server:
    """The server of the demo; it may still run from the last time."""

    def __init__(self) -> None:
        self.data = HERE / "data"
        self.id_file = HERE / "weir.pid"
        self.log_file = HERE / "weir.log"

    def process_id(self) -> int | None:
        """The id of the running server, if there is one, and it is ours."""
        try:
            number = int(self.id_file.read_text())
            program = pathlib.Path(f"/proc/{number}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return number if str(self.data).encode() in program else None

    def start(self) -> bool:
        """Starts it unless it runs; true if it had to be started."""
        if self.process_id():
            return False
        HERE.mkdir(parents=True, exist_ok=True)
        listen = [
            f"--listen=127.0.0.1:{free_port(PREFERRED_PORT)}",
            f"--admin-listen=127.0.0.1:{free_port(PREFERRED_PORT + 1)}",
        ]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
        with self.log_file.open("w") as log:
            process = subprocess.Popen(
                [WEIR, "serve", f"--data={self.data}", *listen],
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=clean,
                start_new_session=True,
            )
        self.id_file.write_text(str(process.pid))
        while " serving " not in self.log_file.read_text():
            if process.poll() is not None:
                sys.exit(f"weir did not start:\n{self.log_file.read_text()}")
            time.sleep(0.02)
        return True

    def stop(self) -> None:
        """Asks it to end and waits."""
        number = self.process_id()
        if number is None:
            return
        os.kill(number, signal.SIGTERM)
        while self.process_id():
            time.sleep(0.05)
        self.id_file.unlink()

    def exports(self) -> dict[str, str]:
        """What `weir env` prints."""
        lines = subprocess.run([WEIR, "env", f"--data={self.data}"], check=True, capture_output=True, text=True).stdout
        return dict(re.findall(r'export (\w+)="(.*)"', lines))


def free_port(preferred: int) -> int:
    """The preferred port if nobody listens there, else 0: any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", preferred))
        except OSError:
            return 0
    return preferred


class Table:
    """What was done, how long it took, how fast it was."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, int]] = []

    def time(self, what: str, size: int, run: Callable[[Callable[[int], None]], None]) -> None:
        """Runs a step, which reports the bytes it moved to the function it is given; shows them as they come."""
        moved = 0

        def progress(count: int) -> None:
            nonlocal moved
            moved += count
            show(what, moved / size if size else 1, time.monotonic() - begin)

        begin = time.monotonic()
        show(what, 0, 0)
        run(progress)
        seconds = time.monotonic() - begin
        show(what, 1, seconds, last=True)
        self.rows.append((what, seconds, size))

    def print(self) -> None:
        """The table."""
        wide = max(len(what) for what, _, _ in self.rows)
        print(f"\n{'what':{wide}}  {'MB':>8}  {'seconds':>8}  {'MB/s':>8}")
        for what, seconds, size in self.rows:
            rate = f"{size / seconds / 1e6:8.0f}" if size else ""
            print(f"{what:{wide}}  {size / 1e6:8.1f}  {seconds:8.2f}  {rate}")


def show(what: str, share: float, seconds: float, last: bool = False) -> None:
    """One line of progress, drawn over itself on a terminal; elsewhere only the last."""
    full = int(min(share, 1) * WIDTH)
    if sys.stdout.isatty():
        bar = f"[{'#' * full}{' ' * (WIDTH - full)}]"
        print(f"\r  {what[:44]:44} {bar} {seconds:6.1f} s", end="\n" if last else "", flush=True)
    elif last:
        print(f"  {what[:44]:44} {seconds:6.1f} s", flush=True)


class Tour:
    """The steps, with what they share."""

    def __init__(self, exports: dict[str, str], size_mb: int) -> None:
        import boto3

        os.environ.update(exports)
        self.table = Table()
        self.s3 = boto3.client("s3")
        self.size = size_mb * 1_000_000
        self.files = HERE / "models"
        self.files.mkdir(parents=True, exist_ok=True)

    def upload(self, name: str) -> None:
        """boto3's upload_file."""
        path = self.files / name
        self.table.time(
            f"boto3 upload_file {name}",
            path.stat().st_size,
            lambda progress: self.s3.upload_file(str(path), BUCKET, f"demo/{name}", Callback=progress),
        )

    def download(self, name: str) -> pathlib.Path:
        """boto3's download_file, into a new file."""
        target = self.files / f"downloaded.{name}"
        self.table.time(
            f"boto3 download_file {name}",
            (self.files / name).stat().st_size,
            lambda progress: self.s3.download_file(BUCKET, f"demo/{name}", str(target), Callback=progress),
        )
        return target

    def without_torch(self) -> None:
        """A bucket, and a safetensors file of numpy arrays, up and down."""
        import numpy
        import safetensors.numpy

        try:
            self.s3.create_bucket(Bucket=BUCKET)
        except self.s3.exceptions.BucketAlreadyOwnedByYou:
            pass
        path = self.files / "model.safetensors"
        columns = 1_000
        rows = max(1, self.size // 8 // columns // 4)
        numbers = numpy.random.default_rng(1)
        tensors = {f"layer.{n}.weight": numbers.random((rows, columns), dtype="float32") for n in range(8)}
        self.table.time("make model.safetensors", 0, lambda _: safetensors.numpy.save_file(tensors, path))
        self.upload(path.name)
        same = safetensors.numpy.load_file(self.download(path.name))
        assert all((same[name] == tensors[name]).all() for name in tensors)

    def with_torch(self) -> None:
        """A torch model, and every way of loading one."""
        import s3fs
        import safetensors
        import safetensors.torch
        import torch

        torch.manual_seed(1)
        layers = 8
        width = max(8, int((self.size / 4 / layers) ** 0.5))
        model = {f"layer.{n}.weight": torch.rand(width, width) for n in range(layers)}
        path = self.files / "pytorch_model.bin"
        self.table.time("torch.save pytorch_model.bin", 0, lambda _: torch.save(model, path))
        self.upload(path.name)
        size = path.stat().st_size

        def equal(loaded: dict) -> None:
            assert all(torch.equal(loaded[name], model[name]) for name in model)

        downloaded = self.download(path.name)
        self.table.time("torch.load of the downloaded file", size, lambda _: equal(torch.load(downloaded)))
        files = s3fs.S3FileSystem()

        def load_open(progress: Callable[[int], None]) -> None:
            with files.open(f"{BUCKET}/demo/{path.name}", "rb", block_size=32 << 20) as source:
                equal(torch.load(Watched(source, progress), map_location="cpu"))

        def save_open(progress: Callable[[int], None]) -> None:
            with files.open(f"{BUCKET}/demo/saved.bin", "wb", block_size=32 << 20) as target:
                torch.save(model, target)

        self.table.time("torch.load of an s3fs file", size, load_open)
        self.table.time("torch.save to an s3fs file", size, save_open)
        weights = self.files / "downloaded.model.safetensors"
        size = weights.stat().st_size

        def touch(tensors: Iterable[torch.Tensor]) -> None:
            # A mapped file is read when somebody looks at it.
            for tensor in tensors:
                tensor.sum()

        def load_slices(progress: Callable[[int], None]) -> None:
            with safetensors.safe_open(weights, framework="pt") as opened:
                for name in opened.keys():
                    tensor = opened.get_tensor(name)
                    touch([tensor])
                    progress(tensor.nbytes)

        self.table.time(
            "safetensors load_file, and a look", size, lambda _: touch(safetensors.torch.load_file(weights).values())
        )
        self.table.time("safetensors safe_open, and a look", size, load_slices)
        self.table.time(
            "safetensors load of an s3fs file",
            size,
            lambda _: touch(safetensors.torch.load(files.cat_file(f"{BUCKET}/demo/model.safetensors")).values()),
        )
        self.pretrained(files)

    def pretrained(self, files: object) -> None:
        """transformers: save_pretrained, up, down, from_pretrained."""
        import transformers

        folder, back = self.files / "tiny-gpt2", self.files / "downloaded.tiny-gpt2"
        shutil.rmtree(back, ignore_errors=True)
        transformers.utils.logging.disable_progress_bar()
        config = transformers.GPT2Config(n_layer=2, n_head=2, n_embd=64, vocab_size=1000, bos_token_id=0, eos_token_id=0)
        transformers.GPT2LMHeadModel(config).save_pretrained(folder)
        size = sum(file.stat().st_size for file in folder.iterdir())
        self.table.time(
            "s3fs put of a transformers folder",
            size,
            lambda _: files.put(f"{folder}/", f"{BUCKET}/demo/tiny-gpt2/", recursive=True),
        )
        self.table.time("s3fs get of it", size, lambda _: files.get(f"{BUCKET}/demo/tiny-gpt2/", f"{back}/", recursive=True))
        self.table.time("from_pretrained", size, lambda _: transformers.AutoModelForCausalLM.from_pretrained(back))


class Watched:
    """A file that tells how much was read of it."""

    def __init__(self, file: object, progress: Callable[[int], None]) -> None:
        self.file, self.progress = file, progress

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.progress(len(data))
        return data

    def readinto(self, buffer: memoryview) -> int:
        count = self.file.readinto(buffer)
        self.progress(count)
        return count

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


def fetch_torch() -> bool:
    """Makes torch importable here; false if it cannot be had."""
    if not environment.has_torch():
        print("\n== torch and transformers: fetched now, unless a torch is there already (minutes)", flush=True)

    def run(name: str, command: list[str]) -> bool:
        print(f"  {name} ...", flush=True)
        return subprocess.run(command, check=False).returncode == 0

    return environment.make_torch(run)


def parse_arguments() -> argparse.Namespace:
    """The flags of ./try-weir; its own --help is printed before this."""
    parser = argparse.ArgumentParser(prog="./try-weir", add_help=False)
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--size-mb", type=int, default=256)
    return parser.parse_args()


def main() -> int:
    """Runs the tour."""
    arguments = parse_arguments()
    server = Server()
    if arguments.stop and server.process_id():
        server.stop()
        print("the server is stopped; its data stays in build/try")
        return 0
    begin = time.monotonic()
    started = server.start()
    exports = server.exports()
    print(
        f"\n== Weir answers at {exports['AWS_ENDPOINT_URL']}"
        + (f", {time.monotonic() - begin:.1f} s after its start" if started else ", still running from the last time")
    )
    tour = Tour(exports, arguments.size_mb)
    tour.without_torch()
    torch = not arguments.no_torch and fetch_torch()
    if torch:
        importlib.invalidate_caches()
        borrowed = next(environment.VENV.glob("lib/python3.*/site-packages/weir_borrowed_torch.pth"), None)
        if borrowed:
            sys.path.append(borrowed.read_text().strip())
        tour.with_torch()
    tour.table.print()
    if not torch and not arguments.no_torch:
        print("\ntorch could not be fetched, so nothing was loaded into it; the rest is above.")
    if arguments.stop:
        server.stop()
        print("\nThe server is stopped; its data stays in build/try. ./try-weir starts it again.")
        return 0
    print(f"""
The server runs on (log: {server.log_file.relative_to(environment.ROOT)}). To go on in this shell:

    eval "$({WEIR.relative_to(environment.ROOT)} env --data build/try/data)"
    . .venv/bin/activate
    python -c 'import boto3; print(boto3.client("s3").list_objects_v2(Bucket="{BUCKET}")["KeyCount"])'

    ./try-weir --stop       # stops it; what it holds stays
""")
    return 0


if __name__ == "__main__":
    sys.exit(main())
