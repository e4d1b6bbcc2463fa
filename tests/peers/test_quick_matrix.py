"""The quick matrix: every subject in every seat that it can fill, in minutes and real time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab.matrix.files import read_matrix
from lab.subjects.roster import SUBJECTS

pytestmark = [pytest.mark.netns, pytest.mark.slow]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quick")
    words = (sys.executable, "-m", "lab.cli", "matrix", "--quick", "--world", "mininet")
    ended = subprocess.run(
        (*words, "--out", str(folder)), cwd=ROOT, capture_output=True, text=True, check=False
    )
    # 1 is for a listed deviation that happens no longer, and for a rule that ours breaks.
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return read_matrix(folder / "matrix.json")


def test_everybody_is_judged_in_every_seat_and_the_lab_does_not_break(quick):
    seats = {(seat, name) for name, each in SUBJECTS.items() for seat in each.seats}
    seats |= {(seat, "ours") for seat, _ in seats}
    judged = {
        (cell.seat, cell.subject) for cell in quick.cells if cell.outcome in {"passed", "deviates"}
    }
    assert seats <= judged
    assert [trial.reason for trial in quick.trials if trial.outcome == "broken"] == []
    assert all(column.version for column in quick.columns)


def test_ours_holds_every_rule(quick):
    ours = {cell.rule: cell.outcome for cell in quick.cells if cell.subject == "ours"}
    assert len(ours) >= 25
    assert set(ours.values()) <= {"passed", "observed"}


def test_what_is_unsupported_says_why(quick):
    reasons = [trial.reason for trial in quick.trials if trial.outcome == "unsupported"]
    assert all(reasons)
    assert not any("install" in reason for reason in reasons)
