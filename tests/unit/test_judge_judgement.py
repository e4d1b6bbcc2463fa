"""From findings to verdicts: severities, set-ups broken on purpose, what could not be judged."""

from __future__ import annotations

import pytest
from judging import cluster, lookup, visit
from wire import REAL

from lab.judge.checks import Answered, NeverConnected
from lab.judge.checks.base import CheckBase
from lab.judge.judgement import Judged, judge, scenario_outcome
from lab.judge.rules import RULES, Severity
from lab.judge.verdict import Evidence, Finding, Outcome, worst
from lab.scenario.model import Ask, Expectation, Scenario

MUST, SHOULD, OBSERVED = "CLU-13", "CLU-05", "FWD-19"
OTHER_MUST = "CLU-14"
HOLDS = Answered(count=1)
HOLDS_NOT = NeverConnected()


def test_the_rules_these_tests_stand_on():
    severities = [RULES[rule].severity for rule in (MUST, OTHER_MUST, SHOULD, OBSERVED)]
    assert severities == ["MUST", "MUST", "SHOULD", "observed"]


def verdict(
    *expected: tuple[CheckBase, tuple[str, ...]],
    violates: tuple[str, ...] = (),
    strict: bool = False,
):
    """Judge a good journey: the viewer is given one address and connects."""
    wire = cluster()
    lookup(wire)
    visit(wire, REAL[2])
    scenario = Scenario(
        title="",
        story="",
        topology="cluster",
        steps=(Ask(),),
        expectations=tuple(
            Expectation(text=str(number), rules=rules, check=check)
            for number, (check, rules) in enumerate(expected)
        ),
        violates=violates,
    )
    return judge(scenario, wire.timeline(), strict=strict)


# --- severities -------------------------------------------------------------------------------


def test_what_holds_passes():
    judgement = verdict((HOLDS, (MUST,)), (HOLDS, (SHOULD,)))
    assert judgement.outcome is Outcome.PASSED
    assert [each.finding.outcome for each in judgement.expectations] == [Outcome.PASSED] * 2


def test_a_failed_must_fails_the_scenario():
    judgement = verdict((HOLDS, (MUST,)), (HOLDS_NOT, (MUST,)))
    assert judgement.outcome is Outcome.FAILED
    assert not any(each.meant_to_fail for each in judgement.expectations)


def test_a_failed_should_is_a_warning_unless_strict():
    relaxed = verdict((HOLDS, (MUST,)), (HOLDS_NOT, (SHOULD,)))
    assert relaxed.outcome is Outcome.PASSED
    assert relaxed.expectations[1].finding.outcome is Outcome.FAILED  # and it is shown
    strict = verdict((HOLDS, (MUST,)), (HOLDS_NOT, (SHOULD,)), strict=True)
    assert strict.outcome is Outcome.FAILED


def test_the_strictest_rule_of_an_expectation_counts():
    assert verdict((HOLDS_NOT, (SHOULD, MUST))).outcome is Outcome.FAILED
    assert verdict((HOLDS_NOT, (OBSERVED, SHOULD))).outcome is Outcome.PASSED
    assert verdict((HOLDS_NOT, (OBSERVED, SHOULD)), strict=True).outcome is Outcome.FAILED


@pytest.mark.parametrize("check", [HOLDS, HOLDS_NOT])
@pytest.mark.parametrize("strict", [False, True])
def test_a_rule_that_is_only_observed_gives_a_value(check, strict):
    judgement = verdict((HOLDS, (MUST,)), (check, (OBSERVED,)), strict=strict)
    assert judgement.outcome is Outcome.PASSED
    finding = judgement.expectations[1].finding
    assert finding.outcome is Outcome.OBSERVED
    assert finding.value == finding.evidence[0].text
    assert finding.evidence[0].frames


def test_nothing_but_observations_is_no_pass():
    assert verdict((HOLDS, (OBSERVED,))).outcome is Outcome.OBSERVED


# --- broken on purpose ------------------------------------------------------------------------


def test_exactly_what_is_meant_to_fail_fails():
    judgement = verdict((HOLDS_NOT, (MUST,)), (HOLDS, (OTHER_MUST,)), violates=(MUST,))
    assert judgement.outcome is Outcome.PASSED
    assert [each.meant_to_fail for each in judgement.expectations] == [True, False]
    assert judgement.expectations[0].finding.outcome is Outcome.FAILED  # as it was found


def test_one_more_failure_is_one_too_many():
    judgement = verdict((HOLDS_NOT, (MUST,)), (HOLDS_NOT, (OTHER_MUST,)), violates=(MUST,))
    assert judgement.outcome is Outcome.FAILED


def test_a_failed_should_is_one_too_many_as_well():
    """The judge must name the rules that were broken, and no other."""
    judgement = verdict((HOLDS_NOT, (MUST,)), (HOLDS_NOT, (SHOULD,)), violates=(MUST,))
    assert judgement.outcome is Outcome.FAILED


def test_one_of_them_passing_fails_the_scenario():
    judgement = verdict((HOLDS_NOT, (MUST,)), (HOLDS, (MUST,)), violates=(MUST,))
    assert judgement.outcome is Outcome.FAILED


def test_every_rule_named_is_cited_by_a_failure():
    both = (MUST, OTHER_MUST)
    assert verdict((HOLDS_NOT, both), violates=both).outcome is Outcome.PASSED
    judged = (_judged(Outcome.FAILED, MUST, meant_to_fail=True),)
    assert scenario_outcome(judged, both, strict=False) is Outcome.FAILED


@pytest.mark.parametrize("rule", [SHOULD, OBSERVED])
@pytest.mark.parametrize("strict", [False, True])
def test_a_weak_rule_that_is_broken_on_purpose_must_be_seen_broken(rule, strict):
    broken = verdict((HOLDS_NOT, (rule,)), violates=(rule,), strict=strict)
    assert broken.outcome is Outcome.PASSED
    assert broken.expectations[0].finding.outcome is Outcome.FAILED
    kept = verdict((HOLDS, (rule,)), violates=(rule,), strict=strict)
    assert kept.outcome is Outcome.FAILED


# --- what could not be judged -----------------------------------------------------------------


def _judged(
    outcome: Outcome, rule: str = MUST, severity: Severity = "MUST", *, meant_to_fail: bool = False
) -> Judged:
    expectation = Expectation(text="", rules=(rule,), check=HOLDS)
    return Judged(expectation, Finding(outcome, (Evidence("", (1,)),)), severity, meant_to_fail)


def test_nothing_judged_is_not_green():
    assert worst([]) is Outcome.BROKEN
    assert scenario_outcome((), (), strict=False) is Outcome.BROKEN
    assert scenario_outcome((), (MUST,), strict=False) is Outcome.FAILED


PRECEDENCE = (
    Outcome.BROKEN,
    Outcome.FAILED,
    Outcome.UNSUPPORTED,
    Outcome.DEVIATES,
    Outcome.PASSED,
    Outcome.OBSERVED,
)


@pytest.mark.parametrize("place", range(len(PRECEDENCE)))
def test_the_worst_of_several_outcomes_counts(place):
    assert set(PRECEDENCE) == set(Outcome)
    judged = tuple(_judged(outcome) for outcome in reversed(PRECEDENCE[place:]))
    assert scenario_outcome(judged, (), strict=False) is PRECEDENCE[place]


@pytest.mark.parametrize("outcome", [Outcome.BROKEN, Outcome.UNSUPPORTED])
@pytest.mark.parametrize("strict", [False, True])
def test_what_was_meant_to_fail_and_could_not_be_judged_is_no_failure_of_the_subject(
    outcome, strict
):
    judged = (_judged(outcome, meant_to_fail=True), _judged(Outcome.PASSED, OTHER_MUST))
    assert scenario_outcome(judged, (MUST,), strict=strict) is outcome


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.OBSERVED, Outcome.DEVIATES])
def test_what_was_meant_to_fail_and_did_not_is_a_failure(outcome):
    judged = (_judged(outcome, meant_to_fail=True), _judged(Outcome.FAILED, meant_to_fail=True))
    assert scenario_outcome(judged, (MUST,), strict=False) is Outcome.FAILED


def test_a_weak_rule_does_not_hide_a_broken_lab():
    judged = (_judged(Outcome.BROKEN, SHOULD, "SHOULD"), _judged(Outcome.PASSED))
    assert scenario_outcome(judged, (), strict=False) is Outcome.BROKEN
