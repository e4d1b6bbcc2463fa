"""A host: the IP layer of a node, and what its kernel answers by itself."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from ipaddress import ip_address, ip_network
from random import Random

from lab.topology.plan import PlannedNode
from lab.worlds.simulation.agenda import Agenda
from lab.worlds.simulation.firewall import Firewall
from lab.worlds.simulation.fragments import Reassembly, cut
from lab.worlds.simulation.link import SMALLEST_MTU, USUAL_MTU, Interface, Segment
from lab.worlds.simulation.packet import Packet
from lab.worlds.simulation.path_mtu import PathMtus
from lab.worlds.simulation.refusal import Refusal, read_refusal
from lab.worlds.simulation.routes import Routes, on_link
from lab.worlds.simulation.tap import Tap
from lab.worlds.simulation.tcp import TcpSockets
from lab.worlds.simulation.translation import Translation
from lab.worlds.simulation.udp import UdpSockets
from lab.worlds.world import WorldBroken
from resolver.machine import Duration
from resolver.nat.build import build_icmp_echo, build_icmp_error
from resolver.nat.packet import ICMP, ICMP_ERRORS, ICMPV6, TCP, UDP, MalformedPacket

LOOPBACK_TIME_NS: Duration = 1_000
"""How long a packet from a host to itself takes. It crosses no link and is not captured."""

_ECHO_REQUEST = {4: 8, 6: 128}  # RFC 792; RFC 4443 4.1
_TIME_EXCEEDED = {4: (11, 0), 6: (3, 0)}
_NETWORK_UNREACHABLE = {4: (3, 0), 6: (1, 0)}
_TOO_LARGE = (3, 4)  # RFC 1191; IPv4 alone: packets of IPv6 have no limit here
_REASSEMBLY_TIME_EXCEEDED = (11, 1)
_PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}


class Host:
    """Addresses, routes, forwarding, delivery to sockets, and ICMP.

    `random` gives ephemeral ports and initial sequence numbers; `realm` is for `Translation`.
    """

    def __init__(
        self,
        planned: PlannedNode,
        segments: dict[str, Segment],
        agenda: Agenda,
        tap: Tap,
        *,
        random: Random,
        realm: Sequence[str],
    ) -> None:
        self.name = planned.name
        self.powered = True
        self.silent = False
        """Whether it says nobody that nobody listens."""
        self.agenda = agenda
        self.interfaces = {
            interface.name: Interface(interface, self, segments[interface.network], agenda, tap)
            for interface in planned.interfaces
        }
        self.routes = Routes(planned, self.interfaces)
        self.udp = UdpSockets(self, random)
        self.tcp = TcpSockets(self, random)
        self.translation = None if planned.nat is None else Translation(planned.nat, self, realm)
        self._firewall = None if planned.firewall is None else Firewall(planned.firewall)
        self._path_mtus = PathMtus(agenda)
        self._reassembly = Reassembly(agenda, self._complain_of_gap)
        self._cuts = 0
        """How many packets of this host were cut: the last one's identification."""
        self._own = _own_addresses(planned)
        self._forwards = planned.forwards

    # --- towards the network -----------------------------------------------------------------

    def source_towards(self, destination: str, wanted: str | None = None) -> str | None:
        """The address this host would use as its own to reach `destination`, `wanted` if it is
        one of its own; None without route."""
        if wanted is not None and wanted not in self._own:
            return None
        if destination in self._own:
            return wanted or destination
        route = self.routes.find(destination)
        return None if route is None else wanted or route.source

    def room_towards(self, destination: str) -> int:
        """The largest packet, octets, that this host sends to an address in one piece."""
        route = self.routes.find(destination)
        out = None if route is None else route.interface
        mtu = USUAL_MTU if out is None else out.mtu
        return self._path_mtus.limit(destination, mtu) if self._path_mtus else mtu

    def send(self, packet: Packet) -> bool:
        """Send a packet that this host made, in pieces where it must be; False when there is no
        route."""
        if self.translation is not None and self.translation.hides(packet):
            self.translation.take(packet)
            return True
        # Most packets are smaller than any link or path takes.
        if len(packet.raw) > SMALLEST_MTU and packet.version == 4:
            room = self.room_towards(packet.destination)
            if len(packet.raw) > room and packet.destination not in self._own:
                self._cuts = (self._cuts + 1) % 65_536
                return all(self.route(piece) for piece in cut(packet, room, self._cuts))
        return self.route(packet)

    def route(self, packet: Packet, complainer: str | None = None) -> bool:
        """Send a packet on, wherever it comes from; False when there is no route. `complainer`: the
        address from which its sender is told that it is too large; None: the usual one."""
        if packet.destination in self._own:
            self.loop(self._deliver, packet)
            return True
        route = self.routes.find(packet.destination)
        if route is None:
            return False
        if route.interface is not None:
            out, next_hop = route.interface, route.next_hop or packet.destination
            if len(packet.raw) <= out.mtu or packet.version == 6:
                out.send(packet, next_hop)
            elif packet.may_be_cut:
                for piece in cut(packet, out.mtu):
                    out.send(piece, next_hop)
            else:
                rest = bytes(2) + out.mtu.to_bytes(2, "big")  # RFC 1191 4
                self._complain(packet, *_TOO_LARGE, complainer, rest)
        elif self.translation is not None:
            self.translation.take(packet)
        return True

    def has(self, address: str) -> bool:
        """Whether an address is this host's own."""
        return address in self._own

    def loop(self, action: Callable[..., None], *arguments: object) -> None:
        """Have `action(*arguments)` done when what this host sends to itself arrives."""
        self.agenda.at(self.agenda.now + LOOPBACK_TIME_NS, action, *arguments)

    def transmit(self, interface: str, raw: bytes) -> None:
        """Put a packet on the wire as it is, forged source and all; WorldBroken when nobody there
        would take it."""
        out = self.interfaces.get(interface)
        if out is None:
            raise WorldBroken(f"{self.name} has no interface {interface!r}")
        try:
            packet = Packet(raw)
        except MalformedPacket as error:
            raise WorldBroken(f"{self.name} cannot transmit: {error}") from None
        next_hop: str | None = packet.destination
        if not on_link(out, packet.destination):
            route = self.routes.find(packet.destination)
            next_hop = None if route is None else route.next_hop
        if next_hop not in out.segment.owners:
            raise WorldBroken(
                f"{self.name} cannot transmit to {packet.destination} from {interface}: "
                f"nobody there would take it"
            )
        out.send(packet, next_hop)

    # --- from the network --------------------------------------------------------------------

    def receive(self, packet: Packet, interface: Interface) -> None:
        """Deliver, translate or forward a packet that arrived."""
        if not packet.header_is_sound():
            return
        translation = self.translation
        if packet.destination in self._own or (translation and translation.ends_here(packet)):
            self._deliver(packet)
        elif translation and translation.translates(packet, interface):
            translation.take(packet)
        elif self._forwards:
            self._forward(packet, interface)

    def _forward(self, packet: Packet, came_by: Interface) -> None:
        if packet.ttl <= 1:
            self._complain(packet, *_TIME_EXCEEDED[packet.version])  # RFC 1812 5.3.1
        elif self._is_kept_back(packet, came_by):
            return
        elif not self.route(packet.one_hop_on()):
            self.complain_of_route(packet)

    def _is_kept_back(self, packet: Packet, came_by: Interface) -> bool:
        route = self.routes.find(packet.destination)
        if self._firewall is None or route is None or route.interface is None:
            return False
        return self._firewall.drops(packet, came_by.name, route.interface.name)

    def _deliver(self, packet: Packet) -> None:
        if packet.is_fragment:
            whole = self._reassembly.take(packet)
            if whole is None:
                return
            packet = whole
        if not packet.is_sound():
            return
        if packet.protocol == UDP:
            if not self.udp.receive(packet) and not self.silent:
                # RFC 1122 4.1.3.1: nobody listens
                self._complain(packet, *_PORT_UNREACHABLE[packet.version], packet.destination)
        elif packet.protocol == TCP:
            self.tcp.receive(packet)
        elif packet.protocol == (ICMP if packet.version == 4 else ICMPV6):
            self._receive_icmp(packet)

    # --- ICMP --------------------------------------------------------------------------------

    def _receive_icmp(self, packet: Packet) -> None:
        message = packet.raw[packet.payload : packet.end]
        if len(message) < 8:
            return
        if message[0] == _ECHO_REQUEST[packet.version]:
            reply = build_icmp_echo(
                packet.destination,
                packet.source,
                reply=True,
                identifier=message[4] << 8 | message[5],
                sequence=message[6] << 8 | message[7],
                payload=message[8:],
            )
            self.send(Packet(reply, built_here=True))
        elif packet.version == 4 and tuple(message[:2]) == _TOO_LARGE:
            self._shrink(message)
        elif (refusal := read_refusal(packet.version, message)) is not None:
            self._tell_sender(refusal)

    def _shrink(self, message: bytes) -> None:
        """Send smaller packets to where one of ours did not get through. A datagram is not sent
        again; a segment is."""
        try:
            quoted = Packet(message[8:], quoted=True)
        except MalformedPacket:
            return
        if quoted.source in self._own:
            self._path_mtus.learn(quoted.destination, int.from_bytes(message[6:8], "big"))
            if quoted.protocol == TCP:
                self.tcp.shrink(quoted)

    def _tell_sender(self, refusal: Refusal) -> None:
        """Tell the socket whose packet an ICMP error quotes (RFC 1122 3.2.2)."""
        try:
            quoted = Packet(refusal.quoted, quoted=True)
        except MalformedPacket:
            return
        if quoted.protocol == TCP:
            self.tcp.refused(quoted, refusal.tcp_reason)
        elif quoted.protocol == UDP and refusal.udp_reason is not None:
            self.udp.refused(quoted, refusal.udp_reason)

    def complain_of_route(self, packet: Packet, source: str | None = None) -> None:
        """Tell a packet's sender that there is no route for it (RFC 1812 5.2.7.1)."""
        self._complain(packet, *_NETWORK_UNREACHABLE[packet.version], source)

    def _complain_of_gap(self, first: Packet) -> None:
        """Tell a sender that a datagram's fragments did not all come in time (RFC 1122 3.3.2)."""
        self._complain(first, *_REASSEMBLY_TIME_EXCEEDED, first.destination)

    def _complain(
        self,
        packet: Packet,
        icmp_type: int,
        code: int,
        source: str | None = None,
        rest: bytes = bytes(4),
    ) -> None:
        # RFC 1122 3.2.2: never an error about an error, nor about a fragment but the first.
        if packet.is_later_fragment or _is_icmp_error(packet):
            return
        # RFC 1122 3.2.2.1, RFC 1812 4.3.2.4: where the packet was not for us, the address of the
        # interface by which the error leaves.
        source = source or self.source_towards(packet.source)
        if source is not None:
            error = build_icmp_error(
                source,
                packet.source,
                icmp_type=icmp_type,
                code=code,
                offending=packet.raw,
                rest=rest,
            )
            self.send(Packet(error, built_here=True))


def _own_addresses(planned: PlannedNode) -> Container[str]:
    """The addresses a host answers for."""
    alone = frozenset(planned.addresses())
    return _Prefixes(alone, planned.prefixes) if planned.prefixes else alone


class _Prefixes:
    """Some addresses, and all of some prefixes."""

    def __init__(self, alone: frozenset[str], prefixes: Sequence[str]) -> None:
        self._alone = alone
        self._prefixes = tuple(map(ip_network, prefixes))

    def __contains__(self, address: object) -> bool:
        if address in self._alone:
            return True
        found = ip_address(str(address))
        return any(found in prefix for prefix in self._prefixes)


def _is_icmp_error(packet: Packet) -> bool:
    if packet.payload >= packet.end:
        return False
    kind = packet.raw[packet.payload]
    if packet.version == 4:
        return packet.protocol == ICMP and kind in ICMP_ERRORS
    return packet.protocol == ICMPV6 and kind < 128  # RFC 4443 2.1: errors have the high bit clear
