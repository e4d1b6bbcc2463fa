"""Latency by percentile, the slowest at the right, as HdrHistogram plots it: the axis is stretched
towards the tail, where 99 % and 99.9 % are as far apart as 90 % and 99 %."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from lab.report.figures import (
    TIME_TO_CONNECT,
    TIME_TO_ERROR,
    WAIT_FOR_ANSWER,
    Figure,
    figures,
)
from lab.report.plot_style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    milliseconds,
    plain,
    svg,
    text_width,
)
from lab.report.record import RunRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, GREY, INK)
_DASHES = ("-", "--", ":", "-.")
_MOST_LINES: Final = len(_COLOURS) * 2
_TICKS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)
_SHOWN = (TIME_TO_CONNECT, TIME_TO_ERROR, WAIT_FOR_ANSWER)
_LEAST_MS = 0.001
_WIDTH, _HANDLE = 9.6, 0.45  # inches
_LONGEST = 60
"""So many characters of a name stand in the legend."""


def percentile_plot(record: RunRecord) -> str:
    """A panel for each figure, a line for each group of scenarios, as an `<svg>`; empty where
    nothing was timed."""
    found = figures(record)
    panels = {
        name: lines
        for name in _SHOWN
        if (lines := _lines([each for each in found if each.name == name]))
    }
    if not panels:
        return ""
    named = list(dict.fromkeys(group for lines in panels.values() for group in lines))
    columns = max(1, min(4, int(_WIDTH // (text_width(named) + _HANDLE))))
    legend_rows = -(-len(named) // columns)
    height = 3.1 + 0.2 * legend_rows
    clocks = " and ".join(sorted({each.clock for each in found}))

    def draw(drawing: Drawing) -> None:
        axes = drawing.subplots(1, len(panels), squeeze=False)[0]
        drawing.subplots_adjust(
            left=0.065,
            right=0.985,
            top=1 - (0.3 + 0.2 * legend_rows) / height,
            bottom=0.46 / height,
            wspace=0.24,
        )
        for place, (name, lines) in zip(axes, panels.items(), strict=True):
            _draw(place, name, lines, named, clocks)
        handles = {
            label: handle
            for place in axes
            for handle, label in zip(*place.get_legend_handles_labels(), strict=True)
        }
        drawing.legend(
            [handles[each] for each in named],
            named,
            loc="upper left",
            ncols=columns,
            frameon=False,
            fontsize=8,
            borderpad=0,
            handlelength=1.8,
            columnspacing=1.2,
        )

    return svg(_WIDTH, height, "Latency by percentile", draw)


def _lines(found: Sequence[Figure]) -> Mapping[str, list[float]]:
    """The values of each line, ascending: by viewer where scenarios name viewers, by scenario where
    there are few, by folder where there are many; repetitions are pooled."""
    for group in (_by_viewer, _by_scenario, _by_folder, _all):
        lines: dict[str, list[float]] = {}
        for each in found:
            lines.setdefault(_shortened(group(each)), []).extend(each.values)
        if "" not in lines and len(lines) <= _MOST_LINES:
            return {name: sorted(values) for name, values in sorted(lines.items())}
    return {}


def _shortened(name: str) -> str:
    """The end of a long id is what tells it from others."""
    return name if len(name) <= _LONGEST else f"…{name[-_LONGEST:]}"


def _by_viewer(figure: Figure) -> str:
    return figure.viewer


def _by_scenario(figure: Figure) -> str:
    return figure.scenario


def _by_folder(figure: Figure) -> str:
    return figure.scenario.partition("/")[0]


def _all(_: Figure) -> str:
    return "all scenarios"


def _draw(
    axes: Axes,
    name: str,
    lines: Mapping[str, list[float]],
    named: Sequence[str],
    clocks: str,
) -> None:
    most = max(map(len, lines.values()))
    for group, values in lines.items():
        place = named.index(group)
        axes.step(
            [_stretched(100 * rank / len(values)) for rank in range(len(values))]
            + [_stretched(100 - 50 / most)],
            [max(value, _LEAST_MS) for value in (*values, values[-1])],
            where="post",
            color=_COLOURS[place % len(_COLOURS)],
            linestyle=_DASHES[place // len(_COLOURS) % len(_DASHES)],
            linewidth=1.3,
            label=group,
        )
    # With a long tail, what lies before 90 % has no room for another number.
    ticks = [each for each in _TICKS if each <= 100 - 50 / most and not (each == 50 and most > 99)]
    axes.set_xticks([_stretched(each) for each in ticks], [f"{each:g} %" for each in ticks])
    axes.set_xlim(0, _stretched(100 - 50 / most))
    axes.set_yscale("log")
    axes.set_ylim(*_decades([value for values in lines.values() for value in values]))
    axes.yaxis.set_major_formatter(milliseconds)
    axes.yaxis.set_minor_formatter(lambda _value, _place: "")
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.set_xlabel(f"percentile ({clocks} clock, n = {_counts(lines.values())})")
    axes.set_title(name, fontsize=9, loc="left")
    axes.grid(color=LINE, linewidth=0.5)
    plain(axes)


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """The whole decades in which they lie, with a little room: each end of the axis has a number,
    also where all are of one size."""
    from math import ceil, floor, log10

    least, most = log10(max(min(values), _LEAST_MS)), log10(max(*values, _LEAST_MS))
    return 0.8 * 10 ** floor(least), 1.25 * 10 ** max(ceil(most), floor(least) + 1)


def _stretched(percent: float) -> float:
    """Where a percentile is on HdrHistogram's axis: 1 / (1 - p), logarithmically."""
    from math import log10

    return log10(100 / (100 - percent))


def _counts(lines: Iterable[Sequence[float]]) -> str:
    counts = sorted(map(len, lines))
    return f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
