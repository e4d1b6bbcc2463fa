"""The runner: whatever happens to a trial becomes a record, and the others go on."""

import os
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from lab.judge.checks import Answered
from lab.scenario import runner, steps, trial
from lab.scenario.description import longest_s
from lab.scenario.model import (
    Ask,
    Await,
    Connect,
    DropNatEntry,
    Elapse,
    Expectation,
    Forge,
    Halt,
    Misconfigure,
    Ping,
    Repeat,
    Scenario,
    Step,
    Until,
)
from lab.scenario.runner import BESIDES_STEPS_S, run_trials
from lab.scenario.trial import Trial
from lab.scenario.trial import make_world as real_make_world
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds.simulated import SimulatedWorld
from lab.worlds.world import Capability
from resolver.balance.responder import Balancer
from resolver.dns.full import Resolver

ROOT = Path(__file__).parents[2]

EXPECTED = (Expectation(text="An answer", rules=("CLU-02",), check=Answered(count=1)),)


FORGE = Forge(forger="stranger", victim="dns", fault="id", address="10.0.0.1", patience_s=5)


class Silent:
    """Progress that remembers."""

    def __init__(self) -> None:
        self.started = []
        self.finished = []

    def scenario_started(self, identifier):
        self.started.append(identifier)

    def scenario_finished(self, record):
        self.finished.append(record.id)

    def tick(self):
        pass


@pytest.fixture
def make(tmp_path):
    def make(identifier="one", *acting: Step, topology="cluster", needs=()):
        return Trial(
            id=identifier,
            scenario=Scenario(
                title=identifier,
                story="",
                topology=topology,
                steps=acting or (Ask(),),
                expectations=EXPECTED,
                needs=needs,
            ),
            plan=make_plan(load_topology(ROOT / "topologies" / f"{topology}.toml"), topology),
            world="simulated",
            seed=1,
            folder=tmp_path / "nodes" / identifier,
            capture=tmp_path / f"{identifier}.pcapng",
            run_folder=tmp_path,
            reproduce=f"forwardlab run {identifier}",
        )

    return make


def run(*trials: Trial, workers=2, progress=None):
    records, standing, _ = run_trials(trials, workers=workers, progress=progress or Silent())
    assert standing == []
    return records


def test_records_come_in_the_order_of_the_trials(make):
    progress = Silent()
    identifiers = [f"trial-{number}" for number in range(5)]
    records = run(*map(make, identifiers), progress=progress)
    assert [record.id for record in records] == identifiers == progress.started
    assert {record.outcome for record in records} == {"passed"}
    assert sorted(progress.finished) == identifiers
    assert all(record.wall_s > 0 for record in records)


@pytest.mark.parametrize(
    ("late", "order"),
    [
        (False, ["first", "second", "follows-1", "follows-2", "third", "fourth"]),
        (True, ["first", "second", "third", "fourth", "follows-1", "follows-2"]),
    ],
)
def test_what_follows_from_a_trial_runs_before_what_waits_unless_it_was_late(
    make, monkeypatch, late, order
):
    told = []

    def ended(trial, record):
        told.append((trial.id, record.id))
        return map(make, ["follows-1", "follows-2"]) if trial.id == "second" else ()

    real_collect = runner._collect

    def collect(each):
        record = real_collect(each)
        is_late = late and each.trial.id == "second"
        return record.model_copy(update={"outcome": "broken", "load": 99.0}) if is_late else record

    monkeypatch.setattr(runner, "_collect", collect)
    progress = Silent()
    first = map(make, ["first", "second", "third", "fourth"])
    records, _, _ = run_trials(first, workers=1, progress=progress, ended=ended)
    assert progress.started == progress.finished == order
    assert told == [(identifier, identifier) for identifier in order]
    # Whoever is told of each keeps what it needs; nothing is kept twice, nor run once more.
    assert len(records) == 0


@pytest.mark.parametrize(
    ("workers", "most"),
    [
        (2, {"all": 2}),
        ({"simulated": 1, "mininet": 3}, {"all": 4, "simulated": 1, "mininet": 3}),
    ],
)
def test_so_many_run_at_a_time_of_all_or_of_each_world(make, monkeypatch, workers, most):
    real_start = runner._start

    def start(trial, guests, *, keep_on_failure):
        running = real_start(
            replace(trial, world="simulated"), guests, keep_on_failure=keep_on_failure
        )
        running.trial = trial
        return running

    now, at_most = Counter(), Counter()

    class Counting(Silent):
        def scenario_started(self, identifier):
            now.update(("all", identifier.rpartition("-")[0]))
            for key in now:
                at_most[key] = max(at_most[key], now[key])

        def scenario_finished(self, record):
            now.subtract(("all", record.id.rpartition("-")[0]))

    monkeypatch.setattr(runner, "_start", start)
    # Those of one world stand first, and still the other's do not wait for them.
    worlds = ["simulated"] * 5 + ["mininet"] * 5
    trials = [replace(make(f"{world}-{n}"), world=world) for n, world in enumerate(worlds)]
    records = run(*trials, workers=workers, progress=Counting())
    assert [record.id for record in records] == [trial.id for trial in trials]
    assert {key: at_most[key] for key in most} == most


def test_guests_start_when_nothing_else_waits_to(make, monkeypatch):
    real_start = runner._start
    started = []

    def start(trial, guests, *, keep_on_failure):
        started.append((trial.world, sum(world == "mininet" for world, _ in started)))
        return real_start(
            replace(trial, world="simulated"), guests, keep_on_failure=keep_on_failure
        )

    monkeypatch.setattr(runner, "_start", start)
    worlds = ["timetravel", "mininet"] * 3
    trials = [replace(make(f"{world}-{n}"), world=world) for n, world in enumerate(worlds)]
    run(*trials, workers={"mininet": 1, "timetravel": 2})
    assert [world for world, _ in started[:2]] == ["mininet", "mininet"]
    # The third and last in Mininet runs, or is over.
    assert [before for world, before in started if world == "timetravel"] == [3, 3, 3]


def with_a_fault(monkeypatch, fault, identifier="bad"):
    """Have `fault()` happen in the process of that trial, before its world starts."""

    def make_world(*given: object):
        if os.environ.get("TRIAL") == identifier:
            fault()
        return real_make_world(*given)

    def run_trial(one, keep_standing=None):
        os.environ["TRIAL"] = one.id  # the process is this trial's own
        return trial.run_trial(one, keep_standing)

    monkeypatch.setattr(trial, "make_world", make_world)
    monkeypatch.setattr(runner, "run_trial", run_trial)


def one_broken(records):
    assert [record.outcome for record in records] == ["passed", "broken", "passed"]
    record = records[1]
    assert {each.outcome for each in record.expectations} == {"broken"}
    assert "\n" not in record.reason
    assert "Traceback" not in record.reason
    return record.reason


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "it was killed by SIGKILL"),
        (lambda: os._exit(3), "it ended by itself with status 3"),
        (lambda: 1 // 0, "a bug of the lab: ZeroDivisionError: .*; the traceback is in "),
        (lambda: sys.exit(1), "a bug of the lab: SystemExit: 1; the traceback is in "),
    ],
    ids=["killed", "ended", "raised", "exited"],
)
def test_a_trial_that_ends_badly_is_broken_and_the_others_go_on(
    fault, reason, make, monkeypatch, tmp_path, capfd
):
    with_a_fault(monkeypatch, fault)
    told = one_broken(run(make("a"), make("bad"), make("c")))
    assert re.match(reason, told)
    if "traceback is in" in told:
        kept = tmp_path / told.rpartition(" ")[2]
        assert "Traceback" in kept.read_text()
    assert capfd.readouterr() == ("", "")


def test_a_trial_that_never_ends_is_killed_and_broken(make, monkeypatch):
    monkeypatch.setattr(runner, "BESIDES_STEPS_S", 1.0)
    with_a_fault(monkeypatch, lambda: time.sleep(3600))
    waits_one_second = make("bad", Elapse(seconds=0.5), Ask(patience_s=0.5))
    told = one_broken(run(make("a"), waits_one_second, make("c")))
    assert told == "it did not end within 2 s and was killed: a bug of the lab"


@pytest.mark.parametrize("machine", [Resolver, Balancer])
def test_a_bug_in_a_machine_is_the_labs_and_named(machine, make, monkeypatch, capfd):
    def fail(_self, _event, _now):
        raise IndexError("the bug")

    monkeypatch.setattr(machine, "handle", fail)
    (record,) = run(make())
    assert record.outcome == "broken"
    assert "\n" not in record.reason
    program = {Resolver: "resolver", Balancer: "balancer"}[machine]
    assert program in record.reason
    assert capfd.readouterr() == ("", "")


def test_a_bug_in_a_step_is_the_labs(make, monkeypatch, capfd):
    monkeypatch.setattr(steps.Stage, "_ask", lambda _self, _step: 1 // 0)
    (record,) = run(make())
    assert record.outcome == "broken"
    assert "ZeroDivisionError" in record.reason
    assert capfd.readouterr() == ("", "")


def test_a_capture_that_lost_frames_judges_nothing(make, monkeypatch):
    seal = SimulatedWorld.seal
    monkeypatch.setattr(SimulatedWorld, "seal", lambda self: replace(seal(self), frames_lost=2))
    (record,) = run(make())
    assert record.outcome == "broken"
    assert record.reason.startswith("the capture lost 2 frames")
    assert {each.outcome for each in record.expectations} == {"broken"}


def test_a_need_that_the_world_lacks_is_unsupported(make):
    (record,) = run(make("one", needs=("servers other than ours",)))
    assert record.outcome == "unsupported"
    assert record.reason == (
        "the simulated world has here no servers other than ours: use --world mininet"
    )
    assert {each.outcome for each in record.expectations} == {"unsupported"}


def test_delays_that_the_world_lacks_are_unsupported_though_no_scenario_says_so(
    make, monkeypatch, tmp_path
):
    """As on a kernel without netem."""
    delayed = (ROOT / "topologies" / "cluster.toml").read_text()
    delayed = delayed.replace("[networks.lan]", "[networks.lan]\ndelay_ms = 5", 1)
    (tmp_path / "cluster.toml").write_text(delayed)
    plan = make_plan(load_topology(tmp_path / "cluster.toml"), "cluster")
    one = replace(make(), plan=plan)
    (record,) = run(one)
    assert record.outcome == "passed"
    monkeypatch.setattr(SimulatedWorld, "capabilities", frozenset({Capability.IPV6}))
    (record,) = run(one)
    assert record.outcome == "unsupported"
    assert "no link delay: use --world simulated" in record.reason


def test_a_fault_without_a_place_is_told(make):
    (record,) = run(make("one", Misconfigure(fault=DropNatEntry(server="server3")), Ask()))
    assert record.outcome == "broken"
    assert record.reason == "cluster has no server 'server3' behind NAT"


def test_an_exception_of_the_caller_takes_the_trials_down(make, monkeypatch):
    with_a_fault(monkeypatch, lambda: time.sleep(3600))

    class Weary(Silent):
        def tick(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(make("bad"), progress=Weary())
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # no child is left, not even a dead one


@pytest.mark.parametrize(
    ("acting", "bound_s"),
    [
        ((), 0),
        ((Ask(patience_s=3), Connect(patience_s=2), Ping(to="192.168.1.1", patience_s=1)), 6),
        ((Elapse(seconds=100), FORGE), 105),
        ((Repeat(times=10, every_s=2, steps=(Ask(patience_s=1),)),), 20),
        ((Repeat(times=10, every_s=2, steps=(Ask(patience_s=3),)),), 30),
        ((Until(answer="is-empty", deadline_s=6, steps=(Ask(patience_s=3),)),), 9),
        ((Ask(wait=False, label="q", patience_s=4), Await(label="q")), 24),
        ((Halt(node="server1"),), 20),
    ],
)
def test_steps_are_bounded_by_their_waits(acting, bound_s):
    assert longest_s(acting) == bound_s
    assert BESIDES_STEPS_S > 60
