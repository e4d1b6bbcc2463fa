"""The host's randomness."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import SystemRandom

from resolver.shells.limits import RANDOM_OCTETS


class HostRandom(SystemRandom):
    """Fetched by the kilobyte where 32 bits are drawn, as for each question to a server: that takes
    a fraction of a system call."""

    def __init__(self) -> None:
        super().__init__()
        self._words: Iterator[int] = iter(())

    def getrandbits(self, k: int, /) -> int:
        """Unpredictable bits."""
        if k != 32:
            return super().getrandbits(k)
        for word in self._words:
            return word
        self._words = iter(memoryview(os.urandom(RANDOM_OCTETS)).cast("I").tolist())
        return next(self._words)
