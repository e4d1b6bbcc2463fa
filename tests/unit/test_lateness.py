"""A host too busy for a trial: seen by a witness, never blamed on the subject, tried once more."""

import os
import signal
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from sample_record import expectation, scenario
from shipped import ROOT

from lab.judge.checks import Answered
from lab.scenario import trial
from lab.scenario.lateness import LATE_AFTER_NS, excused, was_late
from lab.scenario.model import Ask, Expectation, Scenario
from lab.scenario.runner import run_trials
from lab.scenario.trial import Trial
from lab.topology.load import load_topology
from lab.topology.planner import make_plan
from lab.worlds.forked import Forked
from lab.worlds.witness import Busyness, Witness
from resolver.machine import MILLISECOND

LATE = LATE_AFTER_NS + MILLISECOND


def failing(**more):
    broken = expectation("on time", ("FWD-02",), "failed", "2.6 s", (4,), **more)
    return scenario("a", "failed", expectations=(broken,))


def test_a_failure_of_a_late_trial_is_the_labs():
    record = excused(failing(), Busyness(LATE, None))
    assert record.outcome == "broken"
    assert {each.outcome for each in record.expectations} == {"broken"}
    assert "the host was too busy: a process waited 51 ms for a processor" in record.reason
    assert record.lateness_ms == 51.0
    assert was_late(record)


def test_a_failure_in_time_stays_one():
    record = excused(failing(), Busyness(LATE_AFTER_NS, 5.0))
    assert record.outcome == "failed"
    assert record.lateness_ms == LATE_AFTER_NS / MILLISECOND
    assert not was_late(record)


def test_a_failure_on_a_crowded_host_is_the_labs_too():
    record = excused(failing(), Busyness(0, 9.26))
    assert record.outcome == "broken"
    assert "the host was too busy: 9.3 processes wanted each processor" in record.reason


def test_a_late_wire_of_ours_counts_as_well():
    assert excused(failing(), Busyness(0, None), LATE).lateness_ms == 51.0


def test_what_passed_though_it_was_late_has_passed():
    assert excused(scenario("a"), Busyness(LATE, 9.0)).outcome == "passed"


def test_in_virtual_time_nothing_is_late():
    assert excused(failing(), None) == failing()


@pytest.mark.parametrize(
    ("changes", "late"),
    [
        ({"lateness_ms": 51.0}, True),
        ({"lateness_ms": 1.0}, False),
        ({"lateness_ms": None}, False),
        ({"lateness_ms": 1.0, "frames_lost": 1}, True),
        ({"lateness_ms": 1.0, "load": 5.1}, True),
        ({"lateness_ms": 1.0, "load": 5.0}, False),
    ],
)
def test_only_a_busy_host_is_a_reason_to_try_again(changes, late):
    assert was_late(scenario("a", "broken").model_copy(update=changes)) is late
    assert not was_late(scenario("a", "failed").model_copy(update=changes))


# --- the witness ------------------------------------------------------------------------------


def test_the_witness_notices_that_it_got_no_processor():
    with Witness() as witness:
        stop_for(witness.process_id, 200 * MILLISECOND)
        assert witness.told().longest_ns > 100 * MILLISECOND
        assert witness.told() == witness.told()


def test_the_witness_counts_who_else_wants_a_processor():
    spinning = [Forked(lambda: [None for _ in iter(int, 1)]) for _ in range(2)]
    try:
        with Witness() as witness:
            stop_for(witness.process_id, 60 * MILLISECOND)
            assert witness.told().load >= 2 / os.cpu_count()
    finally:
        for each in spinning:
            each.kill()


def test_what_came_before_does_not_count():
    with Witness() as witness:
        stop_for(witness.process_id, 200 * MILLISECOND)
        witness.forget()
        assert witness.told().longest_ns < 200 * MILLISECOND


def test_the_witness_leaves_no_process():
    with Witness() as witness:
        assert witness.told().longest_ns >= 0
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def stop_for(process_id, duration_ns):
    """Let a process have no processor for so long."""
    os.kill(process_id, signal.SIGSTOP)
    stopped_at = time.monotonic_ns()
    os.waitid(os.P_PID, process_id, os.WSTOPPED | os.WNOWAIT)
    while time.monotonic_ns() - stopped_at < duration_ns:
        os.sched_yield()
    os.kill(process_id, signal.SIGCONT)


# --- the runner -------------------------------------------------------------------------------


class FakeWitness:
    """A witness of a host that is as busy as a file says."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def forget(self):
        pass

    def told(self):
        delays = self._file.read_text().split()
        self._file.write_text(" ".join(delays[1:]))
        return Busyness(int(delays[0]) * MILLISECOND, 0.5)


class Silent:
    def __init__(self) -> None:
        self.finished = []

    def scenario_started(self, identifier):
        pass

    def scenario_finished(self, record):
        self.finished.append((record.id, record.outcome))

    def tick(self):
        pass


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a scenario that fails, or passes, on a host that is late by these many ms, trial by
    trial."""

    def run(count, *delays_ms: int):
        delays = tmp_path / "delays"
        delays.write_text(" ".join(map(str, delays_ms)))
        monkeypatch.setattr(trial, "_witness", lambda _: nullcontext(FakeWitness(delays)))
        expected = Expectation(text="-", rules=("CLU-02",), check=Answered(count=count))
        one = Trial(
            id="one",
            scenario=Scenario(
                title="-", story="", topology="cluster", steps=(Ask(),), expectations=(expected,)
            ),
            plan=make_plan(load_topology(ROOT / "topologies" / "cluster.toml"), "cluster"),
            world="simulated",
            seed=1,
            folder=tmp_path / "nodes" / "one",
            capture=tmp_path / "one.pcapng",
            run_folder=tmp_path,
            reproduce="",
        )
        progress = Silent()
        (record,), standing, _ = run_trials([one], workers=2, progress=progress)
        assert standing == []
        assert progress.finished == [("one", record.outcome)]
        assert delays.read_text() == ""
        return record

    return run


def test_what_broke_by_lateness_is_tried_once_more_and_says_so(run):
    record = run(7, 80, 0)
    assert (record.outcome, record.lateness_ms) == ("failed", 0)
    assert "a process waited 80 ms" in record.retried


def test_late_again_it_is_broken_and_not_tried_a_third_time(run):
    record = run(7, 80, 90)
    assert record.outcome == "broken"
    assert "a process waited 80 ms" in record.retried
    assert "a process waited 90 ms" in record.reason


def test_what_passed_or_failed_in_time_is_not_tried_again(run):
    assert run(1, 400).retried == ""
    assert run(7, 1).retried == ""
