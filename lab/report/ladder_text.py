"""The ladder diagram as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells

from lab.report.ladder import Arrow, Column, Heading, Joint, Ladder, Pause, columns_of, lay_out
from lab.report.record import ScenarioRecord
from lab.report.wording import duration, instant, printable

_GUTTER = 15
"""Cells at the left for the time of each message."""
_TIME = _GUTTER - 2
_WIDEST_SPACING = 30


def ladder_text(scenario: ScenarioRecord, width: int = 100) -> str:
    """The scenario's exchanges, `width` cells wide; one line per message where the columns do not
    fit. Ends with a line break."""
    return drawn(lay_out(scenario.exchanges, columns_of(scenario)), width)


def drawn(ladder: Ladder, width: int) -> str:
    """A ladder, `width` cells wide; see `ladder_text`."""
    if not ladder.columns:
        return "no messages\n"
    places = _places(ladder.columns, width)
    lines = _list_lines(ladder, width) if places is None else _drawn_lines(ladder, places, width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _places(columns: Sequence[Column], width: int) -> list[int] | None:
    """The cell of each lifeline; None when the terminal is too narrow for all names."""
    first = _GUTTER + cell_len(columns[0].name) // 2 + 1
    # At the last lifeline a message to oneself needs three cells: "├─↩".
    last_half = max(cell_len(columns[-1].name) // 2 + 1, 3)
    least = max(cell_len(column.name) for column in columns) + 2
    if len(columns) == 1:
        return [first] if first + last_half <= width else None
    spacing = min(_WIDEST_SPACING, (width - first - last_half) // (len(columns) - 1))
    if spacing < least:
        return None
    return [first + index * spacing for index in range(len(columns))]


class _Line:
    """A line of cells that is written over from left to right."""

    def __init__(self, places: Sequence[int] = (), mark: str = "│") -> None:
        self._cells = [" "] * (max(places, default=-1) + 1)
        for place in places:
            self._cells[place] = mark

    def write(self, at: int, text: str) -> _Line:
        """Put text over what is there; a wide character takes two cells."""
        for char in text:
            size = cell_len(char)
            if size == 0:
                continue
            self._cells.extend([" "] * (at + size - len(self._cells)))
            self._cells[at : at + size] = [char] + [""] * (size - 1)
            at += size
        return self

    def __str__(self) -> str:
        return "".join(self._cells)


def _drawn_lines(ladder: Ladder, places: list[int], width: int) -> Iterator[str]:
    yield _names(ladder, places)
    for row in ladder.rows:
        match row:
            case Heading():
                yield str(_Line(places))
                for text in _wrapped(_heading(row), width - 2):
                    yield str(_Line(places, "┊").write(0, f"■ {text} "))
            case Pause():
                yield str(_Line(places, "┊"))
                yield str(_Line(places, "┊").write(0, f"{_pass(row):>{_TIME}} "))
                yield str(_Line(places, "┊"))
            case Joint():
                for text in _wrapped(f"◆ NAT {row.change}", width - _GUTTER - 1):
                    at = max(_GUTTER, min(places[row.column], width - cell_len(text) - 1))
                    yield str(_Line(places).write(at, f"{text} "))
            case Arrow():
                yield from _arrow_lines(row, places, width)


def _arrow_lines(arrow: Arrow, places: list[int], width: int) -> Iterator[str]:
    start, end = places[arrow.start], places[arrow.end]
    label = _label(arrow)
    at = min(start, end) + 2
    for text in _wrapped(label, width - _GUTTER - 1):
        shifted = max(_GUTTER, min(at, width - cell_len(text) - 1))
        yield str(_Line(places).write(shifted, f"{text} "))
    line = _Line(places).write(0, f"{instant(arrow.hop.at_ms):>{_TIME}}")
    if start == end:
        yield str(line.write(start, "├─↩"))
        return
    dash = "╌" if arrow.remark else "─"
    if end > start:
        shaft = end - start - 1
        reach = shaft - 1 if arrow.arrives else max(1, shaft * 2 // 3)
        head = (">" if not arrow.asks else "▶") if arrow.arrives else "✗"
        yield str(line.write(start, "├" + dash * reach + head))
        return
    shaft = start - end - 1
    reach = shaft - 1 if arrow.arrives else max(1, shaft * 2 // 3)
    head = ("<" if not arrow.asks else "◀") if arrow.arrives else "✗"
    yield str(line.write(start - reach - 1, head + dash * reach + "┤"))


def _list_lines(ladder: Ladder, width: int) -> Iterator[str]:
    for row in ladder.rows:
        match row:
            case Heading():
                yield from _wrapped(f"■ {_heading(row)}", width)
            case Pause():
                yield f"{_pass(row):>{_TIME}}"
            case Joint():
                yield from _wrapped(f"{'':{_GUTTER}}◆ NAT {row.change}", width, "  ")
            case Arrow():
                way = f"{row.hop.sender} → {row.hop.receiver}"
                text = f"{instant(row.hop.at_ms):>{_TIME}}  {way}  {_label(row)}"
                yield from _wrapped(text, width, " " * _GUTTER)


def _names(ladder: Ladder, places: list[int]) -> str:
    line = _Line()
    for column, place in zip(ladder.columns, places, strict=True):
        line.write(place - cell_len(column.name) // 2, printable(column.name))
    return str(line)


def _heading(row: Heading) -> str:
    waited = "no answer" if row.waited_ms is None else f"after {duration(row.waited_ms)}"
    return f"{printable(row.title)} · {waited}"


def _pass(row: Pause) -> str:
    return f"{duration(row.lasted_ms)} pass"


def _label(arrow: Arrow) -> str:
    step = f"{step_sign(arrow.hop.step)} " if arrow.hop.step is not None else ""
    remark = f" · {arrow.remark}" if arrow.remark else ""
    return f"{step}{printable(arrow.hop.text)}{remark}"


def step_sign(step: int) -> str:
    """The step's number as the figure has it: in a circle, as far as Unicode goes."""
    return chr(ord("①") + step - 1) if 1 <= step <= 20 else f"({step})"


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of at most `width` cells. Words are kept where they fit."""
    least = max(width, 16)
    if cell_len(text) <= least:
        return [text]
    lines = textwrap.wrap(
        text, least, subsequent_indent=indent, drop_whitespace=True, break_on_hyphens=False
    )
    return [part for line in lines for part in chop_cells(line, least)]
