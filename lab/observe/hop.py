"""Arrows of the ladder: one message on its way from a node to a node, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from lab.observe.crossing import is_translated
from lab.observe.dns_exchange import server_at
from lab.observe.dns_message import DnsMessage
from lab.observe.dns_wording import wording
from lab.observe.passage import Passage, Trip
from lab.topology.plan import Plan
from resolver.machine import Duration, Instant

HopKind = Literal[
    "query",
    "reply",
    "syn",
    "syn-ack",
    "reset",
    "data",
    "echo",
    "echo-reply",
    "icmp-error",
    "datagram",
]


@dataclass(frozen=True, slots=True, eq=False)
class Hop:
    """One message between two nodes. Routers on the way do not count; a NAT does: it makes two hops
    of one packet."""

    trip: Trip
    """The packet, or the first of those that carried the message."""
    passages: tuple[Passage, ...]
    """The links of this hop."""
    kind: HopKind
    text: str
    sender: str
    receiver: str
    """Where nothing arrived: the node it was meant for."""
    at: Instant
    took_ns: Duration | None
    """Until it entered the receiver; None when it never did."""
    addresses: str
    """Source → destination, as on the wire."""
    unanswered: bool
    forged: bool
    crossing: int | None
    """Hops with the same number are one packet before and after a NAT."""

    @property
    def frame(self) -> int:
        """The frame that names it."""
        return self.passages[0].frame


class HopMaker:
    """Turns packets into hops, with the plan at hand."""

    def __init__(self, plan: Plan, crossing_numbers: Mapping[int, int]) -> None:
        self._plan = plan
        self._crossing_numbers = crossing_numbers
        """Identity (`id`) of a passage → number of the crossing it is part of."""
        self._passing_on = {node.name for node in plan.nodes if node.forwards or node.nat}
        self._own = {
            node.name: frozenset(node.addresses())
            | frozenset(node.nat.aliases + node.nat.dns_aliases if node.nat else ())
            for node in plan.nodes
        }

    def of_trip(
        self,
        trip: Trip,
        kind: HopKind,
        text: str,
        *,
        unanswered: bool = False,
        forged: bool = False,
    ) -> Iterator[Hop]:
        """The hops of a packet: one, and one more for every NAT it crossed."""
        numbers = (self._crossing_numbers.get(id(passage)) for passage in trip.passages)
        crossing = next((number for number in numbers if number is not None), None)
        for passages in _between_translators(trip):
            first, last = passages[0], passages[-1]
            arrived = None if self._is_stranded(trip, last) else last.arrived
            yield Hop(
                trip,
                passages,
                kind,
                text,
                first.sender or self._meant_by(first.ip.source),
                self._meant_by(last.ip.destination) if arrived is None else arrived.node,
                first.at,
                None if arrived is None else arrived.at - first.at,
                f"{first.ip.sender or first.ip.source} → "
                f"{first.ip.receiver or first.ip.destination}",
                unanswered,
                forged,
                crossing,
            )

    def of_message(
        self, message: DnsMessage, text: str = "", *, unanswered: bool = False, forged: bool = False
    ) -> Iterator[Hop]:
        """The hops of a DNS message; those of its first packet when a stream carried it."""
        kind: HopKind = "reply" if message.is_reply else "query"
        text = text or wording(message)
        return self.of_trip(message.trips[0], kind, text, unanswered=unanswered, forged=forged)

    def claims_foreign_address(self, message: DnsMessage) -> bool:
        """Whether its sender has not got the source address it shows, nor translates it."""
        return message.source.address not in self._own.get(str(message.sender), frozenset())

    def _is_stranded(self, trip: Trip, passage: Passage) -> bool:
        """Whether a packet ended at a node that ought to have passed it on: a router whose next hop
        is dead. Routers are no ends of hops, so such a packet never arrived."""
        return (
            passage is trip.passages[-1]
            and passage.receiver in self._passing_on
            and passage.ip.destination not in self._own[str(passage.receiver)]
        )

    def _meant_by(self, address: str) -> str:
        """The node a lost packet was meant for: the translator in front of an alias; the address
        itself when no node has it."""
        for node in self._plan.nodes:
            if node.nat is not None and address in node.nat.aliases:
                return node.name
        return server_at(self._plan, address) or address


def _between_translators(trip: Trip) -> Iterator[tuple[Passage, ...]]:
    start = 0
    for place in range(1, len(trip.passages)):
        if is_translated(trip.passages[place - 1], trip.passages[place]):
            yield trip.passages[start:place]
            start = place
    yield trip.passages[start:]
