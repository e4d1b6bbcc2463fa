"""A run on the terminal: one line per scenario as it ends, what failed, where to read on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console
from rich.progress import SpinnerColumn
from rich.text import Text

from lab.report.junit import frames_text, missing_violations
from lab.report.progress import ProgressLine
from lab.report.record import ExpectationRecord, OutcomeWord, RunRecord, ScenarioRecord
from lab.report.repetitions import instabilities
from lab.report.wording import ASCII_MARKS, MARKS, connect_time, duration, printable, totals

STYLES: dict[OutcomeWord, str] = {
    "passed": "green",
    "failed": "bold red",
    "deviates": "yellow",
    "observed": "blue",
    "unsupported": "dim",
    "broken": "bold magenta",
}
_ID_WIDTH = 54
_MOST_NAMED = 3
"""So many running scenarios are named beside the progress bar."""


class RunDisplay:
    """What a user sees of a run. On a terminal a progress line stays below the finished
    scenarios; anywhere else there are plain lines without control codes."""

    def __init__(self, total: int, *, quiet: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, quiet=quiet)
        self._running: dict[str, None] = {}
        encoding = self._console.encoding.lower().replace("-", "")
        self._shows_all = encoding.startswith("utf")
        self._marks = MARKS if self._shows_all else ASCII_MARKS
        spinner = SpinnerColumn("dots" if self._shows_all else "line")
        self._progress = ProgressLine(total, self._console, spinner)

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

    def say(self, text: str) -> None:
        """Tell the user something in one line."""
        self._print(Text(printable(text)))

    def scenario_started(self, identifier: str) -> None:
        """A scenario has begun."""
        self._running[identifier] = None
        self._show_running()

    def scenario_finished(self, record: ScenarioRecord) -> None:
        """A scenario has ended: its line is printed, with what went wrong below it."""
        self._running.pop(record.id, None)
        self._progress.advance()
        self._show_running()
        self._print(self._line(record))
        for text in self._details(record):
            self._print(text)

    def tick(self) -> None:
        """Time passes: the progress line is drawn anew."""
        self._progress.refresh()

    def conclude(self, record: RunRecord, page: Path) -> None:
        """The run is over: totals, and where to read on."""
        clocks = " and ".join(sorted({each.clock for each in record.scenarios}))
        self._print(Text())
        unstable = instabilities(record)
        for identifier, differs in unstable.items():
            self._print(
                Text(f"unstable: {printable(identifier)}: {printable(differs)}", style="bold red")
            )
        bad = unstable or any(record.totals.get(word) for word in ("failed", "broken"))
        line = Text(totals(record.totals), style="bold red" if bad else "bold")
        line.append(f" in {duration(record.wall_s * 1000)}", style="not bold default")
        if record.repeat > 1:
            line.append(f", each {record.repeat} times", style="not bold default")
        line.append(f", {record.world} world, {clocks or 'no'} clock, seed {record.seed}")
        self._print(line)
        for told in _seats(record):
            self._print(Text(printable(told)))
        self._print(Text(f"report: {page}"))

    # --- lines --------------------------------------------------------------------------------

    def _line(self, record: ScenarioRecord) -> Text:
        line = Text()
        line.append(
            f"{self._marks[record.outcome]} {record.outcome:<11} ", style=STYLES[record.outcome]
        )
        turn = f" #{record.repetition}" if record.repetition > 1 else ""
        name = printable(record.id) + turn
        line.append(name + " " * max(1, _ID_WIDTH - cell_len(name)))
        told = connect_time(record)
        if record.time_to_connect_ms is not None:
            told = f"{told} {record.clock}"
        line.append(f"{told:<20}")
        line.append(f"{record.wall_s:7.2f} s", style="dim")
        return line

    def _details(self, record: ScenarioRecord) -> list[Text]:
        """What a user must know without opening the report."""
        lines = []
        if record.retried:
            lines.append(Text(f"    run once more: {printable(record.retried)}", style="yellow"))
        lines += [Text(f"    {printable(each)}", style="dim") for each in record.absent.values()]
        if record.reason:
            lines.append(Text(f"    {printable(record.reason)}", style=STYLES[record.outcome]))
        for each in record.expectations:
            # A fault made on purpose that was found is good news.
            if each.outcome == "failed" and not each.meant_to_fail:
                lines.extend(_failure(each, warning=record.outcome == "passed"))
        lines.extend(_deviations(record))
        if record.violates and record.outcome == "passed":
            meant = f"    broken as meant: {', '.join(record.violates)}"
            lines.append(Text(meant, style=STYLES["passed"]))
        if record.outcome == "failed":
            missed = missing_violations(record)
            if missed:
                lines.append(Text(f"    {missed}", style="red"))
            if record.reproduce:
                lines.append(Text(f"    again: {printable(record.reproduce)}", style="dim"))
        return lines

    def _show_running(self) -> None:
        named = [*self._running][:_MOST_NAMED]
        more = len(self._running) - len(named)
        told = ", ".join(named) + (f" and {more} more" if more else "")
        self._progress.tell(printable(told))

    def _print(self, text: Text) -> None:
        if not self._shows_all:
            encoding = self._console.encoding
            text = Text(text.plain.encode(encoding, "replace").decode(encoding))
        # Whoever reads a file or a pipe wants one line to stay one line.
        self._console.print(text, soft_wrap=True)


def _seats(record: RunRecord) -> Iterator[str]:
    """Who sat in which seat, and how often that mattered."""
    ran = [each for each in record.scenarios if each.nodes]
    for seat, who in record.subjects.items():
        part = sum(seat not in each.absent for each in ran)
        told = f"{seat}: {who.title} {who.version or '(not installed)'}"
        with_file = f" with {who.config}" if who.config else ""
        yield f"{told}{with_file}, in {part} of {len(record.scenarios)} scenarios"


def _deviations(record: ScenarioRecord) -> Iterator[Text]:
    """What came out as the maker documents it, and his words once for all that they are about."""
    said: dict[str, list[Text]] = {}
    for each in record.expectations:
        if each.outcome == "deviates":
            # The citation is the last of the evidence: lab/judge/listings.py.
            heads = said.setdefault(each.evidence[-1].text, [])
            heads.append(_headline("deviates", each, style=STYLES["deviates"]))
    for words, heads in said.items():
        yield from heads
        yield Text(f"      {printable(words)}", style="dim")


def _failure(each: ExpectationRecord, *, warning: bool) -> list[Text]:
    word = f"warning ({each.severity})" if warning else "failed"
    head = _headline(word, each, style="yellow" if warning else "red")
    proofs = [
        Text(f"      {printable(proof.text)} {frames_text(proof.frames)}".rstrip())
        for proof in each.evidence
    ]
    return [head, *proofs]


def _headline(word: str, each: ExpectationRecord, *, style: str) -> Text:
    head = Text(f"    {word}: ", style=style)
    head.append(printable(each.text), style="default")
    head.append(f" [{', '.join(each.rules)}]", style="dim")
    return head
