"""The node around the NAT translator: which packets its kernel leads into the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.topology.plan import PlannedNat
from lab.worlds.simulation.link import Interface
from lab.worlds.simulation.packet import Packet
from resolver.machine import PacketArrived
from resolver.nat.packet import TCP, UDP, MalformedPacket

if TYPE_CHECKING:
    from lab.worlds.simulation.host import Host
    from lab.worlds.simulation.process import Process

_DNS_PORT = 53


class Translation:
    """The device's two ends. The way through it is not captured: it is no link."""

    def __init__(self, planned: PlannedNat, host: Host, interfaces: dict[str, Interface]) -> None:
        self.process: Process | None = None
        """The NAT program; while there is none, what it would have got is lost."""
        self._host = host
        self._client_side = interfaces[planned.client_side]
        self._server_side = interfaces[planned.server_side]
        self._aliases = frozenset(planned.aliases)
        self._dns_aliases = frozenset(planned.dns_aliases)
        for alias in planned.aliases:
            # Proxy ARP (RFC 1027): on the client side the node answers for the aliases.
            self._client_side.segment.owners.setdefault(alias, self._client_side)

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
        """Whether it is for the device: addressed to an alias, or from the server side on its way
        to the client side. What of that is allowed through is the program's business."""
        if packet.destination in self._aliases:
            return True
        if interface is not self._server_side:
            return False
        route = self._host.routes.find(packet.destination)
        return route is not None and route.interface is self._client_side

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
        self._host.send(packet)
