"""Scenarios that ran several times in one run: which repetition a report tells, and whether all of
them say the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lab.judge.verdict import Outcome, worst
from lab.report.record import OutcomeWord, RunRecord, ScenarioRecord

_JUDGED = frozenset({"passed", "failed", "deviates", "observed"})
"""A trial that could not be judged says nothing, so it contradicts nothing."""


def by_scenario(record: RunRecord) -> Mapping[str, tuple[ScenarioRecord, ...]]:
    """The repetitions of each scenario, in their order."""
    found: dict[str, list[ScenarioRecord]] = {}
    for scenario in record.scenarios:
        found.setdefault(scenario.id, []).append(scenario)
    return {identifier: tuple(records) for identifier, records in found.items()}


def worst_of(repetitions: Sequence[ScenarioRecord]) -> ScenarioRecord:
    """The first repetition that came out worst: what is told of them all."""
    word = worst(Outcome(each.outcome) for each in repetitions).value
    return next(each for each in repetitions if each.outcome == word)


def once_each(record: RunRecord) -> RunRecord:
    """The run with one repetition of each scenario, the worst."""
    if len(record.scenarios) == len(by_scenario(record)):
        return record
    scenarios = tuple(worst_of(each) for each in by_scenario(record).values())
    return record.model_copy(update={"scenarios": scenarios})


def instabilities(record: RunRecord) -> Mapping[str, str]:
    """The scenarios whose verdict, or that of an expectation, differs between repetitions; with
    what differs: "passed in 1, 2, 4; failed in 3"."""
    found = {}
    for identifier, repetitions in by_scenario(record).items():
        judged = [each for each in repetitions if each.outcome in _JUDGED]
        if len({each.outcome for each in judged}) > 1:
            found[identifier] = _told((each.outcome, each.repetition) for each in judged)
            continue
        for place, expectation in enumerate(judged[0].expectations if judged else ()):
            words = [(each.expectations[place].outcome, each.repetition) for each in judged]
            if len({word for word, _ in words}) > 1:
                found[identifier] = f"“{expectation.text}”: {_told(words)}"
                break
    return found


def turn_of(repetition: int) -> str:
    """What the names of a repetition's files end in: nothing the first time, then ".r2", …"""
    return "" if repetition == 1 else f".r{repetition}"


def _told(outcomes: Iterable[tuple[OutcomeWord, int]]) -> str:
    turns: dict[str, list[str]] = {}
    for word, repetition in outcomes:
        turns.setdefault(word, []).append(str(repetition))
    return "; ".join(f"{word} in {', '.join(numbers)}" for word, numbers in turns.items())
