"""A user's own files are not ours to test, with git and without."""

import subprocess
import sys

import pytest
from shipped import ROOT, shipped_files, shipped_scenarios, shipped_topologies


@pytest.fixture
def folder(tmp_path):
    for name in ("topologies/cluster.toml", "topologies/own/ours.toml", "scenarios/own/mine.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return tmp_path


def test_what_git_does_not_track_is_the_users(folder):
    (folder / "topologies/ours.toml").write_text("")
    for words in ("init -q", "add topologies/cluster.toml"):
        subprocess.run(["git", *words.split()], cwd=folder, check=True)
    assert shipped_files(folder) == (folder / "topologies/cluster.toml",)


def test_without_git_the_users_folders_are_left_out(folder, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert shipped_files(folder) == (folder / "topologies/cluster.toml",)


def test_an_unpacked_archive_has_no_history(folder, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    assert shipped_files(folder) == (folder / "topologies/cluster.toml",)


def test_there_is_something_to_test():
    assert ROOT / "topologies/cluster-nat.toml" in shipped_topologies()
    assert not [path for path in shipped_topologies() if path.parent.name == "errata"]
    assert "cluster/five_steps" in shipped_scenarios()


def test_git_and_ruff_leave_the_users_folders_alone(tmp_path):
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"topologies/own/", "scenarios/own/"} <= set(ignored)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    mine = tmp_path / "scenarios" / "own" / "mine.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("import os\nx = 'ugly'")
    for words in ("check", "format --check"):
        ruff = [sys.executable, "-m", "ruff", *words.split(), "--no-cache", "."]
        subprocess.run(ruff, cwd=tmp_path, check=True)
