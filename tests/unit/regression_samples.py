"""Runs to compare: baselines with whatever figures a test wants."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from lab.regression.baseline import Baseline, FigureKey, Verdict

WAIT = "wait for an answer"


def key(scenario="a/one", name=WAIT):
    """A figure's key."""
    return FigureKey(scenario, name)


def run(figures=None, verdicts=None, *, clock="virtual", **more):
    """A run; scenarios that only figures name passed."""
    figures = {
        (each if isinstance(each, FigureKey) else key(each)): tuple(values)
        for each, values in (figures or {}).items()
    }
    named = {each.scenario: Verdict("passed", {"CLU-02": "passed"}) for each in figures}
    base = Baseline(
        world="simulated" if clock == "virtual" else "mininet",
        clock=clock,
        seed=1,
        repeat=1,
        host={},
        verdicts=named | (verdicts or {}),
        figures=figures,
        unstable={},
    )
    return replace(base, **more)


def noisy(
    random: Random, scale_ms: float, count: int, *, factor: float = 1.0, sigma: float = 0.15
) -> tuple[float, ...]:
    """Latencies as machines make them: skewed, and now and then one that waited for a processor."""
    return tuple(
        factor
        * scale_ms
        * math.exp(random.gauss(0, sigma))
        * (1 + (random.random() if random.random() < 0.05 else 0))
        for _ in range(count)
    )
