"""`forwardlab walk` in the simulated world and from a run that is over."""

import subprocess
import sys

import pytest
from leftovers import Watch
from shipped import ROOT, copy_shipped
from terminal import on_terminal
from typer.testing import CliRunner

from lab.cli import app

COMMAND = (sys.executable, "-m", "lab.cli")
SINGLE = "cluster/single_system"

FAILING = """
from lab.judge.checks import NeverConnected
from lab.scenario.model import Ask, Connect, Expectation, Scenario

SCENARIO = Scenario(
    title="Fails: it connects", story="", topology="cluster", steps=(Ask(), Connect()),
    expectations=(
        Expectation(text="The viewer connects nowhere", rules=("CLU-04",), check=NeverConnected()),
    ),
)
"""


@pytest.fixture
def watch(tmp_path):
    """Watches the processes of a walk; its temporary files are in a folder of their own."""
    watch = Watch()
    watch.temporary = tmp_path / "tmp"
    watch.temporary.mkdir()
    watch.places = {
        **watch.environment,
        "TMPDIR": str(watch.temporary),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        "TERM": "xterm",
    }
    return watch


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    copy_shipped(folder)
    return folder


@pytest.fixture
def forwardlab(project, watch):
    def run(*words: str, typed=""):
        done = subprocess.run(
            [*COMMAND, *words],
            input=typed,
            cwd=project,
            env=watch.places,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert list(watch.temporary.iterdir()) == []
        return done

    return run


def heads(text):
    """The title line of each page."""
    rows = text.splitlines()
    return [rows[place + 1] for place, row in enumerate(rows) if row and set(row) == {"─"}]


def test_a_walk_from_a_pipe_ends_with_its_input(forwardlab):
    done = forwardlab("walk", SINGLE, "--world", "simulated", typed="\n\n\n")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert [head.split()[0] for head in heads(done.stdout)] == ["1", "2", "3", "4"]
    assert "The FAQ: “The request is first sent to the name server" in done.stdout


def test_time_walks_to_the_verdicts(forwardlab, project):
    done = forwardlab("walk", SINGLE, "--world", "simulated", "--auto", "0")
    assert done.returncode == 0
    assert done.stdout.count("✔ passed") == 5
    assert "What was expected, and what the packets show" in heads(done.stdout)[-1]
    assert not (project / "reports").exists(), "a walk leaves no run"


def test_a_recorded_run_is_walked_as_a_live_one(forwardlab, project):
    forwardlab("run", SINGLE, "cluster/eight_steps", "--world", "simulated")
    recorded = forwardlab("walk", SINGLE, "--run", "latest", "--auto", "0")
    assert recorded.returncode == 0
    live = forwardlab("walk", SINGLE, "--world", "simulated", "--auto", "0")
    held = forwardlab("walk", SINGLE, "--world", "simulated", "--auto", "0", "--hold")
    assert heads(recorded.stdout) == heads(live.stdout) == heads(held.stdout)
    assert "Enter does step 2" in held.stdout

    several = forwardlab("walk", "cluster/eight_steps", "--run", "latest")
    assert several.returncode == 2
    assert several.stderr == (
        "'cluster/eight_steps' means several here, name one: cluster/eight_steps/alias_addresses, "
        "cluster/eight_steps/translator_address\n"
    )
    unknown = forwardlab("walk", "cluster/singlesystem", "--run", "latest")
    assert unknown.returncode == 2
    assert "no scenario 'cluster/singlesystem'; did you mean cluster/single_system?" in (
        unknown.stderr
    )

    topology = project / "topologies" / "single.toml"
    was = topology.read_text()
    topology.write_text(was.replace("192.168.1.10", "192.168.1.11", 1))
    changed = forwardlab("walk", SINGLE, "--run", "latest")
    assert changed.returncode == 2
    assert "single has changed since this run" in changed.stderr
    assert "run it again: forwardlab run cluster/single_system" in changed.stderr
    topology.write_text(was)

    (capture,) = (project / "reports" / "latest").glob("captures/*single*")
    capture.write_bytes(capture.read_bytes()[:-5])
    cut = forwardlab("walk", SINGLE, "--run", "latest")
    assert cut.returncode == 2
    assert "cut short" in cut.stderr


def test_a_scenario_that_fails_ends_with_1_once_it_is_over(forwardlab, project):
    (project / "scenarios" / "failing.py").write_text(FAILING)
    walked = forwardlab("walk", "failing", "--world", "simulated", "--auto", "0")
    assert walked.returncode == 1
    assert "✘ failed" in walked.stdout
    assert forwardlab("walk", "failing", "--world", "simulated", typed="q\n").returncode == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("cluster/eight_steps",), "'cluster/eight_steps' means 2 scenarios, name one"),
        (("cluster/nine_steps",), "did you mean cluster/"),
        ((SINGLE, "--run", "latest", "--hold"), "--hold is for a scenario that runs now"),
        ((SINGLE, "--run", "latest"), "no complete run yet; make one"),
    ],
)
def test_bad_words_are_refused(project, monkeypatch, words, told):
    monkeypatch.chdir(project)
    done = CliRunner().invoke(app, ["walk", *words])
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_a_walk_on_a_terminal_clears_it_and_an_interrupt_ends_it(project, watch):
    words = (*COMMAND, "walk", SINGLE, "--world", "simulated", "--hold")
    with on_terminal(*words, cwd=project, environment=watch.places) as person:
        shown = person.read_until("q quit")
        assert "\x1b[2J" in shown
        assert "Enter does step 1" in shown
        person.type("\n")
        person.read_until("Step 1 of 2 of the scenario")
        person.read_until("q quit")
        assert list(watch.temporary.iterdir()) != []
        person.type("\x03")
        assert person.status() == 130
        assert "interrupted; nothing is left running" in person.seen
    watch.wait_until_nothing_is_left()
    assert list(watch.temporary.iterdir()) == []
