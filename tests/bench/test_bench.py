"""The benchmark stays usable: two of its cases against a server, for a second each, and what it writes."""

import json
import subprocess
import sys

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
