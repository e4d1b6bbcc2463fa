"""Which of the available addresses an answer holds, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random


class Rotation:
    """Hands out items in turn: each answer starts one item after the one before.

    Over as many answers as there are items every one comes first once, whatever `count` is. One
    rotation serves one RRset: viewers ask for A and AAAA alternately, and a turn shared by both
    would let each of two members come first for one type only.
    """

    def __init__(self, selection: Random) -> None:
        # Two load balancers that start together must not hand out the same member in step.
        self._turn = selection.randrange(1 << 32)

    def take(self, items: Sequence[str], count: int) -> tuple[str, ...]:
        """The next `count` of the items, in turn; 0 or more than there are means all."""
        if not items:
            return ()
        start = self._turn % len(items)
        self._turn += 1
        rotated = (*items[start:], *items[:start])
        return rotated[:count] if count else rotated
