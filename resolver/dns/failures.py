"""What could not be resolved a moment ago, and how long nobody is asked for it again.

RFC 2308 7.1 has a failure hold for the tuple it was met with: here name, type, what the client
wished for, and the route, whose servers were all tried. RFC 9520 3.2 has it hold a second at least
and longer each time it is met again.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from resolver import limits
from resolver.dns.memory import Memory
from resolver.machine import Duration, Instant

KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Failure:
    """The route failed on this question a moment ago."""

    rcode: int
    """What clients are told."""
    final: bool = False
    """Whether no other route may be tried instead."""


@dataclass(frozen=True, slots=True)
class _Setback:
    failure: Failure
    until: Instant
    """Nobody is asked before this."""
    lasts_ns: Duration


class Failures(Generic[KeyT]):
    """Failures by what was asked; bounded, the one unmet longest goes first."""

    def __init__(self) -> None:
        self._setbacks: Memory[KeyT, _Setback] = Memory(limits.FAILURES_REMEMBERED)

    def __len__(self) -> int:
        return len(self._setbacks)

    def __contains__(self, key: KeyT) -> bool:
        """Whether it has failed before, be that over or not."""
        return key in self._setbacks

    def find(self, key: KeyT, now: Instant) -> Failure | None:
        """The failure that still keeps everybody from being asked."""
        known = self._setbacks.find(key, now)
        return known[0].failure if known is not None and now < known[0].until else None

    def note(
        self,
        key: KeyT,
        failure: Failure,
        now: Instant,
        at_least_ns: Duration = limits.FAILURE_MEMORY,
    ) -> None:
        """It failed, once more or for the first time."""
        known = self._setbacks.find(key, now)
        # RFC 9520 3.2: exponential back-off while the failure persists.
        longer = limits.FAILURE_MEMORY if known is None else 2 * known[0].lasts_ns
        lasts = min(max(longer, at_least_ns), limits.LONGEST_FAILURE_MEMORY)
        until = now + lasts
        # Met again within as long after its end, it is the same failure going on.
        self._setbacks.keep(key, _Setback(failure, until, lasts), until + lasts)

    def forget(self, key: KeyT) -> None:
        """It was answered: whatever fails next is a new failure."""
        self._setbacks.forget(key)
