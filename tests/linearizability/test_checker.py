"""The checker accepts what can be true, and rejects what cannot."""

import itertools
import json

import drive
import pytest


class History:
    """Lines by hand: times are whole numbers, and every operation has a client of its own."""

    def __init__(self, versioned=False):
        self.lines = [{"versioned": versioned, "seed": 0}]
        self.clients = itertools.count()

    def add(self, op, call, end, outcome="done", **more):
        """Any operation."""
        line = {"client": next(self.clients), "key": "k", "op": op, "call": call, "return": end, "outcome": outcome}
        self.lines.append(line | more)

    def write(self, op, value, call, end, outcome="done", **more):
        """One that writes a value, and is told its ETag where it did."""
        self.add(op, call, end, outcome, writes=value, etag=value if outcome == "done" else "", **more)

    def put(self, *arguments, **more):
        self.write("put", *arguments, **more)

    def complete(self, upload, *arguments, **more):
        self.write("complete", *arguments, upload=upload, **more)

    def delete(self, call, end, outcome="done", **more):
        self.add("delete", call, end, outcome, **more)

    def get(self, value, call, end):
        """None: there was nothing."""
        if value is None:
            self.add("get", call, end, "no_such_key")
        else:
            self.add("get", call, end, etag=value)


def if_match(value):
    return {"condition": "match", "match": value}


IF_ABSENT = {"condition": "absent"}


def good(h):
    h.get(None, 0, 1)
    h.put("a", 2, 10)
    h.get(None, 3, 4)  # before the PUT
    h.get("a", 5, 6)  # after it
    h.put("b", 11, 20, **IF_ABSENT, outcome="precondition_failed")
    h.put("c", 12, 19, **if_match("a"))
    h.put("d", 12, 19, **if_match("a"), outcome="precondition_failed")
    h.delete(21, 22, **if_match("a"), outcome="precondition_failed")
    h.delete(23, 24, **if_match("c"))
    h.delete(25, 26, **if_match("c"))
    h.put("e", 27, 28, **if_match("c"), outcome="no_such_key")
    h.put("f", 29, 30, **IF_ABSENT)


def good_where_answers_are_missing(h):
    h.put("a", 0, 1)
    h.put("seen", 2, 0, outcome="unknown")
    h.put("never seen", 2, 0, outcome="unknown")
    h.delete(2, 0, outcome="unknown")
    h.get("seen", 3, 4)
    h.get("seen", 5, 6)
    h.get(None, 7, 8)
    h.put("b", 9, 10, **IF_ABSENT)


def good_where_completes_are_repeated(h):
    h.put("a", 0, 1)
    h.complete("u", "b", 2, 0, outcome="unknown", **if_match("a"))
    h.complete("u", "b", 3, 4, **if_match("a"))
    h.complete("u", "b", 5, 6, **if_match("a"))
    h.put("c", 7, 8)
    h.complete("u", "b", 9, 10, **if_match("a"), outcome="no_such_upload")
    h.complete("v", "d", 11, 12, **IF_ABSENT, outcome="precondition_failed")
    h.complete("v", "d", 13, 14)
    h.get("d", 15, 16)


def good_where_something_was_refused(h):
    h.put("a", 0, 1)
    h.put("b", 2, 3, outcome="refused")
    h.get("a", 4, 5)


def stale_read(h):
    h.put("a", 0, 1)
    h.put("b", 2, 3)
    h.get("a", 4, 5)


def read_that_goes_back(h):
    h.put("a", 0, 1)
    h.put("b", 2, 10)
    h.get("b", 3, 4)
    h.get("a", 5, 6)


def two_winners_of_if_none_match(h):
    h.put("a", 0, 10, **IF_ABSENT)
    h.put("b", 0, 10, **IF_ABSENT)


def two_winners_of_if_match(h):
    h.put("a", 0, 1)
    h.put("b", 2, 10, **if_match("a"))
    h.put("c", 2, 10, **if_match("a"))


def no_winner_of_if_none_match(h):
    h.put("a", 0, 10, **IF_ABSENT, outcome="precondition_failed")
    h.put("b", 0, 10, **IF_ABSENT, outcome="precondition_failed")


def lost_delete(h):
    h.put("a", 0, 1)
    h.delete(2, 3)
    h.get("a", 4, 5)


def lost_put(h):
    h.put("a", 0, 1)
    h.get(None, 2, 3)


def delete_of_what_was_not_meant(h):
    h.put("a", 0, 1)
    h.put("b", 2, 3)
    h.delete(4, 5, **if_match("a"))


def refused_with_an_effect(h):
    h.put("a", 0, 1)
    h.put("b", 2, 3, **if_match("c"), outcome="precondition_failed")
    h.get("b", 4, 5)


def unknown_that_comes_and_goes(h):
    h.put("a", 0, 1)
    h.put("b", 2, 0, outcome="unknown")
    h.get("b", 3, 4)
    h.get("a", 5, 6)


def unknown_whose_condition_never_held(h):
    h.put("a", 0, 1)
    h.put("b", 2, 0, outcome="unknown", **IF_ABSENT)
    h.get("b", 3, 4)


def completed_twice(h):
    h.complete("u", "a", 0, 1)
    h.put("b", 2, 3)
    h.complete("u", "a", 4, 5)


def completed_twice_after_no_answer(h):
    h.complete("u", "a", 0, 0, outcome="unknown")
    h.get("a", 1, 2)
    h.put("b", 3, 4)
    h.complete("u", "a", 5, 6)


def upload_that_went_by_itself(h):
    h.complete("u", "a", 0, 1, outcome="no_such_upload")
    h.complete("u", "a", 2, 3)


def other_etag_than_was_written(h):
    h.add("put", 0, 1, writes="a", etag="b")


def bytes_that_nobody_wrote(h):
    h.put("a", 0, 1)
    h.get("a with other bytes", 2, 3)


GOOD = [good, good_where_answers_are_missing, good_where_completes_are_repeated, good_where_something_was_refused]
BROKEN = [
    stale_read,
    read_that_goes_back,
    two_winners_of_if_none_match,
    two_winners_of_if_match,
    no_winner_of_if_none_match,
    lost_delete,
    lost_put,
    delete_of_what_was_not_meant,
    refused_with_an_effect,
    unknown_that_comes_and_goes,
    unknown_whose_condition_never_held,
    completed_twice,
    completed_twice_after_no_answer,
    upload_that_went_by_itself,
    other_etag_than_was_written,
    bytes_that_nobody_wrote,
]


def verdict_of(history, folder):
    path = folder / "history.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in history.lines))
    return drive.check(path, "-v")


@pytest.mark.parametrize("fill", GOOD)
def test_what_can_be_true_is_accepted(fill, tmp_path):
    history = History()
    fill(history)
    verdict = verdict_of(history, tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


@pytest.mark.parametrize("fill", BROKEN)
def test_what_cannot_is_rejected(fill, tmp_path):
    history = History()
    fill(history)
    verdict = verdict_of(history, tmp_path)
    assert verdict.returncode == 1, verdict.stdout + verdict.stderr
    assert "NOT linearizable" in verdict.stdout
    assert (tmp_path / "k.html").stat().st_size > 0


@pytest.mark.parametrize(("versioned", "outcome"), [(False, "done"), (True, "precondition_failed")])
def test_a_delete_marker_is_no_match(versioned, outcome, tmp_path):
    for told, code in [(outcome, 0), ("done" if versioned else "precondition_failed", 1)]:
        history = History(versioned)
        history.put("a", 0, 1)
        history.delete(2, 3)
        history.delete(4, 5, told, **if_match("a"))
        assert verdict_of(history, tmp_path).returncode == code


def test_one_lie_among_thousands_is_found(tmp_path):
    history = History()
    last = None
    for now in range(0, 40_000, 40):
        history.put(f"v{now}", now, now + 30)
        history.get(f"v{now}" if now != 20_000 else last, now + 35, now + 36)
        last = f"v{now}"
    verdict = verdict_of(history, tmp_path)
    assert verdict.returncode == 1
    assert "then nothing allows" in verdict.stdout
