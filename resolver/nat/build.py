"""Small builders of whole IP packets, checksums right, for IPv4 and IPv6 alike.

The translator makes its own ICMP errors with them; virtual networks make everything with them. Both
addresses of a packet are of one family, which decides the IP version.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import ip_address

from resolver.machine import Endpoint
from resolver.nat.checksum import checksum_of_sum, internet_checksum, pseudo_header
from resolver.nat.packet import ECHO_REPLY, ECHO_REQUEST, ICMP, ICMPV6, TCP, UDP

_ICMPV6_ECHO_REQUEST = 128  # RFC 4443 4.1
_ICMPV6_ECHO_REPLY = 129  # RFC 4443 4.2

_ALWAYS_FITS = 65_515
"""Octets of a segment that fit a packet of either version."""

_UDP_HEADER = struct.Struct("!HHHH")
_TCP_HEADER = struct.Struct("!HHIIBBHHH")
_IPV4_HEADER = struct.Struct("!HHHHBBH4s4s")
_IPV6_HEADER = struct.Struct("!IHBB16s16s")


def build_udp(
    source: Endpoint,
    destination: Endpoint,
    payload: bytes,
    *,
    ttl: int = 64,
    identification: int = 0,
    dont_fragment: bool = False,
) -> bytes:
    """A UDP datagram in one IP packet; ValueError when the payload is too long for one."""
    length = 8 + len(payload)
    _refuse_oversize(source.address, length)
    segment = _UDP_HEADER.pack(source.port, destination.port, length, 0) + payload
    checksum = _transport_checksum(source.address, destination.address, UDP, segment)
    # RFC 768: zero would say "no checksum"; RFC 8200 8.1: which IPv6 forbids.
    segment = _with_checksum(segment, 6, checksum or 0xFFFF)
    return _ip(
        source.address,
        destination.address,
        UDP,
        segment,
        ttl=ttl,
        identification=identification,
        dont_fragment=dont_fragment,
    )


def build_tcp(
    source: Endpoint,
    destination: Endpoint,
    *,
    flags: int,
    sequence: int,
    acknowledgment: int = 0,
    payload: bytes = b"",
    options: bytes = b"",
    window: int = 65_535,
    ttl: int = 64,
    identification: int = 0,
    dont_fragment: bool = False,
) -> bytes:
    """A TCP segment in one IP packet, its options padded to fours of octets by the caller;
    ValueError when it is too long for one."""
    head = 20 + len(options)
    data = options + payload
    length = 20 + len(data)
    if length > _ALWAYS_FITS:
        _refuse_oversize(source.address, length)
    sequence, acknowledgment = sequence % 2**32, acknowledgment % 2**32
    # The pseudo header's words, whatever the version (`pseudo_header`), then the segment's.
    words = (
        (_sum_of(source.address) + _sum_of(destination.address) + TCP + length)
        + (source.port + destination.port + sequence + acknowledgment)
        + ((head << 10 | flags) + window)
    )
    if data:
        words += int.from_bytes(data if len(data) % 2 == 0 else data + b"\0")
    header = _TCP_HEADER.pack(
        source.port,
        destination.port,
        sequence,
        acknowledgment,
        head << 2,
        flags,
        window,
        checksum_of_sum(words),
        0,  # urgent pointer
    )
    return _ip(
        source.address,
        destination.address,
        TCP,
        header + data,
        ttl=ttl,
        identification=identification,
        dont_fragment=dont_fragment,
    )


def build_icmp_echo(
    source: str,
    destination: str,
    *,
    reply: bool,
    identifier: int,
    sequence: int,
    payload: bytes = b"",
    ttl: int = 64,
    identification: int = 0,
) -> bytes:
    """An echo request or reply (RFC 792; RFC 4443 4)."""
    if len(_packed(source)) == 4:
        kind = ECHO_REPLY if reply else ECHO_REQUEST
    else:
        kind = _ICMPV6_ECHO_REPLY if reply else _ICMPV6_ECHO_REQUEST
    rest = identifier.to_bytes(2, "big") + sequence.to_bytes(2, "big")
    return _icmp(
        source, destination, kind, 0, rest + payload, ttl=ttl, identification=identification
    )


def build_icmp_error(
    source: str,
    destination: str,
    *,
    icmp_type: int,
    code: int,
    offending: bytes,
    rest: bytes = bytes(4),
    ttl: int = 64,
    identification: int = 0,
) -> bytes:
    """An ICMP or ICMPv6 error of this type and code that quotes the offending packet.

    `rest` is octets 4 to 8 of the message (the MTU of "fragmentation needed" lies there).
    """
    # RFC 1812 4.3.2.3: as much as fits a datagram of 576 octets; RFC 4443 3: the minimum MTU, 1280.
    room = 576 - 28 if len(_packed(source)) == 4 else 1280 - 48
    body = rest + offending[:room]
    return _icmp(source, destination, icmp_type, code, body, ttl=ttl, identification=identification)


# --- layers -----------------------------------------------------------------------------------


def _icmp(
    source: str,
    destination: str,
    icmp_type: int,
    code: int,
    body: bytes,
    *,
    ttl: int,
    identification: int,
) -> bytes:
    message = bytes((icmp_type, code, 0, 0)) + body
    _refuse_oversize(source, len(message))
    if len(_packed(source)) == 4:
        message = _with_checksum(message, 2, internet_checksum(message))
        return _ip(source, destination, ICMP, message, ttl=ttl, identification=identification)
    # RFC 4443 2.3: unlike ICMP, ICMPv6 covers the pseudo-header.
    checksum = _transport_checksum(source, destination, ICMPV6, message)
    message = _with_checksum(message, 2, checksum)
    return _ip(source, destination, ICMPV6, message, ttl=ttl, identification=identification)


def _transport_checksum(source: str, destination: str, protocol: int, segment: bytes) -> int:
    pseudo = pseudo_header(_packed(source), _packed(destination), protocol, len(segment))
    return internet_checksum(pseudo + segment)


def _with_checksum(segment: bytes, place: int, checksum: int) -> bytes:
    return segment[:place] + checksum.to_bytes(2, "big") + segment[place + 2 :]


def _ip(
    source: str,
    destination: str,
    protocol: int,
    payload: bytes,
    *,
    ttl: int,
    identification: int,
    dont_fragment: bool = False,
) -> bytes:
    sender, receiver = _packed(source), _packed(destination)
    if len(sender) != len(receiver):
        raise ValueError(f"{source} and {destination} are of two families: no packet joins them")
    if len(sender) == 16:
        head = _IPV6_HEADER.pack(6 << 28, len(payload), protocol, ttl, sender, receiver)
        return head + payload
    length = 20 + len(payload)
    field = 0x4000 if dont_fragment else 0
    words = 0x4500 + length + identification + field + (ttl << 8 | protocol)
    checksum = checksum_of_sum(words + _sum_of(source) + _sum_of(destination))
    header = _IPV4_HEADER.pack(
        0x4500, length, identification, field, ttl, protocol, checksum, sender, receiver
    )
    return header + payload


# Every packet of a world is built here, between the same few addresses.
@lru_cache(maxsize=4096)
def _packed(address: str) -> bytes:
    return ip_address(address).packed


@lru_cache(maxsize=4096)
def _sum_of(address: str) -> int:
    """What an address adds to a checksum's sum."""
    return int.from_bytes(_packed(address)) % 65_535


def _refuse_oversize(address: str, octets: int) -> None:
    room = 65_535 - (20 if len(_packed(address)) == 4 else 0)
    if octets > room:
        raise ValueError(f"{octets} octets do not fit one IP packet: at most {room}")
