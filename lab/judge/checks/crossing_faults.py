"""What is wrong with a packet that a translator passed on."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from lab.judge.checks.base import is_among
from lab.observe.crossing import Crossing
from lab.observe.passage import Passage, ports
from lab.observe.sighting import Icmp, Ip, Tcp, Udp
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan, PlannedNode
from resolver.config import NaptConfig


def crossing_fault(crossing: Crossing, plan: Plan) -> str | None:
    """Say what is wrong with one translation; None when it is right.

    What an ICMP error quotes is translated as well; `ErrorTranslated` looks at it. Whose a shared
    outside endpoint is, is for `SharedEndpoints` to say.
    """
    before, after = crossing.before.ip, crossing.after.ip
    meant = _translated(before, plan, plan.node(crossing.translator).napt)
    if meant is None:
        return (
            f"{before.source} to {before.destination} is no concern of the table, "
            f"and became {after.source} to {after.destination}"
        )
    checksums = after.checksum_right and (after.transport is None or after.transport.checksum_right)
    faults = (
        (
            is_among(after.source, meant.sources)
            and is_among(after.destination, meant.destinations),
            f"became {after.source} to {after.destination}, expected {meant}",
        ),
        (_ports_kept(before, after, meant), f"ports {ports(before)} became {ports(after)}"),
        (_payload(before) == _payload(after), "the payload changed"),
        (before.identification == after.identification, "the IP identification changed"),
        (_kept(before) == _kept(after), "octets changed that are to be kept"),
        (checksums, "a wrong checksum"),
        (_has_sum(before) == _has_sum(after), "a UDP checksum of 0 did not stay 0"),
        (after.ttl == before.ttl - 1, f"TTL {before.ttl} became {after.ttl}"),
    )
    return next((text for holds, text in faults if not holds), None)


class SharedEndpoints:
    """Whose each outside endpoint is that machines share, as packets outwards show it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._owners: dict[Hashable, tuple[str, int]] = {}

    def fault(self, crossing: Crossing) -> str | None:
        """Take a crossing, in order of time; say where it contradicts those before it."""
        before, after = crossing.before.ip, crossing.after.ip
        meant = _translated(before, self._plan, self._plan.node(crossing.translator).napt)
        old, new = ports(before), ports(after)
        if meant is None or old is None or new is None or _is_error(before):
            return None
        echo = isinstance(before.transport, Icmp)
        if meant.shares_source:
            mine = (before.source, old[0])
            owner = self._owners.setdefault((before.protocol, after.source, new[0]), mine)
            if owner != mine:
                return f"{mine} has the outside endpoint of {owner}: {after.source} {new[0]}"
        if meant.shares_destination:
            place = 0 if echo else 1
            reached = (after.destination, new[place])
            key = (before.protocol, before.destination, old[place])
            if self._owners.get(key, reached) != reached:
                return f"what is for {self._owners[key]} came to {reached}"
        return None


def unmatched_crossings(timeline: Timeline) -> Iterator[tuple[Passage | None, Passage]]:
    """Packets that left a translator, are not its own and are not what came in: each with the one
    of which it was probably made, if there is one.

    A packet is known again behind a translator by what no translator changes; one whose ports or
    payload were changed looks like one that ended there and another that began there.
    """
    for node in timeline.plan.nodes:
        if node.nat is None:
            continue
        ended = [trip.passages[-1] for trip in timeline.trips if trip.receiver == node.name]
        for trip in timeline.trips:
            after = trip.passages[0]
            if after.sender == node.name and not _is_own(after.ip, node):
                yield _probable_cause(after, ended), after


@dataclass(frozen=True, slots=True)
class _Meant:
    """A packet's addresses as they ought to be behind the translator: each among these."""

    sources: tuple[str, ...]
    destinations: tuple[str, ...]
    shares_source: bool = False
    """Whether its sender is one of those who share addresses; then its port may change."""
    shares_destination: bool = False

    def __str__(self) -> str:
        return f"{' or '.join(self.sources)} to {' or '.join(self.destinations)}"


def _translated(before: Ip, plan: Plan, napt: NaptConfig | None) -> _Meant | None:
    """What becomes of a packet, by the plan as meant; None where it is no concern of the table."""
    real_of = {node.alias: node.addresses()[0] for node in plan.nodes if node.alias}
    alias_of = {real: alias for alias, real in real_of.items()}
    shares_source = shares_destination = False
    source = alias_of.get(before.source)
    sources: tuple[str, ...] = (source or before.source,)
    destination = real_of.get(before.destination)
    destinations: tuple[str, ...] = (destination or before.destination,)
    if napt is not None:
        shares_source = source is None and is_among(before.source, napt.inside)
        shares_destination = before.destination in napt.outside_addresses
        sources = napt.outside_addresses if shares_source else sources
        destinations = napt.inside if shares_destination else destinations
    if not (source or destination or shares_source or shares_destination):
        return None
    return _Meant(sources, destinations, shares_source, shares_destination)


def _ports_kept(before: Ip, after: Ip, meant: _Meant) -> bool:
    """Whether no port changed but of those who share an address; of an echo, the identifier."""
    old, new = ports(before), ports(after)
    if old is None or new is None:
        return old == new
    if isinstance(before.transport, Icmp):
        shared = (meant.shares_source or meant.shares_destination, False)
    else:
        shared = (meant.shares_source, meant.shares_destination)
    return all(may or one == other for may, one, other in zip(shared, old, new, strict=True))


def _is_error(ip: Ip) -> bool:
    return isinstance(ip.transport, Icmp) and ip.transport.is_error


def _is_own(ip: Ip, node: PlannedNode) -> bool:
    """Whether a translator sends it by itself: from an address of its own (which its kernel also
    has for the link), or as the DNS server that it is at some aliases."""
    source = ip_address(ip.source)
    if ip.source in node.addresses() or source.is_link_local or source.is_unspecified:
        return True
    shared = () if node.napt is None else node.napt.outside_addresses
    if _is_error(ip) and ip.source in shared:
        return True
    speaks_dns = isinstance(ip.transport, Udp | Tcp) and ip.transport.source_port == 53
    return node.nat is not None and ip.source in node.nat.dns_aliases and speaks_dns


def _probable_cause(after: Passage, ended: list[Passage]) -> Passage | None:
    """Of the packets that ended at the translator before, the likeliest: from another network, of
    the same protocol, and most alike."""
    candidates = [
        (
            before.ip.identification == after.ip.identification,
            ports(before.ip) == ports(after.ip),
            _payload(before.ip) == _payload(after.ip),
            before.at,
            place,
        )
        for place, before in enumerate(ended)
        if before.arrived is not None
        and before.arrived.at <= after.at
        and before.network != after.network
        and before.ip.protocol == after.ip.protocol
    ]
    if not candidates:
        return None
    *alike, _, place = max(candidates)
    return ended[place] if any(alike[:3]) else None


def _payload(ip: Ip) -> bytes:
    match ip.transport:
        case Udp(payload=payload) | Tcp(payload=payload):
            return payload
        case Icmp(embedded=None, payload=payload):
            return payload
        case _:
            return b""


_CHECKSUM_AT = {6: 16, 17: 6, 1: 2, 58: 2}
"""Where in a transport header its checksum stands, by protocol."""


def _kept(ip: Ip) -> Hashable:
    """Everything in the headers that a translator must leave as it is (NAT-14): all but addresses,
    TTL, checksums, what an ICMP error quotes, and the ports, which are looked at by themselves."""
    raw = ip.raw
    if ip.version == 4:
        length = (raw[0] & 15) * 4 if raw else 0
        header = raw[:8] + raw[9:10] + raw[20:length]
    else:
        length = 40
        header = raw[:7]
    segment = raw[length:]
    if isinstance(ip.transport, Icmp) and ip.transport.embedded is not None:
        segment = segment[:8]
    is_later_fragment = ip.version == 4 and int.from_bytes(raw[6:8]) & 0x1FFF
    place = None if is_later_fragment else _CHECKSUM_AT.get(ip.protocol)
    if place is not None:
        segment = segment[:place] + segment[place + 2 :]
    if isinstance(ip.transport, Udp | Tcp):
        segment = segment[4:]
    elif isinstance(ip.transport, Icmp):
        segment = segment[:2] + segment[4:]  # without the identifier; the checksum is gone already
    elif not is_later_fragment and ip.protocol in {6, 17}:
        segment = segment[4:]  # of a first fragment
    return header, segment


def _has_sum(ip: Ip) -> bool:
    """Whether it carries a UDP checksum; 0 says that the sender made none (RFC 768)."""
    if ip.version != 4 or not isinstance(ip.transport, Udp):
        return True
    place = (ip.raw[0] & 15) * 4 + 6 if ip.raw else 0
    return ip.raw[place : place + 2] != b"\0\0"
