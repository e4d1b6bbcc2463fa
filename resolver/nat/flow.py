"""The two ends of a packet, read and rewritten where they lie.

An end is six octets: a packed IPv4 address and a port. Of an ICMP query the inside end has the
identifier for a port, and the outside one zero.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from resolver.nat.checksum import adjusted
from resolver.nat.packet import ECHO_REPLY, ECHO_REQUEST, ICMP, TCP, UDP, Ipv4Header

_ICMP_REQUESTS: Final = frozenset({ECHO_REQUEST, 13, 15, 17})
_ICMP_REPLIES: Final = frozenset({ECHO_REPLY, 14, 16, 18})
# RFC 792: timestamp and information; RFC 950: address mask. Each has an identifier at octet 4.

NO_PORT: Final = b"\0\0"

_SHORTEST: Final = {UDP: 8, TCP: 20, ICMP: 8}
_CHECKSUM_AT: Final = {UDP: 6, TCP: 16, ICMP: 2}


class Flow(NamedTuple):
    """What a packet belongs to."""

    protocol: int
    source: bytes
    destination: bytes
    flags: int = 0
    """TCP's."""


def read_flow(packet: bytes | bytearray, header: Ipv4Header, *, whole: bool = True) -> Flow | None:
    """The ends of a UDP or TCP packet, or of an ICMP query or reply, that begins here.

    None for anything else, and for what is cut too short. `whole`: whether the transport header
    must be complete, as it is not where an error quotes it.
    """
    protocol, at = header.protocol, header.payload
    shortest = _SHORTEST.get(protocol)
    if shortest is None or header.fragment_offset:
        return None
    if header.end - at < (shortest if whole else 8):
        return None
    source, destination = header.source, header.destination
    if protocol != ICMP:
        flags = packet[at + 13] if protocol == TCP and whole else 0
        return Flow(
            protocol,
            source + packet[at : at + 2],
            destination + packet[at + 2 : at + 4],
            flags,
        )
    identifier = bytes(packet[at + 4 : at + 6])
    if packet[at] in _ICMP_REQUESTS:
        return Flow(protocol, source + identifier, destination + NO_PORT)
    if packet[at] in _ICMP_REPLIES:
        return Flow(protocol, source + NO_PORT, destination + identifier)
    return None


def rewrite_ends(
    packet: bytearray, header: Ipv4Header, flow: Flow, source: bytes, destination: bytes
) -> None:
    """Put other ends into a packet, in place, and adjust the checksums that cover them."""
    rewrite_addresses_alone(packet, header, source[:4], destination[:4])
    if header.fragment_offset:
        return  # ports and checksum lie in the first fragment
    at = header.payload
    old, new = flow.source + flow.destination, source + destination
    if flow.protocol == ICMP:
        # The checksum covers no addresses.
        identifier = source[4:] if packet[at] in _ICMP_REQUESTS else destination[4:]
        old, new = bytes(packet[at + 4 : at + 6]), identifier
        packet[at + 4 : at + 6] = identifier
    else:
        packet[at : at + 4] = source[4:] + destination[4:]
    place = at + _CHECKSUM_AT[flow.protocol]
    if place + 2 > header.end:
        return  # a quotation that ends before
    checksum = int.from_bytes(packet[place : place + 2])
    if flow.protocol == UDP:
        if checksum == 0:
            return  # RFC 768: the sender made none; RFC 3022 4.1: so it stays
        # RFC 768: a sum of zero is sent as all ones.
        checksum = adjusted(checksum, old, new) or 0xFFFF
    else:
        checksum = adjusted(checksum, old, new)
    packet[place : place + 2] = checksum.to_bytes(2)
    if checksum == 0 and flow.protocol == ICMP and not any(packet[at : header.end]):
        # Of octets that are all zero the checksum is all ones, and zero is wrong (RFC 1624 3): an
        # echo reply may be such a message.
        packet[place : place + 2] = b"\xff\xff"


def rewrite_addresses_alone(
    packet: bytearray, header: Ipv4Header, source: bytes, destination: bytes
) -> None:
    """Put other addresses into an IP header, in place, and nothing else."""
    at, new = header.start + 12, source + destination
    _adjust_header(packet, header, bytes(packet[at : at + 8]), new)
    packet[at : at + 8] = new


def rewrite_identification(packet: bytearray, header: Ipv4Header, identification: bytes) -> None:
    """Put another identification into an IP header, in place."""
    at = header.start + 4
    _adjust_header(packet, header, bytes(packet[at : at + 2]), identification)
    packet[at : at + 2] = identification


def _adjust_header(packet: bytearray, header: Ipv4Header, old: bytes, new: bytes) -> None:
    place = header.start + 10
    checksum = int.from_bytes(packet[place : place + 2])
    packet[place : place + 2] = adjusted(checksum, old, new).to_bytes(2)
