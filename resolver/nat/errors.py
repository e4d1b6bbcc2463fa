"""ICMP errors about packets of shared addresses: what they quote is translated back.

Mappings are read here and never changed: no error ends or prolongs one (RFC 4787 REQ-12, RFC 5382
REQ-10, RFC 5508 REQ-6).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from resolver.machine import Effect, SendPacket
from resolver.nat.drops import Drop, dropped
from resolver.nat.flow import Flow, read_flow, rewrite_addresses_alone, rewrite_ends
from resolver.nat.mapping import Mappings
from resolver.nat.packet import (
    Ipv4Header,
    MalformedPacket,
    read_quoted_ipv4,
    rewrite_icmp_checksum,
    rewrite_ttl,
)
from resolver.nat.realms import Realms
from resolver.nat.translator import NOT_CARRIED, NatTranslator


class ErrorTranslation:
    """Translates ICMP errors, from either side and hairpinned."""

    def __init__(
        self, static: NatTranslator, realms: Realms, mappings: Mappings, client_side: IPv4Address
    ) -> None:
        self._static = static
        self._realms = realms
        self._mappings = mappings
        self._client_side = client_side.packed

    def translate(self, packet: bytes, header: Ipv4Header) -> Sequence[Effect]:
        """The error for the sender of the packet it quotes; nothing where there is no mapping."""
        try:
            quoted = read_quoted_ipv4(packet, header)
        except MalformedPacket as malformed:
            return dropped(Drop.ERROR_DAMAGED, header, str(malformed))
        to_shared = header.destination in self._realms.shared
        if not to_shared and not self._realms.is_shared_by(quoted.destination):
            return self._static.translate_error(packet, header)
        flow = read_flow(packet, quoted, whole=False)
        ends = None if flow is None else self._before(flow)
        refusal = self._refusal(packet[header.payload], header, quoted)
        if refusal is not None or flow is None or ends is None:  # RFC 5508 REQ-4, REQ-5
            return dropped(refusal or Drop.ERROR_WITHOUT_MATCH, header)
        source, destination = ends

        translated = bytearray(packet[: header.end])
        # RFC 5508 REQ-4 a, REQ-5 a: the quoted packet as its sender knows it; b: type and code as
        # they are; REQ-4 c, REQ-7 a: to the sender's own address.
        rewrite_ends(translated, quoted, flow, source, destination)
        rewrite_icmp_checksum(translated, header)
        teller = self._teller(header, flow, source, destination)
        rewrite_addresses_alone(translated, header, teller, source[:4])
        rewrite_ttl(translated, header, header.ttl - 1)
        return (SendPacket(bytes(translated)),)

    def _refusal(self, icmp_type: int, header: Ipv4Header, quoted: Ipv4Header) -> Drop | None:
        if icmp_type in NOT_CARRIED:
            return Drop.ERROR_NOT_CARRIED
        if header.destination != quoted.source:
            return Drop.ERROR_WITHOUT_MATCH  # RFC 792: it goes to whom it quotes
        return Drop.EXPIRED if header.ttl <= 1 else None

    def _before(self, flow: Flow) -> tuple[bytes, bytes] | None:
        """The ends that a quoted packet had before it was translated; None: it never was."""
        destination = self._destination_before(flow)
        if destination is None:
            return None
        source = self._source_before(flow, destination)
        return None if source is None else (source, destination)

    def _destination_before(self, flow: Flow) -> bytes | None:
        address = flow.destination[:4]
        alias = self._static.table.alias(address)
        if alias is not None:
            return alias + flow.destination[4:]
        if not self._realms.is_shared_by(address):
            return flow.destination
        mapping = self._mappings.of_inside(flow.protocol, flow.destination, flow.source)
        return None if mapping is None else mapping.outside

    def _source_before(self, flow: Flow, destination: bytes) -> bytes | None:
        address = flow.source[:4]
        real = self._static.table.real(address)
        if real is not None:
            return real + flow.source[4:]
        if address not in self._realms.shared:
            return flow.source
        mapping = self._mappings.of_outside(flow.protocol, flow.source)
        # The mapping alone is not enough: its owner must have sent something there.
        if mapping is None or destination not in mapping.sessions:
            return None
        return mapping.inside

    def _teller(self, header: Ipv4Header, flow: Flow, source: bytes, destination: bytes) -> bytes:
        """The address that the error comes from, as its receiver's side knows it."""
        alias = self._static.table.alias(header.source)
        if alias is not None:
            return alias
        if header.source == flow.destination[:4]:
            # From the receiver of the quoted packet itself, under the address it was sent to.
            return destination[:4]
        if source[:4] != flow.source[:4]:
            return header.source  # to the inside; whoever tells is known there
        # RFC 5508 REQ-5 c: a machine inside is hidden behind our own outside address.
        return self._client_side
