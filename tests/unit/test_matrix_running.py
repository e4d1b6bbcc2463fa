"""The trials of a matrix: how often they run, in which world, and what a busy host costs."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sample_matrix import LISTED

from lab.judge.rules import RULES
from lab.matrix import running
from lab.matrix.chance import trials_needed
from lab.matrix.record import NatRecord
from lab.matrix.running import Laboratory, lasts_s
from lab.matrix.selection import Column, Task
from lab.report.folder import RunFolder
from lab.report.record import ExpectationRecord, ScenarioRecord, VisitRecord
from lab.report.records import Records
from lab.scenario.catalogue import read_catalogue
from lab.scenario.session import plans_of

ROOT = Path(__file__).parents[2]
DNS = Column("dns", "unbound")
FIVE, WAITS = "cluster/five_steps", "waiting/balancers_dead/first@glibc"
LATE = {"outcome": "broken", "load": 9.0}


class Unseen:
    """Progress that nobody watches."""

    def scenario_started(self, identifier: str) -> None: ...
    def scenario_finished(self, record: ScenarioRecord) -> None: ...
    def tick(self) -> None: ...


@pytest.fixture(scope="module")
def scenarios():
    return read_catalogue(ROOT).select([])


@pytest.fixture
def laboratory(tmp_path, scenarios, monkeypatch):
    monkeypatch.setattr(running, "preload", lambda world: None)
    return Laboratory(
        scenarios=scenarios,
        plans=plans_of(ROOT, [scenarios[FIVE]]),
        folder=RunFolder.create(tmp_path, tmp_path / "out", datetime.now(UTC)),
        world="auto",
        can_travel=False,
        seed=1,
        workers=None,
        waiting_runs=3,
        drawn_waiting_runs=7,
    )


def host(monkeypatch, come_to):
    """A host on which a trial comes to what `come_to` makes of it; gives the trials that ran."""
    ran = []

    def run_trials(trials, *, ended, **how: Any):
        queue = deque(trials)
        while queue:
            trial = queue.popleft()
            assert how["workers"][trial.world] >= 1
            ran.append(trial)
            trial.folder.mkdir(parents=True, exist_ok=True)
            expected = ExpectationRecord(
                text="t", rules=("FWD-04",), severity=RULES["FWD-04"].severity, outcome="passed",
                evidence=(),
            )  # fmt: skip
            content = {
                "id": trial.id, "title": "t", "story": "", "topology": "cluster",
                "outcome": "passed", "wall_s": 1.0, "time_to_connect_ms": None,
                "clock": "measured", "repetition": trial.repetition,
            } | come_to(trial)  # fmt: skip
            content["expectations"] = (expected.model_copy(update=content.pop("of", {})),)
            queue.extend(ended(trial, ScenarioRecord(**content)))
        return Records(), [], lambda: None

    monkeypatch.setattr(running, "run_trials", run_trials)
    return ran


def test_a_task_runs_once_and_one_of_the_waiting_table_more_often(laboratory, monkeypatch):
    ran = host(monkeypatch, lambda trial: {})
    found = laboratory.run([Task(FIVE, DNS), Task(WAITS, DNS)], Unseen())
    assert [each.trial.runs for each in found] == [1, 3]
    assert Counter(each.id for each in ran) == {FIVE: 1, WAITS: 3}
    assert {str(each.seating) for each in ran} == {"--subject=dns=unbound"}
    assert len({each.capture for each in ran}) == len({each.folder for each in ran}) == 4


@pytest.mark.parametrize(
    ("subject", "world", "runs"),
    [
        ("unbound", "timetravel", 3),
        ("unbound", "mininet", 3),
        ("dnsmasq", "timetravel", 1),
        ("dnsmasq", "mininet", 3),
    ],
)
def test_in_virtual_time_who_draws_nothing_waits_the_same_each_time(
    laboratory, monkeypatch, subject, world, runs
):
    host(monkeypatch, lambda trial: {})
    chosen = replace(laboratory, world=world, can_travel=True)
    (found,) = chosen.run([Task(WAITS, Column("dns", subject))], Unseen())
    assert found.trial.runs == runs


def visit(waited_ms):
    return VisitRecord(
        node="viewer",
        profile="glibc",
        began_ms=0.0,
        outcome="connected",
        time_to_connect_ms=waited_ms,
    )


def test_where_one_viewer_waits_otherwise_all_of_the_failure_wait_more_often(
    laboratory, monkeypatch
):
    calm = "waiting/errors/refused@glibc"
    viewers = [WAITS, "waiting/balancers_dead/first@musl"]

    def comes_to(trial):
        late = trial.id == WAITS and trial.repetition == 2
        return {"visits": (visit(1000.0 if late else 0.1),)}

    host(monkeypatch, comes_to)
    tasks = [Task(name, DNS) for name in (calm, *viewers)]
    found = laboratory.run(tasks, Unseen())
    assert [each.trial.runs for each in found] == [3, 7, 7]
    # Who draws nothing has no reason to.
    found = laboratory.run([Task(WAITS, Column("dns", "dnsmasq"))], Unseen())
    assert [each.trial.runs for each in found] == [3]


def test_who_may_want_many_runs_begins_first_and_then_the_longest(laboratory, monkeypatch):
    drawn = Task("failures/slow_links/slow_and_in_time", Column("dns", "unbound"))
    long = Task("failures/interface_down/towards_the_servers", Column("dns", "dnsmasq"))
    chosen = replace(laboratory, plans=plans_of(ROOT, [*laboratory.scenarios.values()]))
    ran = host(monkeypatch, lambda trial: {})
    chosen.run([Task(FIVE, Column("dns", "dnsmasq")), long, drawn], Unseen())
    assert [each.id for each in ran] == [drawn.scenario, long.scenario, FIVE]


def test_subjects_have_their_turns_with_each_scenario(laboratory, monkeypatch):
    tasks = [
        Task(name, Column("dns", who)) for who in ("dnsmasq", "dnsdist") for name in (FIVE, WAITS)
    ]
    ran = host(monkeypatch, lambda trial: {})
    laboratory.run(tasks, Unseen())
    turns = [(each.id, each.repetition, str(each.seating).rpartition("=")[2]) for each in ran]
    assert turns == [
        (name, repetition, who)
        for name, repetition in ((WAITS, 1), (WAITS, 2), (WAITS, 3), (FIVE, 1))
        for who in ("dnsmasq", "dnsdist")
    ]


def test_what_is_drawn_runs_until_a_breach_is_seen_and_no_longer(laboratory, monkeypatch):
    listed = {"listed": LISTED.model_copy(update={"varies": 0.5})}

    def comes_to(trial):
        breach = {"outcome": "deviates"} if trial.repetition == 6 else {}
        return {"of": listed | breach}

    ran = host(monkeypatch, comes_to)
    (found,) = laboratory.run([Task(FIVE, DNS)], Unseen())
    assert len(ran) == found.trial.runs == 6
    assert found.trial.expectations[0].outcome == "deviates"


def test_what_is_seldom_drawn_runs_some_at_a_time(laboratory, monkeypatch):
    listed = {"listed": LISTED.model_copy(update={"varies": 0.05})}

    def comes_to(trial):
        breach = {"outcome": "deviates"} if trial.repetition == 8 else {}
        return {"of": listed | breach}

    ran = host(monkeypatch, comes_to)
    (found,) = laboratory.run([Task(FIVE, DNS)], Unseen())
    # One, then five at a time, a quarter of what a breach with this chance takes on average.
    assert len(ran) == found.trial.runs == 11


def test_a_breach_that_never_comes_ends_as_a_stale_listing(laboratory, monkeypatch):
    listed = {"of": {"listed": LISTED.model_copy(update={"varies": 0.5})}}
    ran = host(monkeypatch, lambda trial: listed)
    (found,) = laboratory.run([Task(FIVE, DNS)], Unseen())
    assert len(ran) == trials_needed(0.5)
    assert found.trial.expectations[0].is_stale


def test_what_a_busy_host_was_too_late_for_runs_anew(laboratory, monkeypatch):
    tried = []

    def comes_to(trial):
        tried.append(trial)
        return LATE if len(tried) < 3 else {}

    ran = host(monkeypatch, comes_to)
    (found,) = laboratory.run([Task(FIVE, DNS)], Unseen())
    assert (len(ran), found.trial.outcome, found.trial.runs) == (3, "passed", 1)
    assert {each.world for each in ran} == {"mininet"}


def test_a_run_anew_takes_the_place_of_the_late_one_and_no_others(laboratory, monkeypatch):
    tried = Counter()

    def comes_to(trial):
        tried[trial.repetition] += 1
        return LATE if trial.repetition in {2, 5} and tried[trial.repetition] == 1 else {}

    ran = host(monkeypatch, comes_to)
    (found,) = replace(laboratory, waiting_runs=7).run([Task(WAITS, DNS)], Unseen())
    assert [each.repetition for each in ran] == [1, 2, 3, 4, 5, 6, 7, 2, 5]
    assert [run.repetition for run in found.runs] == [1, 2, 3, 4, 5, 6, 7]
    assert (found.trial.outcome, found.trial.runs) == ("passed", 7)


def test_a_host_that_is_always_too_busy_is_told_in_the_end(laboratory, monkeypatch):
    ran = host(monkeypatch, lambda trial: LATE)
    (found,) = laboratory.run([Task(FIVE, DNS)], Unseen())
    assert (len(ran), found.trial.outcome) == (3, "broken")


def test_virtual_time_is_never_too_late(laboratory, monkeypatch):
    ran = host(monkeypatch, lambda trial: LATE if trial.world == "mininet" else {})
    travelling = replace(laboratory, can_travel=True)
    (found,) = travelling.run([Task(FIVE, Column("dns", "dnsmasq"))], Unseen())
    assert [each.world for each in ran] == ["mininet", "timetravel"]
    assert (found.trial.outcome, found.trial.world) == ("passed", "timetravel")


def test_what_is_drawn_runs_anew_where_it_is_drawn_the_same(laboratory, monkeypatch):
    """In virtual time nothing takes time, and races end otherwise."""
    tried = []

    def comes_to(trial):
        tried.append(trial)
        return LATE if len(tried) == 1 else {}

    ran = host(monkeypatch, comes_to)
    travelling = replace(laboratory, can_travel=True)
    (found,) = travelling.run([Task(FIVE, DNS)], Unseen())
    assert [each.world for each in ran] == ["mininet", "mininet"]
    assert (found.trial.outcome, found.trial.world) == ("passed", "mininet")


@pytest.mark.parametrize(
    ("world", "can_travel", "worlds"),
    [
        ("auto", False, ["mininet", "mininet", "simulated"]),
        ("auto", True, ["mininet", "timetravel", "simulated"]),
        ("mininet", True, ["mininet", "mininet", "simulated"]),
        ("timetravel", True, ["timetravel", "timetravel", "simulated"]),
    ],
)
def test_each_task_has_its_world(laboratory, monkeypatch, world, can_travel, worlds):
    ran = host(monkeypatch, lambda trial: {})
    chosen = replace(
        laboratory, world=world, can_travel=can_travel, waiting_runs=1, drawn_waiting_runs=1
    )
    tasks = [Task(FIVE, DNS), Task(WAITS, DNS), Task(FIVE, None, "lab")]
    found = chosen.run(tasks, Unseen())
    assert [each.trial.world for each in found] == worlds
    assert sorted(each.world for each in ran) == sorted(worlds)
    for each in ran:
        assert f"--world {each.world} --seed 1" in each.reproduce


def test_the_record_tells_how_a_translator_that_is_judged_was_set(
    laboratory, scenarios, monkeypatch
):
    host(monkeypatch, lambda trial: {})
    kept = "translation/mapping/udp_ports_kept"
    plans = plans_of(ROOT, [scenarios[kept], scenarios[FIVE]])
    tasks = [
        Task(kept, None),
        Task(kept, Column("nat", "nftables")),
        # Of these, who translates is not what is asked, or nobody does.
        Task(kept, DNS),
        Task(kept, None, "lab"),
        Task(FIVE, None),
    ]
    found = replace(laboratory, plans=plans).run(tasks, Unseen())
    set_so = NatRecord(way="shared address", otherwise="ports preserve")
    assert [each.trial.nat for each in found] == [set_so, set_so, None, None, None]


def test_in_real_time_what_waits_for_minutes_at_most_is_waited_for(
    laboratory, scenarios, monkeypatch
):
    assert lasts_s(scenarios[WAITS]) == 4.0
    ran = host(monkeypatch, lambda trial: {})
    laboratory.run([Task(WAITS, DNS)], Unseen())
    assert "long waits" not in ran[0].scenario.needs
    # Virtual time has all the time in the world.
    ran = host(monkeypatch, lambda trial: {})
    replace(laboratory, can_travel=True).run([Task(WAITS, DNS)], Unseen())
    assert "long waits" in ran[0].scenario.needs
