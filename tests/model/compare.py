"""Whether a reply is the one that the model wants; what the server may choose is bound where it is first seen."""

import datetime

from reference_model import Moment, Token, Upload, Version

# Said of every object alike, or words for people.
NOT_COMPARED = {"Owner", "Initiator", "Message", "Location", "BucketArn", "ResponseMetadata"}


def brief(value):
    """For messages: no body longer than a line."""
    if isinstance(value, bytes) and len(value) > 40:
        return f"<{len(value)} bytes from {value[:8].hex()}>"
    if isinstance(value, dict):
        return {name: brief(each) for name, each in value.items()}
    if isinstance(value, list):
        return [brief(each) for each in value]
    return value


def compare(want, got, ids):
    """What differs, None if nothing does. `ids` are those given out so far: none is given out twice."""
    if isinstance(want, Moment):
        return compare_moment(want, got)
    if isinstance(want, Version | Upload | Token):
        return compare_id(want, got, ids)
    if isinstance(want, dict) and isinstance(got, dict):
        return compare_members(want, {name: each for name, each in got.items() if name not in NOT_COMPARED}, ids)
    if isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            return f"{len(got)} entries instead of {len(want)}"
        differences = (compare(left, right, ids) for left, right in zip(want, got, strict=True))
        return next((f"entry {at}: {each}" for at, each in enumerate(differences) if each), None)
    return None if want == got else f"{brief(got)!r} instead of {brief(want)!r}"


def compare_members(want, got, ids):
    want = {name: each for name, each in want.items() if name not in NOT_COMPARED}
    if want.keys() != got.keys():
        return f"missing {sorted(want.keys() - got.keys())}, not wanted {sorted(got.keys() - want.keys())}"
    differences = ((name, compare(each, got[name], ids)) for name, each in want.items())
    return next((f"{name}: {each}" for name, each in differences if each), None)


def compare_id(want, got, ids):
    if want.id is None:
        if not isinstance(got, str) or not got or got == "null":
            return f"{got!r} is no id"
        if not isinstance(want, Token):
            if got in ids:
                return f"the id {got} was given out before"
            ids.add(got)
        want.id = got
    return None if want.id == got else f"{got!r} instead of {want!r}"


def compare_moment(want, got):
    """Headers show seconds, XML shows milliseconds: both must be of the same time, and within the request's."""
    if not isinstance(got, datetime.datetime):
        return f"{got!r} is no time"
    step = datetime.timedelta(milliseconds=1) if got.microsecond else datetime.timedelta(seconds=1)
    first, last = want.window
    if not first - step < got <= last:
        return f"{got} is not within {first} and {last}"
    want.window = max(first, got), min(last, got + step)
    return None
