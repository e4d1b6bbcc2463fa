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
