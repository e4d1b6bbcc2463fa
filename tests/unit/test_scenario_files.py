"""Scenarios in JSON files, run by their paths."""

from __future__ import annotations

from pathlib import Path

import pytest
from shipped import ROOT

from lab.judge.checks import Answered
from lab.scenario.catalogue import CatalogueError, read_catalogue
from lab.scenario.files import write_scenario
from lab.scenario.model import Ask, Expectation, Halt, Scenario
from lab.scenario.session import Session, SessionError


def scenario(**how: object) -> Scenario:
    described: dict[str, object] = {
        "title": "t",
        "story": "s",
        "topology": "cluster",
        "steps": (Ask(),),
        "expectations": (Expectation(text="e", rules=("CLU-01",), check=Answered()),),
    }
    return Scenario.model_validate(described | how)


def prepare(*paths: Path) -> Session:
    return Session.prepare(wanted=map(str, paths), world="simulated", root=ROOT)


def test_it_runs_under_the_name_of_its_file_once_for_each_viewer(tmp_path):
    path = write_scenario(tmp_path / "my own.json", scenario(viewers=("glibc", "musl")))
    session = prepare(path)
    assert list(session.scenarios) == ["my_own@glibc", "my_own@musl"]
    assert set(session.files.values()) == {path}


def test_files_stand_beside_scenarios_of_the_catalogue(tmp_path):
    path = write_scenario(tmp_path / "own.json", scenario())
    chosen = read_catalogue(ROOT).select([str(path), "cluster/five_steps"])
    assert sorted(chosen) == ["cluster/five_steps", "own"]


def test_two_files_of_one_name_are_refused(tmp_path):
    paths = [write_scenario(tmp_path / each / "own.json", scenario()) for each in "ab"]
    with pytest.raises(CatalogueError, match="another scenario of this run is named 'own'"):
        prepare(*paths)


def test_what_does_not_fit_is_told_with_the_file(tmp_path):
    path = write_scenario(tmp_path / "own.json", scenario(steps=(Halt(node="server9"),)))
    with pytest.raises(SessionError) as refused:
        prepare(path)
    assert str(refused.value).startswith(f"{path}: steps[0]: ")
    path = write_scenario(tmp_path / "other.json", scenario(topology="clutser"))
    with pytest.raises(SessionError) as refused:
        prepare(path)
    assert str(refused.value).startswith(f"{path}: topology: ")


def test_a_topology_may_lie_anywhere(tmp_path):
    text = (ROOT / "topologies" / "cluster.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    path = write_scenario(tmp_path / "own.json", scenario(topology=str(tmp_path / "mine")))
    assert prepare(path).plans[str(tmp_path / "mine")].cluster_name
    path = write_scenario(tmp_path / "gone.json", scenario(topology=str(tmp_path / "gone")))
    with pytest.raises(SessionError, match="no topology"):
        prepare(path)


def test_unknown_rules_are_refused_with_the_file(tmp_path):
    unknown = Expectation(text="e", rules=("CLU-99",), check=Answered())
    path = write_scenario(tmp_path / "own.json", scenario(expectations=(unknown,)))
    with pytest.raises(CatalogueError, match="no rule 'CLU-99'") as refused:
        prepare(path)
    assert str(path) in str(refused.value)
