"""The ladder diagram as SVG, to stand inside a page that styles its classes.

Every label has a row of its own, so labels cannot meet. Widths are reckoned from a monospaced
font, whose glyphs are 0.6 em wide in all common faces, and wide ones (CJK) twice that.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from html import escape

from rich.cells import cell_len, chop_cells

from lab.report.ladder import Arrow, Column, Heading, Joint, Ladder, Pause
from lab.report.wording import duration, instant, printable

_GUTTER = 116
"""Left of the first lifeline's reach: the time of each message. All lengths are px."""
_MARGIN = 74
_LEAST_SPACING = 132
_WIDEST_SPACING = 250
_FULL_WIDTH = 920

_EM = 0.61
_LABEL_SIZE, _SMALL_SIZE = 11.5, 9.5
_LINE = 15


def ladder_svg(ladder: Ladder, anchor: str, title: str, number: int = 0) -> str:
    """The drawing. Its arrows have the ids `<anchor>-f<frame>`; `title` is what a screen reader
    says first, `number` tells the drawings of one scenario apart."""
    return _Drawing(ladder, anchor, title, number).svg()


@dataclass
class _Drawing:
    ladder: Ladder
    anchor: str
    title: str
    number: int
    _lines: list[str] = field(default_factory=list)
    _arrow_at: dict[int, float] = field(default_factory=dict)
    """Row → height of its arrow, for the joints."""

    def __post_init__(self) -> None:
        gaps = max(1, len(self.ladder.columns) - 1)
        spacing = (_FULL_WIDTH - _GUTTER - 2 * _MARGIN) / gaps
        self._spacing = min(_WIDEST_SPACING, max(_LEAST_SPACING, spacing))
        self.width = round(_GUTTER + 2 * _MARGIN + gaps * self._spacing)

    def svg(self) -> str:
        """Rows are drawn first, because lifelines are as long as the rows are high."""
        top = self._heads_height()
        y = top
        for number, row in enumerate(self.ladder.rows):
            y = self._row(number, row, y)
        height = round(y + 16)
        rows, self._lines = self._lines, []
        for column in range(len(self.ladder.columns)):
            x = self._x(column)
            self._lines.append(f'<path class="lifeline" d="M{x:.1f} {top - 6:.1f}V{height - 6}"/>')
        self._joints()
        lifelines, self._lines = self._lines, []
        self._heads()
        anchor = f"{escape(self.anchor)}-ladder-{self.number}"
        head = (
            f'<svg class="ladder" role="img" xmlns="http://www.w3.org/2000/svg" '
            f'viewBox="0 0 {self.width} {height}" width="{self.width}" height="{height}" '
            f'aria-labelledby="{anchor}-title {anchor}-told">'
        )
        told = (
            f'<title id="{anchor}-title">{_text(self.title)}</title>'
            f'<desc id="{anchor}-told">{_text(_told(self.ladder))}</desc>'
        )
        return "\n".join((head, told, *lifelines, *rows, *self._lines, "</svg>"))

    # --- columns ------------------------------------------------------------------------------

    def _x(self, column: int) -> float:
        return _GUTTER + _MARGIN + column * self._spacing

    def _head_lines(self, column: Column) -> list[tuple[str, str]]:
        room = min(self._spacing, 2 * _MARGIN) - 4
        alias = [f"alias {column.alias}"] if column.alias else []
        return [
            ("name", _shortened(printable(column.name), 13, room)),
            *([("role", _shortened(printable(column.label), 10.5, room))] if column.label else []),
            *(("address", _shortened(a, _SMALL_SIZE, room)) for a in (*column.addresses, *alias)),
        ]

    def _heads_height(self) -> float:
        most = max((len(self._head_lines(column)) for column in self.ladder.columns), default=0)
        return 14 + most * 14 + 8

    def _heads(self) -> None:
        for index, column in enumerate(self.ladder.columns):
            for line, (kind, text) in enumerate(self._head_lines(column)):
                self._write(self._x(index), 16 + line * 14, text, f"head {kind}", "middle")

    # --- rows ---------------------------------------------------------------------------------

    def _row(self, number: int, row: Heading | Pause | Joint | Arrow, y: float) -> float:
        """Draw a row whose upper edge is at `y`; gives its lower edge."""
        match row:
            case Heading():
                return self._heading(row, y)
            case Pause():
                return self._pause(row, y)
            case Joint():
                return self._joint(row, y)
            case Arrow():
                return self._arrow(number, row, y)

    def _heading(self, row: Heading, y: float) -> float:
        waited = "no answer" if row.waited_ms is None else f"after {duration(row.waited_ms)}"
        text = f"{printable(row.title)} · {waited}"
        lines = _wrapped(text, _LABEL_SIZE, self.width - 24)
        height = 12 + _LINE * len(lines)
        self._lines.append(
            f'<rect class="heading" x="0" y="{y + 6:.1f}" width="{self.width}" '
            f'height="{height - 2}" rx="4"/>'
        )
        for index, line in enumerate(lines):
            self._write(10, y + 20 + index * _LINE, line, "heading")
        return y + height + 10

    def _pause(self, row: Pause, y: float) -> float:
        for column in range(len(self.ladder.columns)):
            x = self._x(column)
            self._lines.append(
                f'<path class="hidden-line" d="M{x:.1f} {y + 4:.1f}v26"/>'
                f'<path class="pause-line" d="M{x:.1f} {y + 4:.1f}v26"/>'
            )
        self._write(_GUTTER - 8, y + 21, f"{duration(row.lasted_ms)} pass", "pause", "end")
        return y + 36

    def _joint(self, row: Joint, y: float) -> float:
        x, height = self._x(row.column), 27
        self._lines.append(f'<path class="joint-mark" d="M{x - 5:.1f} {y + 13:.1f}l5-5 5 5-5 5z"/>')
        text = f"NAT {row.change}"
        lines = _wrapped(text, _LABEL_SIZE, self.width - _GUTTER - 8)
        at = min(x + 12, self.width - 4 - max(map(cell_len, lines)) * _LABEL_SIZE * _EM)
        for index, line in enumerate(lines):
            self._write(at, y + 17 + index * _LINE, line, "joint-text")
        return y + height + (len(lines) - 1) * _LINE

    def _joints(self) -> None:
        """The translator's lifeline, thickened from the hop before to the hop after."""
        for number, row in enumerate(self.ladder.rows):
            if isinstance(row, Joint):
                above, below = self._arrow_at[row.since_row], self._arrow_at[number + 1]
                self._lines.append(
                    f'<path class="joint" d="M{self._x(row.column):.1f} {above:.1f}V{below:.1f}"/>'
                )

    def _arrow(self, number: int, row: Arrow, y: float) -> float:
        hop = row.hop
        start, end = self._x(row.start), self._x(row.end)
        remark = f" · {row.remark}" if row.remark else ""
        lines = _wrapped(printable(hop.text) + remark, _LABEL_SIZE, self.width - _GUTTER - 30)
        at = y + len(lines) * _LINE + 5
        self._arrow_at[number] = at
        classes = " ".join(
            ["hop", hop.kind]
            + (["unanswered"] if hop.unanswered or not row.arrives else [])
            + (["forged"] if hop.forged else [])
        )
        self._lines.append(f'<g class="{classes}" id="{escape(self.anchor)}-f{hop.frame}">')
        self._lines.append(
            f"<title>frame {hop.frame}: {_text(hop.sender)} → {_text(hop.receiver)}, "
            f"{_text(hop.addresses)}</title>"
        )
        self._write(_GUTTER - 8, at + 4, instant(hop.at_ms), "time", "end")
        if row.since_ms >= 0.005:
            self._write(_GUTTER - 8, at - 9, f"+{duration(row.since_ms)}", "since", "end")
        self._lines.append(_shaft(row, start, end, at))
        middle = (start + end) / 2
        for index, line in enumerate(lines):
            left = self._label(middle, y + 11 + index * _LINE, line, "label", _LABEL_SIZE)
            if hop.step is not None and index == 0:
                self._step(hop.step, left - 14, y + 7)
        if hop.addresses:
            self._label(middle, at + 13, printable(hop.addresses), "wire", _SMALL_SIZE)
        self._lines.append("</g>")
        return at + (24 if hop.addresses else 12)

    # --- text ---------------------------------------------------------------------------------

    def _label(self, middle: float, y: float, text: str, kind: str, size: float) -> float:
        """Text about the middle of its arrow, moved until it is inside the drawing; gives its left
        edge, where there is always room for the number of a step."""
        half = cell_len(text) * size * _EM / 2
        middle = max(_GUTTER + 24 + half, min(middle, self.width - 4 - half))
        self._write(middle, y, text, kind, "middle")
        return middle - half

    def _step(self, step: int, x: float, y: float) -> None:
        self._lines.append(f'<circle class="step" cx="{x:.1f}" cy="{y:.1f}" r="9"/>')
        self._write(x, y + 3.8, str(step), "step", "middle")

    def _write(self, x: float, y: float, text: str, kind: str, anchor: str = "start") -> None:
        self._lines.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
            f"{_text(text)}</text>"
        )


def _shaft(row: Arrow, start: float, end: float, y: float) -> str:
    """The arrow itself: a filled head asks, an open head answers, a cross never arrives."""
    if start == end:
        return f'<path class="shaft" d="M{start:.1f} {y:.1f}h26v9h-18"/>'
    way = 1 if end > start else -1
    if not row.arrives:
        end = start + (end - start) * 0.66
        cross = f"M{end - 5:.1f} {y - 5:.1f}l10 10m0-10l-10 10"
        return (
            f'<path class="shaft" d="M{start:.1f} {y:.1f}H{end:.1f}"/>'
            f'<path class="cross" d="{cross}"/>'
        )
    tip, back = end - 2 * way, end - 10 * way
    head = f"M{back:.1f} {y - 4.5:.1f}L{tip:.1f} {y:.1f}L{back:.1f} {y + 4.5:.1f}"
    kind = "head-asks" if row.asks else "head-answers"
    closed = "z" if row.asks else ""
    return (
        f'<path class="shaft" d="M{start:.1f} {y:.1f}H{tip:.1f}"/>'
        f'<path class="{kind}" d="{head}{closed}"/>'
    )


def _told(ladder: Ladder) -> str:
    """The drawing in words, for those who do not see it."""
    return "; ".join(
        f"{row.hop.sender} to {row.hop.receiver}: {row.hop.text}"
        + (f" ({row.remark})" if row.remark else "")
        for row in ladder.rows
        if isinstance(row, Arrow)
    )


def _text(text: str) -> str:
    return escape(printable(text), quote=False)


def _shortened(text: str, size: float, room: float) -> str:
    most = int(room / (size * _EM))
    if cell_len(text) <= most:
        return text
    return chop_cells(text, max(2, most - 1))[0] + "…"


def _wrapped(text: str, size: float, room: float) -> list[str]:
    most = max(8, int(room / (size * _EM)))
    # textwrap counts characters, and a wide one takes two places.
    lines = textwrap.wrap(text, most, break_on_hyphens=False)
    return [part for line in lines for part in chop_cells(line, most)] or [""]
