"""Where each session's time went: a viewer's way to its connection, or to its error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.report.record import OutcomeWord, PhaseRecord, RunRecord, ScenarioRecord
from lab.report.repetitions import by_scenario, worst_of
from lab.report.statistics import ClockName


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a scenario: of several the middle one, so that its parts still add up."""

    scenario: str
    viewer: str
    clock: ClockName
    outcome: OutcomeWord
    """Of the scenario."""
    connected: bool
    """False: it ended with an error, told after `took_ms`."""
    took_ms: float
    phases: tuple[PhaseRecord, ...]
    of: int
    """The middle of so many."""


def sessions(record: RunRecord) -> tuple[Session, ...]:
    """The middle session of each scenario that has one, in order; of viewers' visits one that
    connected and one that did not, where there are both."""
    return tuple(
        session
        for repetitions in by_scenario(record).values()
        for session in sessions_of(repetitions)
    )


def sessions_of(repetitions: Sequence[ScenarioRecord]) -> Iterator[Session]:
    """The middle sessions of one scenario."""
    told = worst_of(repetitions)
    judged = [each for each in repetitions if each.outcome not in {"broken", "unsupported"}]
    for connected in (True, False):
        found = sorted(
            (session for each in judged for session in _sessions(each, connected=connected)),
            key=lambda each: each[0],
        )
        if found:
            took_ms, phases = found[(len(found) - 1) // 2]
            yield Session(
                told.id,
                told.viewer or "",
                told.clock,
                told.outcome,
                connected,
                took_ms,
                phases,
                len(found),
            )


def _sessions(
    scenario: ScenarioRecord, *, connected: bool
) -> Iterator[tuple[float, tuple[PhaseRecord, ...]]]:
    for visit in scenario.visits:
        took_ms = visit.time_to_connect_ms if connected else visit.time_to_error_ms
        if took_ms is not None:
            yield took_ms, visit.phases
    if connected and not scenario.visits and scenario.time_to_connect_ms is not None:
        yield scenario.time_to_connect_ms, scenario.connect_phases
