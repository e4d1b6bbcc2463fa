"""From packets of a capture to sightings at the interfaces of a plan.

A capture from elsewhere shows a packet at one place. That it left its sender and reached its
receiver is taken from that: it was on the wire, and nothing shows otherwise. So it becomes a
sighting at both ends of its link, with one frame number and one time, and likewise on the links
that routers carried it over. What a translator makes of a packet is never supplied: that is what is
judged. Where the capture has the plan's own interface names, each is believed: an interface that
was captured supplies nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from lab.captures.packets import SeenPacket
from lab.captures.ways import Hop, Way, Ways
from lab.observe.dns_message import concerns_dns
from lab.observe.passage import fingerprint
from lab.observe.sighting import Ip, Sighting, Tcp
from lab.topology.plan import Plan
from resolver.machine import MILLISECOND, SECOND, Duration, Instant

_SAME_PACKET_NS: Duration = 10 * MILLISECOND
"""Two sightings of the same octets within this time are one packet, seen twice: by two captures, at
a bridge and at its port, by a mirror of both ways, before and behind a router. Who repeats a packet
waits longer."""
_SURELY_SAME_NS: Duration = 5 * SECOND
"""The same for packets with an identification of their own, which no repetition has (RFC 6864 4.3),
and for those seen at another place or with another TTL: links may be slow."""

_FIRST_HOP_LIMITS = (64, 128, 255)
"""What machines begin with: Linux and BSD, Windows, routers."""


@dataclass(slots=True)
class Placed:
    """A capture's packets, as sightings at the interfaces of a plan."""

    sightings: list[Sighting] = field(default_factory=list)
    """In order of time."""
    on: Counter[str] = field(default_factory=Counter)
    """Network → number of packets seen there."""
    watched: frozenset[tuple[str, str]] = frozenset()
    """(node, network): everything between the two passed the place of the capture."""
    twice: int = 0
    """Packets seen more than once on a link, each counted once."""
    nowhere: Counter[str] = field(default_factory=Counter)
    """Packets that have no place in the plan, by reason."""
    began_at: Instant = 0
    ended_at: Instant = 0


def place(packets: Sequence[SeenPacket], plan: Plan) -> Placed:
    """Find for each packet the link it was on.

    Of TCP connections that carry no DNS only what opens, refuses and breaks off is taken: the rest
    says nothing here, and captured at a busy machine it is cut and joined at will by its network
    card.
    """
    return _Placing(plan, packets).placed()


class Recognition:
    """Knows again a packet that was seen before, at whatever place and behind whatever router."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, tuple[Instant, Hashable]] = {}

    def is_known(self, packet: SeenPacket) -> bool:
        """Whether this is a packet that was seen before. Asked in order of time."""
        ip = packet.ip
        where = packet.place, ip.ttl
        key = (ip.source, ip.destination, fingerprint(ip))
        before_at, before_where = self._seen.get(key, (None, None))
        surely = bool(ip.identification) or where != before_where
        within = _SURELY_SAME_NS if surely else _SAME_PACKET_NS
        if before_at is not None and packet.at - before_at < within:
            return True
        self._seen[key] = packet.at, where
        return False


class _Placing:
    def __init__(self, plan: Plan, packets: Sequence[SeenPacket]) -> None:
        self._ways = Ways(plan)
        self._interfaces = {
            interface.name: (node.name, interface.network)
            for node in plan.nodes
            for interface in node.interfaces
        }
        self._packets = sorted(packets, key=_at)
        self._captured = {each.interface for each in packets} & set(self._interfaces)
        """Interfaces of the plan that were captured under their own names."""
        self._captured_networks = {self._interfaces[name][1] for name in self._captured}
        self._home = self._homes()
        self._placed = Placed()
        self._seen = Recognition()
        self._ends: dict[tuple[object, str], tuple[frozenset[str], frozenset[str]]] = {}
        """(place, network) → the nodes with a part in all that was seen there, and in any of it."""

    def placed(self) -> Placed:
        placed = self._placed
        if self._packets:
            placed.began_at, placed.ended_at = self._packets[0].at, self._packets[-1].at
        for packet in self._packets:
            if _matters(packet.ip):
                placed.sightings += self._sightings(packet)
        placed.watched = frozenset(self._watched())
        return placed

    def _homes(self) -> dict[tuple[int, int], str]:
        """The network of each place of capture, where all packets that can have been on one
        network alone agree."""
        seen: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
        for packet in self._packets:
            way = self._ways.between(packet.ip.source, packet.ip.destination)
            if way is not None and len({hop.network for hop in way.hops}) == 1:
                seen[packet.place].add(way.hops[0].network)
        return {each: next(iter(found)) for each, found in seen.items() if len(found) == 1}

    def _sightings(self, packet: SeenPacket) -> Iterator[Sighting]:
        if packet.interface in self._captured:
            yield from self._at_own_interface(packet)
            return
        ip, placed = packet.ip, self._placed
        way = self._ways.between(ip.source, ip.destination)
        if way is None:
            known = self._ways.knows(ip.source) and self._ways.knows(ip.destination)
            placed.nowhere[
                "no way in the topology" if known else "an address that the topology does not have"
            ] += 1
            return
        here = self._hop(packet, way)
        if way.hops.index(here) > _routers_passed(ip):
            # It has come over fewer routers than there are between: somebody else sent it.
            placed.nowhere["a source address that the TTL belies"] += 1
            return
        if here.network in self._captured_networks:
            placed.twice += 1  # at a translator's own device, where its links are captured by name
            return
        self._note_ends(packet.place, here.network, frozenset({here.sender, here.receiver}))
        if self._seen.is_known(packet):
            placed.twice += 1
            return
        placed.on[here.network] += 1
        for hop in way.stretch_of(here.network):
            if hop is here or hop.network not in self._captured_networks:
                yield from self._both_ends(packet, hop)

    def _at_own_interface(self, packet: SeenPacket) -> Iterator[Sighting]:
        """The interface is of the plan, and so believed to be what it is called."""
        node, network = self._interfaces[packet.interface]
        way = self._ways.between(packet.ip.source, packet.ip.destination)
        hops = [] if way is None else [hop for hop in way.hops if hop.network == network]
        hop = next((each for each in hops if node in {each.sender, each.receiver}), None)
        outgoing = packet.outgoing
        if outgoing is None:
            outgoing = hop is not None and hop.sender == node
        self._placed.on[network] += 1
        self._note_ends(packet.interface, network, frozenset({node}))
        yield Sighting(packet.number, packet.at, node, packet.interface, outgoing, packet.ip)
        if hop is None or outgoing is not (hop.sender == node):
            return  # whoever is at the other end, it is not who ought to be
        if outgoing and hop.receiving not in self._captured:
            yield _entering(packet, hop)
        if not outgoing and hop.sending not in self._captured:
            yield _leaving(packet, hop)

    def _both_ends(self, packet: SeenPacket, hop: Hop) -> Iterator[Sighting]:
        yield _leaving(packet, hop)
        yield _entering(packet, hop)

    def _hop(self, packet: SeenPacket, way: Way) -> Hop:
        """The link of the way on which the packet was seen: the network of the place, or as many
        routers on as its TTL tells."""
        home = self._home.get(packet.place)
        at_home = next((hop for hop in way.hops if hop.network == home), None)
        if at_home is not None or len(way.hops) == 1:
            return at_home or way.hops[0]
        return way.hops[min(_routers_passed(packet.ip), len(way.hops) - 1)]

    def _note_ends(self, place: object, network: str, ends: frozenset[str]) -> None:
        in_all, in_any = self._ends.get((place, network), (ends, ends))
        self._ends[place, network] = in_all & ends, in_any | ends

    def _watched(self) -> Iterator[tuple[str, str]]:
        """Who can have sent and received nothing on a network unseen: a machine that has a part in
        all that was seen at a place; where nobody has, the place is a mirror of them all."""
        for (_, network), (in_all, in_any) in self._ends.items():
            for node in in_all or in_any:
                yield node, network


def _routers_passed(ip: Ip) -> int:
    """How many routers it has come over, at least, if it began as machines begin."""
    return next(limit for limit in _FIRST_HOP_LIMITS if ip.ttl <= limit) - ip.ttl


def _matters(ip: Ip) -> bool:
    transport = ip.transport
    if isinstance(transport, Tcp) and not concerns_dns(transport):
        return not transport.flags.isdisjoint({"SYN", "RST"})
    return True


def _leaving(packet: SeenPacket, hop: Hop) -> Sighting:
    return Sighting(packet.number, packet.at, hop.sender, hop.sending, True, packet.ip)


def _entering(packet: SeenPacket, hop: Hop) -> Sighting:
    return Sighting(packet.number, packet.at, hop.receiver, hop.receiving, False, packet.ip)


def _at(packet: SeenPacket) -> Instant:
    return packet.at
