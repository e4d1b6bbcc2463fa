"""The command as a user runs it: a process of its own, in a project folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_process import COMMAND
from shipped import copy_shipped

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of what a user edits: topologies and scenarios, with reports of its own."""
    folder = tmp_path / "project"
    copy_shipped(folder)
    return folder


@pytest.fixture(scope="session")
def simulated_set(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The folder of one run of every shipped scenario in virtual time, and how the command went:
    dear enough to be made once for all tests that look at it."""
    folder = tmp_path_factory.mktemp("simulated")
    copy_shipped(folder / "project")
    done = subprocess.run(
        [*COMMAND, "run", "--world", "simulated", "--out", str(folder / "run")],
        cwd=folder / "project",
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return folder / "run", done


@pytest.fixture
def forwardlab(project) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `forwardlab` with these words in the project folder, to its end."""

    def run(*words: str, limit_s: float = 120, **more) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, words)],
            cwd=project,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
            **more,
        )

    return run
