"""However a run ends, nothing of it stays: no process, namespace, interface or mount, no report
that looks whole. Killed are the command, one of its worlds, and the command's patience (Ctrl-C)."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from cli_process import COMMAND
from leftovers import Watch, processes_marked

from lab.report.render import read_record

pytestmark = [pytest.mark.netns, pytest.mark.slow]

SEED = 20260415
INSTANTS = {"mininet": 8, "simulated": 4}
LONG = (
    "forwarding/late_answer_ignored",
    "forwarding/second_question_from_cache",
    "failures/translator_down/translator_address",
)
"""Scenarios of some seconds, so that worlds are alive nearly all the time."""

ENDLESS = """
from lab.judge.checks import Answered
from lab.scenario.model import Ask, Expectation, Repeat, Scenario

SCENARIO = Scenario(
    title="Takes long even in virtual time", story="", topology="cluster",
    steps=(Repeat(times=100_000, every_s=1.0, steps=(Ask(),)),),
    expectations=(Expectation(text="-", rules=("CLU-02",), check=Answered()),),
)
"""


@dataclass
class Running:
    """The command, started, and what is watched of it."""

    process: subprocess.Popen
    watch: Watch
    folder: Path

    def wait_until(self, condition, what):
        deadline = time.monotonic() + 30
        while not condition():
            assert self.process.poll() is None, f"ended before {what}: {self.process.stderr.read()}"
            assert time.monotonic() < deadline, what
            time.sleep(0.005)

    def wait_until_it_runs(self, known=frozenset()):
        """Until its folder is there; `known`: folders of earlier runs."""
        in_runs = self.folder.name == "runs"
        places = "*/INCOMPLETE" if in_runs else "INCOMPLETE"
        self.wait_until(
            lambda: any(each.parent not in known for each in self.folder.glob(places)),
            "its folder was there",
        )

    def chain(self):
        """The processes of one scenario from the outside in; for Mininet keeper, init, worker."""
        chain = []
        parent = self.process.pid
        while below := children(parent):
            parent = below[0]
            chain.append(parent)
        return chain


def children(pid):
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


@pytest.fixture
def start(project):
    started = []

    def run(*words: str, out=None):
        watch = Watch()
        process = subprocess.Popen(
            [*COMMAND, "run", *words, *(("--out", out) if out else ())],
            cwd=project,
            env=watch.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return Running(process, watch, out or project / "reports" / "runs")

    yield run
    for process in started:
        process.kill()
        process.communicate()


def complete_run(project, world):
    """A run that is complete, for `latest` to point to; and how long it took from its first world
    to its reports, s."""
    words = ("run", *LONG, "--world", world)
    subprocess.run([*COMMAND, *words], cwd=project, check=True, capture_output=True, timeout=120)
    latest = project / "reports" / "latest"
    assert (latest / "report.html").is_file()
    return latest.readlink(), read_record(latest).wall_s


@pytest.mark.parametrize("world", ["mininet", "simulated"])
def test_killing_the_command_at_any_instant_leaves_nothing(world, start, project, tmp_path):
    latest, takes_s = complete_run(project, world)
    runs = project / "reports" / "runs"
    known = set(runs.iterdir())
    instants = INSTANTS[world]
    random = Random(SEED)
    in_time, spaces = 0, 0
    for instant in range(instants):
        out = tmp_path / f"out-{instant}" if instant % 2 else None
        running = start(*LONG, "--world", world, out=out)
        if instant == 0:
            delay_s = random.uniform(0, 0.3)  # while it still imports and checks
        else:
            running.wait_until_it_runs(known)
            delay_s = takes_s * (instant - 1 + random.random()) / (instants - 1)
        print(f"{world}, seed {SEED}, instant {instant}: killed after {delay_s:.3f} s")  # noqa: T201 - shown when it fails
        time.sleep(delay_s)  # the instant itself is what is tried; nothing is waited for
        spaces += len(running.watch.look())
        running.process.kill()
        killed = running.process.wait() == -signal.SIGKILL
        running.watch.wait_until_nothing_is_left(str(tmp_path))
        folders = {out} - {None} if out else set(runs.iterdir()) - known
        known |= folders
        if killed:
            in_time += 1
            assert all((each / "INCOMPLETE").is_file() for each in folders if each.exists())
            assert (project / "reports" / "latest").readlink() == latest
        else:  # it took less time than the run before, and so was whole already
            latest = (project / "reports" / "latest").readlink()
            assert not any((each / "INCOMPLETE").exists() for each in folders)
    assert in_time > instants / 2
    assert spaces > instants or world == "simulated", "hardly a world was alive"


@pytest.mark.parametrize("victim", ["keeper", "init", "worker"])
def test_killing_a_world_breaks_its_scenario_and_no_other(victim, start, tmp_path):
    out = tmp_path / "out"
    running = start(*LONG, "cluster/five_steps", "--world", "mininet", out=out)
    place = ["keeper", "init", "worker"].index(victim)

    def programs_run():
        chain = running.chain()
        return len(chain) > 3 and len(children(chain[2])) > 4

    running.wait_until(programs_run, "the programs of a world run")
    lost = running.chain()[:3]
    lost_space = str(Path(f"/proc/{lost[2]}/ns/net").readlink())
    os.kill(lost[place], signal.SIGKILL)
    assert running.process.wait(60) == 4
    assert "Traceback" not in running.process.stdout.read() + running.process.stderr.read()
    running.watch.seen_spaces.add(lost_space)
    running.watch.wait_until_nothing_is_left(str(tmp_path))

    record = read_record(out)
    outcomes = sorted(each.outcome for each in record.scenarios)
    assert outcomes == ["broken", "passed", "passed", "passed"]
    (broken,) = (each for each in record.scenarios if each.outcome == "broken")
    assert "killed" in broken.reason
    assert not (out / "INCOMPLETE").exists()


def test_killing_a_simulated_world_breaks_its_scenario_and_no_other(start, project, tmp_path):
    # The first by name starts first: whatever child is left in the end is its.
    (project / "scenarios" / "all_endless.py").write_text(ENDLESS)
    out = tmp_path / "out"
    running = start("all_endless", "cluster", "--world", "simulated", "--workers", "2", out=out)
    running.wait_until(lambda: len(list(out.glob("captures/cluster*"))) == 4, "the others ended")
    running.wait_until(lambda: len(children(running.process.pid)) == 1, "one is left")
    os.kill(children(running.process.pid)[0], signal.SIGKILL)
    assert running.process.wait(30) == 4
    running.watch.wait_until_nothing_is_left(str(tmp_path))
    record = read_record(out)
    outcomes = {each.id: each.outcome for each in record.scenarios}
    assert outcomes.pop("all_endless") == "broken"
    assert set(outcomes.values()) == {"passed"}
    (reason,) = (each.reason for each in record.scenarios if each.id == "all_endless")
    assert "SIGKILL" in reason


@pytest.mark.parametrize("world", ["mininet", "simulated"])
def test_an_interrupt_ends_it_in_one_line(world, start, project, tmp_path):
    """As Ctrl-C does: every process of the terminal's foreground gets the signal."""
    (project / "scenarios" / "endless.py").write_text(ENDLESS)
    random = Random(SEED)
    for instant in range(2):
        out = tmp_path / f"out-{instant}"
        running = start("endless", *LONG, "--world", world, out=out)
        running.wait_until_it_runs()
        delay_s = random.uniform(0, 0.8 * (instant + 1))
        print(f"{world}, seed {SEED}, instant {instant}: interrupted {delay_s:.3f} s into the run")  # noqa: T201 - shown when it fails
        time.sleep(delay_s)
        running.watch.look()
        os.killpg(running.process.pid, signal.SIGINT)
        told = running.process.stderr.read()
        assert running.process.wait(20) == 130
        assert told == "interrupted; nothing is left running\n"
        assert processes_marked(running.watch.mark) == []  # it said so
        assert "Traceback" not in running.process.stdout.read()
        running.watch.wait_until_nothing_is_left(str(tmp_path))
        assert (out / "INCOMPLETE").is_file()
    assert not (project / "reports" / "latest").exists()
