"""From a user's words to an exit code: which world runs and why, what is refused before anything
starts, and what a run ends with. Through the command, in a project folder of its own."""

import json
from pathlib import Path

import pytest
from sample_record import run_of, scenario
from shipped import copy_shipped
from typer.testing import CliRunner

from lab.cli import app
from lab.scenario import session
from lab.scenario.session import exit_code

OBSTACLE = "no veth devices: modprobe veth as root"
NO_TUN = "/dev/net/tun: Permission denied, the NAT translator needs it: chmod 0666 /dev/net/tun"
PLAIN, TRANSLATED = "cluster/five_steps", "cluster/eight_steps/translator_address"


@pytest.fixture
def project(tmp_path, monkeypatch):
    copy_shipped(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def command(project):
    assert Path.cwd() == project

    def run(*words: str):
        done = CliRunner().invoke(app, list(words))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert "Traceback" not in done.output
        return done

    return run


@pytest.fixture
def host(monkeypatch):
    """Have the host lack things: everything Mininet needs, or the TUN device alone."""

    def lack(*, all_of_it=(), tun=()):
        monkeypatch.setattr(
            session, "mininet_obstacles", lambda *, nat: (*all_of_it, *(tun if nat else ()))
        )

    return lack


def record_of(project):
    return json.loads((project / "reports" / "latest" / "record.json").read_text())


# --- which world ------------------------------------------------------------------------------


def test_auto_says_in_one_line_why_it_runs_simulated(command, project, host):
    host(all_of_it=(OBSTACLE,))
    done = command("run", PLAIN)
    reason = f"Mininet cannot run here, so the simulated world runs: {OBSTACLE}"
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == reason
    record = record_of(project)
    assert (record["world"], record["world_requested"]) == ("simulated", "auto")
    assert record["world_reason"] == reason
    assert record["scenarios"][0]["clock"] == "virtual"


def test_mininet_asked_for_by_name_is_refused(command, project, host):
    host(all_of_it=(OBSTACLE, "mnexec is missing"))
    done = command("run", PLAIN, "--world", "mininet")
    assert done.exit_code == 3
    assert done.output == f"Mininet cannot run here: {OBSTACLE}; mnexec is missing\n"
    assert not (project / "reports").exists()


def chosen(project, world, *wanted: str):
    prepared = session.Session.prepare(wanted=wanted, world=world, root=project)
    return prepared.world, prepared.world_reason


def test_without_tun_auto_takes_mininet_only_where_no_scenario_translates(project, host):
    host(tun=(NO_TUN,))
    assert chosen(project, "auto", PLAIN) == ("mininet", "")
    world, reason = chosen(project, "auto", PLAIN, TRANSLATED)
    assert world == "simulated"
    assert NO_TUN in reason


def test_without_tun_mininet_by_name_runs_what_it_can(project, host):
    host(tun=(NO_TUN,))
    assert chosen(project, "mininet", PLAIN, TRANSLATED) == ("mininet", "")


def test_simulated_asks_the_host_nothing(project, monkeypatch):
    monkeypatch.setattr(session, "mininet_obstacles", None)
    assert chosen(project, "simulated", PLAIN) == ("simulated", "")


# --- what is refused --------------------------------------------------------------------------

HEAD = """
from lab.judge.checks import Answered
from lab.scenario.model import *

SCENARIO = Scenario(
    title="-", story="-",
    expectations=(Expectation(text="-", rules=("CLU-02",), check=Answered()),),
"""


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (
            'topology="cluster", steps=(Misconfigure(fault=DropNatEntry(server="server3")),)',
            "steps[0]: drop-nat-entry has no place: cluster has no server 'server3' behind NAT",
        ),
        (
            'topology="cluster", steps=(Misconfigure(fault=RewriteAnswers()),)',
            "odd.py: steps[0]: rewrite-answers has no place: cluster has no DNS translator",
        ),
        (
            'topology="cluster", steps=(Ask(node="viewr"),)',
            "odd.py: steps[0]: cluster has no node 'viewr'; did you mean 'viewer'?",
        ),
        (
            'topology="cluster", steps=(Ask(), Repeat(times=2, steps=(Connect(node="vewer"),)))',
            "odd.py: steps[1].steps[0]: cluster has no node 'vewer'; did you mean 'viewer'?",
        ),
        (
            (
                'topology="cluster", '
                'steps=(Until(answer="has", server="sever1", deadline_s=1, steps=(Ask(),)),)'
            ),
            "odd.py: steps[0]: cluster has no node 'sever1'; did you mean 'server1'?",
        ),
        (
            (
                'topology="cluster", '
                'steps=(Forge(forger="x", victim="dns", fault="id", address="10.0.0.1"),)'
            ),
            "odd.py: steps[0]: cluster has no node 'x'; known are ",
        ),
        (
            'topology="cluster", steps=(Halt(node="server3", program="nat"),)',
            "odd.py: steps[0]: server3 has no program 'nat'; it has ",
        ),
        (
            'topology="cluster", steps=(Play(node="viewer", script=Script()),)',
            "odd.py: steps[0]: viewer has no program 'balancer'; it has none",
        ),
        (
            'topology="cluster", steps=(Ask(node="server3"),)',
            "odd.py: steps[0]: server3 has no DNS server to ask; name one with server=",
        ),
        (
            'topology="cluster", steps=(Ask(),), needs=("link dely",)',
            "odd.py: needs[0]: no capability 'link dely'; did you mean 'link delay'?",
        ),
        (
            'topology="clustr", steps=(Ask(),)',
            "odd.py: topology: no topology 'clustr'; did you mean 'cluster'?",
        ),
    ],
)
@pytest.mark.parametrize("world", ["simulated", "mininet"])
def test_a_scenario_that_does_not_fit_is_told_before_anything_starts(
    body, complaint, world, command, project, host
):
    host()
    (project / "scenarios" / "odd.py").write_text(f"{HEAD}    {body},\n)\n")
    done = command("run", "odd", "--world", world)
    assert done.exit_code == 2
    assert complaint in done.output
    assert len(done.output.splitlines()) == 1
    assert not (project / "reports").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x = (\n", "line 1: '(' was never closed"),
        ("\n\nraise SystemExit(3)\n", "line 3: SystemExit: 3"),
        (
            HEAD + '    topology="cluster", steps=(Ask(), Await(label="q")),\n)',
            "line 5, Scenario: Await('q') has no Ask(wait=False) before it; add ",
        ),
        ("SCENARIOS = {'a': 1}\n", "file: binds neither SCENARIO nor SCENARIOS"),
    ],
)
def test_a_module_that_cannot_be_read_is_told_with_its_line(text, complaint, command, project):
    path = project / "scenarios" / "odd.py"
    path.write_text(text)
    done = command("run", "odd", "--world", "simulated")
    assert done.exit_code == 2
    assert done.output.startswith(f"{path}: {complaint}")
    assert len(done.output.splitlines()) == 1


def test_every_misfit_is_told_at_once(command, project):
    for name in ("one", "two"):
        body = 'topology="cluster", steps=(Ask(node="viewr"), Ask(node="dsn"))'
        (project / "scenarios" / f"{name}.py").write_text(f"{HEAD}    {body},\n)\n")
    done = command("run", "one", "two", "--world", "simulated")
    assert [line.split(": ")[:2] for line in done.output.splitlines()] == [
        [str(project / "scenarios" / f"{name}.py"), place]
        for name in ("one", "two")
        for place in ("steps[0]", "steps[1]")
    ]


def test_the_shipped_scenarios_fit(project):
    session.Session.prepare(wanted=(), world="simulated", root=project)


# --- what it ends with ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["passed"], 0),
        (["passed", "deviates", "observed"], 0),
        (["observed"], 0),
        (["passed", "unsupported"], 0),
        (["unsupported", "unsupported"], 3),
        (["passed", "failed", "unsupported"], 1),
        (["failed", "broken", "passed"], 4),
        (["broken", "unsupported"], 4),
        ([], 3),
    ],
)
def test_exit_codes(outcomes, code):
    records = [scenario(f"number/{n}", word) for n, word in enumerate(outcomes)]
    assert exit_code(run_of(*records)) == code


@pytest.mark.parametrize(
    ("check", "needs", "code", "word"),
    [
        ("Answered(count=1)", "()", 0, "passed"),
        ("Answered(count=7)", "()", 1, "failed"),
        ("Answered(count=1)", '("servers other than ours",)', 3, "unsupported"),
    ],
)
def test_the_command_ends_with_what_came_of_it(check, needs, code, word, command, project):
    text = HEAD.replace("Answered()", check)
    (project / "scenarios" / "odd.py").write_text(
        f'{text}    topology="cluster", steps=(Ask(),), needs={needs},\n)\n'
    )
    done = command("run", "odd", "--world", "simulated")
    assert done.exit_code == code
    assert f"{word} " in done.stdout
    assert record_of(project)["totals"] == {word: 1}


def test_a_bug_of_the_lab_is_broken_in_one_line(command, project, monkeypatch):
    from lab.scenario import steps

    monkeypatch.setattr(steps.Stage, "_ask", lambda _self, _step: 1 // 0)
    done = command("run", PLAIN, "--world", "simulated")
    assert done.exit_code == 4
    (line,) = (line for line in done.stdout.splitlines() if "a bug of the lab" in line)
    assert "ZeroDivisionError" in line
    kept = project / "reports" / "latest" / line.split()[-1]
    assert "Traceback" in kept.read_text()


def test_a_folder_in_use_is_refused(command, project):
    (project / "out").mkdir()
    (project / "out" / "own.txt").write_text("mine")
    done = command("run", PLAIN, "--world", "simulated", "--out", "out")
    assert done.exit_code == 2
    assert "not empty" in done.output
    assert (project / "out" / "own.txt").read_text() == "mine"


def test_json_is_nothing_but_json(command, host):
    host(all_of_it=(OBSTACLE,))
    done = command("run", PLAIN, "--json")
    assert json.loads(done.stdout)["world_reason"].endswith(OBSTACLE)
