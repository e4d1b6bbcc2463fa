"""The translators of a matrix by the clauses of the NAT RFCs: what its record says of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lab.judge.verdict import Outcome
from lab.matrix.nat_clauses import CLAUSES, Clause
from lab.matrix.record import ColumnRecord, JudgedBy, MatrixRecord
from lab.matrix.verdicts import by_rule, together
from lab.matrix.views import columns_of
from lab.report.record import OutcomeWord

CLAUSES_TITLE: Final = "NAT translators, clause by clause"
CLAUSES_STORY: Final = (
    "Static table: an alias for each server (RFC 3022 2.1). Shared address: machines without an "
    "alias share outside addresses, too (RFC 3022 2.2). What a scenario sets otherwise than its "
    "topology stands by itself."
)


@dataclass(frozen=True, slots=True)
class Setting:
    """Who translates, and how he is set."""

    column: ColumnRecord
    way: str
    """"static table" or "shared address"."""
    otherwise: str = ""
    """What is set otherwise than the topology says; empty: nothing."""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.column.title, self.way, self.otherwise)))


@dataclass(frozen=True, slots=True)
class ClauseCell:
    """What came of a clause for a setting."""

    number: int
    """Its place among those of the record."""
    clause: Clause
    setting: Setting
    outcome: OutcomeWord
    """As a cell's: the worst; what could not be judged counts only where nothing else was."""
    judged_by: tuple[JudgedBy, ...]
    unjudged: int
    seen: str
    """The evidence of those that came out so."""


@dataclass(frozen=True, slots=True)
class ClauseTable:
    """The cells as people read them."""

    settings: tuple[Setting, ...]
    """The columns: translators that are set as their topologies say."""
    rows: tuple[tuple[Clause, tuple[ClauseCell | None, ...]], ...]
    others: tuple[ClauseCell, ...]
    """Those of translators that are set otherwise, setting by setting."""


def clause_cells(
    record: MatrixRecord, clauses: Sequence[Clause] = CLAUSES
) -> tuple[ClauseCell, ...]:
    """Clause by clause, what came of it for each translator and way to set it. They are made of
    what the cells of the NAT translator's seat are made of."""
    columns = {each.subject: each for each in columns_of(record, "nat")}
    found: dict[tuple[Clause, Setting], dict[JudgedBy, Outcome]] = {}
    for cell in record.cells:
        if cell.seat != "nat":
            continue
        for judged in cell.judged_by:
            trial = record.trials[judged.trial]
            if trial.nat is None:
                continue
            setting = Setting(columns[cell.subject], trial.nat.way, trial.nat.otherwise)
            outcome = by_rule(cell.rule, trial.expectations[judged.expectation])
            for clause in clauses:
                if clause.is_judged_by(trial.scenario, cell.rule):
                    found.setdefault((clause, setting), {})[judged] = outcome
    order = {clause: place for place, clause in enumerate(clauses)}
    keys = sorted(found, key=lambda each: (order[each[0]], _place(each[1])))
    return tuple(_cell(number, key, found[key], record) for number, key in enumerate(keys))


def clause_index(record: MatrixRecord) -> dict[tuple[str, str], ClauseCell]:
    """The same by subject and by clause and setting: "RFC 4787 REQ-5, shared address"."""
    found = {}
    for each in clause_cells(record):
        words = (each.clause.source, each.setting.way, each.setting.otherwise)
        found[each.setting.column.subject, ", ".join(filter(None, words))] = each
    return found


def clause_table(cells: Sequence[ClauseCell]) -> ClauseTable:
    """What belongs into a row and a column, and what stands beside the table."""
    planned = {(each.clause, each.setting): each for each in cells if not each.setting.otherwise}
    settings = tuple(sorted({setting for _, setting in planned}, key=_place))
    return ClauseTable(
        settings,
        tuple(
            (clause, tuple(planned.get((clause, setting)) for setting in settings))
            for clause in dict.fromkeys(clause for clause, _ in planned)
        ),
        tuple(
            sorted(
                (each for each in cells if each.setting.otherwise),
                key=lambda each: _place(each.setting),
            )
        ),
    )


def _place(setting: Setting) -> tuple[bool, str, bool, str]:
    """Where it stands: ours first, and the static table before the shared address."""
    subject = setting.column.subject
    return subject != "ours", subject, setting.way != "static table", setting.otherwise


def _cell(
    number: int,
    key: tuple[Clause, Setting],
    judged: Mapping[JudgedBy, Outcome],
    record: MatrixRecord,
) -> ClauseCell:
    outcome, unjudged = together(list(judged.values()))
    seen: dict[str, None] = {}
    for (trial, place), each in judged.items():
        if each.value == outcome:
            expectation = record.trials[trial].expectations[place]
            proof = "; ".join(evidence.text for evidence in expectation.evidence)
            seen[expectation.value or proof or record.trials[trial].reason] = None
    return ClauseCell(number, *key, outcome, tuple(judged), unjudged, "; ".join(seen))
