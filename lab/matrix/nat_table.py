"""The table of NAT conformance: clauses of the RFCs by who translates, from the records of runs.

    python -m lab.matrix.nat_table reports/runs/…  reports/runs/…  > table.md

Pure functions from records to rows; Markdown and HTML are drawn from rows alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from lab.judge.verdict import Outcome, worst
from lab.matrix.nat_clauses import CLAUSES, Clause
from lab.report.record import ExpectationRecord, OutcomeWord, RunRecord, ScenarioRecord
from lab.report.render import RecordUnreadable, read_record
from lab.report.wording import MARKS
from lab.scenario.model import Scenario, SetNatOtherwise

_ORDER: tuple[OutcomeWord, ...] = ("failed", "broken", "deviates", "passed", "observed")
_STATIC, _SHARED = "static table", "shared address"


@dataclass(frozen=True, slots=True)
class Setting:
    """Who translates, and how he is set: a column."""

    subject: str
    kind: str
    """"static table" (Basic NAT) or "shared address" (NAPT)."""
    otherwise: str = ""
    """What is set otherwise than the topology says; empty: nothing."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An expectation about a translator."""

    setting: Setting
    scenario: str
    rules: tuple[str, ...]
    outcome: OutcomeWord
    meant: bool
    """Whether its scenario breaks one of its rules on purpose."""
    text: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of a clause for a setting."""

    outcome: OutcomeWord
    judged: tuple[Judged, ...]

    @property
    def is_meant(self) -> bool:
        """Whether what failed was broken on purpose."""
        failed = [each for each in self.judged if each.outcome == "failed"]
        return bool(failed) and all(each.meant for each in failed)

    @property
    def told(self) -> str:
        """What its mark stands for: the evidence of those that came out so."""
        return "; ".join(
            dict.fromkeys(each.evidence for each in self.judged if each.outcome == self.outcome)
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A clause, with what came of it for each setting that it was asked of."""

    clause: Clause
    cells: dict[Setting, Cell]


def judged_in(runs: Iterable[RunRecord]) -> Iterator[Judged]:
    """Every expectation of the runs that cites a rule of a clause, where a translator took part.
    What could not be judged is left out: a world without long waits says nothing."""
    rules = {rule for clause in CLAUSES for rule in clause.rules}
    for run in runs:
        sitting = run.subjects.get("nat")
        for told in run.scenarios:
            setting = _setting("ours" if sitting is None else sitting.title, told)
            if setting is None or "nat" in told.absent:
                continue
            for each in told.expectations:
                if rules.intersection(each.rules) and each.outcome in _ORDER:
                    yield _judged(setting, told, each)


def rows_of(judged: Iterable[Judged], clauses: Sequence[Clause] = CLAUSES) -> tuple[Row, ...]:
    """A row for each clause that anything speaks for: of each setting the worst, but for what was
    broken on purpose, which has columns of its own."""
    known = tuple(judged)
    rows = []
    for clause in clauses:
        cells: dict[Setting, list[Judged]] = {}
        for each in known:
            if clause.is_judged_by(each.scenario, each.rules):
                cells.setdefault(each.setting, []).append(each)
        if cells:
            rows.append(Row(clause, {key: _cell(value) for key, value in cells.items()}))
    return tuple(rows)


def settings_of(rows: Iterable[Row], *, as_planned: bool) -> tuple[Setting, ...]:
    """The columns: as the topologies say, or set otherwise; ours first."""
    found = {setting for row in rows for setting in row.cells}
    return tuple(
        sorted(
            (each for each in found if (not each.otherwise) is as_planned),
            key=lambda each: (
                each.subject != "ours",
                each.subject,
                each.kind != _STATIC,
                each.otherwise,
            ),
        )
    )


# --- drawing ----------------------------------------------------------------------------------


def markdown(rows: Sequence[Row]) -> str:
    """Both tables: clause by who translates, and what each other setting did."""
    columns = settings_of(rows, as_planned=True)
    lines = [
        "| clause | demands | " + " | ".join(_title(each) for each in columns) + " |",
        "|---|---|" + ":-:|" * len(columns),
    ]
    for row in rows:
        marks = [_mark(row.cells.get(each)) for each in columns]
        if any(marks):
            lines.append(
                f"| {row.clause.source} {row.clause.level} | {row.clause.demand} | "
                + " | ".join(marks)
                + " |"
            )
    lines += ["", "| set otherwise | clause | | what was seen |", "|---|---|:-:|---|"]
    for setting, row, cell in _otherwise(rows):
        seen = cell.told.replace("|", "\\|")
        mark = f"{_mark(cell)} as meant" if cell.is_meant else _mark(cell)
        who = f"{setting.subject}: {setting.otherwise}"
        lines.append(f"| {who} | {row.clause.source} | {mark} | {seen} |")
    return "\n".join(lines) + "\n"


def html_fragment(rows: Sequence[Row]) -> str:
    """The first table for a page; each mark has its evidence as a tooltip."""
    columns = settings_of(rows, as_planned=True)
    heads = "".join(f'<th scope="col">{escape(_title(each))}</th>' for each in columns)
    parts = [
        '<table class="nat-clauses"><thead><tr><th scope="col">clause</th>',
        f'<th scope="col">demands</th>{heads}</tr></thead><tbody>',
    ]
    for row in rows:
        if not any(each in row.cells for each in columns):
            continue
        parts.append(
            f'<tr><th scope="row">{escape(row.clause.source)} {escape(row.clause.level)}</th>'
            f"<td>{escape(row.clause.demand)}</td>"
        )
        for each in columns:
            cell = row.cells.get(each)
            if cell is None:
                parts.append("<td></td>")
            else:
                parts.append(
                    f'<td class="{cell.outcome}" title="{escape(cell.told, quote=True)}">'
                    f"{MARKS[cell.outcome]} {cell.outcome}</td>"
                )
        parts.append("</tr>")
    return "".join([*parts, "</tbody></table>"])


def _otherwise(rows: Sequence[Row]) -> Iterator[tuple[Setting, Row, Cell]]:
    for setting in settings_of(rows, as_planned=False):
        for row in rows:
            cell = row.cells.get(setting)
            if cell is not None and row.clause.source != "RFC 3022 4.2":
                yield setting, row, cell


def _title(setting: Setting) -> str:
    return f"{setting.subject}, {setting.kind}"


def _mark(cell: Cell | None) -> str:
    return "" if cell is None else MARKS[cell.outcome]


# --- from records -----------------------------------------------------------------------------


def _setting(subject: str, told: ScenarioRecord) -> Setting | None:
    """None where the scenario has no translator."""
    if not any("nat" in (*node.configs, *node.daemons) for node in told.nodes):
        return None
    scenario = Scenario.model_validate(told.scenario)
    faults = [fault for fault in scenario.faults if isinstance(fault, SetNatOtherwise)]
    if len(faults) != len(scenario.faults):
        return None  # another mistake than the translator's
    words = [
        f"{name} {value}"
        for fault in faults
        for name, value in fault.model_dump(exclude={"fault"}, exclude_none=True).items()
    ]
    kind = _SHARED if told.topology == "napt" else _STATIC
    return Setting(subject, kind, ", ".join(words))


def _judged(setting: Setting, told: ScenarioRecord, each: ExpectationRecord) -> Judged:
    return Judged(
        setting,
        told.id,
        each.rules,
        each.outcome,
        not set(told.violates).isdisjoint(each.rules),
        each.text,
        each.value or "; ".join(evidence.text for evidence in each.evidence),
    )


def _cell(judged: Sequence[Judged]) -> Cell:
    outcome = worst(Outcome(each.outcome) for each in judged).value
    word = next(each for each in _ORDER if each == outcome)
    return Cell(word, tuple(judged))


def main(words: Sequence[str]) -> int:
    """Print the tables of some runs."""
    try:
        runs = [read_record(Path(word)) for word in words]
    except RecordUnreadable as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's words
        return 2
    if not runs:
        print("name the folders of runs, such as reports/runs/…", file=sys.stderr)  # noqa: T201
        return 2
    sys.stdout.write(markdown(rows_of(judged_in(runs))))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
