"""A page as lines for a terminal: as wide as it is, and no longer than it is high where that can
be."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from lab.report.junit import frames_text
from lab.report.ladder_text import drawn
from lab.report.record import ExpectationRecord, ScenarioRecord
from lab.report.terminal import STYLES
from lab.report.wording import ASCII_MARKS, MARKS, connect_time, printable
from lab.teaching.packet import Field
from lab.teaching.pages import Course, Page

_LEAST_LADDER = 8
"""Lines of the ladder that are shown however low the terminal is."""
_NARROW = 24
_LABEL = 11


class Printer:
    """Prints pages on a console. On a terminal a page begins at the top of a cleared screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        encoding = console.encoding.lower().replace("-", "")
        self._shows_all = encoding.startswith("utf")

    def show(self, course: Course, page: Page, place: int) -> None:
        """Print a page; `place` counts from 0."""
        width = max(_NARROW, self._console.width)
        lines = list(_lines(course, page, place, width, self._shows_all, self._console))
        if self._console.is_terminal:
            self._console.clear()
            room = self._console.height - len(lines) - 2
        else:
            room = _LEAST_LADDER * 2
        for line in lines:
            self._print(line)
        for line in _ladder(course, page, width, max(_LEAST_LADDER, room)):
            self._print(line)

    def say(self, text: str, style: str = "dim") -> None:
        """Print one line about the walk itself."""
        for line in _wrapped(
            Text(printable(text), style=style), self._console, self._console.width
        ):
            self._print(line)

    def _print(self, line: Text) -> None:
        if not self._shows_all:
            encoding = self._console.encoding
            line = Text(line.plain.encode(encoding, "replace").decode(encoding))
        line.rstrip()
        self._console.print(line, no_wrap=True, overflow="ignore", crop=False)


def _lines(
    course: Course, page: Page, place: int, width: int, shows_all: bool, console: Console
) -> Iterator[Text]:
    yield Text("─" * width, style="dim")
    head = Text(f"{place + 1}  ", style="dim")
    head.append(printable(page.title), style="bold")
    yield from _wrapped(head, console, width)
    where = f"{printable(course.id)}, {course.world} world"
    yield from _wrapped(Text(where, style="dim"), console, width, 3)
    yield Text()
    if page.quote:
        told = Text("The FAQ: ", style="dim").append(f"“{page.quote}”", style="italic cyan")
        yield from _wrapped(told, console, width, 2)
        if page.note:
            yield from _wrapped(Text(page.note, style="yellow"), console, width, 4)
        yield Text()
    for sentence in page.words:
        yield from _wrapped(Text(printable(sentence)), console, width, 2)
    if page.words:
        yield Text()
    for field in page.fields:
        yield from _field(field, console, width)
    if page.fields:
        yield Text()
    for term, meaning in page.terms:
        line = Text(f"{term}: ", style="bold green").append(meaning, style="not bold default")
        yield from _wrapped(line, console, width, 2, 6)
    if page.terms:
        yield Text()
    if page.kind == "verdicts" and course.record is not None:
        yield from _verdicts(course.record, console, width, shows_all)


def _field(field: Field, console: Console, width: int) -> Iterator[Text]:
    room = max(_NARROW // 2, width - _LABEL - 2)
    for number, line in enumerate(Text(field.text).wrap(console, room)):
        line.rstrip()
        label = "" if number else field.label
        yield Text(f"{label:>{_LABEL}}  ", style="dim").append_text(line)


def _verdicts(
    record: ScenarioRecord, console: Console, width: int, shows_all: bool
) -> Iterator[Text]:
    marks = MARKS if shows_all else ASCII_MARKS
    for each in record.expectations:
        word = (
            "broken as meant" if each.meant_to_fail and each.outcome == "failed" else each.outcome
        )
        style = "green" if each.meant_to_fail else STYLES[each.outcome]
        line = Text(f"{marks[each.outcome]} {word}  ", style=style)
        line.append(printable(each.text), style="not bold default")
        line.append(f" [{', '.join(each.rules)}]", style="dim")
        yield from _wrapped(line, console, width, 2, 4)
        yield from _evidence(each, console, width)
    yield Text()
    line = Text(f"{marks[record.outcome]} {record.outcome}", style=STYLES[record.outcome])
    if record.reason:
        line.append(f": {printable(record.reason)}")
    if record.time_to_connect_ms is not None:
        line.append(f", connected after {connect_time(record)} ({record.clock} clock)", "default")
    yield from _wrapped(line, console, width, 2)
    yield Text()


def _evidence(each: ExpectationRecord, console: Console, width: int) -> Iterator[Text]:
    for proof in each.evidence:
        told = f"{printable(proof.text)} {frames_text(proof.frames)}".rstrip()
        yield from _wrapped(Text(told, style="dim"), console, width, 6)


def _ladder(course: Course, page: Page, width: int, room: int) -> Iterator[Text]:
    """The ladder up to this page: the names of its columns and its last lines."""
    if page.arrows == 0 or page.kind == "verdicts":
        return
    names, *rows = drawn(course.ladder(page.arrows), width).splitlines()
    left = room - 1
    yield Text(names, style="bold")
    if len(rows) > left:
        yield Text("…", style="dim")
        rows = rows[len(rows) - left + 1 :]
    for row in rows:
        yield Text(row)


def _wrapped(
    text: Text, console: Console, width: int, indent: int = 0, hang: int | None = None
) -> Iterator[Text]:
    """Lines of at most `width` cells: the first begins at `indent`, the others at `hang`."""
    following = indent if hang is None else hang
    room = max(_NARROW // 2, width - max(indent, following))
    for number, line in enumerate(text.wrap(console, room)):
        line.rstrip()
        yield Text(" " * (following if number else indent)).append_text(line)
