"""An IP packet on its way, with what routers and hosts look at."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TypeAlias

from lab.observe.decode import FLAG_SETS, decode_ip
from lab.observe.sighting import Ip, Tcp
from resolver.nat.checksum import adjusted, internet_checksum, pseudo_header
from resolver.nat.packet import ICMP, ICMPV6, TCP, UDP, MalformedPacket, TcpView

Pair: TypeAlias = tuple[str, int, str, int]
"""An address and port, and the address and port at the other end: what tells sockets apart."""

_CHECKSUM_AT = {ICMP: 2, TCP: 16, UDP: 6, ICMPV6: 2}


class Packet:
    """A whole IP packet; MalformedPacket when the octets are not even that.

    Reading is lenient about checksums: a router looks at the header's (`header_is_sound`), a
    receiver at both (`is_sound`). `built_here` says that they were computed a moment ago and need
    no look; `quoted` that this stands in an ICMP error, where it may be cut short.
    """

    __slots__ = (
        "_decoded",
        "_tcp",
        "built_here",
        "destination",
        "end",
        "is_fragment",
        "is_later_fragment",
        "payload",
        "protocol",
        "raw",
        "source",
        "ttl",
        "version",
    )

    def __init__(self, raw: bytes, *, built_here: bool = False, quoted: bool = False) -> None:
        self.raw = raw
        self.built_here = built_here
        self._decoded: Ip | None = None
        self._tcp: TcpView | None = None
        first = raw[0] if len(raw) >= 20 else 0
        self.version = first >> 4
        if self.version == 4:
            self.payload = (first & 0x0F) * 4
            self.end = raw[2] << 8 | raw[3]
            self.protocol, self.ttl = raw[9], raw[8]
            fragment = raw[6] << 8 | raw[7]
            self.is_fragment = bool(fragment & 0x3FFF)
            self.is_later_fragment = bool(fragment & 0x1FFF)
            self.source, self.destination = text_of(raw[12:16]), text_of(raw[16:20])
        elif self.version == 6 and len(raw) >= 40:
            self.payload = 40
            self.end = 40 + (raw[4] << 8 | raw[5])
            self.protocol, self.ttl = raw[6], raw[7]
            # Extension headers, the fragment's too, are not walked.
            self.is_fragment = self.is_later_fragment = False
            self.source, self.destination = text_of(raw[8:24]), text_of(raw[24:40])
        else:
            raise MalformedPacket(f"{len(raw)} octets that are no IP packet")
        if quoted:
            self.end = min(self.end, len(raw))
        if not 20 <= self.payload <= self.end <= len(raw):
            raise MalformedPacket(f"lengths {self.payload} and {self.end} in {len(raw)} octets")

    @classmethod
    def of_segment(cls, raw: bytes, source: str, destination: str, segment: TcpView) -> Packet:
        """A packet without IP options that its maker built from this segment a moment ago: nobody
        has to read again what he put into it."""
        packet = cls.__new__(cls)
        packet.raw, packet.end = raw, len(raw)
        packet.source, packet.destination = source, destination
        packet.version, packet.payload, at = (4, 20, 8) if raw[0] == 0x45 else (6, 40, 7)
        packet.ttl, packet.protocol = raw[at], TCP
        packet.is_fragment = packet.is_later_fragment = False
        packet.built_here = True
        packet._decoded, packet._tcp = None, segment  # noqa: SLF001 - it is of this class
        return packet

    @property
    def may_be_cut(self) -> bool:
        """Whether routers may fragment it: IPv4 without DF."""
        return self.version == 4 and not self.raw[6] & 0x40

    def header_is_sound(self) -> bool:
        """Whether a router would forward it (RFC 1812 5.2.2); IPv6 has no header checksum."""
        return (
            self.built_here or self.version == 6 or internet_checksum(self.raw[: self.payload]) == 0
        )

    def is_sound(self) -> bool:
        """Whether a receiver would take it: header and transport checksums are right."""
        if self.built_here:
            return True
        return self.header_is_sound() and self._transport_is_sound()

    def _transport_is_sound(self) -> bool:
        place = _CHECKSUM_AT.get(self.protocol)
        if place is None:
            return True
        segment = self.raw[self.payload : self.end]
        if len(segment) < place + 2:
            return False
        if self.protocol == UDP and segment[6:8] == b"\0\0":
            # RFC 768: no checksum was made; RFC 8200 8.1: IPv6 forbids that.
            return self.version == 4
        covered = segment
        if self.protocol != ICMP:
            half = 4 if self.version == 4 else 16
            start = 12 if self.version == 4 else 8
            source = self.raw[start : start + half]
            destination = self.raw[start + half : start + 2 * half]
            covered = pseudo_header(source, destination, self.protocol, len(segment)) + segment
        return internet_checksum(covered) == 0

    def one_hop_on(self) -> Packet:
        """The packet as a router sends it on: one off its time to live, the rest untouched."""
        copy = bytearray(self.raw)
        if self.version == 4:
            copy[8] -= 1
            checksum = adjusted(self.raw[10] << 8 | self.raw[11], self.raw[8:10], bytes(copy[8:10]))
            copy[10:12] = checksum.to_bytes(2, "big")
        else:
            copy[7] -= 1
        return Packet(bytes(copy), built_here=self.built_here)

    def pair(self) -> Pair | None:
        """The sender's end and the receiver's, of UDP or TCP; None where it is cut before them."""
        if self.end - self.payload < 4:
            return None
        ports = self.raw[self.payload : self.payload + 4]
        source, destination = ports[0] << 8 | ports[1], ports[2] << 8 | ports[3]
        return (self.source, source, self.destination, destination)

    def tcp(self) -> TcpView:
        """Its TCP segment; MalformedPacket when it is cut off. Read once."""
        if self._tcp is None:
            self._tcp = TcpView.of(self.raw[self.payload : self.end])
        return self._tcp

    def decoded(self) -> Ip | None:
        """As a watcher sees it. Decoded once, however many interfaces the packet passes, and not at
        all when nobody watches."""
        if self._decoded is None:
            if self._tcp is not None and self.built_here and self.version == 4:
                self._decoded = ip_of_segment(
                    self.raw, self.source, self.destination, self.ttl, self._tcp
                )
            else:
                self._decoded = decode_ip(self.raw)
        return self._decoded


def ip_of_segment(raw: bytes, source: str, destination: str, ttl: int, segment: TcpView) -> Ip:
    """What `decode_ip` finds in an IPv4 packet with this segment that was built a moment ago."""
    return Ip(
        4,
        source,
        destination,
        ttl,
        raw[4] << 8 | raw[5],
        TCP,
        Tcp(
            segment.source_port,
            segment.destination_port,
            segment.sequence,
            segment.acknowledgment,
            FLAG_SETS[segment.flags],
            segment.payload,
            True,
        ),
        True,
        len(raw),
        raw,
    )


@lru_cache(maxsize=4096)
def text_of(packed: bytes) -> str:
    """An address in its usual form."""
    return str(ip_address(packed))
