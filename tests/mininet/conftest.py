"""The command as a user runs it: a process of its own, in a project folder of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "lab.cli")


@pytest.fixture
def project(tmp_path) -> Path:
    """A copy of what a user edits: topologies and scenarios, with reports of its own."""
    folder = tmp_path / "project"
    for name in ("topologies", "scenarios"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
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
