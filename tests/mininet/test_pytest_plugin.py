"""`pytest scenarios`: the same scenarios as items, in a project folder as a user has one."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.netns

FAILING = """
from lab.judge.checks import Answered, NeverConnected
from lab.scenario.model import Ask, Connect, Expectation, Scenario

SCENARIO = Scenario(
    title="Fails: it connects", story="", topology="cluster", steps=(Ask(), Connect()),
    expectations=(
        Expectation(text="The viewer is answered", rules=("CLU-02",), check=Answered(count=1)),
        Expectation(text="The viewer connects nowhere", rules=("CLU-04",), check=NeverConnected()),
    ),
)
"""
MISSPELT = FAILING.replace("Ask(),", 'Ask(node="viewr"),')
WITHOUT_MININET = """
import lab.scenario.session
lab.scenario.session.mininet_obstacles = lambda *, nat: ("no veth devices: modprobe veth as root",)
"""


@pytest.fixture
def run_pytest(project):
    def run(*words: str, conftest=""):
        (project / "conftest.py").write_text(conftest)
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
            cwd=project,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "COLUMNS": "200"},
        )

    return run


@pytest.mark.parametrize("world", ["mininet", "simulated"])
def test_scenarios_pass_as_items(world, run_pytest, project):
    done = run_pytest("scenarios/cluster", "--world", world, "-v")
    assert done.returncode == 0, done.stdout
    for name in (
        "single_system.py::single_system",
        "five_steps.py::five_steps",
        "eight_steps.py::translator_address",
        "eight_steps.py::alias_addresses",
    ):
        assert f"scenarios/cluster/{name} PASSED" in done.stdout
    assert f"scenarios ran in the {world} world, seed 1" in done.stdout
    assert (project / "reports" / "latest" / "report.html").is_file()


def test_a_failure_tells_expectation_rules_evidence_and_how_to_repeat_it(run_pytest, project):
    """Beside a variant that is selected alone, and a test that is no scenario."""
    (project / "scenarios" / "failing.py").write_text(FAILING)
    (project / "test_own.py").write_text("def test_own():\n    pass\n")
    variant = "scenarios/cluster/eight_steps.py::alias_addresses"
    words = ("scenarios/failing.py", variant, "test_own.py", "--seed", "7")
    done = run_pytest(*words, "--world", "simulated")
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout
    said = done.stdout
    assert "failing: FAILED: Fails: it connects" in said
    assert "failed: The viewer connects nowhere [CLU-04]" in said
    assert "The viewer is answered" not in said
    head = said.index("failed: The viewer connects nowhere")
    assert "(frame" in said[head:].splitlines()[1]
    assert "again: forwardlab run failing --world simulated --seed 7" in said
    assert "Traceback" not in said
    assert "pytest_plugin.py" not in said


def test_bad_input_ends_it_with_one_line(run_pytest, project):
    (project / "scenarios" / "misspelt.py").write_text(MISSPELT)
    done = run_pytest("scenarios/misspelt.py", "--world", "simulated")
    assert done.returncode == 2
    complaint = "misspelt.py: steps[0]: cluster has no node 'viewr'; did you mean 'viewer'?"
    assert complaint in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_mininet_asked_for_by_name_where_it_cannot_run(run_pytest):
    done = run_pytest("scenarios/cluster", "--world", "mininet", conftest=WITHOUT_MININET)
    assert done.returncode == 3
    assert "Mininet cannot run here: no veth devices: modprobe veth as root" in done.stdout
    assert "passed" not in done.stdout


def test_auto_says_why_it_runs_simulated(run_pytest):
    done = run_pytest("scenarios/cluster", conftest=WITHOUT_MININET)
    assert done.returncode == 0
    assert "so the simulated world runs: no veth devices: modprobe veth as root" in done.stdout
    assert "4 passed" in done.stdout


def test_what_cannot_be_judged_is_a_skip_with_its_reason(run_pytest, project):
    scenario = FAILING.replace('story=""', 'story="", needs=("servers other than ours",)')
    (project / "scenarios" / "foreign.py").write_text(scenario)
    done = run_pytest("scenarios/foreign.py", "--world", "simulated", "-rs")
    assert "1 skipped" in done.stdout
    assert "no servers other than ours: use --world mininet" in done.stdout


def test_several_workers_are_refused_and_other_tests_run(run_pytest, project):
    """Each would run every scenario."""
    (project / "test_own.py").write_text("def test_own():\n    pass\n")
    done = run_pytest("scenarios/cluster", "test_own.py", "-n", "1", "--world", "simulated")
    assert done.returncode == 1
    assert "at once by themselves: leave out --numprocesses (-n)" in done.stdout
    assert "1 passed, 1 error" in done.stdout
    assert "Traceback" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout
    assert not list((project / "reports").glob("runs/*"))
