"""What subjects document of themselves: the files, and what a verdict makes of a listing."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from judging import cluster, lookup, visit
from pydantic import ValidationError
from wire import REAL, cluster_plan

from lab.judge.checks import Answered, NeverConnected
from lab.judge.judgement import judge
from lab.judge.rules import RULES
from lab.judge.verdict import Outcome
from lab.scenario.catalogue import read_catalogue
from lab.scenario.model import Ask, Expectation, Scenario
from lab.subjects.behaviour import (
    FOLDER,
    BehaviourMalformed,
    Deviation,
    Listed,
    behaviour_of,
    listed_for,
    read_behaviour,
)
from lab.subjects.roster import SUBJECTS
from lab.subjects.rule_seats import SeatsMalformed, rule_seats
from lab.topology.plan import PlannedDaemon

ROOT = Path(__file__).parents[2]
FILES = sorted(FOLDER.glob("*.toml"))
MUST, SHOULD, OBSERVED = "CLU-13", "CLU-05", "FWD-19"
HOLDS, HOLDS_NOT = Answered(count=1), NeverConnected()
GOOD = """
subject = "unbound"
checked = "1.17.1"
[[deviations]]
seat = "dns"
rules = ["FWD-04"]
scenarios = ["forwarding/*"]
because = "it draws one"
source = "its manual"
"""


# --- the shipped files --------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shipped_listing_is_about_expectations_that_there_are(path):
    scenarios = read_catalogue(ROOT).select([])
    behaviour = read_behaviour(path)
    assert behaviour.subject in SUBJECTS
    for each in behaviour.deviations:
        assert each.seat in SUBJECTS[behaviour.subject].seats
        about = [
            expectation
            for identifier, scenario in scenarios.items()
            for expectation in scenario.expectations
            if each.covers(identifier, expectation.text, expectation.rules)
        ]
        assert about, f"{each} is about nothing"
        for glob in each.scenarios:
            ids = {name for full in scenarios for name in (full, full.partition("@")[0])}
            assert any(fnmatchcase(name, glob) for name in ids), f"{glob}: no such scenario"


def test_a_subject_without_a_file_documents_nothing(tmp_path):
    assert behaviour_of("ours", tmp_path) is None


# --- files that cannot be used ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('"FWD-04"', '"FWD-4"'), "deviations[0].rules: Value error, no rule 'FWD-4'; did you"),
        (('"FWD-04"', '"FWD-19"'), "deviations[0].rules: Value error, FWD-19 demand nothing"),
        (('"dns"', '"dnss"'), "deviations[0].seat: Input should be"),
        (('source = "its manual"', 'source = ""'), "deviations[0].source: String should have"),
        (('source = "its manual"', ""), "deviations[0].source: Field required"),
        (('because = "it', 'varies = 1.0\nbecause = "it'), "deviations[0].varies: Input should"),
        (('checked = "1.17.1"', ""), "checked: Field required"),
        (('subject = "unbound"', 'subject = "bind"'), "subject: is 'bind', and the file is"),
        (("[[deviations]]", "[[deviation]]"), "deviation: Extra inputs"),
        (("[[deviations]]", "[[deviations"), "not TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(tmp_path, change, said):
    path = tmp_path / "unbound.toml"
    path.write_text(GOOD.replace(*change), encoding="utf-8")
    with pytest.raises(BehaviourMalformed) as refused:
        read_behaviour(path)
    assert f"{path}: {said}" in str(refused.value)


def test_all_faults_are_told_at_once(tmp_path):
    path = tmp_path / "unbound.toml"
    path.write_text(GOOD.replace('"dns"', '"x"').replace('"its manual"', '""'), encoding="utf-8")
    with pytest.raises(BehaviourMalformed) as refused:
        read_behaviour(path)
    assert len(str(refused.value).splitlines()) == 2


# --- what a verdict makes of it -----------------------------------------------------------------


def listing(rule: str = MUST, **changed) -> Listed:
    certain = changed.pop("certain", True)
    deviation = Deviation(
        seat="dns", rules=(rule,), scenarios=("some/*",), because="so", source="a", **changed
    )
    return Listed(deviation, "unbound", "1.17.1", "1.17.1", certain)


def verdict(check, rule, *listed: Listed, violates=(), strict=False):
    wire = cluster()
    lookup(wire)
    visit(wire, REAL[2])
    scenario = Scenario(
        title="",
        story="",
        topology="cluster",
        steps=(Ask(),),
        expectations=(
            Expectation(text="first", rules=(rule,), check=check),
            Expectation(text="second", rules=("CLU-01",), check=HOLDS),
        ),
        violates=violates,
    )
    return judge(
        scenario, wire.timeline(), strict=strict, identifier="some/thing@musl", listed=listed
    )


def test_a_listed_failure_deviates_and_names_its_source():
    judgement = verdict(HOLDS_NOT, MUST, listing())
    assert judgement.outcome is Outcome.DEVIATES
    finding = judgement.expectations[0].finding
    assert finding.outcome is Outcome.DEVIATES
    assert finding.evidence[0].frames  # the packets still prove what happened
    assert "so [a]" in finding.evidence[-1].text


def test_an_unlisted_failure_fails():
    assert verdict(HOLDS_NOT, MUST).outcome is Outcome.FAILED
    for other in (
        listing("CLU-14"),
        listing(expectation="second"),
        replace(listing(), deviation=listing().deviation.model_copy(update={"scenarios": ("x",)})),
    ):
        assert verdict(HOLDS_NOT, MUST, other).outcome is Outcome.FAILED


@pytest.mark.parametrize("rule", [MUST, SHOULD])
def test_a_listed_deviation_that_happens_no_longer_fails_whatever_the_severity(rule):
    judgement = verdict(HOLDS, rule, listing(rule))
    assert judgement.outcome is Outcome.FAILED
    assert judgement.expectations[0].is_stale
    assert "no longer happens" in judgement.expectations[0].finding.evidence[0].text


def test_another_version_or_a_users_own_file_is_told_and_not_failed():
    judgement = verdict(HOLDS, MUST, listing(certain=False))
    assert judgement.outcome is Outcome.PASSED
    assert "listed for 1.17.1" in judgement.expectations[0].finding.evidence[-1].text
    assert verdict(HOLDS_NOT, MUST, listing(certain=False)).outcome is Outcome.DEVIATES


def test_one_trial_of_what_is_drawn_proves_nothing():
    assert verdict(HOLDS, MUST, listing(varies=0.5)).outcome is Outcome.PASSED
    assert verdict(HOLDS_NOT, MUST, listing(varies=0.5)).outcome is Outcome.DEVIATES


def test_what_is_seldom_drawn_has_no_chance_beside_it():
    assert verdict(HOLDS, MUST, listing(seldom=True)).outcome is Outcome.PASSED
    told = verdict(HOLDS_NOT, MUST, listing(seldom=True))
    assert told.outcome is Outcome.DEVIATES
    assert "documented, seldom (" in told.expectations[0].finding.evidence[-1].text
    with pytest.raises(ValidationError, match="either seldom or varies"):
        listing(seldom=True, varies=0.5)


def test_of_several_listings_that_counts_which_happens_every_time():
    judgement = verdict(HOLDS, MUST, listing(varies=0.5), listing())
    assert judgement.expectations[0].is_stale


def test_nobody_documents_a_fault_made_on_purpose():
    judgement = verdict(HOLDS_NOT, MUST, listing(), violates=(MUST,))
    assert judgement.outcome is Outcome.PASSED
    assert judgement.expectations[0].finding.outcome is Outcome.FAILED


def test_what_is_only_observed_stays_observed():
    judgement = verdict(HOLDS_NOT, OBSERVED)
    assert judgement.expectations[0].finding.outcome is Outcome.OBSERVED


# --- who sits there -----------------------------------------------------------------------------


def seated(version: str, overrides=(), name="unbound"):
    plan = cluster_plan()
    daemon = PlannedDaemon(name, version, (("a", ""),), ("run",), overrides=overrides)
    nodes = tuple(
        replace(
            node,
            programs=tuple(
                replace(each, daemon=daemon) if each.name == "resolver" else each
                for each in node.programs
            ),
        )
        for node in plan.nodes
    )
    return replace(plan, nodes=nodes)


def listed_in(plan, tmp_path, text=GOOD):
    (tmp_path / "unbound.toml").write_text(text, encoding="utf-8")
    behaviour_of.cache_clear()
    return listed_for(plan, tmp_path)


def test_the_listings_of_who_sits_in_a_seat_are_found(tmp_path):
    assert listed_in(cluster_plan(), tmp_path) == ()
    (found,) = listed_in(seated("1.17.1"), tmp_path)
    assert (found.subject, found.version, found.certain) == ("unbound", "1.17.1", True)
    assert listed_in(seated("1.17.1", name="dnsmasq"), tmp_path) == ()
    assert listed_in(seated("1.17.1"), tmp_path, GOOD.replace('"dns"', '"translator"')) == ()


@pytest.mark.parametrize(
    ("checked", "version", "certain"),
    [
        ("1.17.1", "1.17.1", True),
        ("1.17", "1.17.1", True),
        ("1.17.1", "1.17.1-2", True),
        ("1.17.1", "1.17.10", False),
        ("1.17.1", "1.18.0", False),
    ],
)
def test_a_listing_is_certain_of_the_version_it_was_checked_for(
    tmp_path, checked, version, certain
):
    (found,) = listed_in(seated(version), tmp_path, GOOD.replace("1.17.1", checked))
    assert found.certain is certain


def test_a_listing_is_not_certain_of_a_users_own_configuration(tmp_path):
    (found,) = listed_in(seated("1.17.1", overrides=("interface",)), tmp_path)
    assert not found.certain


# --- rules and their seats ----------------------------------------------------------------------


def test_every_rule_has_a_seat_and_the_configuration_check_is_the_labs_own():
    assert list(rule_seats()) == list(RULES)
    assert all(rule_seats().values())
    assert rule_seats()["CLU-15"] == ("lab",)
    assert rule_seats()["NAT-01"] == ("nat",)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("rule\tseats", ":1: the first line must name the columns"),
        ("rule\tseats\tnote\nFWD-4\tdns", ":2: no rule 'FWD-4'; did you mean"),
        ("rule\tseats\tnote\nFWD-04\tdsn", ":2: no seat 'dsn'; did you mean 'dns'?"),
        ("rule\tseats\tnote\nFWD-04\t", ":2: rule FWD-04 has no seat"),
        ("rule\tseats\tnote\nFWD-04", ":2: write rule, seats and"),
        ("rule\tseats\tnote\nFWD-04\tdns\nFWD-04\tdns", ":3: rule FWD-04 is there already"),
        ("rule\tseats\tnote\nFWD-04\tdns", ": rule FWD-01 has no seat"),
    ],
)
def test_a_table_of_seats_that_cannot_be_used_is_refused(tmp_path, lines, said):
    path = tmp_path / "seats.tsv"
    path.write_text(lines + "\n", encoding="utf-8")
    with pytest.raises(SeatsMalformed) as refused:
        rule_seats(path)
    assert f"{path}{said}" in str(refused.value)
