"""Whether measured figures moved: a rank test, how far, and how sure one can be.

The method, for one figure with a value per repetition on each side:

- the two-sided Mann-Whitney U test (Mann and Whitney 1947), exact where no values are tied: no
  assumption about the shape of a distribution, which with latencies would be wrong;
- the factor between the sides and its interval by Hodges and Lehmann (1963), over the ratios of all
  pairs, at the level of the test;
- a factor must exceed the least that anybody would act on (`LEAST_EFFECT`), and what the same
  figure moves by between the first and the second half of one run, where nothing was changed: that
  is what this machine does by itself;
- and it must exceed the factor by which work takes longer when more processes share a processor
  (processor sharing: as many times as long as there are sharers), as counted in those runs.

Over all figures together, p-values are corrected by Holm's step-down (1979), so that the chance of
one false alarm in a whole comparison stays below `ALPHA`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, TypeVar

ALPHA: Final = 0.01
"""The chance of a false alarm anywhere in a comparison, when nothing changed."""

LEAST_EFFECT: Final = 0.05
"""A change by less than this part is not worth a failed build."""

_MOST_REPETITIONS = 1_000

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Shift:
    """How a figure moved from one run to another."""

    factor: float
    """New by base, of typical repetitions: 1.2 is a fifth slower."""
    low: float
    high: float
    """The interval of that factor."""
    p: float
    """Of the rank test, before correction."""
    noise: float
    """The factor, above 1, that the figure moves by within a run."""
    crowding: float
    """The factor that other work on the machine explains."""
    is_real: bool = False
    """Significant after correction, and larger than noise and the least effect."""


def shifts(
    pairs: Mapping[Key, tuple[Sequence[float], Sequence[float]]],
    crowding: Mapping[Key, float] | None = None,
) -> tuple[dict[Key, Shift], dict[Key, int]]:
    """Judge figures together: (base, new) by key, a positive value for each repetition.
    `crowding`: the factor by which the new run's machine was busier, 1 unless given.

    Gives the shifts of those that could be judged, and of the others how many repetitions each
    side would have to have.
    """
    judged = {
        key: pair for key, pair in pairs.items() if _enough(len(pair[0]), len(pair[1]), len(pairs))
    }
    needed = repetitions_needed(len(pairs))
    unjudged = {key: needed for key in pairs if key not in judged}
    found = {
        key: _shift(*pair, ALPHA / len(pairs), (crowding or {}).get(key, 1.0))
        for key, pair in judged.items()
    }
    significant = _holm({key: shift.p for key, shift in found.items()}, len(pairs))
    return {
        key: replace(shift, is_real=key in significant and _matters(shift))
        for key, shift in found.items()
    }, unjudged


def repetitions_needed(figures: int) -> int:
    """With how many repetitions on each side so many figures can be judged at all: below it, even
    runs without any overlap are not significant after correction."""
    return next(count for count in range(2, _MOST_REPETITIONS) if _enough(count, count, figures))


def _enough(base: int, new: int, figures: int) -> bool:
    # Of all orders of the values, two set the sides apart entirely.
    return min(base, new) > 1 and 2 / math.comb(base + new, base) <= ALPHA / figures


def _shift(base: Sequence[float], new: Sequence[float], level: float, crowding: float) -> Shift:
    from scipy.stats import mannwhitneyu

    tied = len({*base, *new}) < len(base) + len(new)
    p = float(mannwhitneyu(base, new, method="asymptotic" if tied else "exact").pvalue)
    factor, low, high = _factors(base, new, level)
    noise = max(_moved_by_itself(base), _moved_by_itself(new))
    return Shift(factor, low, high, p, noise, crowding)


def _factors(
    base: Sequence[float], new: Sequence[float], level: float
) -> tuple[float, float, float]:
    """Hodges and Lehmann's factor with its interval: the median of all pairs' ratios, and the
    ratios that the test's critical value cuts off on either side (normal approximation)."""
    from scipy.stats import norm

    ratios = sorted(after / before for before in base for after in new)
    pairs = len(ratios)
    spread = math.sqrt(pairs * (len(base) + len(new) + 1) / 12)
    cut = max(0, math.floor(pairs / 2 - float(norm.ppf(1 - level / 2)) * spread))
    return median(ratios), ratios[cut], ratios[-1 - cut]


def _moved_by_itself(values: Sequence[float]) -> float:
    """The factor between the halves of a run, at least 1. Repetitions are in their order."""
    middle = len(values) // 2
    ratios = sorted(after / before for before in values[:middle] for after in values[middle:])
    factor = median(ratios)
    return max(factor, 1 / factor)


def _matters(shift: Shift) -> bool:
    least = max(1 + LEAST_EFFECT, shift.noise)
    if shift.factor > 1:
        return shift.factor > least * max(1.0, shift.crowding)
    return 1 / shift.factor > least * max(1.0, 1 / shift.crowding)


def _holm(p_values: Mapping[Key, float], compared: int) -> set[Key]:
    """The keys that are significant together; stops at the first that is not."""
    significant: set[Key] = set()
    for place, (key, p) in enumerate(sorted(p_values.items(), key=lambda each: each[1])):
        if p > ALPHA / (compared - place):
            break
        significant.add(key)
    return significant
