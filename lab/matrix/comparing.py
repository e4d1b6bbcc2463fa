"""Two matrices side by side: what became worse, better or merely different, subject by subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lab.matrix.nat_table import ClauseCell, clause_index
from lab.matrix.record import CellRecord, MatrixRecord, WaitRecord
from lab.matrix.views import cell_index, columns_of, wait_words, waits_by
from lab.matrix.waiting import LEAST_MS
from lab.regression.compare import Direction
from lab.report.record import OutcomeWord

ChangeKind: TypeAlias = Literal[
    "rule newly broken",
    "rule holds again",
    "newly deviates",
    "deviates no longer",
    "lab newly broken",
    "no longer judged",
    "judged now",
    "different verdict",
    "slower",
    "faster",
    "other outcome",
    "wait gone",
    "new wait",
]

Verdict: TypeAlias = CellRecord | ClauseCell

_LEAST_SHARE: Final = 0.1
"""A wait that moved by less than this share of itself is the same too."""


@dataclass(frozen=True, slots=True)
class MatrixChange:
    """One thing that is not as it was."""

    kind: ChangeKind
    direction: Direction
    seat: str
    subject: str
    what: str
    """The rule; of a clause its source and setting, "RFC 4787 REQ-5, shared address"; of a wait its
    failure and viewer, "waiting/recovery@glibc"."""
    before: str
    after: str
    why: str = ""
    """What the packets show now, where a rule is newly broken."""


@dataclass(frozen=True, slots=True)
class MatrixComparison:
    """What a comparison found."""

    base: MatrixRecord
    new: MatrixRecord
    changes: tuple[MatrixChange, ...]
    """By seat and subject; within these worse before changed before better."""
    cells: int
    """Cells on both sides."""
    clauses: int
    """Clauses of NAT translators, each in each of their settings, on both sides."""
    waits: int

    def of(self, direction: Direction) -> tuple[MatrixChange, ...]:
        """The changes of one direction."""
        return tuple(each for each in self.changes if each.direction == direction)


def compare_matrices(
    base: MatrixRecord, new: MatrixRecord, *, partial: bool = False
) -> MatrixComparison:
    """Compare two matrices. `partial`: what the new one lacks is not missed; nor is what it was
    told to leave out."""
    cells = list(_cells(base, new, partial=partial))
    changes = [
        *cells,
        *_clauses(base, new, cells, partial=partial),
        *_waits(base, new, partial=partial),
    ]
    order: list[Direction] = ["worse", "changed", "better"]
    columns = {
        (each.seat, each.subject): place for place, each in enumerate((*new.columns, *base.columns))
    }
    changes.sort(
        key=lambda each: (
            columns.get((each.seat, each.subject), len(columns)),
            order.index(each.direction),
            each.what,
        )
    )
    return MatrixComparison(
        base,
        new,
        tuple(changes),
        len(cell_index(base).keys() & cell_index(new).keys()),
        len(clause_index(base).keys() & clause_index(new).keys()),
        len(waits_by(base.waits).keys() & waits_by(new.waits).keys()),
    )


# --- cells --------------------------------------------------------------------------------------


def _cells(base: MatrixRecord, new: MatrixRecord, *, partial: bool) -> Iterator[MatrixChange]:
    before, after = cell_index(base), cell_index(new)
    columns = {(each.seat, each.subject) for each in new.columns}
    for key in dict.fromkeys((*after, *before)):
        rule, seat, subject = key
        asked = rule in new.rules and (seat, subject) in columns and not new.quick
        turned = _verdict_turn(before.get(key), after.get(key), missed=asked and not partial)
        if turned is not None:
            yield _change(turned, seat, subject, rule, before.get(key), after.get(key), new)


def _clauses(
    base: MatrixRecord, new: MatrixRecord, cells: Iterable[MatrixChange], *, partial: bool
) -> Iterator[MatrixChange]:
    """What the cells do not tell already: a cell is the worst of several clauses and settings, so
    one of these may change and the cell may not."""
    before, after = clause_index(base), clause_index(new)
    if not (before and after):
        return
    told = {(each.subject, each.what) for each in cells if each.seat == "nat"}
    subjects = {each.subject for each in columns_of(new, "nat")}
    for key in dict.fromkeys((*after, *before)):
        subject, what = key
        was, is_now = before.get(key), after.get(key)
        rules = next(each.clause.rules for each in (was, is_now) if each is not None)
        asked_of_both = set(rules) <= {*base.rules} & {*new.rules}
        if not asked_of_both or any((subject, rule) in told for rule in rules):
            continue
        asked = subject in subjects and not new.quick
        turned = _verdict_turn(was, is_now, missed=asked and not partial)
        if turned is not None:
            yield _change(turned, "nat", subject, what, was, is_now, new)


def _change(
    turned: tuple[ChangeKind, Direction],
    seat: str,
    subject: str,
    what: str,
    was: Verdict | None,
    is_now: Verdict | None,
    new: MatrixRecord,
) -> MatrixChange:
    return MatrixChange(
        *turned, seat, subject, what,
        "" if was is None else was.outcome,
        "" if is_now is None else is_now.outcome,
        "" if is_now is None else _why(is_now, new),
    )  # fmt: skip


def _verdict_turn(
    was: Verdict | None, is_now: Verdict | None, *, missed: bool
) -> tuple[ChangeKind, Direction] | None:
    """How a verdict changed; `missed`: whether it should be there."""
    if is_now is None:
        return ("no longer judged", "worse") if missed else None
    if was is None:
        return "judged now", "worse" if is_now.outcome in {"failed", "broken"} else "changed"
    return None if was.outcome == is_now.outcome else _turn(was.outcome, is_now.outcome)


def _turn(before: OutcomeWord, after: OutcomeWord) -> tuple[ChangeKind, Direction]:  # noqa: PLR0911 - a table, read top to bottom
    if after == "broken":
        return "lab newly broken", "worse"
    if after == "failed":
        return "rule newly broken", "worse"
    if after == "unsupported":
        return "no longer judged", "worse"
    if before in {"unsupported", "broken"}:
        return "judged now", "better"
    if before == "failed":
        # What it does is the same; somebody found that it is documented.
        return (
            ("rule holds again", "better") if after == "passed" else ("newly deviates", "changed")
        )
    if after == "deviates":
        return "newly deviates", "worse"
    if before == "deviates":
        return "deviates no longer", "better"
    return "different verdict", "changed"


def _why(cell: Verdict, record: MatrixRecord) -> str:
    """What the packets of the first expectation show that came out as the cell did."""
    for trial, place in cell.judged_by:
        each = record.trials[trial].expectations[place]
        if each.outcome == cell.outcome and each.outcome in {"failed", "deviates"}:
            proof = each.evidence[0].text if each.evidence else ""
            return f"{record.trials[trial].scenario}: {each.text}: {proof}".removesuffix(": ")
    return ""


# --- waits --------------------------------------------------------------------------------------


def _waits(base: MatrixRecord, new: MatrixRecord, *, partial: bool) -> Iterator[MatrixChange]:
    before, after = waits_by(base.waits), waits_by(new.waits)
    there = {(each.seat, each.subject) for each in new.columns}
    for key in dict.fromkeys((*after, *before)):
        failure, subject, viewer = key
        was, is_now = before.get(key), after.get(key)
        what = f"{failure}@{viewer}"
        told = (wait_words(was), wait_words(is_now))
        if is_now is None:
            if new.waits and ("dns", subject) in there and not partial:
                yield MatrixChange("wait gone", "worse", "dns", subject, what, *told)
        elif was is None:
            if base.waits:
                yield MatrixChange("new wait", "changed", "dns", subject, what, *told)
        elif (turned := _wait_turn(was, is_now)) is not None:
            yield MatrixChange(*turned, "dns", subject, what, *told)


def _wait_turn(was: WaitRecord, is_now: WaitRecord) -> tuple[ChangeKind, Direction] | None:
    """How a wait changed; None where chance explains the difference: the repetitions of one side
    lie among those of the other."""
    outcomes = ({each.outcome for each in was.got}, {each.outcome for each in is_now.got})
    if outcomes[0].isdisjoint(outcomes[1]):
        ranks = {"connected": 0, "error": 1, "unfinished": 2, "unsupported": 3, "broken": 3}
        step = ranks[is_now.outcome] - ranks[was.outcome]
        return "other outcome", "worse" if step > 0 else "better" if step < 0 else "changed"
    if was.outcome != is_now.outcome or was.median_ms is None or is_now.median_ms is None:
        return None
    moved = is_now.median_ms - was.median_ms
    least = max(LEAST_MS[was.clock], LEAST_MS[is_now.clock], _LEAST_SHARE * was.median_ms)
    if abs(moved) < least or not _apart(_waited(was), _waited(is_now)):
        return None
    return ("slower", "worse") if moved > 0 else ("faster", "better")


def _waited(wait: WaitRecord) -> list[float]:
    return [
        each.waited_ms
        for each in wait.got
        if each.outcome == wait.outcome and each.waited_ms is not None
    ]


def _apart(one: list[float], other: list[float]) -> bool:
    return max(one) < min(other) or max(other) < min(one)
