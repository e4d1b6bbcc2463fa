"""The node around the NAT translator: which packets its kernel leads into the device."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from lab.topology.plan import PlannedNat
from lab.worlds.simulation.link import Interface
from lab.worlds.simulation.packet import Packet
from resolver.machine import PacketArrived
from resolver.nat.packet import ICMP, TCP, UDP, MalformedPacket

if TYPE_CHECKING:
    from lab.worlds.simulation.host import Host
    from lab.worlds.simulation.process import Process

_DNS_PORT = 53


class Translation:
    """The device's two ends. The way through it is not captured: it is no link.

    `realm`: the prefixes of the server side's address realm, IPv4; between them the node is an
    ordinary router.
    """

    def __init__(self, planned: PlannedNat, host: Host, realm: Sequence[str]) -> None:
        self.process: Process | None = None
        """The NAT program; while there is none, what it would have got is lost."""
        self._host = host
        self._server_side = host.interfaces[planned.server_side]
        self._server_side_addresses = tuple(
            address.split("/")[0] for address in self._server_side.addresses
        )
        self._realm = tuple(IPv4Network(prefix) for prefix in realm)
        self._aliases = frozenset(planned.aliases)
        self._dns_aliases = frozenset(planned.dns_aliases)
        client_side = host.interfaces[planned.client_side]
        for alias in planned.aliases:
            # Proxy ARP (RFC 1027): on the client side the node answers for the aliases.
            client_side.segment.owners.setdefault(alias, client_side)

    def ends_here(self, packet: Packet) -> bool:
        """Whether it is for the DNS translator, which ends port 53 of some aliases itself."""
        return (
            packet.destination in self._dns_aliases
            and packet.protocol in {UDP, TCP}
            and not packet.is_fragment
            and int.from_bytes(packet.raw[packet.payload + 2 : packet.payload + 4], "big")
            == _DNS_PORT
        )

    def translates(self, packet: Packet, interface: Interface) -> bool:
        """Whether it is for the device: addressed to an alias, or from the server side to anywhere
        outside its realm. What of that is allowed through is the program's business."""
        if packet.destination in self._aliases:
            return True
        return interface is self._server_side and self._leaves_realm(packet)

    def hides(self, packet: Packet) -> bool:
        """Whether a packet this node itself made is for the device all the same: an ICMP message
        from its server-side address to outside that realm. An error about a translated packet
        quotes a real address (RFC 5508 REQ-4), and no real address may be seen out there."""
        return (
            packet.protocol == ICMP
            and packet.source in self._server_side_addresses
            and self._leaves_realm(packet)
        )

    def _leaves_realm(self, packet: Packet) -> bool:
        if packet.version != 4:
            return False  # IPv6 is not translated
        destination = IPv4Address(packet.destination)
        return not any(destination in prefix for prefix in self._realm)

    def take(self, packet: Packet) -> None:
        """Lead a packet into the device."""
        if self.process is not None:
            self.process.deliver(PacketArrived(packet.raw))

    def emit(self, raw: bytes) -> None:
        """Route on what came out of the device. Its time to live is left alone: the program has
        taken one off, as the router that it is. Its checksums are the receiver's to look at."""
        try:
            packet = Packet(raw)
        except MalformedPacket:
            return  # what is no packet goes nowhere
        source = next((own for own in self._server_side_addresses if ":" not in own), None)
        if not self._host.route(packet, source):
            self._host.complain_of_route(packet, source)
