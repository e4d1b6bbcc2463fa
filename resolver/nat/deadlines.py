"""When remembered things end: a heap that things are put off in without being moved."""

from __future__ import annotations

import heapq
from typing import Generic, Protocol, TypeVar

from resolver.machine import Instant


class Ending(Protocol):
    """Something that ends."""

    expires_at: Instant
    """When it ends; may be put off, or brought forward, at any time."""
    armed_at: Instant
    """When it is looked at next; nobody but `Deadlines` writes it."""


NEVER: Instant = 1 << 62
"""`armed_at` of what is not being watched."""

Watched = TypeVar("Watched", bound=Ending)


class Deadlines(Generic[Watched]):
    """Watches things that end. To put an end off costs nothing until its old time has come."""

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, int, Watched]] = []
        self._count = 0

    def watch(self, one: Watched) -> None:
        """Watch a thing, or watch it for an earlier end than before."""
        if one.expires_at < one.armed_at:
            one.armed_at = one.expires_at
            self._count += 1  # things have no order; whoever came first is first
            heapq.heappush(self._heap, (one.expires_at, self._count, one))

    def ended(self, now: Instant) -> list[Watched]:
        """The things whose end has come, in the order of their ends; they are not watched any
        more."""
        found: list[Watched] = []
        while self._heap and self._heap[0][0] <= now:
            at, _, one = heapq.heappop(self._heap)
            if at != one.armed_at:
                continue  # since then it was watched for an earlier end
            one.armed_at = NEVER
            if one.expires_at <= now:
                found.append(one)
            else:
                self.watch(one)
        return found

    def forget(self, one: Watched) -> None:
        """Watch a thing no longer."""
        one.armed_at = NEVER

    def next(self) -> Instant | None:
        """When to look again; never later than the next end."""
        while self._heap and self._heap[0][0] != self._heap[0][2].armed_at:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
