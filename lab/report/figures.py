"""The figures of a run: what was timed in each scenario, repetition by repetition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from lab.report.record import RunRecord, ScenarioRecord
from lab.report.repetitions import by_scenario
from lab.report.statistics import ClockName, Distribution, in_ms

TIME_TO_CONNECT = "time to connect"
"""From a viewer's first question to its first completed handshake."""
TIME_TO_ERROR = "time to error"
"""From the beginning of a visit to the error that the viewer is told."""
WAIT_FOR_ANSWER = "wait for an answer"
"""From a question of a viewer or bystander to its answer."""
WAIT_FOR_CONNECTION = "wait for a connection"
"""From a SYN of theirs to its SYN-ACK."""
ALL_STEPS = "all steps"
"""How long the scenario's steps took together."""

FIGURES = (TIME_TO_CONNECT, TIME_TO_ERROR, WAIT_FOR_ANSWER, WAIT_FOR_CONNECTION, ALL_STEPS)


@dataclass(frozen=True, slots=True)
class Figure:
    """What was timed of one kind in one scenario."""

    scenario: str
    """The scenario's id, with the viewer it ran for."""
    viewer: str
    """The profile of that viewer; empty where the scenario names none."""
    name: str
    clock: ClockName
    repetitions: tuple[tuple[float, ...], ...]
    """ms; the values of each repetition, in the order in which they occurred. Empty ones are
    repetitions in which nothing of the kind ended: what has no end has no length."""

    @property
    def values(self) -> tuple[float, ...]:
        """Those of all repetitions."""
        return tuple(chain.from_iterable(self.repetitions))

    @property
    def distribution(self) -> Distribution:
        """What they come to."""
        found = Distribution.of(self.clock, self.values)
        assert found is not None  # noqa: S101 - a figure has a value
        return found


def figures(record: RunRecord) -> tuple[Figure, ...]:
    """Every figure that has a value, in the order of the scenarios. What could not be judged tells
    no figures either."""
    return tuple(
        figure for records in by_scenario(record).values() for figure in figures_of(records)
    )


def figures_of(repetitions: Sequence[ScenarioRecord]) -> Iterator[Figure]:
    """The figures of one scenario."""
    judged = [each for each in repetitions if each.outcome not in {"broken", "unsupported"}]
    for name in FIGURES:
        values = tuple(_timed(each, name) for each in judged)
        if any(values):
            first = judged[0]
            yield Figure(first.id, first.viewer or "", name, first.clock, values)


def _timed(scenario: ScenarioRecord, name: str) -> tuple[float, ...]:
    if name == TIME_TO_CONNECT:
        visits = tuple(each.time_to_connect_ms for each in scenario.visits)
        return _known(visits or (scenario.time_to_connect_ms,))
    if name == TIME_TO_ERROR:
        return _known(tuple(each.time_to_error_ms for each in scenario.visits))
    if name == ALL_STEPS:
        return (in_ms(round(scenario.duration_s * 1_000_000_000)),)
    kind = "query" if name == WAIT_FOR_ANSWER else "syn"
    return _known(
        tuple(
            each.waited_ms for each in scenario.exchanges if each.hops and each.hops[0].kind == kind
        )
    )


def _known(values: tuple[float | None, ...]) -> tuple[float, ...]:
    return tuple(value for value in values if value is not None)
