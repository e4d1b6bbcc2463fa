"""A matrix as CSV: a line for each cell, and one for each wait."""

from __future__ import annotations

import csv
import io

from lab.judge.rules import RULES
from lab.matrix.record import MatrixRecord

_COLUMNS = (
    "table", "rule", "severity", "seat", "subject", "version", "outcome", "expectations",
    "not_judged", "failure", "viewer", "median_ms", "slowest_ms", "repetitions", "clock",
)  # fmt: skip


def matrix_csv(record: MatrixRecord) -> str:
    """Both tables in one file; `table` tells which a line is of, and what does not apply is
    empty. Explained column by column in docs/matrix.md."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    versions = {(column.seat, column.subject): column.version or "" for column in record.columns}
    for cell in record.cells:
        writer.writerow(
            (
                "cell", cell.rule, RULES[cell.rule].severity if cell.rule in RULES else "",
                cell.seat, cell.subject, versions.get((cell.seat, cell.subject), ""),
                cell.outcome, len(cell.judged_by), cell.unjudged, "", "", "", "", "", "",
            )
        )  # fmt: skip
    for wait in record.waits:
        writer.writerow(
            (
                "wait", "", "", "dns", wait.subject, versions.get(("dns", wait.subject), ""),
                wait.outcome, "", "", wait.failure, wait.viewer,
                _number(wait.median_ms), _number(wait.slowest_ms), len(wait.got), wait.clock,
            )
        )  # fmt: skip
    return text.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
