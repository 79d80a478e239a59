"""The bodies that power-cut clients write: any size, no two alike, made and told apart without being kept."""

import hashlib
import random

KiB, MiB = 1024, 1024 * 1024
NOISE = random.Random(0).randbytes(16 * MiB)
SIZES = [0, 1, 1000, 16 * KiB, 16 * KiB + 1]  # 16 KiB is the largest body that is a row
PART_BYTES = 5 * MiB


def body(number, size):
    """Body `number`: its number first, so far as it fits in, then noise from a place of its own."""
    start = number * 4097 % (len(NOISE) - PART_BYTES * 2)
    return (b"%020d" % number)[:size] + NOISE[start : start + max(0, size - 20)]


def random_size(rng, size_max=2 * MiB):
    """Small ones, edges, and large ones by their magnitude."""
    if rng.random() < 0.3:
        return rng.choice(SIZES)
    return int(2 ** rng.uniform(0, size_max.bit_length() - 1))


def digest(data):
    """What two bodies are compared by."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
