"""Pearson's chi-squared test of an even spread."""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, exp, lgamma, log, sqrt


def statistic(counts: Sequence[int]) -> float:
    """How far counts are from all being equal: the sum of (count - mean)^2 / mean. They must not
    all be 0."""
    mean = sum(counts) / len(counts)
    return sum((count - mean) ** 2 for count in counts) / mean


def survival(value: float, degrees: int) -> float:
    """How likely a chi-squared variable of so many degrees of freedom (at least 1) exceeds `value`.

    With whole degrees the incomplete gamma function is a finite sum: Abramowitz and Stegun,
    "Handbook of Mathematical Functions", 26.4.4 (odd) and 26.4.5 (even).
    """
    if degrees < 1:
        raise ValueError(f"{degrees} degrees of freedom: at least 1 are needed")
    half = value / 2
    if half <= 0:
        return 1.0
    if degrees % 2:
        tail, power = erfc(sqrt(half)), 0.5
    else:
        tail, power = exp(-half), 1.0
    # Each term is half^power * exp(-half) / Gamma(power + 1), by logarithms: none overflows.
    while power < degrees / 2:
        tail += exp(power * log(half) - half - lgamma(power + 1))
        power += 1
    return min(1.0, tail)
