"""What a Mininet world is to do later, beside everything else that happens on its loop."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

from resolver.machine import Duration, Instant
from resolver.shells.loop import Loop


class Calendar:
    """Appointments on a loop's clock. An action may let the loop run on."""

    def __init__(self, loop: Loop) -> None:
        self._heap: list[tuple[Instant, int, Callable[[], None]]] = []
        self._appointed = 0
        loop.add_timed(self)

    def appoint(self, instant: Instant, action: Callable[[], None]) -> None:
        """Have the action done at this instant, or as soon as the loop runs after it."""
        self._appointed += 1
        heapq.heappush(self._heap, (instant, self._appointed, action))

    def deadline(self) -> Instant | None:
        """When the next action is due."""
        return self._heap[0][0] if self._heap else None

    def expire(self, now: Instant) -> None:
        """Do what is due."""
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()


def clock_offset() -> Duration:
    """The real-time clock minus the monotonic one, ns; the tightest of three readings."""
    readings = []
    for _ in range(3):
        before = time.monotonic_ns()
        real = time.time_ns()
        after = time.monotonic_ns()
        readings.append((after - before, real - (before + after) // 2))
    return min(readings)[1]
