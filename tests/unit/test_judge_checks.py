"""What holds for every check: each has cases both ways, none can pass on nothing, none raises."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judging import Case, Cases, told
from pydantic import TypeAdapter, ValidationError
from wire import cluster_nat_plan, cluster_plan

from lab.judge.checks import Check, TopologyRefused
from lab.judge.checks.base import CheckBase
from lab.judge.verdict import Outcome
from lab.observe.decode import decode
from lab.observe.sighting import Ip, Mark, Record, Sighting
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan
from lab.worlds.world import Clock

CHECKS: tuple[type[CheckBase], ...] = get_args(get_args(Check)[0])
ANY_CHECK: TypeAdapter[CheckBase] = TypeAdapter(Check)


def all_cases() -> list[Case]:
    """The cases of every module that has some."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("test_judge_*.py"))
    modules = [import_module(name) for name in names if name != Path(__file__).stem]
    found = [getattr(module, "cases", None) for module in modules]
    return [case for cases in found if isinstance(cases, Cases) for case in cases.all]


CASES = all_cases()
ONE_CLOCK = [case for case in CASES if case.clock is Clock.VIRTUAL]


# --- completeness -----------------------------------------------------------------------------


def test_every_check_is_in_the_vocabulary():
    assert set(CHECKS) == set(_subclasses(CheckBase))
    assert len({check.model_fields["kind"].default for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_is_seen_to_pass_and_to_fail(check):
    mine = [case for case in CASES if type(case.check) is check]
    assert any(case.because is None for case in mine), "no story in which it passes"
    reasons = {case.because for case in mine if case.because is not None}
    assert len(reasons) >= 2, f"it claims more than one thing; it was only seen failing {reasons}"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_says_what_it_looks_at(check):
    assert check.__doc__


def _subclasses(base: type[CheckBase]) -> Iterable[type[CheckBase]]:
    for kind in base.__subclasses__():
        if not isabstract(kind):
            yield kind
        yield from _subclasses(kind)


# --- vacuity ----------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [cluster_plan(), cluster_nat_plan()], ids=lambda plan: plan.source)
@pytest.mark.parametrize("clock", list(Clock))
def test_no_check_passes_when_nothing_was_seen(plan, clock):
    for case in ONE_CLOCK:
        finding = case.check.judge(Timeline.of((), plan, clock))
        assert finding.outcome is Outcome.FAILED, case.name
        assert finding.evidence[0].text


def test_no_check_passes_on_marks_alone():
    """What the steps say they did proves nothing. (What a topology file is told puts no packet on
    any wire: there the mark is what there is to see.)"""
    for case in ONE_CLOCK:
        if isinstance(case.check, TopologyRefused):
            continue
        wire = told(case.story)
        marks = [record for record in wire.records if isinstance(record, Mark)]
        finding = case.check.judge(Timeline.of(marks, wire.plan, Clock.VIRTUAL))
        assert finding.outcome is Outcome.FAILED, case.name


# --- data -------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_survives_a_json_round_trip(check):
    for case in ONE_CLOCK:
        if type(case.check) is check:
            assert ANY_CHECK.validate_json(case.check.model_dump_json()) == case.check
            assert ANY_CHECK.validate_python(case.check.model_dump()) == case.check


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_no_check_takes_what_it_does_not_know(check):
    case = next(case for case in ONE_CLOCK if type(case.check) is check)
    data = case.check.model_dump() | {"within_ms_or_so": 1}
    with pytest.raises(ValidationError, match="within_ms_or_so"):
        ANY_CHECK.validate_python(data)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValidationError, match="kind"):
        ANY_CHECK.validate_python({"kind": "looks-good"})


# --- robustness -------------------------------------------------------------------------------

STORIES = list(dict.fromkeys(case.story for case in ONE_CLOCK))


def changed(draw: st.DrawFn, record: Record) -> list[Record]:
    """What becomes of a record: mostly nothing."""
    happens = draw(st.integers(0, 15))
    if happens == 0:
        return []
    if happens == 1:
        return [record, record]
    if happens == 2:
        return [replace(record, at=max(0, record.at + draw(st.integers(-(10**10), 10**10))))]
    if isinstance(record, Sighting) and isinstance(record.network, Ip):
        return [spoilt(draw, record, record.network, happens)]
    return [record]


def spoilt(draw: st.DrawFn, sighting: Sighting, ip: Ip, happens: int) -> Sighting:
    """A packet turned round, made unreadable, cut, or with some octets changed; or as it was."""
    raw = bytearray(ip.raw)
    if happens == 3:
        return replace(sighting, outgoing=not sighting.outgoing)
    if happens == 4:
        return replace(sighting, network=None)
    if happens == 5:
        del raw[draw(st.integers(0, len(raw))) :]
    elif happens in {6, 7}:
        for _ in range(draw(st.integers(1, 3))):
            raw[draw(st.integers(0, len(raw) - 1))] = draw(st.integers(0, 255))
    return replace(sighting, network=decode(bytes(raw), 101))


@st.composite
def odd_timelines(draw: st.DrawFn) -> tuple[tuple[Record, ...], Plan]:
    """The records of a story or two, some lost, doubled, mistimed, cut, spoilt, or shuffled."""
    story, other = (told(draw(st.sampled_from(STORIES))) for _ in range(2))
    records = list(story.records)
    if other.plan == story.plan and draw(st.booleans()):
        records += other.records
    records = [after for record in records for after in changed(draw, record)]
    if draw(st.integers(0, 3)) == 0:
        records = draw(st.permutations(records))
    numbered = (replace(record, number=place) for place, record in enumerate(records, start=1))
    return tuple(numbered), story.plan


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(odd_timelines(), st.sampled_from(list(Clock)))
def test_no_check_ever_raises(odd, clock):
    records, plan = odd
    timeline = Timeline.of(records, plan, clock)
    numbers = set(range(1, len(records) + 1))
    for check in _distinct_checks():
        finding = check.judge(timeline)
        (evidence,) = finding.evidence
        assert finding.outcome in {Outcome.PASSED, Outcome.FAILED}
        assert evidence.text
        assert set(evidence.frames) <= numbers
        assert evidence.frames or finding.outcome is Outcome.FAILED


def _distinct_checks() -> list[CheckBase]:
    return list({case.check: None for case in ONE_CLOCK})
