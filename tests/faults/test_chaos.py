"""Some rounds of random faults; chaos.py does any number."""

import os
import random

from chaos import run

ROUNDS = 12


def test_random_faults_lose_nothing(tmp_path):
    seed = int(os.environ.get("WEIR_TEST_SEED", random.SystemRandom().randrange(10**6)))
    print(f"WEIR_TEST_SEED={seed}")
    print(run(tmp_path, ROUNDS, seed))
