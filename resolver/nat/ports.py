"""The outside ports of one address and protocol: which are taken, and which is given next."""

from __future__ import annotations

from random import Random

from resolver import limits
from resolver.config import PortChoice

_FIRST_FREE_TO_ALL = 1024
_LAST = 65_535


class Ports:
    """Ports of one transport protocol at one outside address, or identifiers of ICMP queries.

    Each is given to one mapping at a time (RFC 4787 REQ-3: no port overloading).
    """

    def __init__(self, choice: PortChoice, random: Random, *, parity: bool, ranges: bool) -> None:
        """`ranges`: whether ports below 1024 stay below, and others above (RFC 4787 REQ-3 a);
        `parity`: whether even ones stay even, and odd ones odd (REQ-4)."""
        self._choice = choice
        self._random = random
        self._step = 2 if parity else 1
        self._ranges = ranges
        self._taken: set[int] = set()
        self._last = 0

    def take(self, inside: int) -> int | None:
        """A port for a mapping of the inside port; None when there is none left."""
        # RFC 768: a source port of zero says that there is none; behind a NAT there is one.
        kept = self._choice is PortChoice.PRESERVE and (inside > 0 or not self._ranges)
        if kept and inside not in self._taken:
            self._taken.add(inside)
            return inside
        for lowest, highest in self._candidates(inside):
            # Of the range's ports those of the same parity, where parity is kept.
            first = lowest + (inside - lowest) % self._step
            count = (highest - first) // self._step + 1
            found = self._free(first, count)
            if found is not None:
                self._taken.add(found)
                self._last = found
                return found
        return None

    def release(self, port: int) -> None:
        """The port's mapping has ended."""
        self._taken.discard(port)

    def _candidates(self, inside: int) -> tuple[tuple[int, int], ...]:
        if not self._ranges:
            return ((0, _LAST),)
        high = (_FIRST_FREE_TO_ALL, _LAST)
        # REQ-3 a recommends; a port of the other range is better than none.
        return ((1, _FIRST_FREE_TO_ALL - 1), high) if inside < _FIRST_FREE_TO_ALL else (high,)

    def _free(self, first: int, count: int) -> int | None:
        """A free one among `count` ports from `first` on."""
        start = 0
        if self._choice is PortChoice.SEQUENTIAL:
            start = max(0, (self._last - first) // self._step + 1) % count
        else:
            # RFC 6056 3.3.2: drawn from all there are, and drawn again where it is taken; where
            # most are taken, the next free one behind the last draw (3.3.1).
            for _ in range(limits.NAT_PORT_DRAWS):
                start = self._random.randrange(count)
                port = first + start * self._step
                if port not in self._taken:
                    return port
        places = (first + (start + place) % count * self._step for place in range(count))
        return next((port for port in places if port not in self._taken), None)
