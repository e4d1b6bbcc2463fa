"""The picture of a set-up: networks as horizontal bars, nodes hanging on them, as one SVG.

Machines that use a network stand above its bar, servers below it, and what joins networks between
the bars. A dot on a bar is an interface; a line without a dot only passes. Nothing is loaded from
outside, no style leaks out: the SVG can stand alone or inside a page.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from lab.topology.captions import cut, label_of, lines_of, nat_entries, speed_of
from lab.topology.model import Topology
from lab.topology.plan import Plan, PlannedInterface, PlannedNetwork, PlannedNode
from lab.topology.planner import make_plan

# Pixels at 96 dpi.
_LEFT = 190  # where columns begin; the networks' labels stand before it
_MARGIN = 24
_COLUMN = 224
_BOX = 204
_LINE = 16
_DROP = 48  # from a box to its bar: room for two addresses
_GAP = 28  # between a bar or a box and boxes that do not hang on it
_BAR = 8
_LETTER = 6.3  # mean width of 12 px text

_FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_MONO = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
_INK, _SOFT = "#1f2933", "#52606d"

_FILLS = {
    "viewer": ("#e8f1fb", "#2f6fb0"),
    "resolver": ("#eaf6ec", "#2f855a"),
    "authority": ("#e6f5f5", "#1f7a80"),
    "server": ("#f4f5f7", "#52606d"),
    "translator": ("#fdf0e3", "#b7580c"),
    "router": ("#f3eefb", "#6b46c1"),
    "bystander": ("#ffffff", "#9aa5b1"),
}
"""Role to fill and outline; outlines are dark enough to tell apart in grey print."""


@dataclass(frozen=True, slots=True)
class _Row:
    """Boxes side by side, between the bar of the network before and that of the one after."""

    above: int
    """Index of the bar below this row; the row lies above it."""
    nodes: tuple[PlannedNode, ...]
    hangs_down: bool
    """Whether its machines hang on the bar below (True) or on the one above (False)."""


def draw_topology(drawn: Topology | Plan) -> str:
    """A standalone SVG of the set-up, as text."""
    plan = drawn if isinstance(drawn, Plan) else make_plan(drawn, "topology")
    return _Picture(plan, drawn.description if isinstance(drawn, Topology) else "").text()


class _Picture:
    def __init__(self, plan: Plan, description: str) -> None:
        self._plan = plan
        self._description = " ".join(description.split())
        self._bars = {network.name: index for index, network in enumerate(plan.networks)}
        self._parts: list[str] = []
        self._box_of: dict[str, tuple[float, float, float]] = {}  # node: left, top, height
        self._bar_at: list[float] = []
        self._note_at: dict[str, float] = {}  # translator: left end of its NAT table

    def text(self) -> str:
        """Place everything from top to bottom, then write lines, bars and boxes, in this order."""
        rows = _rows(self._plan, self._bars)
        columns = {node.name: at for row in rows for node, at in self._columns_of(row, rows)}
        last = max(columns.values(), default=0)
        for row in rows:
            free = max(columns[node.name] for node in row.nodes) + 1
            for node in row.nodes:
                if nat_entries(node, self._plan):
                    self._note_at[node.name] = _LEFT + free * _COLUMN
                    free += 2
                    last = max(last, free - 1)
        width = _LEFT + max(last + 1, 3) * _COLUMN + _MARGIN
        y = self._heading(width)
        y = self._place(rows, columns, y)
        for node in self._plan.nodes:
            self._links(node)
        for network, at in zip(self._plan.networks, self._bar_at, strict=True):
            self._bar(network, at, width)
        for node in self._plan.nodes:
            self._dots(node)
        for node in self._plan.nodes:
            self._node(node)
            if node.name in self._note_at:
                self._note(node)
        height = self._legend(y) + _MARGIN
        opening = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
            f'viewBox="0 0 {width:g} {height:g}" role="img" font-family="{_FONT}" '
            f'font-size="12" fill="{_INK}" style="max-width:100%;height:auto">'
        )
        return "\n".join(
            [
                opening,
                f"<title>{escape(self._plan.title)}</title>",
                f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
                *self._parts,
                "</svg>",
                "",
            ]
        )

    # --- placing ------------------------------------------------------------------------------

    def _columns_of(self, row: _Row, rows: tuple[_Row, ...]) -> Iterator[tuple[PlannedNode, int]]:
        """Columns for a row's nodes, leaving free those where a joining node's line passes."""
        joining = [node for each in rows for node in each.nodes if len(node.interfaces) > 1]
        passing = set()
        for position, node in enumerate(joining):
            bars = sorted(self._bars[interface.network] for interface in node.interfaces)
            if bars[0] < row.above <= bars[-1] and node not in row.nodes:
                passing.add(position)
        free = (column for column in range(10_000) if column not in passing)
        for node in row.nodes:
            if node in joining:
                yield node, joining.index(node)
            else:
                yield node, next(free)

    def _place(self, rows: tuple[_Row, ...], columns: dict[str, int], y: float) -> float:
        """Fix every box and bar; returns the lower end."""
        for index, network in enumerate((*self._plan.networks, None)):
            start = y
            for row in rows:
                if row.above == index:
                    y += _GAP if y == start and index else 0
                    y = self._place_row(row, columns, y)
            if network is not None:
                # The label below the bar before and the one above this bar need their room.
                y = max(y, start + (self._label_room(index - 1) if index else 0))
                self._bar_at.append(y)
                y += _BAR
        return max(y, start + self._label_room(len(self._plan.networks) - 1))

    def _place_row(self, row: _Row, columns: dict[str, int], y: float) -> float:
        tallest = max(_height(node, self._plan) for node in row.nodes)
        longest = max(len(nat_entries(node, self._plan)) for node in row.nodes)
        joining = len(row.nodes[0].interfaces) > 1
        y += 0 if row.hangs_down and not joining else _DROP
        for node in row.nodes:
            own = _height(node, self._plan)
            top = y + (tallest - own if row.hangs_down and not joining else 0)
            self._box_of[node.name] = (_LEFT + columns[node.name] * _COLUMN, top, own)
        y += max(tallest, _note_height(longest) if longest else 0)
        return y + (_DROP if row.hangs_down else _GAP)

    def _label_room(self, index: int) -> float:
        return (len(self._label(self._plan.networks[index])) + 2) * _LINE + 8

    # --- writing ------------------------------------------------------------------------------

    def _heading(self, width: float) -> float:
        self._write(_MARGIN, 34, self._plan.title, size=18, weight="600")
        y = 34.0
        if self._plan.cluster_name is not None:
            name = f"{self._plan.cluster_name}, TCP port {self._plan.service_port}"
            self._write(_MARGIN, y + 22, name, mono=True, fill=_SOFT)
            y += 22
        for line in textwrap.wrap(self._description, int((width - 2 * _MARGIN) / _LETTER)):
            y += _LINE + 2
            self._write(_MARGIN, y, line, fill=_SOFT)
        return y + 28

    def _bar(self, network: PlannedNetwork, y: float, width: float) -> None:
        self._parts.append(
            f'<rect x="{_MARGIN}" y="{y:g}" width="{width - 2 * _MARGIN:g}" height="{_BAR}" rx="4" '
            f'fill="#3e4c59"/>'
        )
        self._write(_MARGIN, y - 8, network.name, size=14, weight="600")
        for position, (line, mono) in enumerate(self._label(network)):
            self._write(_MARGIN, y + _BAR + 16 + position * _LINE, line, mono=mono, fill=_SOFT)

    def _label(self, network: PlannedNetwork) -> list[tuple[str, bool]]:
        """What stands below a bar; True for addresses."""
        lines = [(prefix, True) for prefix in network.prefixes]
        if len({one.realm for one in self._plan.networks}) > 1:
            lines.append((f"address realm: {network.realm}", False))
        return lines

    def _ends(self, node: PlannedNode) -> Iterator[tuple[PlannedInterface, float, float, bool]]:
        """Each interface with the x and y where it meets its bar, and whether the bar is below."""
        left, top, _ = self._box_of[node.name]
        for interface in node.interfaces:
            bar = self._bar_at[self._bars[interface.network]]
            # Lines go down on the left and up on the right, so no two share a dot.
            share = 0.25 if bar > top else 0.5
            yield interface, left + _BOX * share, bar + _BAR / 2, bar > top

    def _links(self, node: PlannedNode) -> None:
        _, top, height = self._box_of[node.name]
        _, stroke = _FILLS[node.role]
        for _, x, y, below in self._ends(node):
            start = top + height if below else top
            self._parts.append(
                f'<line x1="{x:g}" y1="{start:g}" x2="{x:g}" y2="{y:g}" stroke="{stroke}" '
                'stroke-width="2"/>'
            )

    def _dots(self, node: PlannedNode) -> None:
        _, stroke = _FILLS[node.role]
        for interface, x, y, below in self._ends(node):
            self._parts.append(
                f'<circle cx="{x:g}" cy="{y:g}" r="6" fill="#ffffff" stroke="{stroke}" '
                'stroke-width="3"/>'
            )
            lines = [address.split("/")[0] for address in interface.addresses]
            if note := speed_of(interface):
                lines.append(note)
            first = y - 12 - (len(lines) - 1) * 14 if below else y + 22
            for position, line in enumerate(lines):
                self._write(x + 8, first + position * 14, line, mono=True)

    def _node(self, node: PlannedNode) -> None:
        left, top, height = self._box_of[node.name]
        fill, stroke = _FILLS[node.role]
        dashes = ' stroke-dasharray="5 4"' if node.role == "bystander" else ""
        self._parts.append(
            f'<rect x="{left:g}" y="{top:g}" width="{_BOX}" height="{height:g}" rx="6" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="{3 if node.load_balancer else 1.5}"'
            f"{dashes}/>"
        )
        label = label_of(node)
        for position, line in enumerate(label):
            self._write(left + 10, top + 20 + position * _LINE, line, size=13, weight="600")
        top += (len(label) - 1) * _LINE + 38
        for position, (line, mono) in enumerate(lines_of(node, self._plan)):
            self._write(left + 10, top + position * _LINE, line, mono=mono, fill=_SOFT, size=11.5)

    def _note(self, node: PlannedNode) -> None:
        """The NAT table beside its translator."""
        _, top, _ = self._box_of[node.name]
        x = self._note_at[node.name]
        rows = nat_entries(node, self._plan)
        _, stroke = _FILLS["translator"]
        self._parts.append(
            f'<rect x="{x:g}" y="{top:g}" width="{_COLUMN + _BOX}" '
            f'height="{_note_height(len(rows)):g}" rx="4" fill="#ffffff" stroke="{stroke}" '
            'stroke-dasharray="2 3"/>'
        )
        self._write(x + 10, top + 20, f"NAT on {node.name}: alias ⇄ real address", weight="600")
        for position, (alias, real, name) in enumerate(rows):
            y = top + 40 + position * _LINE
            self._write(x + 10, y, f"{alias} ⇄ {real}", mono=True)
            self._write(x + 268, y, cut(name, 22), fill=_SOFT)

    def _legend(self, y: float) -> float:
        y += 26
        x = float(_MARGIN)
        if any(node.load_balancer for node in self._plan.nodes):
            self._parts.append(
                f'<rect x="{x + 1:g}" y="{y - 11:g}" width="22" height="14" rx="3" '
                'fill="#f4f5f7" stroke="#52606d" stroke-width="3"/>'
            )
            self._write(x + 32, y, "load balancer", fill=_SOFT)
            x += 136
        self._parts.append(
            f'<circle cx="{x + 7:g}" cy="{y - 4:g}" r="5" fill="#ffffff" stroke="#52606d" '
            'stroke-width="3"/>'
        )
        self._write(x + 20, y, "interface (a line without it only passes)", fill=_SOFT)
        return y

    def _write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        weight: str = "",
        fill: str = "",
        mono: bool = False,
    ) -> None:
        attributes = f'x="{x:g}" y="{y:g}"'
        if size != 12:
            attributes += f' font-size="{size:g}"'
        if weight:
            attributes += f' font-weight="{weight}"'
        if fill:
            attributes += f' fill="{fill}"'
        if mono:
            attributes += f' font-family="{_MONO}"'
        self._parts.append(f"<text {attributes}>{escape(text)}</text>")


# --- what goes where ----------------------------------------------------------------------------


def _rows(plan: Plan, bars: dict[str, int]) -> tuple[_Row, ...]:
    """From top to bottom: for each network who uses it, then, below its bar, its servers, and what
    joins it to networks further down."""
    rows = []
    for name, index in bars.items():
        alone = [
            node
            for node in plan.nodes
            if len(node.interfaces) == 1 and node.interfaces[0].network == name
        ]
        users = tuple(node for node in alone if node.role != "server")
        servers = tuple(node for node in alone if node.role == "server")
        joining = tuple(
            node
            for node in plan.nodes
            if len(node.interfaces) > 1
            and min(bars[interface.network] for interface in node.interfaces) == index
        )
        if users:
            rows.append(_Row(index, users, hangs_down=True))
        if servers:
            rows.append(_Row(index + 1, servers, hangs_down=False))
        if joining:
            rows.append(_Row(index + 1, joining, hangs_down=True))
    # Within one gap: servers of the bar above, then what joins, then users of the bar below.
    return tuple(
        sorted(
            rows,
            key=lambda row: (row.above, row.hangs_down, len(row.nodes[0].interfaces) == 1),
        )
    )


def _height(node: PlannedNode, plan: Plan) -> float:
    return 18 + (len(label_of(node)) + len(lines_of(node, plan))) * _LINE


def _note_height(entries: int) -> float:
    return entries * _LINE + 34
