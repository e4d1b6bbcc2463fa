"""What a run says of each rule of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lab.judge.verdict import Outcome, worst
from lab.report.record import OutcomeWord, RunRecord, ScenarioRecord
from lab.report.repetitions import once_each

RuleWord: TypeAlias = OutcomeWord | Literal["caught", "missed"]
"""What came of a rule in a scenario: an outcome; of a set-up that breaks the rule on purpose,
whether that was caught."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What came of a rule in one scenario of a run."""

    scenario: str
    world: str
    word: RuleWord


def rule_results(record: RunRecord) -> Mapping[str, tuple[RuleResult, ...]]:
    """By rule, in the order of the scenarios; a rule that none of them judged is not in it."""
    found: dict[str, list[RuleResult]] = {}
    for scenario in once_each(record).scenarios:
        for rule, words in words_of(scenario).items():
            results = found.setdefault(rule, [])
            results += (RuleResult(scenario.id, record.world, word) for word in words)
    return {rule: tuple(results) for rule, results in found.items()}


def rule_outcome(results: Iterable[RuleResult]) -> OutcomeWord | None:
    """The worst of them; None when the rule was only broken on purpose, and that was caught. What
    was missed counts as failed: the check cannot fail. What one world cannot does not count where
    another world ran the scenario."""
    results = list(results)
    ran = {each.scenario for each in results if each.word != "unsupported"}
    outcomes = [
        Outcome.FAILED if each.word == "missed" else Outcome(each.word)
        for each in results
        if each.word != "caught" and (each.word != "unsupported" or each.scenario not in ran)
    ]
    return worst(outcomes).value if outcomes else None


def words_of(scenario: ScenarioRecord) -> Mapping[str, tuple[RuleWord, ...]]:
    """What came of each rule in one scenario."""
    cited = dict.fromkeys(rule for each in scenario.expectations for rule in each.rules)
    return {rule: tuple(_words(scenario, rule)) for rule in cited}


def _words(scenario: ScenarioRecord, rule: str) -> Iterator[RuleWord]:
    """The worst of the expectations that cite the rule; apart from these, whether those that are
    meant to fail did."""
    about = [each for each in scenario.expectations if rule in each.rules]
    plain = [Outcome(each.outcome) for each in about if not each.meant_to_fail]
    if plain:
        yield worst(plain).value
    meant = [each.outcome for each in about if each.meant_to_fail]
    if meant:
        yield "caught" if set(meant) == {"failed"} else "missed"
