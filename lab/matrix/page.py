"""A matrix as one HTML page that needs nothing but itself.

What a cell opens is drawn by the page's own script from data that stand in it, packed: thousands of
ladders as drawings would be a page that nobody can open.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from lab.judge.rules import RULES, Rule
from lab.matrix.nat_clauses import Clause
from lab.matrix.nat_table import (
    CLAUSES_STORY,
    CLAUSES_TITLE,
    ClauseCell,
    clause_cells,
    clause_table,
)
from lab.matrix.record import CellRecord, ColumnRecord, FailureRecord, MatrixRecord, WaitRecord
from lab.matrix.views import (
    SEAT_TITLES,
    cell_index,
    column_title,
    columns_of,
    judged_rules,
    rules_of,
    seats_of,
    standings,
    wait_words,
    waits_by,
)
from lab.report.page_template import page_template
from lab.report.record import OutcomeWord
from lab.report.wording import MARKS, OUTCOMES, duration
from lab.viewer.profiles import profile_named

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class _Cell:
    """A cell as the table shows it."""

    number: int
    """Its place in the record."""
    outcome: OutcomeWord
    label: str
    """For who cannot see the mark."""


@dataclass(frozen=True)
class _Row:
    rule: Rule
    cells: tuple[_Cell | None, ...]
    search: str
    """What the search looks in: "fwd-01 … unbound=failed"."""
    outcomes: str


@dataclass(frozen=True)
class _Seat:
    name: str
    title: str
    columns: tuple[ColumnRecord, ...]
    rows: tuple[_Row, ...]


@dataclass(frozen=True)
class _Wait:
    words: str
    outcome: str
    trial: int
    spread: str


@dataclass(frozen=True)
class _WaitRow:
    column: ColumnRecord
    waits: tuple[_Wait | None, ...]


@dataclass(frozen=True)
class _Waits:
    failure: FailureRecord
    rows: tuple[_WaitRow, ...]


def matrix_page(record: MatrixRecord) -> str:
    """The page, drawn from the record alone."""
    template = page_template(
        _HERE,
        duration=duration,
        column_title=column_title,
        clause_search=_clause_search,
        clause_title=_clause_title,
    )
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    viewers = list(dict.fromkeys(each.viewer for each in record.waits))
    clauses = clause_cells(record)
    found = {each.outcome for each in record.cells} | {each.outcome for each in clauses}
    return template.render(
        matrix=record,
        seats=list(_seats(record)),
        standings=[each for each in standings(record) if sum(each.counts.values())],
        judged=judged_rules(record),
        rules=RULES,
        marks=MARKS,
        outcomes=[word for word in OUTCOMES if word in found],
        clauses=clause_table(clauses),
        clauses_title=CLAUSES_TITLE,
        clauses_story=CLAUSES_STORY,
        viewers=viewers,
        unverified={
            name
            for name in viewers
            if (profile := profile_named(name)) is not None and not profile.verified
        },
        waits=list(_waits(record, viewers)),
        clocks=" and ".join(sorted({each.clock for each in record.waits})),
        script=Markup(script),  # noqa: S704 - our own file
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        packed=_packed(record, clauses),
    )


def _seats(record: MatrixRecord) -> Iterator[_Seat]:
    index = cell_index(record)
    numbers = {id(cell): number for number, cell in enumerate(record.cells)}
    for seat in seats_of(record):
        columns = tuple(columns_of(record, seat))
        rows = tuple(
            _row(rule, [index.get((rule, seat, each.subject)) for each in columns], numbers)
            for rule in rules_of(record, seat)
        )
        if rows:
            yield _Seat(seat, SEAT_TITLES[seat], columns, rows)


def _row(rule: str, cells: list[CellRecord | None], numbers: dict[int, int]) -> _Row:
    there = [cell for cell in cells if cell is not None]
    about = RULES[rule]
    words = [
        rule, about.area, about.severity, about.text, about.source,
        *(f"{cell.subject}={cell.outcome}" for cell in there),
    ]  # fmt: skip
    return _Row(
        about,
        tuple(None if each is None else _cell(each, numbers) for each in cells),
        " ".join(words).lower(),
        " ".join(sorted({cell.outcome for cell in there})),
    )


def _cell(cell: CellRecord, numbers: dict[int, int]) -> _Cell:
    return _Cell(
        numbers[id(cell)],
        cell.outcome,
        f"{cell.rule}, {cell.subject}: {cell.outcome}{_unjudged(cell)}",
    )


def _unjudged(cell: CellRecord | ClauseCell) -> str:
    return f", {cell.unjudged} of {len(cell.judged_by)} not judged" if cell.unjudged else ""


def _clause_title(cell: ClauseCell) -> str:
    return f"{cell.clause.source}, {cell.setting}: {cell.outcome}{_unjudged(cell)}"


def _clause_search(clause: Clause, cells: Iterable[ClauseCell | None]) -> str:
    """What the search looks in: "rfc 4787 req-1 … nftables=deviates"."""
    words = [clause.source, clause.level, clause.demand, *clause.rules]
    for each in cells:
        if each is not None:
            words += [f"{each.setting.column.subject}={each.outcome}", each.setting.otherwise]
    return " ".join(words).lower()


def _waits(record: MatrixRecord, viewers: list[str]) -> Iterator[_Waits]:
    found = waits_by(record.waits)
    for failure in record.failures:
        rows = []
        for column in columns_of(record, "dns"):
            waits = [found.get((failure.id, column.subject, viewer)) for viewer in viewers]
            if any(waits):
                rows.append(_WaitRow(column, tuple(map(_wait, waits))))
        if rows:
            yield _Waits(failure, tuple(rows))


def _wait(wait: WaitRecord | None) -> _Wait | None:
    if wait is None:
        return None
    spread = ", ".join(
        f"{each.outcome}{'' if each.waited_ms is None else f' {duration(each.waited_ms)}'}"
        f"{f' ({each.reason})' if each.reason else ''}"
        for each in wait.got
    )
    return _Wait(wait_words(wait), wait.outcome, wait.trial, spread)


# --- what a cell opens --------------------------------------------------------------------------


def _packed(record: MatrixRecord, clauses: Iterable[ClauseCell]) -> str:
    """The trials and what each cell is made of, as gzipped JSON in base64."""
    cells = [
        [cell.rule, cell.seat, cell.subject, cell.outcome, [list(each) for each in cell.judged_by]]
        for cell in record.cells
    ]
    cited = {cell.rule for cell in record.cells}
    content = {
        "rules": {
            rule: [RULES[rule].text, RULES[rule].source, RULES[rule].severity]
            for rule in sorted(cited)
        },
        "cells": cells,
        "clauses": [
            [
                f"{each.clause.source} \u00d7 {each.setting}: {each.outcome}",
                each.clause.demand,
                f"{each.clause.level} · {', '.join(each.clause.rules)}",
                [list(judged) for judged in each.judged_by],
            ]
            for each in clauses
        ],
        "trials": [
            each.model_dump(mode="json", exclude_defaults=True, exclude={"wall_s", "nat"})
            for each in record.trials
        ],
        "titles": {f"{each.seat}={each.subject}": column_title(each) for each in record.columns},
    }
    return _in_base64(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def _in_base64(octets: bytes) -> str:
    # Without a time in it: the same record gives the same page.
    text = base64.b64encode(gzip.compress(octets, compresslevel=9, mtime=0)).decode()
    return "\n".join(_lines(text))


def _lines(text: str, width: int = 120) -> Iterable[str]:
    return (text[start : start + width] for start in range(0, len(text), width))
