#!/usr/bin/env python3
"""Uploads a file again and again as users of boto3 do, in a process of its own so that its CPU is counted apart.

Speaks to load.py: a line when it begins, and one line of JSON with its figures when it is over.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import statistics
import time

import boto3
import boto3.s3.transfer
import botocore.config

from servers import BUCKET

PART_BYTES = 8 << 20


def cpu_seconds() -> float:
    """Of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--file", required=True, type=pathlib.Path)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5)
    return parser.parse_args()


def main() -> None:
    """Uploads until the time is over; the last upload ends first."""
    arguments = parse_arguments()
    config = botocore.config.Config(max_pool_connections=arguments.connections, s3={"addressing_style": "path"})
    s3 = boto3.client("s3", endpoint_url=arguments.url, region_name="us-east-1", verify=False, config=config)
    transfer = boto3.s3.transfer.TransferConfig(
        max_concurrency=arguments.connections, multipart_chunksize=PART_BYTES, multipart_threshold=PART_BYTES
    )
    s3.list_objects_v2(Bucket=BUCKET, MaxKeys=1)  # boto3's own start is not to be measured
    print(json.dumps({"event": "begin"}), flush=True)
    begin, cpu_before = time.monotonic(), cpu_seconds()
    took: list[float] = []
    while sum(took) < arguments.seconds:
        one = time.monotonic()
        s3.upload_file(str(arguments.file), BUCKET, f"uploaded/{len(took) % 4}", Config=transfer)
        took.append(time.monotonic() - one)
    seconds = time.monotonic() - begin
    figures = {
        "seconds": seconds,
        "cpu_s": cpu_seconds() - cpu_before,
        "operations": len(took),
        "keys": len(took),
        "bytes": len(took) * arguments.file.stat().st_size,
        "errors": 0,
        "first_error": "",
        "p50_us": statistics.median(took) * 1e6,
        "max_us": max(took) * 1e6,
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
