"""Bytes of a frame to what the judge reads: addresses, ports, payloads, checksum verdicts.

Called for every packet of every scenario, so it slices and adds instead of building layers. It
never raises: bytes that do not parse give None, or an `Ip` without a transport.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from socket import AF_INET6, inet_ntoa, inet_ntop

from lab.observe.sighting import Arp, Icmp, Ip, Tcp, Udp

_ETHERNET = 1
_RAW_IP = 101
_ETHERTYPE_IPV4 = 0x0800
_ETHERTYPE_ARP = 0x0806
_ETHERTYPE_IPV6 = 0x86DD

_ICMP = 1
_TCP = 6
_UDP = 17
_ICMPV6 = 58

_HOP_BY_HOP = 0
_ROUTING = 43
_FRAGMENT = 44
_DESTINATION_OPTIONS = 60

_ECHOES = {4: {0, 8}, 6: {128, 129}}
_ICMP_ERRORS = {3, 4, 5, 11, 12}
"""RFC 1122 3.2.2: the ICMP messages that carry the packet they are about."""

_FLAG_NAMES = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR")
FLAG_SETS = tuple(
    frozenset(name for bit, name in enumerate(_FLAG_NAMES) if value >> bit & 1)
    for value in range(256)
)
"""The names of TCP's flags, by the octet that holds them."""

_IPV4_HEADER = struct.Struct("!BBHHHBBH4s4s")
_IPV6_HEADER = struct.Struct("!IHBB16s16s")
_TCP_HEADER = struct.Struct("!HHIIBB")
_UDP_HEADER = struct.Struct("!HHHH")
_ICMP_HEADER = struct.Struct("!BBHHH")
_ARP_BODY = struct.Struct("!HHBBH6s4s6s4s")


def decode(data: bytes, linktype: int) -> Ip | Arp | None:
    """What a frame carries; `linktype` is 1 (Ethernet) or 101 (an IP packet without a header).

    None for anything else, and for bytes that do not parse as IP or ARP. Never raises.
    """
    if linktype == _RAW_IP:
        return decode_ip(data)
    if linktype != _ETHERNET or len(data) < 14:
        return None
    ethertype = data[12] << 8 | data[13]
    if ethertype in {_ETHERTYPE_IPV4, _ETHERTYPE_IPV6}:
        return decode_ip(data[14:])
    if ethertype == _ETHERTYPE_ARP:
        return _arp(data)
    return None


def decode_ip(packet: bytes, *, embedded: bool = False) -> Ip | None:
    """An IPv4 or IPv6 packet; bytes after its end (Ethernet padding) are dropped.

    `embedded` is for the piece of a packet that an ICMP error carries: it may be cut anywhere, so
    no checksum of it is judged (all read as right).
    """
    version = packet[0] >> 4 if packet else 0
    if version == 4:
        return _ipv4(packet, embedded)
    if version == 6:
        return _ipv6(packet, embedded)
    return None


def _ipv4(packet: bytes, embedded: bool) -> Ip | None:
    if len(packet) < 20:
        return None
    (first, _, length, identification, fragment, ttl, protocol, _, source, destination) = (
        _IPV4_HEADER.unpack_from(packet)
    )
    header = (first & 15) * 4
    if header < 20 or length < header or len(packet) < header:
        return None
    whole = length <= len(packet)
    packet = packet[:length]
    transport: Udp | Tcp | Icmp | None = None
    # More fragments, or an offset: only a whole packet has a transport header to read.
    if not fragment & 0x3FFF and (whole or embedded):
        pseudo = None if embedded else source + destination + struct.pack("!xB", protocol)
        transport = _transport(protocol, packet[header:], pseudo, 4)
    return Ip(
        4,
        _ipv4_text(source),
        _ipv4_text(destination),
        ttl,
        identification,
        protocol,
        transport,
        embedded or _sums_up(packet[:header]),
        length,
        packet,
    )


def _ipv6(packet: bytes, embedded: bool) -> Ip | None:
    if len(packet) < 40:
        return None
    _, size, protocol, ttl, source, destination = _IPV6_HEADER.unpack_from(packet)
    length = 40 + size
    whole = length <= len(packet)
    packet = packet[:length]
    protocol, header, identification, readable = _extensions(packet, protocol)
    transport: Udp | Tcp | Icmp | None = None
    if readable and (whole or embedded):
        pseudo = None if embedded else source + destination + struct.pack("!xB", protocol)
        transport = _transport(protocol, packet[header:], pseudo, 6)
    return Ip(
        6,
        _ipv6_text(source),
        _ipv6_text(destination),
        ttl,
        identification,
        protocol,
        transport,
        True,  # IPv6 has no header checksum (RFC 8200 3)
        length,
        packet,
    )


def _extensions(packet: bytes, following: int) -> tuple[int, int, int, bool]:
    """Walk the extension headers of RFC 8200 4: (protocol, where its header begins,
    identification of a fragment header or 0, whether a transport header is there to read)."""
    place = 40
    identification = 0
    readable = True
    while following in {_HOP_BY_HOP, _ROUTING, _FRAGMENT, _DESTINATION_OPTIONS}:
        if place + 8 > len(packet):
            return following, place, identification, False
        length = 8
        if following == _FRAGMENT:
            _, offset_and_more, identification = struct.unpack_from("!HHI", packet, place)
            readable = readable and not offset_and_more & 0xFFF9
        else:
            length += packet[place + 1] * 8
            # With segments left the destination is not the final one, and the checksum of
            # RFC 8200 8.1 cannot be worked out from the header alone.
            readable = readable and not (following == _ROUTING and packet[place + 3])
        following = packet[place]
        place += length
        if not readable:
            break
    return following, place, identification, readable and place <= len(packet)


def _transport(
    protocol: int, segment: bytes, pseudo: bytes | None, version: int
) -> Udp | Tcp | Icmp | None:
    """`pseudo` is the checksum's pseudo header without the length; None: judge no checksum."""
    if protocol == _UDP:
        return _udp(segment, pseudo, version)
    if protocol == _TCP:
        return _tcp(segment, pseudo)
    if protocol == (_ICMP if version == 4 else _ICMPV6):
        return _icmp(segment, pseudo, version)
    return None


def _udp(segment: bytes, pseudo: bytes | None, version: int) -> Udp | None:
    if len(segment) < 8:
        return None
    source_port, destination_port, length, checksum = _UDP_HEADER.unpack_from(segment)
    if pseudo is None:
        return Udp(source_port, destination_port, segment[8:], checksum_right=True)
    if length < 8 or length > len(segment):
        return None
    segment = segment[:length]
    # RFC 8200 8.1: a UDP sender may leave the checksum out over IPv4 only.
    right = _sums_up(pseudo + struct.pack("!H", length) + segment) if checksum else version == 4
    return Udp(source_port, destination_port, segment[8:], right)


def _tcp(segment: bytes, pseudo: bytes | None) -> Tcp | None:
    if pseudo is None and 8 <= len(segment) < 20:
        # RFC 792 promises only 64 bits of the transport header: ports and sequence number.
        source_port, destination_port, sequence = struct.unpack_from("!HHI", segment)
        return Tcp(source_port, destination_port, sequence, 0, frozenset(), b"", True)
    if len(segment) < 20:
        return None
    source_port, destination_port, sequence, acknowledgement, offset, flags = (
        _TCP_HEADER.unpack_from(segment)
    )
    header = (offset >> 4) * 4
    if header < 20 or (header > len(segment) and pseudo is not None):
        return None
    right = pseudo is None or _sums_up(pseudo + struct.pack("!H", len(segment)) + segment)
    return Tcp(
        source_port,
        destination_port,
        sequence,
        acknowledgement,
        FLAG_SETS[flags],
        segment[header:],
        right,
    )


def _icmp(segment: bytes, pseudo: bytes | None, version: int) -> Icmp | None:
    if len(segment) < 8:
        return None
    kind, code, _, identifier, sequence = _ICMP_HEADER.unpack_from(segment)
    if kind not in _ECHOES[version]:
        identifier = sequence = 0
    within: Ip | None = None
    if pseudo is None:
        right = True
    else:
        # ICMPv6 sums a pseudo header too (RFC 4443 2.3), ICMP does not.
        prefix = pseudo + struct.pack("!H", len(segment)) if version == 6 else b""
        right = _sums_up(prefix + segment)
        if kind in _ICMP_ERRORS if version == 4 else kind < 128:
            within = decode_ip(segment[8:], embedded=True)
    return Icmp(kind, code, identifier, sequence, segment[8:], right, within)


def _arp(frame: bytes) -> Arp | None:
    if len(frame) < 42:
        return None
    hardware, protocol, hardware_size, protocol_size, operation, _, sender, _, target = (
        _ARP_BODY.unpack_from(frame, 14)
    )
    if (hardware, protocol, hardware_size, protocol_size) != (1, _ETHERTYPE_IPV4, 6, 4):
        return None
    return Arp(operation, _ipv4_text(sender), _ipv4_text(target))


def _sums_up(data: bytes) -> bool:
    """Whether the Internet checksum over data that includes its checksum field comes out right.

    RFC 1071 1: the ones' complement sum of all 16-bit words is all ones. Since 2^16 = 1 modulo
    65535, the number that the bytes spell is congruent to that sum: one division does it.
    """
    if len(data) % 2:
        data += b"\0"
    number = int.from_bytes(data)
    return number % 65535 == 0 and number != 0


@lru_cache(maxsize=4096)
def _ipv4_text(address: bytes) -> str:
    return inet_ntoa(address)


@lru_cache(maxsize=4096)
def _ipv6_text(address: bytes) -> str:
    return inet_ntop(AF_INET6, address)
