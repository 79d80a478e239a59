"""Fifty power cuts on real file systems, and one at a place that chance seldom finds; power_cut.py does any number."""

import os
import random
import time

import loop_disk
import pytest
from power_cut import PowerCuts, run

CUTS = 25  # on each file system


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_nothing_acknowledged_is_lost_when_the_power_is_cut(kind, tmp_path):
    if reason := loop_disk.missing():
        pytest.skip(reason)
    seed = int(os.environ.get("WEIR_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(run(tmp_path, kind, CUTS, seed))


def test_a_database_never_names_a_manifest_whose_name_may_be_lost(tmp_path):
    """The cut falls right after CURRENT was renamed, and what the file system happened to write out is all but one name."""
    if reason := loop_disk.missing():
        pytest.skip(reason)
    power = PowerCuts(tmp_path, "ext4", seed=1)
    try:
        power.open()
        power.s3.put_object(Bucket="plain", Key="before", Body=b"acknowledged")
        power.server.kill()
        power.interposer.unsynced_names()  # of that start; none is of interest
        power.interposer.arm("rename", "*/meta/CURRENT", "after", times=1)
        power.server.launch()
        while not power.server.is_stopped():
            time.sleep(0.01)
        os.sync()
        power.cut("the manifest is the current one")
        power.recover()
        power.server.start()
        assert power.s3.get_object(Bucket="plain", Key="before")["Body"].read() == b"acknowledged"
    finally:
        power.close()
