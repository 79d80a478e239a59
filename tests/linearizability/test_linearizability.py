"""What racing clients were told can be true of one object at a time, though the server dies on the way."""

import itertools
import json
import subprocess

import drive
import pytest

from weir_server import BINARY

OPERATIONS = 10_000
STORES = BINARY.parent / "linearizability_history"

versioned = pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])


def assert_linearizable(history, operations):
    """Every key is, and little of the history tells nothing."""
    verdict = drive.check(history)
    assert verdict.returncode == 0, f"{history}: {verdict.stdout}{verdict.stderr}"
    print(verdict.stdout)
    assert sum(1 for _ in history.open()) == operations + 1
    assert int(verdict.stdout.split(" operations")[0].split()[-1]) > operations * 0.95


def with_a_stale_read(history):
    """A copy in which a GET sees again what another GET had seen replaced before it began."""
    head, *lines = map(json.loads, history.open())
    reads = sorted((line for line in lines if line["op"] == "get" and line["outcome"] == "done"), key=lambda line: line["call"])
    of_one_key = [read for read in reads if read["key"] == reads[0]["key"]]
    for first, second, third in itertools.combinations(of_one_key, 3):
        apart = first["return"] < second["call"] and second["return"] < third["call"]
        if apart and first["etag"] != second["etag"]:
            third["etag"] = first["etag"]
            break
    broken = history.with_name("broken.jsonl")
    broken.write_text("".join(json.dumps(line) + "\n" for line in [head, *lines]))
    return broken


@versioned
def test_clients_of_a_server_that_is_killed(tmp_path, versioned):
    seed = drive.new_seed()
    server = drive.start_server(tmp_path / "weir", versioned)
    try:
        kills = drive.race(server, tmp_path / "history.jsonl", OPERATIONS, seed, versioned)
        assert kills > 3
    finally:
        server.kill()
    assert_linearizable(tmp_path / "history.jsonl", OPERATIONS)
    assert drive.check(with_a_stale_read(tmp_path / "history.jsonl")).returncode == 1


@versioned
@pytest.mark.parametrize("engine", ["memory", "embedded"])
def test_two_stores_over_one_engine(tmp_path, engine, versioned):
    history = tmp_path / "history.jsonl"
    kind = "versioned" if versioned else "plain"
    subprocess.run([STORES, engine, kind, str(OPERATIONS), str(drive.new_seed()), history], check=True, timeout=300)
    assert_linearizable(history, OPERATIONS)
