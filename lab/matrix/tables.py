"""A matrix as CSV: a line for each cell, each clause of a NAT translator, and each wait."""

from __future__ import annotations

import csv
import io

from lab.judge.rules import RULES
from lab.matrix.nat_table import clause_cells
from lab.matrix.record import MatrixRecord

_COLUMNS = (
    "table", "rule", "severity", "seat", "subject", "version", "outcome", "expectations",
    "not_judged", "failure", "viewer", "median_ms", "slowest_ms", "repetitions", "clock",
    "clause", "way", "set_otherwise",
)  # fmt: skip


def matrix_csv(record: MatrixRecord) -> str:
    """All tables in one file; `table` tells which a line is of, and what does not apply is
    empty. Explained column by column in docs/matrix.md."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    versions = {(column.seat, column.subject): column.version or "" for column in record.columns}
    for cell in record.cells:
        writer.writerow(
            {
                "table": "cell",
                "rule": cell.rule,
                "severity": RULES[cell.rule].severity if cell.rule in RULES else "",
                "seat": cell.seat,
                "subject": cell.subject,
                "version": versions.get((cell.seat, cell.subject), ""),
                "outcome": cell.outcome,
                "expectations": len(cell.judged_by),
                "not_judged": cell.unjudged,
            }
        )
    for each in clause_cells(record):
        column = each.setting.column
        writer.writerow(
            {
                "table": "clause",
                "rule": " ".join(each.clause.rules),
                "severity": each.clause.level,
                "seat": column.seat,
                "subject": column.subject,
                "version": column.version or "",
                "outcome": each.outcome,
                "expectations": len(each.judged_by),
                "not_judged": each.unjudged,
                "clause": each.clause.source,
                "way": each.setting.way,
                "set_otherwise": each.setting.otherwise,
            }
        )
    for wait in record.waits:
        writer.writerow(
            {
                "table": "wait",
                "seat": "dns",
                "subject": wait.subject,
                "version": versions.get(("dns", wait.subject), ""),
                "outcome": wait.outcome,
                "failure": wait.failure,
                "viewer": wait.viewer,
                "median_ms": _number(wait.median_ms),
                "slowest_ms": _number(wait.slowest_ms),
                "repetitions": len(wait.got),
                "clock": wait.clock,
            }
        )
    return text.getvalue()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
