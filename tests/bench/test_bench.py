"""The benchmark stays usable: two of its cases against a server, for a second each, and what it writes."""

import json
import os
import subprocess
import sys

import pytest

from weir_server import BINARY, ROOT


def test_two_cases_and_their_figures(tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, ROOT / "bench/s3_bench.py", "--servers", f"tested={BINARY}", "--cases", "get-4k,put-4k"]
    options = ["--seconds", "1", "--rounds", "1", "--folder", tmp_path, "--json", report]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    told = json.loads(report.read_text())
    assert told["machine"]["processors"] >= 1
    rows = {row["row"]: row for row in told["rows"]}
    assert set(rows) == {"get-4k", "put-4k"}
    for name, row in rows.items():
        assert row["server"] == "tested" and row["unit"] == "operation" and len(row["rounds"]) == 1
        median = row["median"]
        assert median["errors"] == 0, median["first_error"]
        assert median["operations"] > 10 and median["bytes"] >= 10 * 4096
        assert 0 < median["p50_us"] <= median["p99_us"] <= median["max_us"]
        assert 0 < median["server_us_per_operation"] < median["both_us_per_operation"]
        assert median["peak_rss_mib"] > 1
        assert row["title"] in done.stdout, name
    assert not list(tmp_path.glob("s3_bench*"))


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/fuse"), reason="mounts, and drops the kernel's caches")
def test_a_mount_and_a_local_folder(tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, ROOT / "bench/mount_bench.py", "--mounts", "local,weir", "--gb", "0.07", "--files", "5"]
    options = ["--rounds", "1", "--folder", tmp_path, "--json", report, "--cases", "read-cold,touch-kept,write,create,scan"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    told = json.loads(report.read_text())
    assert all(rate > 0 for rate in told["references"].values())
    for name, mounts in told["results"].items():
        for label, rounds in mounts.items():
            assert len(rounds) == 1 and rounds[0].get("rate", 0) > 0, (name, label, rounds)
    assert told["results"]["read-cold"]["weir"][0]["peak_mib"] > 1
    assert not list(tmp_path.glob("mount_bench*"))
