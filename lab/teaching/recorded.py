"""A scenario of a run that is over, to be walked."""

from __future__ import annotations

import difflib
from pathlib import Path

from lab.observe.pcapng import CaptureError
from lab.observe.timeline import Timeline
from lab.report.record import RunRecord, ScenarioRecord
from lab.report.render import read_run
from lab.scenario.model import Scenario
from lab.scenario.session import topology_file
from lab.teaching.pages import Course
from lab.topology.load import TopologyError, load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.worlds.world import Clock

_IDS_TOLD = 12


class NotWalkable(Exception):
    """There is nothing to walk; the message says why and what helps."""


class RecordedWalk:
    """A `Source` that has all its pages."""

    is_over = True
    asks = ""

    def __init__(self, course: Course) -> None:
        self.course = course

    def go_on(self) -> None:
        """Nothing: all has happened."""

    def take(self) -> None:
        """Nothing: nothing comes."""

    def watched(self) -> tuple[int, ...]:
        """None."""
        return ()


def recorded_walk(run: str, wanted: str, root: Path) -> RecordedWalk:
    """The scenario `wanted` of a run, to be walked. Raises RecordUnreadable and NotWalkable."""
    record, folder = read_run(run, root / "reports")
    scenario = _scenario_of(record, wanted)
    if scenario.capture is None:
        why = scenario.reason or "it left no capture"
        raise NotWalkable(f"{scenario.id} was {scenario.outcome} in this run: {why}")
    plan = _plan_of(scenario, root)
    try:
        timeline = Timeline.read(folder / scenario.capture, plan, Clock(scenario.clock))
    except CaptureError as error:
        raise NotWalkable(f"{error}; {_again(scenario)}") from error
    asked = Scenario.model_validate(scenario.scenario)
    done = sum(mark.kind == "step" for mark in timeline.marks)
    course = Course(
        scenario.id,
        asked,
        plan,
        record.world,
        timeline=timeline,
        done=done,
        record=scenario,
    )
    return RecordedWalk(course)


def _scenario_of(record: RunRecord, wanted: str) -> ScenarioRecord:
    found = {each.id: each for each in reversed(record.scenarios)}
    if wanted in found:
        return found[wanted]
    below = [each for each in found if each.startswith((f"{wanted}/", f"{wanted}@"))]
    if len(below) == 1:
        return found[below[0]]
    if below:
        raise NotWalkable(f"{wanted!r} means several here, name one: {', '.join(sorted(below))}")
    near = difflib.get_close_matches(wanted, found, n=1, cutoff=0.4)
    some = ", ".join(sorted(found)[:_IDS_TOLD]) or "none"
    hint = f"did you mean {near[0]}?" if near else f"it has {some}"
    raise NotWalkable(f"this run has no scenario {wanted!r}; {hint}")


def _plan_of(scenario: ScenarioRecord, root: Path) -> Plan:
    """The plan by which the run was judged: its topology has to be as it was."""
    try:
        plan = make_plan(load_topology(topology_file(root, scenario.topology)), scenario.topology)
    except TopologyError as error:
        raise NotWalkable(f"the topology of {scenario.id} is gone: {error}") from error
    was = {node.name: node.addresses for node in scenario.nodes}
    if was != {node.name: node.addresses() for node in plan.nodes}:
        raise NotWalkable(
            f"{scenario.topology} has changed since this run, so its packets cannot be told any "
            f"more; {_again(scenario)}"
        )
    return plan


def _again(scenario: ScenarioRecord) -> str:
    return f"run it again: {scenario.reproduce or f'forwardlab run {scenario.id}'}"
