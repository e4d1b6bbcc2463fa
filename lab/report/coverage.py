"""Which scenarios judge which rules, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lab.judge.rules import RULES, Rule
from lab.report.record import OutcomeWord, RunRecord
from lab.report.rules import RuleResult, rule_outcome, rule_results
from lab.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class SubjectResult:
    """What came of a rule for one subject of a matrix."""

    seat: str
    subject: str
    word: OutcomeWord


@dataclass(frozen=True, slots=True)
class Coverage:
    """A rule, the scenarios that cite it, and its results in the runs that were looked at."""

    rule: Rule
    judged_by: tuple[str, ...]
    """Ids of the scenarios in which it must hold."""
    broken_by: tuple[str, ...]
    """Ids of those that break it on purpose."""
    results: tuple[RuleResult, ...]
    subjects: tuple[SubjectResult, ...] = ()
    """What came of it for each subject of the matrices that were looked at."""

    @property
    def is_missing(self) -> bool:
        """Whether no scenario judges it."""
        return not self.judged_by

    @property
    def outcome(self) -> OutcomeWord | None:
        """The worst result; None where nothing was judged."""
        return rule_outcome(self.results)

    @property
    def is_judged(self) -> bool:
        """Whether it was judged for anybody; UNSUPPORTED and BROKEN are no judgement, and what was
        broken on purpose is no subject."""
        words = {*(each.word for each in self.results), *(each.word for each in self.subjects)}
        return not words <= {"unsupported", "broken", "caught", "missed"}

    def content(self) -> dict[str, Any]:
        """Itself as JSON has it."""
        return {
            "id": self.rule.id,
            "area": self.rule.area,
            "severity": self.rule.severity,
            "rule": self.rule.text,
            "source": self.rule.source,
            "scenarios": list(self.judged_by),
            "broken_on_purpose": list(self.broken_by),
            "outcome": self.outcome,
            "results": [
                {"scenario": each.scenario, "world": each.world, "outcome": each.word}
                for each in self.results
            ],
            "judged": self.is_judged,
            "subjects": [
                {"seat": each.seat, "subject": each.subject, "outcome": each.word}
                for each in self.subjects
            ],
        }


def coverage(
    scenarios: Mapping[str, Scenario],
    runs: Iterable[RunRecord] = (),
    subjects: Mapping[str, Sequence[SubjectResult]] = MappingProxyType({}),
) -> tuple[Coverage, ...]:
    """Every rule of the catalogue, in its order. `subjects`: what matrices say, by rule."""
    judged_by: dict[str, list[str]] = {rule: [] for rule in RULES}
    broken_by: dict[str, list[str]] = {rule: [] for rule in RULES}
    for identifier, scenario in scenarios.items():
        for rule, is_broken in _cited(scenario):
            (broken_by if is_broken else judged_by)[rule].append(identifier)
    results: dict[str, list[RuleResult]] = {rule: [] for rule in RULES}
    for run in runs:
        for rule, found in rule_results(run).items():
            # A rule that was in the catalogue when the run was made may be gone.
            results.get(rule, []).extend(found)
    return tuple(
        Coverage(
            rule,
            tuple(judged_by[rule.id]),
            tuple(broken_by[rule.id]),
            tuple(results[rule.id]),
            tuple(subjects.get(rule.id, ())),
        )
        for rule in RULES.values()
    )


def _cited(scenario: Scenario) -> Iterator[tuple[str, bool]]:
    """Each rule that its expectations cite, and whether such an expectation is meant to fail."""
    found = {
        (rule, bool(set(each.rules) & set(scenario.violates)))
        for each in scenario.expectations
        for rule in each.rules
    }
    return iter(sorted(found))
