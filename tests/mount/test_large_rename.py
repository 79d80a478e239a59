"""A folder of more than the store renames in one commit: nothing of it moves, and the program is told to copy."""

import concurrent.futures
import errno
import os

import pytest

# What a batch of the store holds at most is 8 MiB: src/base/limits.h. Of each key it holds the metadata twice and more.
FILES = 2200
METADATA = {"note": "x" * 1900}


def test_a_folder_that_is_too_large_is_not_renamed(s3, bucket, mounted):
    keys = [f"d/{number:04}" for number in range(FILES)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), Metadata=METADATA), keys))

    def stored():
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    root = mounted.folder
    assert len(os.listdir(root / "d")) == FILES
    with pytest.raises(OSError) as refused:
        os.rename(root / "d", root / "n")
    assert refused.value.errno == errno.EXDEV
    assert stored() == keys
    assert os.listdir(root) == ["d"] and (root / keys[7]).read_text() == keys[7]
    for at in range(10, FILES, 1000):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys[at : at + 1000]]})
    os.rename(root / "d", root / "n")
    assert stored() == [f"n/{number:04}" for number in range(10)]
    assert os.listdir(root) == ["n"] and (root / "n/0007").read_text() == keys[7]
