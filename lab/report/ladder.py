"""The ladder diagram, laid out: which node stands in which column, what stands in which row.

Pure layout over the record; `ladder_svg` and `ladder_text` draw the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lab.report.record import ExchangeRecord, HopRecord, NodeRecord, ScenarioRecord

LONG_PAUSE_MS = 50.0
"""A longer silence between two messages gets a row of its own: it is what somebody waited for."""

_ROLES = ("viewer", "resolver", "translator", "router", "server", "bystander")
_QUESTIONS = frozenset({"query", "syn", "echo", "datagram"})


@dataclass(frozen=True, slots=True)
class Column:
    """A node's lifeline."""

    name: str
    label: str
    addresses: tuple[str, ...] = ()
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Heading:
    """An exchange begins."""

    title: str
    waited_ms: float | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing happens for so long that it is told, not drawn to scale."""

    lasted_ms: float


@dataclass(frozen=True, slots=True)
class Joint:
    """Two hops are one packet before and after the translator."""

    column: int
    change: str
    """"192.168.1.102 → 10.10.10.102": what the translator replaced."""
    since_row: int
    """Row of the hop before; the hop after is the next row."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A message from column `start` to column `end`."""

    hop: HopRecord
    start: int
    end: int
    since_ms: float
    """Since the arrow above; 0 where that is later or there is none."""

    @property
    def arrives(self) -> bool:
        """Whether it was seen entering its receiver."""
        return self.hop.took_ms is not None

    @property
    def asks(self) -> bool:
        """Whether it wants an answer (drawn with a filled head)."""
        return self.hop.kind in _QUESTIONS

    @property
    def remark(self) -> str:
        """What must be said of it beside its text; empty for an ordinary message."""
        remarks = []
        if self.hop.forged:
            remarks.append("forged")
        if not self.arrives:
            remarks.append("never arrived")
        if self.hop.unanswered:
            remarks.append("no answer")
        return ", ".join(remarks)


Row: TypeAlias = Heading | Pause | Joint | Arrow


@dataclass(frozen=True, slots=True)
class Ladder:
    """What is drawn: columns left to right, rows top to bottom."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def columns_of(scenario: ScenarioRecord) -> tuple[Column, ...]:
    """A column for every node that sent or was sent something: viewers first, then resolver,
    translator, routers and servers, each group in the plan's order."""
    return _columns(scenario.exchanges, scenario.nodes)


def lay_out(
    exchanges: Sequence[ExchangeRecord], nodes: Sequence[NodeRecord] | Sequence[Column]
) -> Ladder:
    """Lay exchanges out over columns, or over the columns of the nodes that take part."""
    columns = tuple(node for node in nodes if isinstance(node, Column))
    if not columns:
        columns = _columns(exchanges, [node for node in nodes if isinstance(node, NodeRecord)])
    position = {column.name: index for index, column in enumerate(columns)}
    rows: list[Row] = []
    latest_ms: float | None = None
    for exchange in exchanges:
        # An exchange may begin before the one above it ends (a question not waited for).
        if latest_ms is not None and exchange.started_ms - latest_ms >= LONG_PAUSE_MS:
            rows.append(Pause(exchange.started_ms - latest_ms))
            latest_ms = None
        rows.append(Heading(exchange.title, exchange.waited_ms))
        befores: dict[int, tuple[int, HopRecord]] = {}
        for hop in exchange.hops:
            since_ms = max(0.0, hop.at_ms - latest_ms) if latest_ms is not None else 0.0
            if since_ms >= LONG_PAUSE_MS:
                rows.append(Pause(since_ms))
            before = befores.pop(hop.crossing, None) if hop.crossing is not None else None
            if before is not None:
                since_row, first = before
                change = changed(first.addresses, hop.addresses)
                rows.append(Joint(position[hop.sender], change, since_row))
            elif hop.crossing is not None:
                befores[hop.crossing] = (len(rows), hop)
            rows.append(Arrow(hop, position[hop.sender], position[hop.receiver], since_ms))
            latest_ms = hop.at_ms
    return Ladder(columns, tuple(rows))


def changed(before: str, after: str) -> str:
    """What differs between two "source → destination" texts: "alias → real", port left out where
    it stayed."""
    changes = []
    for old, new in zip(before.split(" → "), after.split(" → "), strict=False):
        if old == new:
            continue
        old_address, _, old_port = old.rpartition(":")
        new_address, _, new_port = new.rpartition(":")
        same_port = old_port == new_port and old_address and new_address
        changes.append(f"{old_address} → {new_address}" if same_port else f"{old} → {new}")
    return ", ".join(changes) or "unchanged"


def _columns(
    exchanges: Iterable[ExchangeRecord], nodes: Sequence[NodeRecord]
) -> tuple[Column, ...]:
    taking_part = dict.fromkeys(_names(exchanges))
    known = [
        Column(node.name, node.label, node.addresses, node.alias)
        for node in sorted(nodes, key=lambda node: _rank(node.role))
        if node.name in taking_part
    ]
    named = {column.name for column in known}
    # A record of another's making may name a node it does not describe; it is drawn all the same.
    return (*known, *(Column(name, "") for name in taking_part if name not in named))


def _names(exchanges: Iterable[ExchangeRecord]) -> Iterator[str]:
    for exchange in exchanges:
        for hop in exchange.hops:
            yield hop.sender
            yield hop.receiver


def _rank(role: str) -> int:
    return _ROLES.index(role) if role in _ROLES else len(_ROLES)
