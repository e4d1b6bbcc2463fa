"""A packet over one link, and a packet's whole way over routers and translators.

Every link is watched at both ends, so each packet is seen twice per link. Here the two sightings
become one passage, and the passages of one packet, changed by each router and translator on its
way, become one trip.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from operator import attrgetter
from typing import TypeVar

from lab.observe.sighting import Icmp, Ip, Sighting, Tcp, Udp
from lab.topology.plan import Plan
from resolver.machine import Duration, Instant

_Early = TypeVar("_Early")
_Late = TypeVar("_Late")


@dataclass(eq=False, slots=True)
class Passage:
    """One packet over one link: it leaves one interface and enters another."""

    network: str
    """The link, as the plan names it."""
    sent: Sighting | None = field(repr=False)
    """None when only the arrival was seen."""
    arrived: Sighting | None = field(repr=False)
    """None when it never arrived: lost, or its receiver was off."""
    ip: Ip
    sender: str | None
    """The node it left; from the interface that saw it, never from its source address."""
    receiver: str | None
    at: Instant
    """When it left, or when it arrived where that alone was seen."""

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers of its sightings; in a capture from elsewhere both may be one frame."""
        sent, arrived = self.sent, self.arrived
        if sent is None:
            return () if arrived is None else (arrived.number,)
        if arrived is None or arrived.number == sent.number:
            return (sent.number,)
        return sent.number, arrived.number

    @property
    def frame(self) -> int:
        """The frame that names it: at the sender, or at the receiver where that alone was seen."""
        return self.frames[0]

    @property
    def took_ns(self) -> Duration | None:
        """How long it was on the link."""
        if self.sent is None or self.arrived is None:
            return None
        return self.arrived.at - self.sent.at


@dataclass(eq=False, slots=True)
class Trip:
    """One packet from the node that made it to the node where it ended, over one link or several.

    Routers pass it on with a smaller TTL, translators with another address: still one trip.
    """

    passages: tuple[Passage, ...]

    @property
    def ip(self) -> Ip:
        """The packet as its maker sent it."""
        return self.passages[0].ip

    @property
    def ip_arrived(self) -> Ip:
        """The packet as it was on its last link."""
        return self.passages[-1].ip

    @property
    def sender(self) -> str | None:
        """The node that made it."""
        return self.passages[0].sender

    @property
    def receiver(self) -> str | None:
        """The node where it ended; None when it was lost on its last link."""
        return self.passages[-1].receiver

    @property
    def at(self) -> Instant:
        """When it was first seen."""
        return self.passages[0].at

    @property
    def sent_at(self) -> Instant | None:
        """When it left its maker."""
        sent = self.passages[0].sent
        return None if sent is None else sent.at

    @property
    def arrived_at(self) -> Instant | None:
        """When it arrived at the last node that saw it; None when it was lost."""
        arrived = self.passages[-1].arrived
        return None if arrived is None else arrived.at

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers along its way."""
        return tuple(frame for passage in self.passages for frame in passage.frames)


# --- over one link ----------------------------------------------------------------------------


def passages_of(sightings: Iterable[Sighting], networks: dict[str, str]) -> list[Passage]:
    """Pair what left with what arrived; in order of departure.

    `sightings` are of IP packets and in time order; `networks` says on which network an interface
    is. A packet's bytes do not change on a link, so equal bytes on one network are one packet;
    identical repetitions pair in order.
    """
    groups: defaultdict[tuple[str, bytes], list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        ip = sighting.network
        assert isinstance(ip, Ip)  # noqa: S101 - the caller sorts out everything else
        groups[networks[sighting.interface], ip.raw].append(sighting)
    passages = [
        passage for (network, _), group in groups.items() for passage in _paired(network, group)
    ]
    passages.sort(key=attrgetter("at", "frame"))
    return passages


def _paired(network: str, group: list[Sighting]) -> Iterator[Passage]:
    departures = [sighting for sighting in group if sighting.outgoing]
    arrivals = [sighting for sighting in group if not sighting.outgoing]
    pairs, lost, unsent = pair_in_order(departures, arrivals, _seen_at, _seen_at)
    for sent, arrived in pairs:
        yield _passage(network, sent, arrived)
    for sent in lost:
        yield _passage(network, sent, None)
    for arrived in unsent:
        # A packet to a group arrives at every member of it, having left once.
        sent_to_all = departures[0] if departures and _is_to_many(arrived) else None
        yield _passage(network, sent_to_all, arrived)


def _passage(network: str, sent: Sighting | None, arrived: Sighting | None) -> Passage:
    seen = sent or arrived
    assert seen is not None  # noqa: S101 - a passage has at least one end
    assert isinstance(seen.network, Ip)  # noqa: S101 - as passages_of demands
    return Passage(
        network,
        sent,
        arrived,
        seen.network,
        None if sent is None else sent.node,
        None if arrived is None else arrived.node,
        seen.at,
    )


def _seen_at(sighting: Sighting) -> Instant:
    return sighting.at


def _is_to_many(sighting: Sighting) -> bool:
    assert isinstance(sighting.network, Ip)  # noqa: S101 - as passages_of demands
    destination = ip_address(sighting.network.destination)
    return destination.is_multicast or str(destination) == "255.255.255.255"


# --- over several links -----------------------------------------------------------------------


def trips_of(passages: Sequence[Passage], plan: Plan) -> list[Trip]:
    """Join the passages of each packet across the nodes that pass packets on; in order of start.

    Behind a node that forwards, the same packet is the one with the same protocol, identification
    and transport fields; addresses and TTL may differ, for that is what such nodes change, and
    ports where machines share addresses.
    """
    passing_on = {node.name for node in plan.nodes if node.forwards or node.nat is not None}
    sharing = {node.name for node in plan.nodes if node.napt is not None}
    groups: defaultdict[Hashable, tuple[list[Passage], list[Passage]]] = defaultdict(
        lambda: ([], [])
    )
    for passage in passages:
        if passage.receiver in passing_on:
            known = fingerprint(passage.ip, with_ports=passage.receiver not in sharing)
            groups[passage.receiver, known][0].append(passage)
        if passage.sender in passing_on:
            known = fingerprint(passage.ip, with_ports=passage.sender not in sharing)
            groups[passage.sender, known][1].append(passage)
    onward: dict[int, Passage] = {}
    continued: set[int] = set()
    for before, after in groups.values():
        pairs, _, _ = pair_in_order(before, after, _arrival, _departure)
        for earlier, later in pairs:
            onward[id(earlier)] = later
            continued.add(id(later))
    return [
        Trip(tuple(_follow(passage, onward)))
        for passage in passages
        if id(passage) not in continued
    ]


def _follow(passage: Passage, onward: dict[int, Passage]) -> Iterator[Passage]:
    at: Passage | None = passage
    while at is not None:
        yield at
        at = onward.get(id(at))


def _arrival(passage: Passage) -> Instant:
    return passage.at if passage.arrived is None else passage.arrived.at


def _departure(passage: Passage) -> Instant:
    return passage.at


def fingerprint(ip: Ip, *, with_ports: bool = True) -> Hashable:
    """What neither a router nor a one-to-one translator changes; without ports (and the identifiers
    of echoes), what no translator changes."""
    between = ports(ip) if with_ports else None
    match ip.transport:
        case Udp() as udp:
            return ip.identification, between, udp.payload
        case Tcp() as tcp:
            return (
                ip.identification,
                between,
                tcp.sequence,
                tcp.acknowledgement,
                tcp.flags,
                tcp.payload,
            )
        case Icmp(embedded=None) as icmp:
            return ip.identification, icmp.type, icmp.code, icmp.payload, between
        case Icmp(embedded=Ip() as inner) as icmp:
            # The embedded addresses and checksums are translated too (RFC 5508 REQ-4).
            quoted = ports(inner) if with_ports else None
            return ip.identification, icmp.type, icmp.code, inner.identification, quoted
        case _:
            # A fragment: the offset tells it from its siblings.
            return ip.identification, ip.protocol, ip.length, ip.raw[6:8]


def ports(ip: Ip) -> tuple[int, int] | None:
    """Source and destination port; of an echo, identifier and sequence number."""
    match ip.transport:
        case Udp() | Tcp() as transport:
            return transport.source_port, transport.destination_port
        case Icmp() as icmp:
            return icmp.identifier, icmp.sequence
        case _:
            return None


# --- pairing ----------------------------------------------------------------------------------


def pair_in_order(
    earlier: Sequence[_Early],
    later: Sequence[_Late],
    earlier_at: Callable[[_Early], Instant],
    later_at: Callable[[_Late], Instant],
) -> tuple[list[tuple[_Early, _Late]], list[_Early], list[_Late]]:
    """Pair equal things before with equal things after: (pairs, befores alone, afters alone).

    Both are in time order. As many as possible pair up, nothing pairs with what came before it,
    the waits are as short as they can be (a repetition's arrival is not taken for that of a lost
    first try), and pairs do not cross: links and nodes keep order.
    """
    if len(earlier) == 1 and len(later) == 1 and earlier_at(earlier[0]) <= later_at(later[0]):
        return [(earlier[0], later[0])], [], []
    waiting: list[_Early] = []
    taken: list[_Early] = []
    found: list[_Late] = []
    alone: list[_Late] = []
    upcoming = iter(earlier)
    following = next(upcoming, None)
    for late in later:
        while following is not None and earlier_at(following) <= later_at(late):
            waiting.append(following)
            following = next(upcoming, None)
        if waiting:
            taken.append(waiting.pop())
            found.append(late)
        else:
            alone.append(late)
    taken.sort(key=earlier_at)
    if following is not None:
        waiting += [following, *upcoming]
    return list(zip(taken, found, strict=True)), waiting, alone
