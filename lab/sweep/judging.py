"""One combination, run and judged in virtual time, in this process and without a file."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, cast

from lab.judge.judgement import Judgement, judge
from lab.judge.outages import outages
from lab.judge.verdict import Outcome
from lab.observe.timeline import Timeline
from lab.observe.visit import Visited
from lab.scenario.model import Scenario
from lab.scenario.steps import Stage
from lab.sweep.combinations import Combination, scenario_of
from lab.sweep.record import CombinationRecord, FailureRecord, ViolationRecord, VisitRecord
from lab.topology.plan import Plan
from lab.worlds.simulated import SimulatedWorld
from lab.worlds.world import Clock, WorldBroken
from resolver.machine import MILLISECOND, Instant

_KEPT_TRACEBACK_LINES = 6
"""Of a bug of the lab, the record keeps the last lines."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all combinations of a sweep have in common."""

    plan: Plan
    topology: str
    """As the scenarios name it."""
    seed: int


def judged(combination: Combination, setting: Setting) -> CombinationRecord:
    """Run a combination and judge it. Never raises for what a combination does: what the lab itself
    breaks is BROKEN."""
    try:
        with _garbage_kept():
            return _judged(combination, setting)
    except WorldBroken as error:
        return unjudged(combination, str(error))
    except Exception:  # noqa: BLE001 - a bug is a verdict
        lines = traceback.format_exc().strip().splitlines()[-_KEPT_TRACEBACK_LINES:]
        return unjudged(combination, "a bug of the lab:\n" + "\n".join(lines))


def unjudged(
    combination: Combination, reason: str, outcome: Literal["broken", "unsupported"] = "broken"
) -> CombinationRecord:
    """The record of a combination that could not be judged."""
    return CombinationRecord(
        id=combination.id,
        failures=_failures(combination),
        viewer=combination.viewer,
        outcome=outcome,
        reason=reason,
    )


def _failures(combination: Combination) -> tuple[FailureRecord, ...]:
    """What is broken, as the record has it."""
    return tuple(
        FailureRecord(part=str(each.part), kind=each.kind.name) for each in combination.failures
    )


def _judged(combination: Combination, setting: Setting) -> CombinationRecord:
    scenario = scenario_of(combination, setting.plan, setting.topology)
    world = SimulatedWorld(setting.plan, out=None, seed=setting.seed)
    try:
        world.start()
        Stage(world, setting.plan, setting.seed).perform(scenario.steps)
        timeline = Timeline(world.records(), setting.plan, Clock.VIRTUAL)
    finally:
        world.stop()
    return record_of(combination, scenario, timeline)


def record_of(
    combination: Combination, scenario: Scenario, timeline: Timeline
) -> CombinationRecord:
    """Judge a combination by its timeline, and tell what happened."""
    judgement = judge(scenario, timeline, strict=False)
    visits = tuple(_visits(timeline))
    return CombinationRecord(
        id=combination.id,
        failures=_failures(combination),
        viewer=combination.viewer,
        outcome="passed" if judgement.outcome is Outcome.PASSED else "failed",
        violations=_violations(judgement),
        visits=visits,
        longest_wait_ms=_longest_wait_ms(visits),
        recovered_ms=_recovered_ms(timeline),
        frames=len(timeline.records),
    )


def _longest_wait_ms(visits: tuple[VisitRecord, ...]) -> float | None:
    """The longest wait while something was broken; None without one, or where one never ended."""
    waits = [each.waited_ms for each in visits if each.when == "broken"]
    known = [each for each in waits if each is not None]
    return max(known) if known and len(known) == len(waits) else None


def _violations(judgement: Judgement) -> tuple[ViolationRecord, ...]:
    return tuple(
        ViolationRecord(
            text=each.expectation.text,
            rules=each.expectation.rules,
            check=each.expectation.check.kind,
            evidence="; ".join(evidence.text for evidence in each.finding.evidence),
        )
        for each in judgement.expectations
        if each.finding.outcome is Outcome.FAILED
    )


def _visits(timeline: Timeline) -> Iterator[VisitRecord]:
    known = outages(timeline)
    first = min((each.begun.at for each in known), default=None)
    last = _last_repair(timeline)
    for visit in timeline.visits:
        when: Literal["before", "broken", "after"] = "broken"
        if first is None or visit.began_at < first:
            when = "before"
        elif last is not None and visit.began_at >= last:
            when = "after"
        yield VisitRecord(
            node=visit.node,
            when=when,
            outcome=cast("Literal['connected', 'error', 'unfinished']", visit.outcome),
            waited_ms=_waited_ms(visit),
        )


def _waited_ms(visit: Visited) -> float | None:
    if visit.time_to_connect_ns is not None:
        return visit.time_to_connect_ns / MILLISECOND
    if visit.time_to_error_ns is not None:
        return visit.time_to_error_ns / MILLISECOND
    return None


def _recovered_ms(timeline: Timeline) -> float | None:
    last = _last_repair(timeline)
    for visit in timeline.visits:
        took = visit.time_to_connect_ns
        if last is not None and visit.began_at >= last and took is not None:
            return (visit.began_at + took - last) / MILLISECOND
    return None


def _last_repair(timeline: Timeline) -> Instant | None:
    return max((e.ended.at for e in outages(timeline) if e.ended is not None), default=None)


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """A combination makes thousands of objects, of which none is garbage before its end: looking
    for garbage meanwhile takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
