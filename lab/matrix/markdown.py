"""A matrix as Markdown: what a README shows."""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge.rules import RULES
from lab.matrix.nat_table import (
    CLAUSES_STORY,
    CLAUSES_TITLE,
    clause_cells,
    clause_table,
)
from lab.matrix.record import MatrixRecord
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
from lab.report.wording import MARKS

_LEGEND = (
    f"{MARKS['passed']} holds the rule, {MARKS['failed']} breaks it, {MARKS['deviates']} does "
    f"otherwise and says so in its documentation, {MARKS['observed']} nothing is demanded and what "
    f"was seen is reported, {MARKS['unsupported']} cannot be judged, {MARKS['broken']} the lab "
    "broke; empty: no scenario asks it."
)


def matrix_markdown(record: MatrixRecord) -> str:
    """Who holds how many, the matrix seat by seat, the NAT translators clause by clause, and the
    waiting table."""
    return "\n".join(_lines(record)).rstrip() + "\n"


def _lines(record: MatrixRecord) -> Iterator[str]:
    yield "# Who holds which rule"
    yield ""
    yield (
        f"{len(judged_rules(record))} rules judged, "
        f"{sum(cell.outcome != 'unsupported' for cell in record.cells)} cells; "
        f"forwardlab {record.forwardlab}, {record.started}. {_LEGEND}"
    )
    yield ""
    yield from summary_lines(record)
    for seat in seats_of(record):
        yield from _seat(record, seat)
    yield from _clauses(record)
    yield from _waits(record)


def summary_lines(record: MatrixRecord) -> Iterator[str]:
    """Who holds how many, a row for each subject in a seat."""
    yield "| seat | subject | MUST held | SHOULD held | documented otherwise | breaks |"
    yield "|---|---|--:|--:|--:|---|"
    for each in standings(record):
        if not sum(each.counts.values()):
            continue
        breaks = ", ".join(each.failed) or "none"
        yield (
            f"| {each.column.seat} | {column_title(each.column)} | "
            f"{each.held.get('MUST', 0)} of {each.judged.get('MUST', 0)} | "
            f"{each.held.get('SHOULD', 0)} of {each.judged.get('SHOULD', 0)} | "
            f"{each.counts.get('deviates', 0)} | {breaks} |"
        )
    yield ""


def _seat(record: MatrixRecord, seat: str) -> Iterator[str]:
    columns, rules, cells = columns_of(record, seat), rules_of(record, seat), cell_index(record)
    if not rules:
        return
    yield f"## {SEAT_TITLES[seat]}"
    yield ""
    yield "| rule | | " + " | ".join(column.title for column in columns) + " |"
    yield "|---|---|" + ":-:|" * len(columns)
    for rule in rules:
        marks = [
            MARKS[cell.outcome] if (cell := cells.get((rule, seat, column.subject))) else ""
            for column in columns
        ]
        yield f"| {rule} | {RULES[rule].severity} | {' | '.join(marks)} |"
    yield ""


def _clauses(record: MatrixRecord) -> Iterator[str]:
    table = clause_table(clause_cells(record))
    if table.rows or table.others:
        yield f"## {CLAUSES_TITLE}"
        yield ""
        yield CLAUSES_STORY
        yield ""
    if table.rows:
        yield "| clause | | demands | " + " | ".join(map(str, table.settings)) + " |"
        yield "|---|---|---|" + ":-:|" * len(table.settings)
        for clause, cells in table.rows:
            marks = ["" if cell is None else MARKS[cell.outcome] for cell in cells]
            yield (f"| {clause.source} | {clause.level} | {clause.demand} | {' | '.join(marks)} |")
        yield ""
    if table.others:
        yield "| set otherwise | clause | | what was seen |"
        yield "|---|---|:-:|---|"
        for cell in table.others:
            seen = " ".join(cell.seen.split()).replace("|", "\\|")
            yield f"| {cell.setting} | {cell.clause.source} | {MARKS[cell.outcome]} | {seen} |"
        yield ""


def _waits(record: MatrixRecord) -> Iterator[str]:
    if not record.waits:
        return
    found = waits_by(record.waits)
    viewers = list(dict.fromkeys(each.viewer for each in record.waits))
    clocks = " and ".join(sorted({each.clock for each in record.waits}))
    yield "## How long viewers wait"
    yield ""
    yield (
        "Until the connection, or until the error that the viewer was told; after a recovery, from "
        f"the repair. Medians, {clocks} clock."
    )
    yield ""
    for failure in record.failures:
        yield f"### {failure.title}"
        yield ""
        yield "| DNS server | " + " | ".join(viewers) + " |"
        yield "|---|" + "--:|" * len(viewers)
        for column in columns_of(record, "dns"):
            words = [
                wait_words(found.get((failure.id, column.subject, viewer))) for viewer in viewers
            ]
            if any(words):
                yield f"| {column.title} | {' | '.join(words)} |"
        yield ""
