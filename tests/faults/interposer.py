"""Faults under an unmodified `weir serve`: the Python side of interposer.cc, which says what they do."""

import contextlib
import errno
import mmap
import os
import pathlib
import struct

LIBRARY = pathlib.Path(__file__).resolve().parents[2] / "build/release/libweir_interposer.so"

CALLS = {
    name: 1 << bit
    for bit, name in enumerate(["open", "create", "read", "write", "datasync", "sync", "rename", "unlink", "mkdir", "allocate"])
}
ACTIONS = {name: number for number, name in enumerate(["fail", "half", "flip", "before", "after"], 1)}
RULE = struct.Struct("IIIiiiI228s")
RULES_MAX = 8
SKEW = struct.Struct("q")
HITS = struct.Struct("I")
HITS_OFFSET = 24
WITHOUT_END = 2**31 - 1


class Interposer:
    """Rules for one server, in a file of `folder`, which must not be on the file system that is cut."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.path = folder / "rules"
        self.names_path = folder / "names"
        self.path.write_bytes(bytes(RULE.size * RULES_MAX + SKEW.size))
        self.names_path.touch()
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), RULE.size * RULES_MAX + SKEW.size)

    @property
    def environment(self):
        """What the server's environment needs."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "WEIR_INTERPOSER": str(self.path),
            "WEIR_INTERPOSER_NAMES": str(self.names_path),
        }

    def arm(self, calls, pattern, action="fail", error=errno.EIO, skip=0, times=WITHOUT_END, slot=0):
        """From now on: the calls (names of CALLS, by spaces) on paths like `pattern`, after `skip`, `times` times."""
        bits = sum(CALLS[call] for call in calls.split())
        rule = RULE.pack(0, bits, ACTIONS[action], error, skip, times, 0, os.fsencode(pattern))
        self.page[slot * RULE.size : (slot + 1) * RULE.size] = rule
        self.page[slot * RULE.size] = 1

    def disarm(self):
        """No rule any more."""
        for slot in range(RULES_MAX):
            self.page[slot * RULE.size] = 0

    def skew(self, seconds):
        """How far the server's clock is ahead from now on; less than 0: behind."""
        SKEW.pack_into(self.page, RULE.size * RULES_MAX, int(seconds * 1e9))

    def hits(self, slot=0):
        """How many calls the rule has changed."""
        return HITS.unpack_from(self.page, slot * RULE.size + HITS_OFFSET)[0]

    @contextlib.contextmanager
    def fault(self, *arguments, **options):
        """The rule for as long as the block; one that changed nothing proves nothing."""
        self.arm(*arguments, **options)
        try:
            yield self
        finally:
            self.disarm()
        assert self.hits(options.get("slot", 0)) > 0, "the fault was never met"

    def unsynced_names(self):
        """The paths that were made and whose directory was not synced since; forgets the record."""
        made, synced = {}, {}
        for line in self.names_path.read_text().splitlines():
            word, number, path = line.split(" ", 2)
            path = os.path.normpath(path)
            if word == "made":
                made[path] = int(number)
            elif word == "gone":
                made.pop(path, None)
            else:
                synced[path] = max(int(number), synced.get(path, 0))
        self.names_path.write_text("")
        return [path for path, number in made.items() if synced.get(os.path.dirname(path), 0) < number]
