"""The plot of sessions: how long each took (logarithmic), and where that went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.report.plot_style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    milliseconds,
    plain,
    svg,
    text_width,
)
from lab.report.record import RunRecord
from lab.report.sessions import Session, sessions
from lab.report.wording import MARKS, duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ARROW = " → "
_COLOURS: Mapping[str, str] = {
    "stub": GREY,
    "resolver": SKY,
    "translator": ORANGE,
    "responder": GREEN,
    "authority": YELLOW,
    "waiting": VERMILION,
    "NAT": PURPLE,
    "TCP": BLUE,
}
"""A server at work has its colour; on the way to it and back, the same colour is dotted."""
_WAITING_HATCH, _WAY_HATCH = "///", "...."

_MOST_ROWS = 60
"""Of more sessions the slowest are drawn; figures.csv and phases.csv have all."""

# Inches.
_WIDTH, _PLOTS, _GAP = 9.6, 6.0, 0.12


def session_plot(record: RunRecord) -> str:
    """Every session that connected or was told an error, as an `<svg>`; empty without any."""
    every = sessions(record)
    if not every:
        return ""
    slowest = sorted(every, key=lambda each: -each.took_ms)[:_MOST_ROWS]
    shown = tuple(each for each in every if each in slowest)
    labels = text_width([_label(each) for each in shown]) + _GAP
    names = _phases_in_order(shown)
    rows = -(-len(names) // 6)
    height = 0.7 + 0.2 * rows + 0.24 * len(shown)
    width = max(_WIDTH, labels + _PLOTS)

    def draw(figure: Figure) -> None:
        times, shares = figure.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
        figure.subplots_adjust(
            left=labels / width,
            right=1 - 0.17 / width,
            top=1 - (0.22 + 0.2 * rows) / height,
            bottom=0.44 / height,
            wspace=0.13,
        )
        _draw_times(times, shown)
        _draw_shares(shares, shown, names)
        if names:
            figure.legend(
                loc="upper right",
                ncols=6,
                frameon=False,
                fontsize=8,
                borderpad=0,
                handlelength=1.4,
                columnspacing=1.0,
                handletextpad=0.4,
            )

    return svg(width, height, "Sessions and where their time went", draw)


def _label(session: Session) -> str:
    return session.scenario if session.connected else f"{session.scenario} (error)"


def _draw_times(axes: Axes, shown: tuple[Session, ...]) -> None:
    rows = range(len(shown))
    times = [max(each.took_ms, 0.001) for each in shown]
    axes.set_xscale("log")
    axes.set_xlim(min(times) / 2, max(times) * 8)
    axes.hlines(rows, min(times) / 2, times, color=LINE, linewidth=1)
    for clock, shape in (("measured", "o"), ("virtual", "D")):
        for connected in (True, False):
            here = [
                row
                for row in rows
                if shown[row].clock == clock and shown[row].connected is connected
            ]
            axes.scatter(
                [times[row] for row in here],
                here,
                s=18,
                facecolors=INK if connected else "none",
                edgecolors=INK,
                marker=shape,
                zorder=3,
            )
    for row, each in enumerate(shown):
        mark = "" if each.outcome == "passed" else f" {MARKS[each.outcome]}"
        axes.annotate(
            f"{duration(each.took_ms)}{mark}",
            (times[row], row),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=MUTED,
        )
    axes.set_yticks(rows, [_label(each) for each in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    clocks = " and ".join(sorted({each.clock for each in shown}))
    axes.set_xlabel(f"time to connect, or to error ({clocks} clock, logarithmic)")
    axes.xaxis.set_major_formatter(milliseconds)
    axes.grid(axis="x", color=LINE, linewidth=0.5)
    plain(axes)


def _draw_shares(axes: Axes, shown: tuple[Session, ...], names: list[str]) -> None:
    done = [0.0] * len(shown)
    spent = [{part.name: part.took_ms for part in each.phases} for each in shown]
    for name in names:
        shares = [100 * one.get(name, 0.0) / sum(one.values()) if one else 0.0 for one in spent]
        target = name.rpartition(_ARROW)[2]
        hatch = _WAITING_HATCH if name == "waiting" else _WAY_HATCH if _ARROW in name else None
        axes.barh(
            range(len(shown)),
            shares,
            left=done,
            height=0.62,
            color=_COLOURS.get(target, GREY),
            hatch=hatch,
            edgecolor=PAPER,
            linewidth=0.6,
            label=name,
        )
        done = [before + share for before, share in zip(done, shares, strict=True)]
    axes.set_xlim(0, 100)
    axes.set_xticks(range(0, 101, 25))
    axes.set_xlabel("where it went (% of that time)")
    plain(axes)


def _phases_in_order(shown: tuple[Session, ...]) -> list[str]:
    """Along the way: the viewer's own time, then hop by hop, then NAT and TCP, then waiting."""
    order = [*_COLOURS]
    order.append(order.pop(order.index("waiting")))
    found = {part.name for each in shown for part in each.phases}

    def place(name: str) -> tuple[int, bool, str]:
        target = name.rpartition(_ARROW)[2]
        along = order.index(target) if target in order else len(order)
        return along, _ARROW not in name, name

    return sorted(found, key=place)
