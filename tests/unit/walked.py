"""Scenarios run in the simulated world, ready to be walked."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from shipped import shipped_scenarios

from lab.observe.timeline import Timeline
from lab.report.record import ScenarioRecord
from lab.scenario.model import Scenario
from lab.scenario.trial import Trial, run_trial
from lab.teaching.pages import Course
from lab.topology.load import load_topology
from lab.topology.plan import Plan
from lab.topology.planner import make_plan
from lab.worlds.world import Clock

ROOT = Path(__file__).parents[2]


def plan_of(topology: str) -> Plan:
    return make_plan(load_topology(ROOT / "topologies" / f"{topology}.toml"), topology)


@cache
def walked(identifier: str) -> Course:
    """A shipped scenario as it looks when it is over; "SCENARIO@VIEWER": for one viewer."""
    name, _, viewer = identifier.partition("@")
    scenario = shipped_scenarios()[name]
    return course_of(identifier, scenario.for_viewer(viewer) if viewer else scenario)


def course_of(identifier: str, scenario: Scenario) -> Course:
    plan = plan_of(scenario.topology)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trial = Trial(
            id=identifier,
            scenario=scenario,
            plan=plan,
            world="simulated",
            seed=1,
            folder=folder / "nodes",
            capture=folder / "capture.pcapng",
            run_folder=folder,
            reproduce="",
        )
        trial.folder.mkdir()
        record: ScenarioRecord = run_trial(trial)
        assert record.capture is not None, record.reason
        timeline = Timeline.read(trial.capture, plan, Clock.VIRTUAL)
    return Course(
        identifier,
        scenario,
        plan,
        "simulated",
        timeline=timeline,
        done=len(scenario.steps),
        record=record,
    )
