"""What is written through a mount of MinIO: the tests of Weir's, as far as they ask for nothing that only Weir has."""

import errno
import os
import random
import subprocess

import pytest
from test_conflicts import test_a_large_conflict_leaves_no_upload, test_what_others_changed_meanwhile_is_a_conflict
from test_minio import server
from test_random_operations import test_a_mount_is_a_folder
from test_write import (
    get,
    keys,
    root,
    test_a_checkpoint_by_temporary_name_sync_and_rename,
    test_a_folder_with_set_group_id_gives_its_group,
    test_a_rewritten_object_keeps_its_headers,
    test_a_writer_reads_what_it_wrote,
    test_attributes_stay,
    test_close_may_be_asynchronous,
    test_create_append_overwrite,
    test_editors,
    test_exclusive_is_a_conditional_put,
    test_extended_attributes_change_a_file,
    test_fallocate,
    test_folders,
    test_git,
    test_large_files_in_every_order,
    test_many_write_at_once,
    test_mmap,
    test_rename,
    test_rmdir_asks_the_store,
    test_safetensors,
    test_status_tells_what_is_written,
    test_threads_write_one_file,
    test_times_that_are_set_after_closing_stay,
    test_trees_are_copied,
    test_truncate,
    test_unlink_while_open,
)

# ruff: noqa: F401, F811 -- fixtures and tests are used by pytest alone

MIB = 1 << 20


def test_renames_without_a_rename_of_the_store(s3, bucket, root, get, keys):
    """Files are copied by the store, in parts too; a folder that holds something is mv(1)'s to copy."""
    body = random.Random(5).randbytes(19 * MIB + 3)
    (root / "large").write_bytes(body)
    (root / "other").write_bytes(b"gives way")
    os.rename(root / "large", root / "other")
    assert keys() == ["other"] and get("other") == body == (root / "other").read_bytes()
    (root / "d/e").mkdir(parents=True)
    (root / "d/e/f").write_bytes(b"f")
    with pytest.raises(OSError) as refused:
        os.rename(root / "d", root / "g")
    assert refused.value.errno == errno.EXDEV
    subprocess.run(["mv", root / "d", root / "g"], check=True)
    assert keys() == ["g/", "g/e/", "g/e/f", "other"] and get("g/e/f") == b"f"
    (root / "empty").mkdir()
    os.rename(root / "empty", root / "moved")
    assert "moved/" in keys() and "empty/" not in keys()
