"""A trial: one scenario in one world, from its plan to its record.

Runs in a process of its own, for Mininet inside namespaces of its own. Whatever goes wrong becomes
a record: UNSUPPORTED where the world lacks something, BROKEN where the lab itself failed.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Literal, Protocol

from lab.judge.judgement import judge
from lab.judge.rules import strictest
from lab.judge.verdict import Outcome
from lab.observe.pcapng import CaptureError
from lab.observe.story import (
    connect_phases,
    exchange_records,
    mark_records,
    time_to_connect_ns,
)
from lab.observe.timeline import Timeline
from lab.observe.visit_story import visit_records
from lab.report.record import (
    ExpectationRecord,
    ScenarioRecord,
    StepRecord,
)
from lab.scenario.expectation_records import expectation_records
from lab.scenario.impairable import impaired_links
from lab.scenario.lateness import excused, was_late
from lab.scenario.model import Scenario, Step
from lab.scenario.node_records import node_records
from lab.scenario.seats import InputRefused, absences, filled, patient, reconfigured
from lab.scenario.steps import Stage
from lab.subjects.behaviour import BehaviourMalformed, listed_for
from lab.subjects.seating import Seating
from lab.subjects.subject import SEATS, CannotFill
from lab.topology.faults import FaultNotPossible, apply_fault
from lab.topology.plan import Plan
from lab.worlds.witness import Busyness, Witness
from lab.worlds.world import (
    REMEDIES,
    Capability,
    Capture,
    Clock,
    ServerRefused,
    World,
    WorldBroken,
    WorldUnavailable,
)
from resolver.machine import MILLISECOND, SECOND

WorldName = Literal["mininet", "simulated", "timetravel"]

CLOCK_STEP_ALLOWED_NS = 50 * MILLISECOND
"""Slewing by NTP moves the real-time clock by less than 500 ppm, 50 ms in 100 s; more is a step."""


class Attendant(Protocol):
    """Who watches a trial live: makes the world it runs in, and is there before each step."""

    def make_world(self, name: WorldName, plan: Plan, folder: Path, seed: int) -> World:
        """As `make_world` does, but a world that can be watched."""
        ...

    def before_step(self, world: World, step: Step) -> None:
        """Let time pass before a step begins, or none."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """A scenario to be run: where, with what seed, and where its files go."""

    id: str
    scenario: Scenario
    plan: Plan
    """Of its topology, as it was meant; made once for all scenarios that have it."""
    world: WorldName
    seed: int
    folder: Path
    """The scenario's own folder: nodes' configs and journals, and the capture until it is named."""
    capture: Path
    """Where the capture file ends up."""
    run_folder: Path
    """The run's folder: paths in the record are relative to it."""
    reproduce: str
    strict: bool = False
    seating: Seating = field(default_factory=Seating)
    """Who sits in its seats."""
    attendant: Attendant | None = None
    """Somebody who watches it live."""
    repetition: int = 1
    retried: str = ""
    """Why it runs once more: what the lab was too late for."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """The scenario's steps, which wait as long as those need who sit in the seats."""
        return patient(self.scenario.steps) if self.seating else self.scenario.steps


def run_trial(
    trial: Trial, keep_standing: Callable[[World, ScenarioRecord], None] | None = None
) -> ScenarioRecord:
    """Run a trial; never raises for anything a scenario, a subject or the host does, but
    InputRefused for a user's own file that a server does not take.

    `keep_standing` is called with the world still up when the scenario failed or broke.
    """
    began = monotonic()

    def timed(record: ScenarioRecord) -> ScenarioRecord:
        return record.model_copy(
            update={
                "wall_s": monotonic() - began,
                "repetition": trial.repetition,
                "retried": trial.retried,
            }
        )

    def stand(world: World, record: ScenarioRecord) -> None:
        comes_again = was_late(record) and not trial.retried
        if keep_standing is not None and record.outcome in {"failed", "broken"} and not comes_again:
            keep_standing(world, timed(record))

    with _witness(trial.world) as witness:
        try:
            record = _run(trial, witness, stand)
        except (CannotFill, WorldUnavailable) as error:
            record = _unjudged(trial, Outcome.UNSUPPORTED, str(error))
        except ServerRefused as refusal:
            _blame_input(trial, refusal)
            record = broken(trial, str(refusal))
        except WorldBroken as error:
            record = excused(broken(trial, str(error)), _busyness(witness))
        except (BehaviourMalformed, CaptureError, FaultNotPossible) as error:
            record = broken(trial, str(error))
        except InputRefused:
            raise
        except (Exception, SystemExit):  # noqa: BLE001 - a bug is a verdict; Mininet exits on some errors
            record = broken(trial, traceback.format_exc())
    return timed(record)


def _witness(world: WorldName) -> AbstractContextManager[Witness | None]:
    """Whoever sees how late the world is; virtual time never is."""
    return Witness() if world == "mininet" else nullcontext()


def _busyness(witness: Witness | None) -> Busyness | None:
    return None if witness is None else witness.told()


def _run(
    trial: Trial, witness: Witness | None, judged: Callable[[World, ScenarioRecord], None]
) -> ScenarioRecord:
    actual = trial.plan
    for fault in trial.scenario.faults:
        actual = apply_fault(actual, fault)
    if trial.seating:
        meant, actual = filled(trial.scenario, trial.plan, actual, trial.seating)
        trial = replace(trial, plan=meant)
    attendant = trial.attendant
    make = make_world if attendant is None else attendant.make_world
    world = make(trial.world, actual, trial.folder, trial.seed)
    _require(trial, actual, world)
    world.may_impair(impaired_links(trial.steps, actual))
    try:
        world.start()
        if witness is not None:
            witness.forget()
        stage = Stage(
            world,
            actual,
            trial.seed,
            lambda node, program: reconfigured(actual, node, program, trial.seating),
        )
        began_at = world.now()
        before_each = None if attendant is None else partial(attendant.before_step, world)
        stage.perform(trial.steps, before_each)
        duration_ns = world.now() - began_at
        capture = world.seal()
        # Before the judging, which is work of ours that nobody waits for.
        busyness = _busyness(witness)
        record = _judged(trial, actual, capture, world.clock, tuple(stage.records))
        record = excused(record, busyness, capture.late_ns)
        record = record.model_copy(update={"duration_s": duration_ns / SECOND})
        judged(world, record)
    finally:
        world.stop()
    return record


def make_world(name: WorldName, plan: Plan, folder: Path, seed: int) -> World:
    """Make a world of the plan, in the namespaces or the guest it is to have. Raises
    WorldUnavailable where this host cannot translate addresses."""
    if name == "simulated":
        from lab.worlds.simulated import SimulatedWorld

        return SimulatedWorld(plan, out=folder, seed=seed)
    from lab.worlds.mininet import MininetWorld
    from lab.worlds.mininet_timetravel import TimetravelWorld
    from lab.worlds.obstacles import tun_obstacle

    if any(node.tun for node in plan.nodes) and (obstacle := tun_obstacle()) is not None:
        raise WorldUnavailable(obstacle)
    return (MininetWorld if name == "mininet" else TimetravelWorld)(plan, out=folder, seed=seed)


def _require(trial: Trial, plan: Plan, world: World) -> None:
    """Refuse a world that lacks what the scenario names, or what its topology asks for."""
    needed = {Capability(need) for need in trial.scenario.needs} | set(_asked_for(plan))
    lacking = sorted(needed - world.capabilities, key=lambda each: each.value)
    if lacking:
        reasons = (f"no {each.value}: {REMEDIES[each]}" for each in lacking)
        raise WorldUnavailable(f"the {trial.world} world has here {'; '.join(reasons)}")


def _asked_for(plan: Plan) -> Iterator[Capability]:
    interfaces = [interface for node in plan.nodes for interface in node.interfaces]
    if any(interface.delay_ns for interface in interfaces):
        yield Capability.LINK_DELAY
    if any(interface.rate_bit_s for interface in interfaces):
        yield Capability.LINK_RATE
    if any(program.daemon for node in plan.nodes for program in node.programs):
        yield Capability.FOREIGN_SERVERS


def _judged(
    trial: Trial,
    actual: Plan,
    capture: Capture,
    clock: Clock,
    steps: tuple[StepRecord, ...],
) -> ScenarioRecord:
    timeline = Timeline.read(capture.path, trial.plan, clock)
    judgement = judge(
        trial.scenario,
        timeline,
        strict=trial.strict,
        identifier=trial.id,
        listed=listed_for(actual),
    )
    problems = _problems(capture)
    outcome = Outcome.BROKEN if problems else judgement.outcome
    capture.path.replace(trial.capture)
    connect_ns = time_to_connect_ns(timeline)
    return ScenarioRecord(
        id=trial.id,
        title=trial.scenario.title,
        story=trial.scenario.story,
        topology=trial.scenario.topology,
        outcome=outcome.value,
        reason="; ".join(problems),
        wall_s=0.0,
        time_to_connect_ms=None if connect_ns is None else connect_ns / MILLISECOND,
        clock=clock.kind,
        seed=trial.seed,
        capture=str(trial.capture.relative_to(trial.run_folder)),
        frames=len(timeline.records),
        frames_lost=capture.frames_lost,
        links=dict(capture.links),
        steps=steps,
        expectations=expectation_records(judgement, trusted=not problems),
        violates=trial.scenario.violates,
        connect_phases=connect_phases(timeline),
        exchanges=exchange_records(timeline),
        viewer=trial.scenario.viewer,
        visits=visit_records(timeline),
        marks=mark_records(timeline),
        nodes=node_records(actual, trial.folder),
        absent=absences(trial.scenario, actual, trial.seating),
        reproduce=trial.reproduce,
        scenario=trial.scenario.model_dump(mode="json"),
    )


def _problems(capture: Capture) -> list[str]:
    problems = list(capture.problems)
    if capture.frames_lost:
        problems.append(
            f"the capture lost {capture.frames_lost} frames, so nothing it shows can be trusted; "
            "run fewer workers"
        )
    if abs(capture.clock_step_ns) > CLOCK_STEP_ALLOWED_NS:
        problems.append(
            f"the clock was stepped by {capture.clock_step_ns / MILLISECOND:.1f} ms during the run"
        )
    return problems


def _blame_input(trial: Trial, refusal: ServerRefused) -> None:
    """Raise InputRefused where it is the user's own configuration that a server did not take."""
    for seat, config in trial.seating.configs.items():
        if SEATS[seat] == refusal.program:
            raise InputRefused(f"{config}: {refusal.subject} does not take it: {refusal.words}")


def broken(trial: Trial, reason: str) -> ScenarioRecord:
    """Record a trial that the lab itself broke. Of a traceback the last line is told, and the whole
    is kept in the scenario's folder."""
    lines = reason.strip().splitlines()
    if "Traceback (most recent call last):" in lines:
        kept = trial.folder / "traceback.txt"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(reason, encoding="utf-8")
        where = kept.relative_to(trial.run_folder)
        reason = f"a bug of the lab: {lines[-1]}; the traceback is in {where}"
    return _unjudged(trial, Outcome.BROKEN, reason)


def _unjudged(trial: Trial, outcome: Outcome, reason: str) -> ScenarioRecord:
    """Record a scenario that could not be judged: every expectation shares its fate."""
    word: Literal["unsupported", "broken"] = (
        "unsupported" if outcome is Outcome.UNSUPPORTED else "broken"
    )
    return ScenarioRecord(
        id=trial.id,
        title=trial.scenario.title,
        story=trial.scenario.story,
        topology=trial.scenario.topology,
        outcome=word,
        reason=reason,
        wall_s=0.0,
        time_to_connect_ms=None,
        clock="measured" if trial.world == "mininet" else "virtual",
        seed=trial.seed,
        expectations=tuple(
            ExpectationRecord(
                text=expectation.text,
                rules=expectation.rules,
                severity=strictest(expectation.rules),
                outcome=word,
                evidence=(),
            )
            for expectation in trial.scenario.expectations
        ),
        violates=trial.scenario.violates,
        viewer=trial.scenario.viewer,
        reproduce=trial.reproduce,
        scenario=trial.scenario.model_dump(mode="json"),
    )
