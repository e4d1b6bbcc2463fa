"""Which scenarios a user's words select, and who is stopped by a module that cannot be read."""

from pathlib import Path

import pytest
from shipped import ROOT, copy_shipped
from typer.testing import CliRunner

from lab.cli import app

PLAIN = "cluster/single_system"
CLUSTER = [
    "cluster/eight_steps/alias_addresses",
    "cluster/eight_steps/translator_address",
    "cluster/five_steps",
    PLAIN,
]


@pytest.fixture
def project(tmp_path, monkeypatch):
    copy_shipped(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def bad(project):
    path = project / "scenarios" / "mine" / "bad.py"
    path.parent.mkdir()
    path.write_text("SCENARIO = 5\n")
    return path


def forwardlab(*words: str):
    done = CliRunner().invoke(app, list(words))
    assert "Traceback" not in done.output
    return done


def listed(*words: str) -> list[str]:
    done = forwardlab("list", *words)
    assert done.exit_code == 0, done.output
    return [line.split()[0] for line in done.stdout.splitlines()]


# --- a module that cannot be read ---------------------------------------------------------------


def test_others_run_and_one_line_says_what_was_left_out(bad: Path) -> None:
    done = forwardlab("run", PLAIN, "--world", "simulated")
    assert done.exit_code == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"warning: left out: {bad}: file: binds neither SCENARIO nor ")
    assert "1 passed" in done.stdout


def test_others_are_listed(bad: Path) -> None:
    done = forwardlab("list", "cluster")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == len(CLUSTER)
    assert done.stderr.startswith(f"warning: left out: {bad}: ")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("mine",),
        ("mine/bad",),
        ("mine/bad/variant",),
        ("m*",),
        ("*/bad",),
        ("scenarios/mine/bad.py",),
        (".",),
        ("cluster", "mine"),
    ],
)
@pytest.mark.parametrize("command", [("list",), ("run", "--world", "simulated")])
def test_who_selects_it_is_refused(command, words, bad: Path) -> None:
    done = forwardlab(*command, *words)
    assert done.exit_code == 2
    assert done.output.startswith(f"{bad}: file: binds neither SCENARIO nor SCENARIOS; ")
    assert len(done.output.splitlines()) == 1


def test_every_module_that_cannot_be_read_is_told_at_once(bad: Path) -> None:
    worse = bad.with_name("worse.py")
    worse.write_text("(")
    lines = forwardlab("list").stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == [str(bad), str(worse)]


# --- words that are paths -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "word", "found"),
    [
        (".", "scenarios/cluster/single_system.py", [PLAIN]),
        (".", "scenarios/cluster/single_system", [PLAIN]),
        (".", "./scenarios/cluster/", CLUSTER),
        ("scenarios", "cluster/single_system.py", [PLAIN]),
        ("scenarios", "cluster", CLUSTER),
        ("scenarios/cluster", ".", CLUSTER),
        ("scenarios/cluster", "single_system", [PLAIN]),
        ("scenarios/cluster", "single_system.py", [PLAIN]),
        ("scenarios/failures", "../cluster", CLUSTER),
        ("scenarios/failures", "../cluster/single_system.py", [PLAIN]),
        ("scenarios/failures", "scenarios/cluster/single_system.py", [PLAIN]),
        ("scenarios/failures", "scenarios/cluster/single_*", [PLAIN]),
        ("topologies", PLAIN, [PLAIN]),
    ],
)
def test_a_path_selects_from_where_the_user_stands(project, monkeypatch, folder, word, found):
    monkeypatch.chdir(project / folder)
    assert listed(word) == found


@pytest.mark.parametrize(
    ("folder", "word"), [(".", "."), (".", "scenarios"), ("scenarios", "."), ("scenarios", "..")]
)
def test_the_project_and_its_scenarios_are_all_of_them(project, monkeypatch, folder, word):
    monkeypatch.chdir(project / folder)
    assert listed(word) == listed()


@pytest.mark.parametrize("ending", ["", ".py"])
def test_an_absolute_path_selects(project, ending: str) -> None:
    assert listed(f"{project}/scenarios/cluster/single_system{ending}") == [PLAIN]


def test_outside_any_project_ours_is_meant(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert listed("scenarios/cluster/single_system.py") == [PLAIN]
    assert listed(str(ROOT / "scenarios" / "cluster" / "single_system.py")) == [PLAIN]


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("scenarios/cluster/single_systm.py", "did you mean cluster/single_system?"),
        ("./nowhere.py", "`forwardlab list` shows all"),
        ("", "no scenario, folder or pattern ''"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_wrong_path_is_quoted_as_typed(word: str, complaint: str) -> None:
    done = forwardlab("list", word)
    assert done.exit_code == 2
    assert repr(word) in done.stderr
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("project")
def test_a_folder_without_scenarios_is_quoted_as_typed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    done = forwardlab("list", str(folder))
    assert done.exit_code == 2
    assert f"{str(folder)!r} lies outside " in done.stderr
    assert len(done.stderr.splitlines()) == 1
