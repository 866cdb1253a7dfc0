"""System calls of the programs under test that fail (tests/failpoints/failpoints.cc)."""

import dataclasses
import errno
import mmap
import os
import pathlib
import struct

RULE = struct.Struct("<16s16s160siiii")
RULES = 16
FOR_EVER = -1


@dataclasses.dataclass(frozen=True)
class Rule:
    """The calls of one name, on files of a pattern, fail with an errno: so often, after so many."""

    call: str  # open, write, fsync, ftruncate, rename, mkdir, send, recv
    pattern: str  # as fnmatch: a path, `socket:PATH`, `socket:PORT`
    error: int = errno.EIO
    times: int = 1
    skip: int = 0
    program: str = ""  # descentd, descent-worker; empty: any


class Failpoints:
    """The table of rules of the programs that are started with `environment`."""

    def __init__(self, path: pathlib.Path):
        self.path = path
        path.write_bytes(bytes(RULE.size * RULES))
        with open(path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    @property
    def environment(self) -> dict[str, str]:
        library = str(pathlib.Path(os.environ["FAILPOINTS"]).absolute())
        return {"LD_PRELOAD": library, "DESCENT_FAILPOINTS": str(self.path)}

    def arm(self, *rules: Rule) -> None:
        """From now on these hold, and no others."""
        self.disarm()
        for place, rule in enumerate(rules):
            packed = RULE.pack(
                rule.call.encode(),
                rule.program.encode(),
                rule.pattern.encode(),
                rule.error,
                rule.skip,
                rule.times,
                0,
            )
            # The call's name comes last: without it there is no rule.
            at = place * RULE.size
            self._map[at + 16 : at + RULE.size] = packed[16:]
            self._map[at : at + 16] = packed[:16]

    def disarm(self) -> None:
        for place in range(RULES):
            self._map[place * RULE.size : place * RULE.size + 16] = bytes(16)

    @property
    def hits(self) -> int:
        """How many calls have failed since arm."""
        return sum(
            RULE.unpack_from(self._map, place * RULE.size)[6]
            for place in range(RULES)
            if self._map[place * RULE.size] != 0
        )

    def close(self) -> None:
        self._map.close()
