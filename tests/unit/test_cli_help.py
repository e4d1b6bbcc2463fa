"""What the command says of itself, and what it completes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab import doctor
from lab.cli import app
from lab.cli_frame import Exit

ROOT = Path(__file__).parents[2]
COMMANDS = (
    "run",
    "list",
    "rules",
    "check",
    "schema",
    "draw",
    "doctor",
    "report",
    "ladder",
    "matrix",
    "compare",
)
FIVE_STEPS = "cluster/five_steps"


def said(*words: str) -> str:
    """Its standard output as one line of words, without the frames around."""
    result = CliRunner().invoke(app, list(words), env={"COLUMNS": "120"})
    assert result.exit_code == Exit.PASSED, result.output
    return " ".join(re.sub("[│╭╮╰╯─]", " ", result.stdout).split())


@pytest.mark.parametrize("command", [(), *((each,) for each in COMMANDS)])
def test_help_speaks_to_people_and_has_an_example(command) -> None:
    text = said(*command, "--help")
    assert re.search(r"Examples?: forwardlab", text)
    assert not re.search(r"<(bool|int|str|path|list)\b", text), text
    assert "--no-" not in text


def test_the_help_of_run_states_every_default() -> None:
    text = said("run", "--help")
    options = dict(re.findall(r"--([a-z-]+) .*?\[default: ([^\]]*)\]", text))
    assert options["world"] == "auto"
    assert "per core" in options["workers"]
    assert options["seed"] == "1"
    assert "reports/runs/<time>" in options["out"]


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"forwardlab \d+\.\d+\.\d+\S*", said("--version"))


def test_a_world_that_is_none_is_refused_in_words() -> None:
    result = CliRunner().invoke(app, ["run", "--world", "mars"], env={"COLUMNS": "160"})
    assert result.exit_code == Exit.BAD_INPUT
    assert "there is no world 'mars'; choose mininet, simulated, timetravel, auto" in result.stderr
    assert "error," not in result.stderr


def test_a_world_that_cannot_be_kept_is_told_in_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    words = ["run", FIVE_STEPS, "--world", "simulated", "--keep-on-failure", "--json"]
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "out")])
    assert result.exit_code == Exit.PASSED
    (line,) = result.stderr.splitlines()
    assert line == "--keep-on-failure is ignored: a world in virtual time cannot be entered"


@pytest.mark.parametrize("seed", ["-1", "1.5", "one"])
def test_pytest_refuses_what_is_no_seed(seed: str) -> None:
    words = ["-m", "pytest", "--collect-only", "-q", "scenarios/cluster", f"--seed={seed}"]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"{seed!r} is no seed; write a number from 0 on" in done.stderr


@pytest.mark.parametrize(("has", "word"), [(True, "in the kernel"), (False, "a process of ours")])
def test_doctor_says_what_makes_links_bad(monkeypatch, has: bool, word: str) -> None:
    monkeypatch.setattr(doctor, "_has_netem", lambda: has)
    (netem,) = (each for each in doctor._kernel() if each.subject == "netem")
    assert netem.fine
    assert word in netem.found


# --- completion ---------------------------------------------------------------------------------


def completed(monkeypatch, line: str, incomplete: str = "") -> list[str]:
    """What the shell is offered behind a line."""
    words = f"{line} {incomplete}"
    monkeypatch.setenv("_FORWARDLAB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - bool(incomplete)))
    result = CliRunner().invoke(app, [], prog_name="forwardlab")
    return result.stdout.split()


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project folder with two runs, of which one did not finish."""
    for name in ("topologies", "scenarios"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    words = ["run", FIVE_STEPS, "cluster/single_system", "--world", "simulated"]
    assert CliRunner().invoke(app, words).exit_code == Exit.PASSED
    (tmp_path / "reports/runs/2026-01-01T00-00-00Z").mkdir()
    return tmp_path


def test_rules_and_columns_of_a_matrix_are_completed_behind_commas(monkeypatch) -> None:
    assert completed(monkeypatch, "forwardlab matrix --rules", "ICM-0")[:2] == ["ICM-01", "ICM-02"]
    assert "FWD-*" in completed(monkeypatch, "forwardlab matrix --rules")
    assert completed(monkeypatch, "forwardlab matrix --rules", "FWD-01,ICM-*") == ["FWD-01,ICM-*"]
    offered = completed(monkeypatch, "forwardlab matrix --subjects", "nat,dns=unb")
    assert offered == ["nat,dns=unbound"]


def test_runs_and_their_scenarios_are_completed(project: Path, monkeypatch) -> None:
    (run,) = (each.parent.name for each in project.glob("reports/runs/*/record.json"))
    for command in ("report", "ladder", "rules"):
        assert completed(monkeypatch, f"forwardlab {command}") == ["latest", run]
        assert completed(monkeypatch, f"forwardlab {command}", "2") == [run]
    offered = completed(monkeypatch, f"forwardlab ladder {run}")
    assert sorted(offered) == [FIVE_STEPS, "cluster/single_system"]
    assert completed(monkeypatch, "forwardlab ladder latest", "cluster/f") == [FIVE_STEPS]


def test_areas_of_rules_are_completed(monkeypatch) -> None:
    assert completed(monkeypatch, "forwardlab rules --area", "CN") == ["CND"]


def test_worlds_are_completed(monkeypatch) -> None:
    assert completed(monkeypatch, "forwardlab run --world", "s") == ["simulated"]


def test_where_there_is_no_run_nothing_is_completed_and_nothing_said(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert completed(monkeypatch, "forwardlab ladder no-such-run") == []


def test_seats_subjects_and_configurations_are_completed(tmp_path, monkeypatch) -> None:
    offered = completed(monkeypatch, "forwardlab run --subject", "dns=un")
    assert offered == ["dns=unbound"]
    assert "nat=nftables" in completed(monkeypatch, "forwardlab run --subject", "nat=")
    assert "nat=unbound" not in completed(monkeypatch, "forwardlab run --subject", "nat=")
    assert completed(monkeypatch, "forwardlab run --config", "d") == ["dns="]
    (tmp_path / "sub").mkdir()
    (tmp_path / "some.conf").touch()
    found = completed(monkeypatch, "forwardlab run --config", f"dns={tmp_path}/s")
    assert found == [f"dns={tmp_path}/some.conf", f"dns={tmp_path}/sub/"]
