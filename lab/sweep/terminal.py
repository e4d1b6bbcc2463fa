"""A sweep on the terminal: progress, then the matrix, what failed and where to read on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.text import Text

from lab.report.progress import ProgressLine
from lab.report.wording import printable
from lab.sweep.matrix import Cell, Word, matrix_of, waited, word_of
from lab.sweep.parts import KINDS
from lab.sweep.record import CombinationRecord, SweepRecord

_STYLES: Final[dict[Word, str]] = {
    "served": "green",
    "error": "yellow",
    "failed": "bold red",
    "unsupported": "dim",
    "broken": "bold magenta",
}
_MARKS: Final[dict[Word, str]] = {
    "served": "+",
    "error": "!",
    "failed": "X",
    "unsupported": "?",
    "broken": "#",
}
_LEGEND: Final = (
    "+ every visit connected, ! somebody was told an error in time, X an invariant did not hold; "
    "beside it the longest wait of any viewer while it was broken"
)
_TOLD: Final = 12
"""So many counterexamples are told in full; the record has all."""


class SweepDisplay:
    """What a user sees of a sweep. Without a terminal there is no progress line."""

    def __init__(self, total: int, *, quiet: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, quiet=quiet)
        self._progress = ProgressLine(total, self._console)

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.__exit__(kind, error, traceback)

    def judged(self, record: CombinationRecord) -> None:
        """A combination has been judged."""
        self._progress.advance()
        self._progress.tell(record.id)
        self._progress.refresh()

    def say(self, text: str) -> None:
        """Tell the user something in one line."""
        self._console.print(Text(printable(text)))

    def conclude(self, record: SweepRecord, folder: Path) -> None:
        """The sweep is over."""
        out = self._console
        for line in _tables(record):
            out.print(line, soft_wrap=True)
        out.print(Text(_LEGEND), soft_wrap=True)
        for remark in _remarks(record):
            out.print(Text(remark), soft_wrap=True)
        for each in record.counterexamples[:_TOLD]:
            out.print()
            out.print(Text(f"FAILED {printable(each.reduced)}", style="bold red"))
            others = [found for found in each.stands_for if found != each.reduced]
            if others:
                more = f" and {len(others) - 1} more" if len(others) > 1 else ""
                out.print(Text(f"  what is left of {printable(others[0])}{more}"), soft_wrap=True)
            for violation in each.violations:
                text = f"  {violation.text}: {printable(violation.evidence)}"
                out.print(Text(text), soft_wrap=True)
            out.print(Text(f"  {each.command}"), soft_wrap=True)
        if len(record.counterexamples) > _TOLD:
            out.print(Text(f"and {len(record.counterexamples) - _TOLD} more; the record has all"))
        for broken in [each for each in record.combinations if each.outcome == "broken"][:_TOLD]:
            out.print()
            out.print(Text(f"BROKEN {printable(broken.id)}", style="bold magenta"))
            out.print(Text(f"  {printable(broken.reason)}"))
        if record.confirmations:
            out.print()
            differing = [each for each in record.confirmations if not each.agrees]
            ran = len(record.confirmations)
            out.print(Text(f"Mininet agrees in {ran - len(differing)} of {ran} combinations"))
            for one in differing:
                out.print(Text(f"  {printable(one.id)}: {printable(one.difference)}"))
        out.print()
        out.print(_totals(record), soft_wrap=True)
        out.print(Text(f"record: {folder / 'sweep.json'}"), soft_wrap=True)
        out.print(Text(f"page: {folder / 'sweep.html'}"), soft_wrap=True)


def _tables(record: SweepRecord) -> Iterator[Text]:
    """A table for each sort of fault: those of nodes, of programs, of DNS servers. Lines of their
    own and no table of rich's, which would cut what does not fit a narrow terminal."""
    cells = matrix_of(record)
    for sort in ("node", "program", "dns"):
        kinds = [name for name in record.kinds if KINDS[name].of == sort]
        parts = [part for part in record.parts if any((part, kind) in cells for kind in kinds)]
        kinds = [kind for kind in kinds if any((part, kind) in cells for part in parts)]
        if not parts or not kinds:
            continue
        first = max(map(len, parts))
        widths = [
            max(len(kind), *(len(_shown(cells.get((part, kind)))) for part in parts))
            for kind in kinds
        ]
        heads = (kind.ljust(width) for kind, width in zip(kinds, widths, strict=True))
        yield Text(" ".join((" " * first, *heads)).rstrip(), style="bold")
        for part in parts:
            line = Text(part.ljust(first))
            for kind, width in zip(kinds, widths, strict=True):
                cell = cells.get((part, kind))
                style = "dim" if cell is None else _STYLES[cell.word]
                line.append(" ").append(_shown(cell).ljust(width), style=style)
            line.rstrip()
            yield line
        yield Text()


def _remarks(record: SweepRecord) -> Iterator[str]:
    if record.unverified:
        yield f"never compared with the real thing: {', '.join(record.unverified)}"
    for note in record.notes:
        yield f"note: {printable(note)}"


def _shown(cell: Cell | None) -> str:
    if cell is None:
        return "·"
    wait = waited(cell.longest_wait_ms).replace(" ", "")
    return f"{_MARKS[cell.word]} {wait}".rstrip()


def _totals(record: SweepRecord) -> Text:
    words = Counter(word_of(each) for each in record.combinations)
    told = ", ".join(f"{words[word]} {word}" for word in _STYLES if words[word])
    bad = words["failed"] or words["broken"]
    line = Text(
        f"{len(record.combinations)} combinations: {told}", style="bold red" if bad else "bold"
    )
    line.append(
        f" in {record.wall_s:.1f} s, {record.world} world, {record.clock} clock, "
        f"seed {record.seed}",
        style="not bold default",
    )
    return line
