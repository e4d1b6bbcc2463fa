"""What every check has in common, and the questions to a timeline that several of them ask."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from pydantic import BaseModel, ConfigDict

from lab.judge.verdict import Finding
from lab.observe.dns_exchange import DnsExchange
from lab.observe.sighting import Mark
from lab.observe.timeline import Timeline
from resolver.machine import MILLISECOND, Duration, Instant


class CheckBase(BaseModel):
    """A question that can be put to a timeline. Frozen, and data: its JSON says everything.

    `judge` finds from packets and marks alone, compared with the plan as it was meant. It says
    FAILED when what it looks for never happened: a check that has nothing to look at has not held.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def judge(self, timeline: Timeline) -> Finding:
        """What the packets say, with the frames that prove it."""


def questions(
    timeline: Timeline, asker: str, name: str | None, qtype: str | None = None
) -> list[DnsExchange]:
    """Return the asker's exchanges about a name (None: the cluster's), in order."""
    wanted = (name or timeline.plan.cluster_name or "").lower().rstrip(".")
    return [
        exchange
        for exchange in timeline.exchanges
        if exchange.asker == asker
        and exchange.query.name == wanted
        and qtype in {None, exchange.query.qtype}
    ]


def served_by(timeline: Timeline, server: str) -> list[DnsExchange]:
    """Return the questions that reached a server."""
    return [exchange for exchange in timeline.exchanges if exchange.query.receiver == server]


def halted_at(timeline: Timeline, node: str) -> Mark | None:
    """Return the mark of a node's halt."""
    return next((mark for mark in timeline.marks if _is_about(mark, "halted", node)), None)


def resumed_at(timeline: Timeline, node: str) -> Mark | None:
    """Return the mark of a node's return."""
    return next((mark for mark in timeline.marks if _is_about(mark, "resumed", node)), None)


def server_addresses(timeline: Timeline, server: str) -> frozenset[str]:
    """Return every address, real and alias, by which answers may name a server."""
    node = timeline.plan.node(server)
    return frozenset(node.addresses()) | ({node.alias} if node.alias else frozenset())


def real_addresses(timeline: Timeline) -> frozenset[str]:
    """Return the addresses that viewers must never see: those of servers behind a NAT, and of the
    translator on their side."""
    plan = timeline.plan
    hidden = {address for node in plan.nodes if node.alias for address in node.addresses()}
    for node in plan.nodes:
        if node.nat is not None:
            hidden |= {
                address.split("/")[0]
                for interface in node.interfaces
                if interface.name == node.nat.server_side
                for address in interface.addresses
            }
    return frozenset(hidden)


def is_among(address: str, prefixes: Iterable[str]) -> bool:
    """Whether an address is one of these, or in one of these prefixes."""
    parsed = ip_address(address)
    return any(parsed in ip_network(prefix, strict=False) for prefix in prefixes)


def frames_of(exchanges: Iterable[DnsExchange]) -> tuple[int, ...]:
    """Return the frames of questions and their replies."""
    return tuple(
        frame
        for exchange in exchanges
        for message in (exchange.query, *exchange.replies)
        for frame in message.frames
    )


def ms(duration: Duration) -> str:
    """Write a duration for people: "1000.05 ms"."""
    return f"{duration / MILLISECOND:.2f} ms"


def since(timeline: Timeline, instant: Instant) -> str:
    """Write an instant for people: seconds since the capture's first record."""
    first = timeline.records[0].at if timeline.records else instant
    return f"{(instant - first) / (1000 * MILLISECOND):.3f} s"


def _is_about(mark: Mark, kind: str, node: str) -> bool:
    return mark.kind == kind and mark.fields.get("node") == node
