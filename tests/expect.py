"""What tests say about failures."""

import contextlib

import botocore.exceptions


@contextlib.contextmanager
def s3_error(status, *codes):
    """The body must fail with this status, and one of these codes (replies to HEAD have none)."""
    try:
        yield
    except botocore.exceptions.ClientError as error:
        got = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        assert got[0] == status, f"{got}: {error}"
        assert not codes or got[1] in codes, f"{got}: {error}"
        return
    raise AssertionError(f"no error; {status} {codes} was expected")
