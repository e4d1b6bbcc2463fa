"""What pairs of measurements say of a ratio, shared by the benchmarks.

Two things measured one right after the other meet the same machine, so a noisy machine blurs each
figure and leaves their ratio nearly alone. Ratios are averaged as logarithms: twice as fast and
half as fast cancel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean, median
from typing import Final

RESAMPLES: Final = 10_000
"""Resamples of a bootstrap: its own noise is then below a tenth of the interval's width."""

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Ratio:
    """The geometric mean of the pairs' ratios, with its confidence interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f} ({self.low:.2f} to {self.high:.2f})"


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """How many times theirs ours is, with a percentile bootstrap over the pairs.

    The same pairs always give the same interval. Raises ValueError for fewer than two pairs, pairs
    that are none, or measurements that are not above zero.
    """
    if len(ours) != len(theirs) or len(ours) < 2:
        raise ValueError(f"{len(ours)} and {len(theirs)} measurements make no pairs; take two each")
    if min(*ours, *theirs) <= 0:
        raise ValueError("a measurement of zero has no ratio; look at what was measured")
    logarithms = [math.log(our / their) for our, their in zip(ours, theirs, strict=True)]
    random = Random(len(logarithms))  # noqa: S311 - repeatable on purpose
    means = sorted(fmean(random.choices(logarithms, k=len(logarithms))) for _ in range(RESAMPLES))
    tail = (1 - CONFIDENCE) / 2
    return Ratio(
        math.exp(fmean(logarithms)),
        math.exp(quantile(means, tail)),
        math.exp(quantile(means, 1 - tail)),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the ordered values lies, between neighbours in proportion.

    Raises ValueError where there are no values.
    """
    if not ordered:
        raise ValueError("no values, no quantile")
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """For a column of a table: the median, and from the lowest to the highest."""
    return f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def there_and_back(names: Sequence[str], rounds: int) -> list[tuple[str, ...]]:
    """The order of each round: forward, then backward (ABBA), so that drift cancels in pairs."""
    return [tuple(names) if turn % 2 == 0 else tuple(reversed(names)) for turn in range(rounds)]
