"""What a run leaves behind is what reports/README.md says, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import app
from lab.cli_frame import Exit

ROOT = Path(__file__).parents[2]
WITH_PEER = "forwarding/first_forwarder_silent"
NOT_ALWAYS = {"INCOMPLETE", "nodes/<scenario>/traceback.txt", "replay.csv"}
"""What stands there when something went wrong, or in the runs of another command."""


def documented() -> dict[str, re.Pattern[str]]:
    """The paths in a run's folder that the README names, each with what it stands for."""
    text = (ROOT / "reports" / "README.md").read_text()
    tree = text.split("```")[1].partition("  runs/")[2].partition("  sweeps/")[0].splitlines()[1:]
    # What is further in goes on with the line before.
    names = [line.split()[0] for line in tree if re.match(r" {4}\S", line)]
    return {name: _pattern(name) for name in names}


def _pattern(name: str) -> re.Pattern[str]:
    text = re.escape(name).replace(r"\*", "[^/]+").replace("<scenario>", r"[\w./-]+")
    return re.compile(re.sub("<[a-z]+>", "[^/]+", text))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("run") / "out"
    words = ["run", WITH_PEER, "cluster", "--world", "simulated", "--out", str(folder)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == Exit.PASSED, result.output
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]


def test_every_file_of_a_run_is_documented(files: list[str]) -> None:
    patterns = documented().values()
    assert [file for file in files if not any(each.fullmatch(file) for each in patterns)] == []


def test_every_documented_file_is_there(files: list[str]) -> None:
    for name, pattern in documented().items():
        if name not in NOT_ALWAYS:
            assert any(pattern.fullmatch(file) for file in files), name
    assert set(documented()) > NOT_ALWAYS


def test_a_node_writes_each_file_in_one_place(files: list[str]) -> None:
    of_dns = [file for file in files if file.endswith("/dns/resolver.toml")]
    assert f"nodes/{WITH_PEER}/dns/resolver.toml" in of_dns
    assert not any("nodes/" in file.removeprefix("nodes/") for file in files)
