"""Fifty power cuts on real file systems; power_cut.py does any number."""

import os
import random

import loop_disk
import pytest
from power_cut import run

CUTS = 25  # on each file system


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_nothing_acknowledged_is_lost_when_the_power_is_cut(kind, tmp_path):
    if reason := loop_disk.missing():
        pytest.skip(reason)
    seed = int(os.environ.get("WEIR_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(run(tmp_path, kind, CUTS, seed))
