"""From findings to verdicts: what each expectation came to, and the scenario with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lab.judge.listings import listing_for, weighed
from lab.judge.rules import Severity, strictest
from lab.judge.verdict import Finding, Outcome, worst
from lab.observe.timeline import Timeline
from lab.scenario.model import Expectation, Scenario
from lab.subjects.behaviour import Listed


@dataclass(frozen=True, slots=True)
class Judged:
    """An expectation with its finding."""

    expectation: Expectation
    finding: Finding
    severity: Severity
    """The strictest of its rules."""
    meant_to_fail: bool
    """It cites a rule that the scenario breaks on purpose."""
    listed: Listed | None = None
    """The listed deviation of the subject that is judged by it."""
    is_stale: bool = False
    """That deviation happens no longer: a failure, whatever the severity."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A scenario, judged."""

    expectations: tuple[Judged, ...]
    outcome: Outcome


def judge(
    scenario: Scenario,
    timeline: Timeline,
    *,
    strict: bool,
    identifier: str = "",
    listed: Iterable[Listed] = (),
) -> Judgement:
    """Judge every expectation of a scenario from its timeline.

    `strict` makes a failed SHOULD fail the scenario; otherwise it is a warning. `listed` are the
    documented deviations of the subjects that sit in its seats; they name the scenario by its
    `identifier`.
    """
    listed = tuple(listed)
    judged = tuple(
        _weighed(_judged(expectation, scenario, timeline), identifier, listed)
        for expectation in scenario.expectations
    )
    return Judgement(judged, scenario_outcome(judged, scenario.violates, strict=strict))


def scenario_outcome(
    judged: tuple[Judged, ...], violates: tuple[str, ...], *, strict: bool
) -> Outcome:
    """Add the expectations up: where the only departures are listed, it DEVIATES.

    A set-up broken on purpose passes when exactly what is meant to fail fails, whatever the
    severity, and every rule it names is cited by such a failure.
    """
    exact = strict or bool(violates)
    outcomes = [_counted(each, strict=exact) for each in judged]
    # A rule that could not be judged is neither broken nor kept.
    settled = {
        rule
        for each in judged
        if each.finding.outcome in {Outcome.FAILED, Outcome.UNSUPPORTED, Outcome.BROKEN}
        for rule in each.expectation.rules
    }
    if not set(violates) <= settled:
        outcomes.append(Outcome.FAILED)
    return worst(outcomes)


def _counted(each: Judged, *, strict: bool) -> Outcome:
    """Say what an expectation adds to its scenario's outcome."""
    outcome = each.finding.outcome
    if outcome in {Outcome.UNSUPPORTED, Outcome.BROKEN} or each.is_stale:
        return outcome
    if each.meant_to_fail:
        return Outcome.PASSED if outcome is Outcome.FAILED else Outcome.FAILED
    if outcome is Outcome.FAILED and each.severity == "SHOULD" and not strict:
        return Outcome.PASSED
    return outcome


def _judged(expectation: Expectation, scenario: Scenario, timeline: Timeline) -> Judged:
    severity = strictest(expectation.rules)
    meant_to_fail = bool(set(expectation.rules) & set(scenario.violates))
    finding = expectation.check.judge(timeline)
    judges = finding.outcome in {Outcome.PASSED, Outcome.FAILED}
    if severity == "observed" and judges and not meant_to_fail:
        # The rule demands nothing; what was seen is the result.
        value = "; ".join(evidence.text for evidence in finding.evidence)
        finding = Finding(Outcome.OBSERVED, finding.evidence, finding.value or value)
    return Judged(expectation, finding, severity, meant_to_fail)


def _weighed(judged: Judged, identifier: str, listed: tuple[Listed, ...]) -> Judged:
    """The same in the light of what the subject documents; nobody documents a fault made on
    purpose."""
    expectation = judged.expectation
    about = listing_for(identifier, expectation.text, expectation.rules, listed)
    if about is None or judged.meant_to_fail:
        return judged
    finding, is_stale = weighed(judged.finding, about)
    return replace(judged, finding=finding, listed=about, is_stale=is_stale)
