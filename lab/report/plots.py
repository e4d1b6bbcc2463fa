"""The timing plot, drawn by matplotlib as SVG to stand inside a page.

matplotlib takes longer to import than everything else takes to draw, so it is imported here only.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from lab.report.phases import PHASES, Phase, phases
from lab.report.record import RunRecord, ScenarioRecord
from lab.report.wording import MARKS, connect_time

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours that are replaced by the page's own, so that the plot follows light and dark.
_INK, _MUTED, _LINE, _PAPER = "#010101", "#020202", "#030303", "#040404"
_PAGE_COLOURS: Final = {
    _INK: "var(--ink)",
    _MUTED: "var(--muted)",
    _LINE: "var(--line)",
    _PAPER: "var(--paper)",
}

_PHASE_COLOURS: Mapping[Phase, str] = {
    # Okabe and Ito's palette: told apart with every kind of colour vision.
    "DNS server": "#56b4e9",
    "silent server": "#d55e00",
    "translator": "#e69f00",
    "load balancer": "#009e73",
    "viewer": "#999999",
    "connecting": "#0072b2",
}
_HATCHES: Mapping[Phase, str] = {"silent server": "///"}


_TYPE = 8.5  # points
# Inches.
_WIDTH, _PLOTS, _GAP = 9.6, 6.0, 0.12
_WIDER_FONTS = 1.05


def timing_plot(record: RunRecord) -> str:
    """Time to connect of every scenario that connected (left, logarithmic) and where it went
    (right), as an `<svg>`; empty when no scenario connected."""
    shown = [each for each in record.scenarios if each.time_to_connect_ms is not None]
    if not shown:
        return ""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.fonttype": "none",  # text stays text: selectable, and set in the page's font
        "svg.hashsalt": "forwardlab",
        "font.size": _TYPE,
        "text.color": _INK,
        "axes.edgecolor": _LINE,
        "axes.labelcolor": _MUTED,
        "xtick.color": _MUTED,
        "ytick.color": _INK,
        "hatch.linewidth": 0.6,
    }
    with mpl.rc_context(style):
        height = 0.9 + 0.24 * len(shown)
        labels = _room_for_labels(shown)
        width = max(_WIDTH, labels + _PLOTS)
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        times, shares = figure.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
        figure.subplots_adjust(
            left=labels / width,
            right=1 - 0.17 / width,
            top=1 - 0.42 / height,
            bottom=0.44 / height,
            wspace=0.09,
        )
        _draw_times(times, shown, sorted({each.clock for each in shown}))
        _draw_shares(shares, shown)
        if shares.get_legend_handles_labels()[0]:
            figure.legend(
                loc="upper right",
                ncols=len(PHASES),
                frameon=False,
                fontsize=8,
                borderpad=0,
                handlelength=1.1,
                columnspacing=1.0,
                handletextpad=0.4,
            )
        drawn = io.StringIO()
        figure.savefig(
            drawn,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return _for_a_page(drawn.getvalue())


def _room_for_labels(shown: list[ScenarioRecord]) -> float:
    """How wide the longest label is, in inches, in matplotlib's own font: the page sets it in
    another one, but few are wider."""
    from matplotlib.textpath import TextPath

    points = max(TextPath((0, 0), each.id, size=_TYPE).get_extents().x1 for each in shown)
    return float(points) / 72 * _WIDER_FONTS + _GAP


def _draw_times(axes: Axes, shown: list[ScenarioRecord], clocks: list[str]) -> None:
    rows = range(len(shown))
    times = [max(each.time_to_connect_ms or 0.0, 0.001) for each in shown]
    axes.set_xscale("log")
    axes.set_xlim(min(times) / 2, max(times) * 8)
    axes.hlines(rows, min(times) / 2, times, color=_LINE, linewidth=1)
    for clock, shape in (("measured", "o"), ("virtual", "D")):
        here = [row for row in rows if shown[row].clock == clock]
        axes.scatter([times[row] for row in here], here, s=18, c=_INK, marker=shape, zorder=3)
    for row, each in enumerate(shown):
        axes.annotate(
            f"{connect_time(each)}"
            + ("" if each.outcome == "passed" else f" {MARKS[each.outcome]}"),
            (times[row], row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=_MUTED,
        )
    axes.set_yticks(rows, [each.id for each in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel(f"time to connect ({' and '.join(clocks)} clock, logarithmic)")
    axes.xaxis.set_major_formatter(
        lambda value, _: f"{value:g} ms" if value < 1_000 else f"{value / 1_000:g} s"
    )
    axes.grid(axis="x", color=_LINE, linewidth=0.5)
    _plain(axes)


def _draw_shares(axes: Axes, shown: list[ScenarioRecord]) -> None:
    spent = [phases(each) for each in shown]
    done = [0.0] * len(shown)
    for phase in PHASES:
        shares = [100 * one.get(phase, 0.0) / sum(one.values()) if one else 0.0 for one in spent]
        if not any(shares):
            continue
        axes.barh(
            range(len(shown)),
            shares,
            left=done,
            height=0.62,
            color=_PHASE_COLOURS[phase],
            hatch=_HATCHES.get(phase),
            edgecolor=_PAPER,
            linewidth=0.6,
            label=phase,
        )
        done = [before + share for before, share in zip(done, shares, strict=True)]
    axes.set_xlim(0, 100)
    axes.set_xlabel("where it went (% of the first journey)")
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _for_a_page(svg: str) -> str:
    """Only the element, without rules that would reach the rest of the page, in its colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    for colour, variable in _PAGE_COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg ", '<svg class="plot" role="img" aria-label="Time to connect" ', 1)
