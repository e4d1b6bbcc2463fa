"""Timers of a machine: one per key, the earliest always known."""

from __future__ import annotations

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, TypeVar

from resolver.machine import Instant

KeyT = TypeVar("KeyT", bound=Hashable)


def earliest(*instants: Instant | None) -> Instant | None:
    """The earliest of those instants that there are."""
    first: Instant | None = None
    for instant in instants:  # asked before every wait: `min` over a generator takes twice as long
        if instant is not None and (first is None or instant < first):
            first = instant
    return first


class Timers(Generic[KeyT]):
    """A heap in which a cancelled timer stays until it reaches the top; the top is always live."""

    def __init__(self) -> None:
        self._due: dict[KeyT, tuple[Instant, int]] = {}
        self._heap: list[tuple[Instant, int, KeyT]] = []
        self._serial = count()  # equal instants fire in the order they were set

    def set(self, key: KeyT, at: Instant) -> None:
        """Fire `key` at `at`, in place of whatever was set for it."""
        serial = next(self._serial)
        self._due[key] = (at, serial)
        heappush(self._heap, (at, serial, key))
        if len(self._heap) > 2 * len(self._due) + 64:
            # Long timers that are always cancelled (a timeout after each answer) would pile up.
            self._heap = [(when, number, k) for k, (when, number) in self._due.items()]
            heapify(self._heap)

    def cancel(self, key: KeyT) -> None:
        """Forget the timer of `key`; having none is no error."""
        self._due.pop(key, None)

    def earliest(self) -> Instant | None:
        """When the next timer fires."""
        while self._heap:
            at, serial, key = self._heap[0]
            if self._due.get(key) == (at, serial):
                return at
            heappop(self._heap)
        return None

    def take_due(self, now: Instant) -> KeyT | None:
        """The key of the earliest timer that is due, its timer gone; None when none is due."""
        earliest = self.earliest()
        return None if earliest is None or earliest > now else self.take_earliest()

    def take_earliest(self) -> KeyT | None:
        """The key of the earliest timer, due or not, its timer gone; None when there is none."""
        if self.earliest() is None:
            return None
        key = heappop(self._heap)[2]
        del self._due[key]
        return key
