"""How verdicts add up in a matrix."""

from __future__ import annotations

from collections.abc import Sequence

from lab.judge.rules import RULES
from lab.judge.verdict import Outcome, worst
from lab.report.record import ExpectationRecord, OutcomeWord


def by_rule(rule: str, expectation: ExpectationRecord) -> Outcome:
    """What an expectation says of one of its rules: one that demands nothing is only observed."""
    outcome = Outcome(expectation.outcome)
    demands_nothing = RULES[rule].severity == "observed" and not expectation.is_stale
    if demands_nothing and outcome in {Outcome.PASSED, Outcome.FAILED, Outcome.DEVIATES}:
        return Outcome.OBSERVED
    return outcome


def together(outcomes: Sequence[Outcome]) -> tuple[OutcomeWord, int]:
    """The worst, and how many could not be judged: these, because the subject has no way to do what
    a scenario needs, count only where nothing else was judged."""
    judged = [each for each in outcomes if each is not Outcome.UNSUPPORTED]
    return worst(judged or outcomes).value, len(outcomes) - len(judged)
