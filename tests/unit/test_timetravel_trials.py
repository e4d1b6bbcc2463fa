"""Trials in time travel, through the runner; a stand-in plays the kernel, and simulates."""

from pathlib import Path

import pytest
from guest_stage import BAD, ROOT, stand_in

from lab.judge.checks import Answered
from lab.scenario.model import Ask, Expectation, Scenario
from lab.scenario.runner import run_trials
from lab.scenario.trial import Trial
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds import timetravel


class Silent:
    def scenario_started(self, identifier):
        pass

    def scenario_finished(self, record):
        pass

    def tick(self):
        pass


@pytest.fixture
def make(tmp_path):
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    plan = make_plan(load_topology(ROOT / "topologies" / "cluster.toml"), "cluster")

    def make(identifier):
        expected = Expectation(text="An answer", rules=("CLU-02",), check=Answered(count=1))
        return Trial(
            id=identifier,
            scenario=Scenario(
                title="", story="", topology="cluster", steps=(Ask(),), expectations=(expected,)
            ),
            plan=plan,
            world="timetravel",
            seed=1,
            folder=run_folder / "nodes" / identifier,
            capture=run_folder / f"{identifier}.pcapng",
            run_folder=run_folder,
            reproduce="",
        )

    return make


def test_a_trial_that_loses_its_guest_is_broken_and_the_others_go_on(make, tmp_path, monkeypatch):
    script: Path = stand_in(tmp_path, simulates=True)
    monkeypatch.setattr(timetravel, "kernel_file", lambda: script)
    trials = [make("one"), make(BAD), make("two")]
    records, standing, _ = run_trials(trials, workers=1, progress=Silent())
    assert standing == []
    assert [(each.id, each.outcome) for each in records] == [
        ("one", "passed"),
        (BAD, "broken"),
        ("two", "passed"),
    ]
    assert records[1].reason == (
        "the guest is gone: the user-mode kernel ended by itself with -9: it said nothing"
    )
    assert {each.clock for each in records} == {"virtual"}
    assert all(each.wall_s > 0 for each in records if each.outcome == "passed")
    assert records[0].lateness_ms is None, "nobody waits for a processor in virtual time"
    assert not (tmp_path / "run" / ".guests").exists()
