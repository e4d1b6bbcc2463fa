"""What every drawing of a matrix asks of its record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lab.judge.rules import RULES, Severity
from lab.matrix.record import CellRecord, ColumnRecord, MatrixRecord, WaitRecord
from lab.report.record import OutcomeWord
from lab.report.wording import duration

SEAT_TITLES: Final[Mapping[str, str]] = {
    "dns": "Local DNS server",
    "translator": "DNS translator",
    "balancer": "Load balancer",
    "nat": "NAT translator",
    "lab": "The lab itself",
}

_HELD: Final = frozenset({"passed"})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subject stands in a seat: by severity, how many of the rules that judge it it holds."""

    column: ColumnRecord
    held: Mapping[Severity, int]
    judged: Mapping[Severity, int]
    counts: Mapping[OutcomeWord, int]
    failed: tuple[str, ...]
    """Rules that it breaks and that no documentation excuses, MUST before SHOULD."""


def cell_index(record: MatrixRecord) -> dict[tuple[str, str, str], CellRecord]:
    """The cells by rule, seat and subject."""
    return {(cell.rule, cell.seat, cell.subject): cell for cell in record.cells}


def columns_of(record: MatrixRecord, seat: str) -> list[ColumnRecord]:
    """The subjects in a seat, in their order."""
    return [column for column in record.columns if column.seat == seat]


def seats_of(record: MatrixRecord) -> list[str]:
    """The seats of a matrix, in their order."""
    return list(dict.fromkeys(column.seat for column in record.columns))


def rules_of(record: MatrixRecord, seat: str) -> list[str]:
    """The rules that judge anybody in a seat, in the record's order."""
    judged = {cell.rule for cell in record.cells if cell.seat == seat}
    return [rule for rule in record.rules if rule in judged]


def standings(record: MatrixRecord) -> list[Standing]:
    """Who holds how much."""
    return [_standing(column, record) for column in record.columns]


def _standing(column: ColumnRecord, record: MatrixRecord) -> Standing:
    cells = [
        cell for cell in record.cells if (cell.seat, cell.subject) == (column.seat, column.subject)
    ]
    judged = [cell for cell in cells if cell.outcome not in {"unsupported", "broken"}]
    severities: Counter[Severity] = Counter(RULES[cell.rule].severity for cell in judged)
    held: Counter[Severity] = Counter(
        RULES[cell.rule].severity for cell in judged if cell.outcome in _HELD
    )
    failed = sorted(
        (cell.rule for cell in cells if cell.outcome == "failed"),
        key=lambda rule: RULES[rule].severity != "MUST",
    )
    counts: Counter[OutcomeWord] = Counter(cell.outcome for cell in cells)
    return Standing(column, held, severities, counts, tuple(failed))


def judged_rules(record: MatrixRecord) -> frozenset[str]:
    """The rules that are judged for somebody; UNSUPPORTED and BROKEN do not count."""
    return frozenset(
        cell.rule for cell in record.cells if cell.outcome not in {"unsupported", "broken"}
    )


def waits_by(
    waits: Sequence[WaitRecord],
) -> dict[tuple[str, str, str], WaitRecord]:
    """The waits by failure, subject and viewer."""
    return {(each.failure, each.subject, each.viewer): each for each in waits}


def wait_words(wait: WaitRecord | None) -> str:
    """A wait in a table: "1.00 s", "error 10.0 s"."""
    if wait is None:
        return ""
    took = "" if wait.median_ms is None else duration(wait.median_ms)
    return took if wait.outcome == "connected" else f"{wait.outcome} {took}".rstrip()


def column_title(column: ColumnRecord) -> str:
    """Its name and version: "Unbound 1.17.1"."""
    return f"{column.title} {column.version or 'not installed'}"
