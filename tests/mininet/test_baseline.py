"""The figures of the simulated world are those that were reviewed: `reports/baseline`."""

from pathlib import Path

import pytest

from lab.regression.baseline import Baseline, read_baseline
from lab.regression.compare import compare
from lab.regression.telling import lines
from lab.report.render import read_record

KEPT = Path(__file__).parents[2] / "reports" / "baseline" / "simulated.json"
pytestmark = pytest.mark.slow


def test_verdicts_and_figures_in_virtual_time_are_as_kept(simulated_set):
    folder, done = simulated_set
    assert done.returncode == 0, done.stdout + done.stderr
    now = Baseline.of(read_record(folder))
    comparison = compare(read_baseline(KEPT), now)
    assert comparison.changes == (), "\n".join(
        (
            "not as in reports/baseline/simulated.json:",
            *lines(comparison),
            "if this is meant, write it anew with `make baseline` and commit the difference",
        )
    )
    assert KEPT.read_text(encoding="utf-8") == now.text(), "write it anew with `make baseline`"
