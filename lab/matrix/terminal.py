"""A matrix on the terminal: progress, then who holds how much, what broke, where to read on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.text import Text

from lab.judge.checks.base import counted
from lab.judge.rules import RULES
from lab.matrix.record import MatrixRecord, TrialRecord
from lab.matrix.views import column_title, judged_rules, standings
from lab.report.progress import ProgressLine
from lab.report.record import ScenarioRecord
from lab.report.terminal import STYLES
from lab.report.wording import OUTCOMES, printable

_TOLD: Final = 12
"""So many broken trials and stale listings are told; the record has all."""


class MatrixDisplay:
    """What a user sees of a matrix. Without a terminal there is no progress line."""

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

    def scenario_started(self, identifier: str) -> None:
        """Not told: many run at once."""

    def scenario_finished(self, record: ScenarioRecord) -> None:
        """A trial has ended."""
        self._progress.advance()
        self._progress.tell(printable(record.id))

    def tick(self) -> None:
        """Time passes."""
        self._progress.refresh()

    def say(self, text: str) -> None:
        """Tell the user something in one line."""
        self._console.print(Text(printable(text)))

    def conclude(self, record: MatrixRecord, page: Path) -> None:
        """The matrix is done."""
        out = self._console
        for line in _standings(record):
            out.print(line, soft_wrap=True)
        stale = [trial for trial in record.trials if any(e.is_stale for e in trial.expectations)]
        for trial in stale[:_TOLD]:
            out.print(Text(f"STALE {_named(trial)}", style="bold red"), soft_wrap=True)
            for each in trial.expectations:
                if each.is_stale:
                    out.print(Text(f"  {each.text}: {each.evidence[0].text}"), soft_wrap=True)
        broken = [trial for trial in record.trials if trial.outcome == "broken"]
        for trial in broken[:_TOLD]:
            out.print(Text(f"BROKEN {_named(trial)}", style="bold magenta"), soft_wrap=True)
            out.print(Text(f"  {printable(trial.reason)}"), soft_wrap=True)
        out.print()
        out.print(_totals(record), soft_wrap=True)
        out.print(Text(f"page: {page}"), soft_wrap=True)


def _named(trial: TrialRecord) -> str:
    seat = f" ({trial.seat}={trial.subject})" if trial.seat else ""
    return printable(f"{trial.scenario}{seat}")


def _standings(record: MatrixRecord) -> Iterator[Text]:
    """A line for each subject in a seat. Lines of their own and no table of rich's, which would cut
    what does not fit a narrow terminal."""
    standing = [each for each in standings(record) if sum(each.counts.values())]
    width = max((len(column_title(each.column)) for each in standing), default=0)
    for each in standing:
        severities = ", ".join(
            f"{each.held.get(severity, 0)} of {each.judged.get(severity, 0)} {severity}"
            for severity in ("MUST", "SHOULD")
        )
        line = Text(f"{each.column.seat:<11}{column_title(each.column):<{width}}  {severities}")
        others = [
            f"{number} {word}"
            for word in OUTCOMES
            if word not in {"passed", "failed"} and (number := each.counts.get(word, 0))
        ]
        if others:
            line.append(f"; {', '.join(others)}", style="dim")
        if each.failed:
            musts = [rule for rule in each.failed if RULES[rule].severity == "MUST"]
            shoulds = [rule for rule in each.failed if RULES[rule].severity != "MUST"]
            line.append("; breaks ")
            line.append(" ".join(musts), style=STYLES["failed"])
            line.append(" " if musts and shoulds else "")
            line.append(" ".join(shoulds), style="yellow")
        yield line


def _totals(record: MatrixRecord) -> Text:
    counts = Counter(cell.outcome for cell in record.cells)
    told = ", ".join(f"{counts[word]} {word}" for word in OUTCOMES if counts[word])
    runs = sum(trial.runs for trial in record.trials)
    return Text(
        f"{len(judged_rules(record))} of {len(RULES)} rules judged; "
        f"{counted(len(record.cells), 'cell')}: "
        f"{told or 'none'}; {counted(runs, 'trial')} in {record.wall_s:.1f} s "
        f"with {counted(record.workers, 'worker')}, seed {record.seed}"
    )
