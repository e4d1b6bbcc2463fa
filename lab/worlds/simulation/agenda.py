"""Virtual time: what is to happen, in order."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from resolver.machine import Instant


class Agenda:
    """A clock that jumps from one appointed action to the next.

    Actions appointed for the same instant happen in the order in which they were appointed, so a
    run repeats exactly. Nothing can be appointed for the past: no effect precedes its cause.
    """

    __slots__ = ("_appointed", "_heap", "now")

    def __init__(self) -> None:
        self.now: Instant = 0
        self._appointed = 0
        self._heap: list[tuple[Instant, int, Callable[..., None], tuple[object, ...]]] = []

    def at(self, instant: Instant, action: Callable[..., None], *arguments: object) -> None:
        """Appoint `action(*arguments)`; ValueError for an instant that has passed."""
        if instant < self.now:
            raise ValueError(f"{instant} ns has passed: it is {self.now} ns")
        self._appointed += 1
        heapq.heappush(self._heap, (instant, self._appointed, action, arguments))

    def step(self, deadline: Instant) -> bool:
        """Let the next action happen, if one is appointed for `deadline` or earlier; otherwise let
        the clock reach `deadline`. Whether something happened."""
        if not self._heap or self._heap[0][0] > deadline:
            self.now = max(self.now, deadline)
            return False
        self.now, _, action, arguments = heapq.heappop(self._heap)
        action(*arguments)
        return True
