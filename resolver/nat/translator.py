"""The static NAT translator: Basic NAT between the client side and the server side, IPv4.

A packet is translated by what the table says of its addresses, whichever side it came from: a
destination that is an alias becomes the real address, a source that is a real address becomes its
alias. Viewers' addresses and all ports stay as they are, so there is no state but the table: no
mapping can run out, expire or change (RFC 4787 REQ-1, REQ-11 hold by construction), and a packet
between two servers by alias is hairpinned with alias addresses (RFC 4787 REQ-9).

Whatever the table does not know is dropped. The translator is the only way between the sides, and
the table is the whole mapping: to pass a packet untranslated would show a server-side address to
the viewers, or lead viewers to real addresses.

IP options are carried as they are, addresses recorded in them included (RFC 3022 4.6 leaves that
to the translator). Nothing in a payload is changed but what ICMP errors quote: there is no ALG.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from resolver.config import NatConfig
from resolver.machine import Effect, Event, Instant, Note, PacketArrived, SendPacket
from resolver.nat.drops import Complaints, Drop, PacketDropped, dropped
from resolver.nat.packet import (
    ICMP,
    ICMP_ERRORS,
    REDIRECT,
    SOURCE_QUENCH,
    TIME_EXCEEDED,
    Ipv4Header,
    MalformedPacket,
    read_ipv4,
    read_quoted_ipv4,
    rewrite_addresses,
    rewrite_icmp_checksum,
    rewrite_ttl,
)
from resolver.nat.static import AliasTable

# RFC 5508 REQ-10 c: source quench should not be supported (RFC 6633 retired it). REQ-10 b leaves
# redirects open: one names a gateway on its receiver's own link (RFC 1122 3.2.2.2), which means
# nothing on the other side.
NOT_CARRIED = frozenset({REDIRECT, SOURCE_QUENCH})


class NatTranslator:
    """The machine around the table: IP packets in, IP packets out."""

    def __init__(self, config: NatConfig) -> None:
        """Raises TableRefused when the table is not one to one."""
        self.table = AliasTable(config.table)
        """The whole mapping."""
        self._client_side = IPv4Address(config.client_side_address)
        self._server_side = IPv4Address(config.server_side_address)
        self.complaints = Complaints()
        """What it says to senders whose packets end here."""

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Translate a packet that arrived; other events mean nothing here."""
        if not isinstance(event, PacketArrived):
            return ()
        packet = event.packet
        if packet and packet[0] >> 4 == 6:
            return (Note(PacketDropped(Drop.NOT_IPV4, "", "")),)
        try:
            header = read_ipv4(packet)
        except MalformedPacket as malformed:
            return (Note(PacketDropped(Drop.MALFORMED, "", "", str(malformed))),)
        if is_icmp_error(packet, header):
            return self.translate_error(packet, header)
        return self.translate(packet, header, now)

    def expire(self, now: Instant) -> Sequence[Effect]:  # noqa: ARG002 - the machine's contract
        """No timers: the table is static."""
        return ()

    def deadline(self) -> Instant | None:
        """No timers: the table is static."""
        return None

    def ready(self) -> bool:
        """From the start."""
        return True

    def translate(self, packet: bytes, header: Ipv4Header, now: Instant) -> Sequence[Effect]:
        """Translate a packet that is no ICMP error, by its addresses."""
        real = self.table.real(header.destination)
        alias = self.table.alias(header.source)
        # A real address is no destination: servers reach each other without the translator, and
        # viewers know aliases only.
        if (real is None and alias is None) or self.table.alias(header.destination):
            return dropped(Drop.NO_ENTRY, header)
        if header.ttl <= 1:
            return self._time_exceeded(packet, header, now, towards_servers=alias is not None)
        translated = bytearray(packet[: header.end])
        rewrite_addresses(translated, header, alias or header.source, real or header.destination)
        rewrite_ttl(translated, header, header.ttl - 1)
        return (SendPacket(bytes(translated)),)

    def translate_error(self, packet: bytes, header: Ipv4Header) -> Sequence[Effect]:
        """Translate an ICMP error and what it quotes."""
        try:
            quoted = read_quoted_ipv4(packet, header)
        except MalformedPacket as malformed:
            return dropped(Drop.ERROR_DAMAGED, header, str(malformed))
        refusal = self._refusal(packet[header.payload], header, quoted)
        if refusal is not None:
            return dropped(refusal, header)

        translated = bytearray(packet[: header.end])
        # RFC 5508 REQ-4, REQ-5 a: the quoted packet is seen as it was after translation; undo it.
        rewrite_addresses(
            translated,
            quoted,
            self.table.real(quoted.source) or quoted.source,
            self.table.alias(quoted.destination) or quoted.destination,
        )
        rewrite_icmp_checksum(translated, header)
        rewrite_addresses(
            translated,
            header,
            self._error_source(header),
            self.table.real(header.destination) or header.destination,
        )
        rewrite_ttl(translated, header, header.ttl - 1)
        return (SendPacket(bytes(translated)),)

    def _refusal(self, icmp_type: int, header: Ipv4Header, quoted: Ipv4Header) -> Drop | None:
        if icmp_type in NOT_CARRIED:
            return Drop.ERROR_NOT_CARRIED
        if self.table.alias(header.destination):
            return Drop.NO_ENTRY  # a real address is no destination, as for any packet
        # RFC 792: an error goes to the sender of the packet it quotes; one that goes elsewhere is
        # forged. RFC 5508 REQ-4, REQ-5: without a mapping for it, it is dropped.
        mapped = self.table.real(quoted.source) or self.table.alias(quoted.destination)
        if header.destination != quoted.source or mapped is None:
            return Drop.ERROR_WITHOUT_MATCH
        # RFC 1122 3.2.2: no error is sent about an error.
        return Drop.EXPIRED if header.ttl <= 1 else None

    def _error_source(self, header: Ipv4Header) -> bytes:
        alias = self.table.alias(header.source)
        if alias is not None:
            return alias
        if self.table.real(header.destination) is not None:
            return header.source  # from the client side: viewers and their routers show as they are
        # RFC 5508 REQ-5 c: from the server side without a mapping (a router there, or our own
        # kernel): the translator's address stands for it, so no server-side address is seen.
        return self._client_side.packed

    def _time_exceeded(
        self, packet: bytes, header: Ipv4Header, now: Instant, *, towards_servers: bool
    ) -> Sequence[Effect]:
        # RFC 5508 REQ-10 a; RFC 1812 5.3.1: the sender is told by an address of its own side, and
        # its packet is quoted as it sent it. Errors about errors never come here.
        error = self.complaints.about(
            packet,
            header,
            now,
            source=self._server_side if towards_servers else self._client_side,
            icmp_type=TIME_EXCEEDED,
            code=0,  # RFC 792: time to live exceeded in transit
        )
        return (*error, *dropped(Drop.EXPIRED, header))


def is_icmp_error(packet: bytes, header: Ipv4Header) -> bool:
    """Whether it is an ICMP error, or its first fragment."""
    # A later fragment starts with data, not with a type: it is translated by its addresses, and
    # its first fragment is dropped, so no half-translated error comes together.
    return (
        header.protocol == ICMP
        and header.fragment_offset == 0
        and header.end > header.payload
        and packet[header.payload] in ICMP_ERRORS
    )
