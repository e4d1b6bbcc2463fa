"""What a storm's figures come to: whether the lab did its part, whether anybody was let down, and
what a reader of the figures must know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lab.report.statistics import ClockName
from lab.storm.figures import Figures
from lab.worlds.world import Capture
from resolver.machine import MILLISECOND, Duration

_CLOCK_STEP_ALLOWED_NS: Final[Duration] = 50 * MILLISECOND
"""As for scenarios: slewing moves the clock by less."""
_BEHIND: Final = 0.95
"""A rate below this share of what it was to be is told."""
_ENOUGH: Final = 100
"""Events from which a rate says something: with fewer, chance alone is off by a tenth."""
_FEW: Final = 5.0
"""Pearson's rule of thumb: with fewer expected for each, a p-value is rough."""


def problems_of(capture: Capture, figures: Figures, viewers: int) -> Iterator[str]:
    """Why the storm is BROKEN: what is the lab's own fault, never the servers'."""
    yield from capture.problems
    if capture.frames_lost:
        yield (
            f"the capture lost {capture.frames_lost:,} frames, so nothing it shows can be "
            "trusted; ask at a lower rate"
        )
        return
    if abs(capture.clock_step_ns) > _CLOCK_STEP_ALLOWED_NS:
        step_ms = capture.clock_step_ns / MILLISECOND
        yield f"the clock was stepped by {step_ms:.1f} ms during the storm"
    answers, connects = figures.answers, figures.connects
    if answers.asked < viewers:
        yield f"only {answers.asked:,} of {viewers:,} questions left the crowd"
    undialled = answers.received - answers.without_address - connects.tried
    if undialled > 0:
        yield f"viewers with an address that did not dial it: {undialled:,}"


def faults_of(figures: Figures, server: str) -> Iterator[str]:
    """Why the storm FAILED: who was let down."""
    answers, connects = figures.answers, figures.connects
    if answers.asked > answers.reached:
        yield f"questions lost on their way to {server}: {answers.asked - answers.reached:,}"
    for each in figures.servers:
        if each.lost:
            yield f"answers lost by {each.node}: {each.lost:,} (questions reached it and got none)"
    if answers.answered > answers.received:
        yield f"answers lost on their way back: {answers.answered - answers.received:,}"
    if answers.without_address:
        told = ", ".join(f"{rcode} {count:,}" for rcode, count in sorted(answers.rcodes.items()))
        yield f"answers without an address: {answers.without_address:,} (of all: {told})"
    if connects.failed:
        told = ", ".join(f"{reason} {count:,}" for reason, count in connects.reasons.items())
        yield f"connections failed: {connects.failed:,} ({told})"
    evenness = figures.evenness
    if evenness is not None and evenness.absurd:
        yield (
            f"the spread over the nodes is absurd: p = {evenness.p_value:.1e} if each is as "
            "likely as the others"
        )


def notes_of(figures: Figures, clock: ClockName) -> Iterator[str]:
    """What the figures do not say by themselves."""
    if clock == "virtual":
        yield (
            "in virtual time programs are never busy: waits here say nothing of what a machine "
            "can bear"
        )
    achieved = figures.arrivals.achieved
    if achieved is not None and achieved.n >= _ENOUGH:
        stated = figures.arrivals.stated_per_s
        if achieved.per_s < _BEHIND * stated:
            yield (
                f"viewers came at {achieved.per_s:,.0f} a second instead of {stated:,.0f}: this "
                "host could not bring them faster"
            )
    connected = figures.connects.established_rate
    if (
        achieved is not None
        and connected is not None
        and connected.n >= _ENOUGH
        and connected.per_s < _BEHIND * achieved.per_s
    ):
        yield (
            f"connections did not keep up with answers: {connected.per_s:,.0f} a second is what "
            f"this set-up sustains here, {figures.connects.at_once} at once"
        )
    if figures.evenness is not None and figures.evenness.expected_each < _FEW:
        yield (
            f"with {figures.evenness.expected_each:.1f} viewers expected at each node, the "
            "p-value is rough; send more"
        )
