"""IP packets as octets: views that read them where they lie, and address rewriting in place.

Nothing here copies a packet into objects and back, so whatever a view does not know (options,
unknown flags, payload) leaves exactly as it came. `resolver.nat.build` makes packets.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address

from resolver.nat.checksum import adjusted, internet_checksum

# Protocol numbers (IANA protocol-numbers).
ICMP = 1
TCP = 6
UDP = 17
ICMPV6 = 58

# ICMP types (RFC 792).
ECHO_REPLY = 0
DESTINATION_UNREACHABLE = 3
SOURCE_QUENCH = 4
REDIRECT = 5
ECHO_REQUEST = 8
TIME_EXCEEDED = 11
PARAMETER_PROBLEM = 12

ICMP_ERRORS = frozenset(
    {DESTINATION_UNREACHABLE, SOURCE_QUENCH, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM}
)
"""The types that quote the packet they complain about (RFC 1122 3.2.2)."""

# TCP flags (RFC 9293 3.1).
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

_TRANSPORT_CHECKSUM_AT = {TCP: 16, UDP: 6}
_SHORTEST_TRANSPORT = {TCP: 20, UDP: 8, ICMP: 8}


class MalformedPacket(ValueError):
    """These octets are not the packet they claim to be; the message says why, for the journal."""


@dataclass(frozen=True, slots=True)
class Ipv4Header:
    """An IPv4 header inside a buffer: at its start, or quoted in an ICMP error."""

    start: int
    """Offset of the header in the buffer, octets."""
    payload: int
    """Offset of what follows the header and its options, octets."""
    end: int
    """Offset behind the last octet of the datagram that is in the buffer."""
    protocol: int
    ttl: int
    fragment_offset: int
    """Octets of the original datagram's payload that precede this fragment's."""
    more_fragments: bool
    source: bytes
    """Packed, four octets."""
    destination: bytes
    """Packed, four octets."""

    @property
    def is_fragment(self) -> bool:
        """Whether this is not the whole datagram."""
        return self.more_fragments or self.fragment_offset > 0


def read_ipv4(packet: bytes | bytearray) -> Ipv4Header:
    """The header of a whole packet. Octets behind its total length are padding and left out.

    Raises MalformedPacket where RFC 1812 5.2.2 has a router discard: wrong version, lengths or
    header checksum; and where an unfragmented UDP, TCP or ICMP header is cut off.
    """
    header = _read_ipv4(packet, 0)
    total_length = int.from_bytes(packet[2:4], "big")
    if not header.payload <= total_length <= len(packet):
        raise MalformedPacket(f"total length {total_length} in a packet of {len(packet)} octets")
    # A TCP header may be split over fragments; only the whole datagram must hold all of it.
    shortest = 0 if header.is_fragment else _SHORTEST_TRANSPORT.get(header.protocol, 0)
    if total_length - header.payload < shortest:
        raise MalformedPacket(
            f"{total_length - header.payload} octets of protocol {header.protocol}, "
            f"whose header has {shortest}"
        )
    return replace(header, end=total_length)


def read_quoted_ipv4(packet: bytes | bytearray, error: Ipv4Header) -> Ipv4Header:
    """The header that an ICMP error quotes; `error` is the error's own header in `packet`.

    The quoted datagram is usually cut short, so its total length is not compared. Raises
    MalformedPacket when the error cannot be checked, is damaged, or quotes no whole header.
    """
    # RFC 5508 REQ-3: a wrong checksum of the error, or (a) of the quoted IP header, drops it; (c)
    # a wrong transport checksum in the quoted packet does not.
    if error.is_fragment:
        raise MalformedPacket("a fragment of an ICMP error, whose checksum covers the whole of it")
    if internet_checksum(bytes(packet[error.payload : error.end])) != 0:
        raise MalformedPacket("wrong ICMP checksum")
    quoted = _read_ipv4(packet, error.payload + 8)
    if quoted.payload > error.end:
        raise MalformedPacket("the quoted IP header is cut off")
    total_length = int.from_bytes(packet[quoted.start + 2 : quoted.start + 4], "big")
    # RFC 4884 4: what lies behind the quoted datagram's own end is padding and extensions.
    return replace(quoted, end=min(error.end, quoted.start + total_length))


def _read_ipv4(packet: bytes | bytearray, start: int) -> Ipv4Header:
    if len(packet) - start < 20:
        raise MalformedPacket(f"{max(0, len(packet) - start)} octets where an IPv4 header has 20")
    if packet[start] >> 4 != 4:
        raise MalformedPacket(f"IP version {packet[start] >> 4}")
    payload = start + (packet[start] & 0x0F) * 4
    if payload < start + 20 or payload > len(packet):
        raise MalformedPacket(f"IPv4 header length {payload - start}")
    if internet_checksum(bytes(packet[start:payload])) != 0:
        raise MalformedPacket("wrong IPv4 header checksum")
    flags_and_offset = int.from_bytes(packet[start + 6 : start + 8], "big")
    return Ipv4Header(
        start=start,
        payload=payload,
        end=len(packet),
        protocol=packet[start + 9],
        ttl=packet[start + 8],
        fragment_offset=(flags_and_offset & 0x1FFF) * 8,
        more_fragments=bool(flags_and_offset & 0x2000),
        source=bytes(packet[start + 12 : start + 16]),
        destination=bytes(packet[start + 16 : start + 20]),
    )


# --- rewriting --------------------------------------------------------------------------------


def rewrite_addresses(
    packet: bytearray, header: Ipv4Header, source: bytes, destination: bytes
) -> None:
    """Put packed addresses into the header, in place, and adjust the header's and the transport's
    checksum, if the latter lies in this fragment or quotation."""
    old = header.source + header.destination
    new = source + destination
    if old == new:
        return
    packet[header.start + 12 : header.start + 20] = new
    _adjust(packet, header.start + 10, old, new)

    checksum_at = _TRANSPORT_CHECKSUM_AT.get(header.protocol)
    if checksum_at is None:
        return  # ICMP's checksum covers no address; other protocols are carried as they are
    # The pseudo-header belongs to the whole datagram but its checksum travels in one fragment:
    # the first, or for a TCP header split after 8 or 16 octets the one after it.
    place = header.payload + checksum_at - header.fragment_offset
    if not header.payload <= place <= header.end - 2:
        return
    if header.protocol == UDP:
        # RFC 768: zero says that the sender made no checksum; RFC 3022 4.1: so it stays.
        if packet[place : place + 2] == b"\0\0":
            return
        _adjust(packet, place, old, new)
        if packet[place : place + 2] == b"\0\0":
            packet[place : place + 2] = b"\xff\xff"  # RFC 768: a sum of zero is sent as all ones
    else:
        _adjust(packet, place, old, new)


def rewrite_ttl(packet: bytearray, header: Ipv4Header, ttl: int) -> None:
    """Put a time to live into the header, in place, and adjust its checksum."""
    place = header.start + 8
    old = bytes(packet[place : place + 2])  # the TTL shares its checksum word with the protocol
    packet[place] = ttl
    _adjust(packet, header.start + 10, old, bytes(packet[place : place + 2]))


def rewrite_icmp_checksum(packet: bytearray, header: Ipv4Header) -> None:
    """Compute an ICMP message's checksum anew, in place."""
    place = header.payload + 2
    packet[place : place + 2] = b"\0\0"
    checksum = internet_checksum(bytes(packet[header.payload : header.end]))
    packet[place : place + 2] = checksum.to_bytes(2, "big")


def _adjust(packet: bytearray, place: int, old: bytes, new: bytes) -> None:
    checksum = int.from_bytes(packet[place : place + 2], "big")
    packet[place : place + 2] = adjusted(checksum, old, new).to_bytes(2, "big")


# --- reading, for those who route and receive packets -------------------------------------------


@dataclass(frozen=True, slots=True)
class IpView:
    """What a router or a host reads from an IPv4 or IPv6 packet."""

    version: int
    source: str
    destination: str
    protocol: int
    """IPv6: the first next header; extension headers are not walked."""
    ttl: int
    """IPv6: the hop limit."""
    fragment_offset: int
    """Octets; IPv6: 0."""
    payload: bytes
    """Behind the IP header and its options."""

    @classmethod
    def of(cls, packet: bytes) -> IpView:
        """Raises MalformedPacket when the octets are no whole IP packet."""
        if packet and packet[0] >> 4 == 6:
            return cls._of_ipv6(packet)
        header = read_ipv4(packet)
        return cls(
            4,
            str(ip_address(header.source)),
            str(ip_address(header.destination)),
            header.protocol,
            header.ttl,
            header.fragment_offset,
            packet[header.payload : header.end],
        )

    @classmethod
    def _of_ipv6(cls, packet: bytes) -> IpView:
        end = 40 + int.from_bytes(packet[4:6], "big")
        if len(packet) < end:
            raise MalformedPacket(f"{len(packet)} octets where the IPv6 header says {end}")
        return cls(
            6,
            str(ip_address(packet[8:24])),
            str(ip_address(packet[24:40])),
            packet[6],
            packet[7],
            0,
            packet[40:end],
        )


@dataclass(frozen=True, slots=True)
class UdpView:
    """A UDP datagram (RFC 768)."""

    source_port: int
    destination_port: int
    payload: bytes

    @classmethod
    def of(cls, octets: bytes) -> UdpView:
        """From an IP payload; MalformedPacket when cut off."""
        if len(octets) < 8 or not 8 <= int.from_bytes(octets[4:6], "big") <= len(octets):
            raise MalformedPacket("UDP datagram cut off")
        end = int.from_bytes(octets[4:6], "big")
        return cls(*_ports(octets), octets[8:end])


@dataclass(frozen=True, slots=True)
class TcpView:
    """A TCP segment (RFC 9293 3.1)."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgment: int
    flags: int
    payload: bytes

    @classmethod
    def of(cls, octets: bytes) -> TcpView:
        """From an IP payload; MalformedPacket when cut off."""
        if len(octets) < 20 or not 20 <= (octets[12] >> 4) * 4 <= len(octets):
            raise MalformedPacket("TCP segment cut off")
        return cls(
            *_ports(octets),
            int.from_bytes(octets[4:8], "big"),
            int.from_bytes(octets[8:12], "big"),
            octets[13],
            octets[(octets[12] >> 4) * 4 :],
        )


@dataclass(frozen=True, slots=True)
class IcmpView:
    """An ICMP or ICMPv6 message."""

    type: int
    code: int
    rest: bytes
    """Octets 4 to 8: an echo's identifier and sequence, the MTU of "fragmentation needed"."""
    payload: bytes
    """An echo's data, or the quoted packet of an error."""

    @classmethod
    def of(cls, octets: bytes) -> IcmpView:
        """From an IP payload; MalformedPacket when cut off."""
        if len(octets) < 8:
            raise MalformedPacket("ICMP message cut off")
        return cls(octets[0], octets[1], octets[4:8], octets[8:])


def _ports(octets: bytes) -> tuple[int, int]:
    return int.from_bytes(octets[0:2], "big"), int.from_bytes(octets[2:4], "big")
