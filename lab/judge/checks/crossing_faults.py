"""What is wrong with a packet that a translator passed on."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from ipaddress import ip_address

from lab.observe.crossing import Crossing
from lab.observe.passage import Passage, ports
from lab.observe.sighting import Icmp, Ip, Tcp, Udp
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan, PlannedNode


def crossing_fault(crossing: Crossing, plan: Plan) -> str | None:
    """Say what is wrong with one translation; None when it is right.

    What an ICMP error quotes is translated as well; `ErrorTranslated` looks at it.
    """
    before, after = crossing.before.ip, crossing.after.ip
    addresses = _translated(before, plan)
    if addresses is None:
        return (
            f"{before.source} to {before.destination} is no concern of the table, "
            f"and became {after.source} to {after.destination}"
        )
    meant = f"{addresses[0]} to {addresses[1]}"
    checksums = after.checksum_right and (after.transport is None or after.transport.checksum_right)
    faults = (
        (
            (after.source, after.destination) == addresses,
            f"became {after.source} to {after.destination}, expected {meant}",
        ),
        (ports(before) == ports(after), f"ports {ports(before)} became {ports(after)}"),
        (_payload(before) == _payload(after), "the payload changed"),
        (before.identification == after.identification, "the IP identification changed"),
        (_kept(before) == _kept(after), "octets changed that are to be kept"),
        (checksums, "a wrong checksum"),
        (_has_sum(before) == _has_sum(after), "a UDP checksum of 0 did not stay 0"),
        (after.ttl == before.ttl - 1, f"TTL {before.ttl} became {after.ttl}"),
    )
    return next((text for holds, text in faults if not holds), None)


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


def _translated(before: Ip, plan: Plan) -> tuple[str, str] | None:
    """Source and destination as they ought to be behind the translator, by the plan as meant."""
    real_of = {node.alias: node.addresses()[0] for node in plan.nodes if node.alias}
    alias_of = {real: alias for alias, real in real_of.items()}
    if before.destination in real_of:
        return before.source, real_of[before.destination]
    if before.source in alias_of:
        return alias_of[before.source], before.destination
    return None


def _is_own(ip: Ip, node: PlannedNode) -> bool:
    """Whether a translator sends it by itself: from an address of its own (which its kernel also
    has for the link), or as the DNS server that it is at some aliases."""
    source = ip_address(ip.source)
    if ip.source in node.addresses() or source.is_link_local or source.is_unspecified:
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
    TTL, checksums, and what an ICMP error quotes."""
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
    return header, segment


def _has_sum(ip: Ip) -> bool:
    """Whether it carries a UDP checksum; 0 says that the sender made none (RFC 768)."""
    if ip.version != 4 or not isinstance(ip.transport, Udp):
        return True
    place = (ip.raw[0] & 15) * 4 + 6 if ip.raw else 0
    return ip.raw[place : place + 2] != b"\0\0"
