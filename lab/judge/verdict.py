"""What can be said of an expectation and of a scenario, and how it adds up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class Outcome(Enum):
    """A verdict's word."""

    PASSED = "passed"
    FAILED = "failed"
    DEVIATES = "deviates"
    """A listed, documented deviation of a product came out as listed."""
    OBSERVED = "observed"
    """A value was measured, for a rule of severity "observed"."""
    UNSUPPORTED = "unsupported"
    """This world or host lacks something the scenario needs."""
    BROKEN = "broken"
    """The lab's own fault; never blamed on the subject."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Packets that prove a finding, with what they show."""

    text: str
    frames: tuple[int, ...] = ()
    """Frame numbers in the scenario's capture file."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    outcome: Outcome
    evidence: tuple[Evidence, ...] = field(default=())
    """Never empty for PASSED and FAILED: what proves it."""
    value: str | None = None
    """The figure, for OBSERVED."""


def passed(text: str, *frames: int) -> Finding:
    """The check held, and these frames show it."""
    return Finding(Outcome.PASSED, (Evidence(text, frames),))


def failed(text: str, *frames: int) -> Finding:
    """The check did not hold, and these frames show it."""
    return Finding(Outcome.FAILED, (Evidence(text, frames),))


def observed(value: str, text: str, *frames: int) -> Finding:
    """A value was measured."""
    return Finding(Outcome.OBSERVED, (Evidence(text, frames),), value)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """The word for several outcomes together: BROKEN beats FAILED beats UNSUPPORTED beats DEVIATES
    beats PASSED beats OBSERVED. Nothing at all is BROKEN: what judged nothing is not green."""
    order = (
        Outcome.BROKEN,
        Outcome.FAILED,
        Outcome.UNSUPPORTED,
        Outcome.DEVIATES,
        Outcome.PASSED,
        Outcome.OBSERVED,
    )
    found = set(outcomes)
    return next((outcome for outcome in order if outcome in found), Outcome.BROKEN)
