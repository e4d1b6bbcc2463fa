"""The fail-over timeline as SVG, to stand inside a page that styles its classes.

One row for each pair of an asker and whom it asks, the viewers' first; one bar for each question,
from its departure to what came back, or to when nobody waited for it any more. Numbered lines are
what the steps broke, repaired and changed; the page lists their words beside it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from lab.report.failover import Asking, MarkWord, askings, mark_word, visits
from lab.report.record import ScenarioRecord
from lab.report.wording import duration, printable

# All lengths are px.
_WIDTH, _LABELS, _RIGHT = 920, 196, 92
_TOP, _ROW, _BAR = 34, 22, 12
_LEAST_BAR = 2.5
_NEAR = 15
"""Marks that stand closer share one number tag."""
_LABEL_WIDTH = 62

_DRAWN_ROWS, _DRAWN_BARS = 14, 120
"""A picture of more says nothing; failover.csv has all."""

_CLASSES: Mapping[str, str] = {
    "an answer": "served",
    "an error": "error",
    "too late": "late",
    "nothing": "nothing",
}


@dataclass(frozen=True, slots=True)
class NumberedMark:
    """A mark as its line is numbered in the drawing."""

    number: int
    word: MarkWord
    at_ms: float
    text: str


@dataclass(frozen=True, slots=True)
class Failover:
    """A drawing and the words that go with it."""

    svg: str
    marks: tuple[NumberedMark, ...]
    undrawn: int
    """So many questions have no bar."""


def failover(scenario: ScenarioRecord) -> Failover:
    """The fail-over timeline of a scenario that has at least one question or connection."""
    told = [*visits(scenario), *askings(scenario)]
    rows = _rows(told[:_DRAWN_BARS])
    drawn = [each for row in rows for each in row]
    marks = tuple(
        NumberedMark(number, mark_word(mark, scenario), mark.at_ms, printable(mark.text))
        for number, mark in enumerate(scenario.marks, start=1)
    )
    ends = _ends(scenario, told[:_DRAWN_BARS])
    scale = _Scale.of(drawn, marks, ends)
    height = _TOP + _ROW * len(rows) + 26
    head = (
        f'<svg class="failover" role="img" aria-label="{escape(scenario.title)}: fail-over '
        f'timeline" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}">'
    )
    parts = [
        head,
        *_axis(scale, height),
        *(part for place, row in enumerate(rows) for part in _row(row, place, scale, ends)),
        *_mark_lines(marks, scale, height),
        "</svg>",
    ]
    return Failover("\n".join(parts), marks, len(told) - len(drawn))


def _rows(told: Sequence[Asking]) -> list[list[Asking]]:
    """The bars by asker and asked, viewers first, as many as are drawn."""
    pairs: defaultdict[tuple[bool, str, str], list[Asking]] = defaultdict(list)
    for each in told:
        asked = "" if each.exchange == 0 else each.asked
        pairs[not each.by_viewer, each.asker, asked].append(each)
    in_order = sorted(pairs.items(), key=lambda each: (each[0][0], each[1][0].at_ms))
    return [row for _, row in in_order][:_DRAWN_ROWS]


def _ends(scenario: ScenarioRecord, told: Sequence[Asking]) -> dict[int, float]:
    """When each question's bar ends, by its identity (`id`): where nothing came back, when its
    asker turned to somebody else, or when the wait that it belongs to was over."""
    turns: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    repeats: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for each in told:
        turns[each.exchange, each.asker].append(each.at_ms)
        repeats[each.asker, each.what].append(each.at_ms)
    told_at = [each.ended_ms for each in told if each.exchange == 0 and each.ended_ms is not None]
    ends = {}
    for each in told:
        if each.exchange == 0:
            ends[id(each)] = each.at_ms if each.ended_ms is None else each.ended_ms
            continue
        exchange = scenario.exchanges[each.exchange - 1]
        over = [exchange.hops[-1].at_ms]
        if exchange.waited_ms is not None:
            over.append(exchange.started_ms + exchange.waited_ms)
        turned = [at for at in turns[each.exchange, each.asker] if at > each.at_ms]
        if each.by_viewer and not turned:
            # A viewer's next try is an exchange of its own, or its visit is over.
            later = (*repeats[each.asker, each.what], *told_at)
            turned = [at for at in later if at > each.at_ms]
        gave_up = min(turned, default=max(over))
        ends[id(each)] = gave_up if each.ended_ms is None else each.ended_ms
    return ends


@dataclass(frozen=True, slots=True)
class _Scale:
    first_ms: float
    last_ms: float

    @classmethod
    def of(
        cls, drawn: Sequence[Asking], marks: Sequence[NumberedMark], ends: Mapping[int, float]
    ) -> _Scale:
        moments = [each.at_ms for each in drawn] + [ends[id(each)] for each in drawn]
        first, last = min(moments), max(moments)
        # A mark long before the first question would squeeze everything into a corner.
        near = [each.at_ms for each in marks if first - (last - first) <= each.at_ms <= last]
        first = min([first, *near])
        return cls(first, max(last, first + 0.001))

    def x(self, at_ms: float) -> float:
        """Where a moment is; what lies before the first or after the last stands at the edge."""
        within = (at_ms - self.first_ms) / (self.last_ms - self.first_ms)
        return _LABELS + (_WIDTH - _LABELS - _RIGHT) * min(1.0, max(0.0, within))


def _axis(scale: _Scale, height: int) -> Iterator[str]:
    bottom = height - 22
    for share in (0, 0.25, 0.5, 0.75, 1):
        at_ms = scale.first_ms + share * (scale.last_ms - scale.first_ms)
        x = scale.x(at_ms)
        anchor = "start" if share == 0 else "middle"
        yield f'<path class="grid" d="M{x:.1f} {_TOP - 6}V{bottom}"/>'
        yield (
            f'<text class="tick" x="{x:.1f}" y="{height - 7}" text-anchor="{anchor}">'
            f"{escape(duration(at_ms))}</text>"
        )


def _row(
    row: Sequence[Asking], place: int, scale: _Scale, ends: Mapping[int, float]
) -> Iterator[str]:
    y = _TOP + place * _ROW
    told = f" → {row[0].asked}" if row[0].exchange else f": {row[0].what}"
    name = escape(_shortened(printable(f"{row[0].asker}{told}")))
    yield f'<text class="pair" x="0" y="{y + _BAR}">{name}</text>'
    starts = [scale.x(each.at_ms) for each in row]
    for number, each in enumerate(row):
        start, end = starts[number], scale.x(ends[id(each)])
        width = max(_LEAST_BAR, end - start)
        yield (
            f'<rect class="{_CLASSES[each.came]}" x="{start:.1f}" y="{y + 2}" '
            f'width="{width:.1f}" height="{_BAR}" rx="2"><title>{_tooltip(each)}</title></rect>'
        )
        if each.came == "nothing":
            yield f'<text class="lost" x="{start + width + 3:.1f}" y="{y + _BAR}">✗</text>'
        following = starts[number + 1] if number + 1 < len(row) else _WIDTH
        if each.by_viewer and following - start - width > _LABEL_WIDTH:
            x = start + width + (14 if each.came == "nothing" else 4)
            yield f'<text class="took" x="{x:.1f}" y="{y + _BAR}">{_came(each)}</text>'


def _tooltip(each: Asking) -> str:
    answered = f": {printable(each.answer)}" if each.answer else ""
    return escape(
        f"{each.asker} asks {each.asked} at {duration(each.at_ms)}: {printable(each.what)}; "
        f"{each.came}{answered}"
    )


def _came(each: Asking) -> str:
    if each.ended_ms is None:
        return "nothing"
    return escape(duration(each.ended_ms - each.at_ms))


def _mark_lines(marks: Sequence[NumberedMark], scale: _Scale, height: int) -> Iterator[str]:
    tags: list[tuple[float, list[NumberedMark]]] = []
    for mark in marks:
        x = scale.x(mark.at_ms)
        yield f'<path class="mark {mark.word}" d="M{x:.1f} {_TOP - 14}V{height - 22}"/>'
        if tags and x - tags[-1][0] < _NEAR:
            tags[-1][1].append(mark)
        else:
            tags.append((x, [mark]))
    for x, together in tags:
        numbers = f"{together[0].number}"
        if len(together) > 1:
            numbers += f"-{together[-1].number}"
        words = {mark.word for mark in together}
        word = "fault" if "fault" in words else "repair" if "repair" in words else "change"
        yield (
            f'<text class="tag {word}" x="{x:.1f}" y="{_TOP - 19}" text-anchor="middle">'
            f"{numbers}</text>"
        )


def _shortened(text: str, most: int = 29) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
