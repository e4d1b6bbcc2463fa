"""Figures with many values: how many, how spread, by which clock.

Percentiles are of the nearest rank: the smallest value that at least p per cent of the values do
not exceed (Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996, definition 1). Every
percentile is a value that occurred, and a figure of one value has that value everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

ClockName: TypeAlias = Literal["virtual", "measured"]

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Distribution:
    """What many values of one figure come to. All in ms but `n`."""

    clock: ClockName
    n: int
    median: float
    p90: float
    p99: float
    max: float

    @classmethod
    def of(cls, clock: ClockName, values_ms: Iterable[float]) -> Self | None:
        """The distribution of these values; None of no value."""
        ordered = sorted(values_ms)
        if not ordered:
            return None
        return cls(
            clock,
            len(ordered),
            nearest_rank(ordered, 50),
            nearest_rank(ordered, 90),
            nearest_rank(ordered, 99),
            ordered[-1],
        )


def nearest_rank(ordered: Sequence[float], percent: float) -> float:
    """The percentile of values in ascending order, at least one; `percent` from 0, which is the
    least value, to 100, in hundredths at the finest.

    Reckoned in whole numbers, so that no rounding decides which value it is."""
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} is no percentile from 0 to 100")
    rank = -(-len(ordered) * round(percent * 100) // 10_000)
    return ordered[max(rank, 1) - 1]


def in_ns(milliseconds: float) -> int:
    """A record's milliseconds as the whole nanoseconds they were written from: sums are exact."""
    return round(milliseconds * _NS_PER_MS)


def in_ms(nanoseconds: int) -> float:
    """Whole nanoseconds as a record writes them."""
    return nanoseconds / _NS_PER_MS
