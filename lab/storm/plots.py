"""A storm's plots, drawn by matplotlib as SVG to stand inside a page, from the record alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from lab.report.plot_style import GREEN, LINE, ORANGE, PURPLE, SKY, svg
from lab.storm.record import StormRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ASKED, _ANSWERED, _CONNECTED, _BOTH = SKY, ORANGE, GREEN, PURPLE
_INCHES: Final = (9.6, 3.4)
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


def _svg(draw: Callable[[Axes], None], label: str) -> str:
    def framed(figure: Figure) -> None:
        figure.set_layout_engine("constrained")
        axes = figure.subplots()
        draw(axes)
        axes.grid(color=LINE, linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))

    return svg(*_INCHES, label, framed)
