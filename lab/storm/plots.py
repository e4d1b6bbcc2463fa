"""A storm's plots, drawn by matplotlib as SVG to stand inside a page, from the record alone."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

from lab.storm.record import StormRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Replaced by the page's own colours, so that a plot follows light and dark.
_INK, _MUTED, _LINE = "#010101", "#020202", "#030303"
_PAGE_COLOURS: Final = {_INK: "var(--ink)", _MUTED: "var(--muted)", _LINE: "var(--line)"}
# Okabe and Ito's palette: told apart with every kind of colour vision; so are the dashes.
_ASKED, _ANSWERED, _CONNECTED, _BOTH = "#56b4e9", "#e69f00", "#009e73", "#cc79a7"
_TINY_MS: Final = 0.001
"""A logarithmic axis has no 0."""


def course_plot(record: StormRecord) -> str:
    """What happened in each slice of the storm, a second, as an `<svg>`; empty of nothing."""
    if not record.moments:
        return ""
    at = [each.at_ms for each in record.moments]
    scale = 1_000 / record.moment_ms

    def draw(axes: Axes) -> None:
        for label, colour, dashes, counts in (
            ("questions", _ASKED, "-", [each.asked for each in record.moments]),
            ("answers", _ANSWERED, "--", [each.answered for each in record.moments]),
            ("connections", _CONNECTED, "-.", [each.connected for each in record.moments]),
        ):
            rates = [count * scale for count in counts]
            axes.step(at, rates, dashes, where="post", color=colour, label=label, linewidth=1.4)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"ms since the first question ({record.clock} clock)")
        axes.set_ylabel("a second")

    return _svg(draw, "Questions, answers and connections a second, over the storm")


def waits_plot(record: StormRecord) -> str:
    """Each wait by percentile, on a logarithmic axis, as an `<svg>`; empty of no wait."""
    waits = [
        (label, colour, dashes, wait)
        for label, colour, dashes, wait in (
            ("answer", _ANSWERED, "--", record.answer_wait),
            ("connection", _CONNECTED, "-.", record.connect_wait),
            ("both", _BOTH, "-", record.both_wait),
        )
        if wait is not None
    ]
    if not waits:
        return ""

    def draw(axes: Axes) -> None:
        for label, colour, dashes, wait in waits:
            # The greatest wait is that of one in n; a logarithmic axis has no 0.
            slower = [max(100 - percent, 100 / wait.n) for percent, _ in wait.slowest]
            times = [max(took, _TINY_MS) for _, took in wait.slowest]
            axes.plot(slower, times, dashes, color=colour, label=label, linewidth=1.4)
        axes.set_yscale("log")
        axes.set_xscale("log")
        axes.invert_xaxis()
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xlabel("per cent of the viewers who waited longer (logarithmic)")
        axes.set_ylabel(f"wait, ms ({record.clock} clock, logarithmic)")

    return _svg(draw, "Waits by percentile")


def _svg(draw: Any, label: str) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "forwardlab",
        "font.size": 9,
        "text.color": _INK,
        "axes.edgecolor": _LINE,
        "axes.labelcolor": _MUTED,
        "xtick.color": _MUTED,
        "ytick.color": _MUTED,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(9.6, 3.4), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots()
        draw(axes)
        axes.grid(color=_LINE, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
        drawn = io.StringIO()
        unsaid = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(drawn, format="svg", transparent=True, metadata=unsaid)
    svg = drawn.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(style|metadata)[^>]*>.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    for colour, variable in _PAGE_COLOURS.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg ", f'<svg class="plot" role="img" aria-label="{label}" ', 1)
