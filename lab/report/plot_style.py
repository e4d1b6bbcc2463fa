"""How matplotlib draws for a page: as SVG in the page's own colours and font.

matplotlib takes longer to import than everything else takes to draw, so it is imported here only.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that are replaced by the page's own, so that the plot follows light and dark.
INK, MUTED, LINE, PAPER = "#010101", "#020202", "#030303", "#040404"
_PAGE_COLOURS: Final = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    PAPER: "var(--paper)",
}

SKY, VERMILION, ORANGE, GREEN = "#56b4e9", "#d55e00", "#e69f00", "#009e73"
GREY, BLUE, PURPLE, YELLOW = "#999999", "#0072b2", "#cc79a7", "#f0e442"
"""Okabe and Ito's palette: told apart with every kind of colour vision."""

TYPE: Final = 8.5  # points
_WIDER_FONTS = 1.05
_MEASURED = 5
"""So many of the longest texts are measured: in no font is a much shorter one the widest."""


def svg(width: float, height: float, label: str, draw: Callable[[Figure], None]) -> str:
    """An `<svg>` of so many inches; `label` is what a screen reader says."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.fonttype": "none",  # text stays text: selectable, and set in the page's font
        "svg.hashsalt": f"forwardlab {label}",  # the same ids each time, and no two plots' alike
        "font.size": TYPE,
        "text.color": INK,
        "axes.edgecolor": LINE,
        "axes.labelcolor": MUTED,
        "xtick.color": MUTED,
        "ytick.color": INK,
        "hatch.linewidth": 0.6,
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        draw(figure)
        drawn = io.StringIO()
        figure.savefig(
            drawn,
            format="svg",
            transparent=True,
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
    return _for_a_page(drawn.getvalue(), label)


def text_width(texts: list[str]) -> float:
    """How wide the longest text is, in inches, in matplotlib's own font: the page sets it in
    another one, but few are wider."""
    from matplotlib.textpath import TextPath

    longest = sorted(texts, key=len)[-_MEASURED:]
    points = max(TextPath((0, 0), each, size=TYPE).get_extents().x1 for each in longest)
    return float(points) / 72 * _WIDER_FONTS


def plain(axes: Axes) -> None:
    """Take away what is no data."""
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def milliseconds(value: float, _: object = None) -> str:
    """A tick: "20 ms", "5 s"."""
    return f"{value:g} ms" if value < 1_000 else f"{value / 1_000:g} s"


def _for_a_page(drawn: str, label: str) -> str:
    """Only the element, without rules that would reach the rest of the page, in its colours. Groups
    are numbered alike in every plot, and nothing refers to them: their ids go."""
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<style[^>]*>.*?</style>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn)
    drawn = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", drawn)
    for colour, variable in _PAGE_COLOURS.items():
        drawn = drawn.replace(colour, variable)
    return drawn.replace("<svg ", f'<svg class="plot" role="img" aria-label="{label}" ', 1)
