"""A sweep as a table: parts by kinds of faults, the worst of each and the longest wait."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from lab.sweep.record import CombinationRecord, FailureRecord, SweepRecord

Word = Literal["served", "error", "failed", "unsupported", "broken"]

WORST_FIRST: Final[tuple[Word, ...]] = ("broken", "failed", "unsupported", "error", "served")


@dataclass(frozen=True, slots=True)
class Cell:
    """What came of the combinations that have one failure, over all viewers and, with two at once,
    all other failures."""

    word: Word
    """The worst: "served" where every visit connected, "error" where somebody was told an error."""
    longest_wait_ms: float | None
    """While something was broken."""
    recovered_ms: float | None
    """The longest from the last repair to the first connection."""
    combinations: int


def word_of(record: CombinationRecord) -> Word:
    """What came of one combination, in one word."""
    if record.outcome != "passed":
        return record.outcome
    broken = [visit for visit in record.visits if visit.when == "broken"]
    return "error" if any(visit.outcome != "connected" for visit in broken) else "served"


def cell_of(records: Iterable[CombinationRecord]) -> Cell:
    """What came of several combinations together; there is at least one."""
    several = list(records)
    words = {word_of(record) for record in several}
    waits = [r.longest_wait_ms for r in several if r.longest_wait_ms is not None]
    returns = [r.recovered_ms for r in several if r.recovered_ms is not None]
    return Cell(
        next(word for word in WORST_FIRST if word in words),
        max(waits, default=None),
        max(returns, default=None),
        len(several),
    )


def matrix_of(record: SweepRecord) -> Mapping[tuple[str, str], Cell]:
    """The cells by part and kind; no cell where a part cannot have a fault."""
    having: defaultdict[tuple[str, str], list[CombinationRecord]] = defaultdict(list)
    for combination in record.combinations:
        for failure in combination.failures:
            having[_key(failure)].append(combination)
    return {key: cell_of(records) for key, records in having.items()}


def _key(failure: FailureRecord) -> tuple[str, str]:
    return failure.part, failure.kind


def waited(milliseconds: float | None) -> str:
    """A wait for people: "0.4 s", "127 s"; empty for none."""
    if milliseconds is None:
        return ""
    seconds = milliseconds / 1000
    if seconds < 0.01:
        return f"{milliseconds:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
