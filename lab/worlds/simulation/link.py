"""Links: packets leave one interface and reach another, later; every end is watched."""

from __future__ import annotations

from typing import Protocol

from lab.topology.plan import PlannedInterface
from lab.worlds.impairing import Treatment
from lab.worlds.simulation.agenda import Agenda
from lab.worlds.simulation.packet import Packet
from lab.worlds.simulation.tap import Tap
from resolver.machine import Duration

WIRE_TIME_NS: Duration = 10_000
"""How long any packet takes over any link, beside the link's own delay and rate: enough that an
arrival is never stamped like its departure."""

USUAL_MTU = 1500
"""Octets of the largest IP packet that an Ethernet frame takes."""

SMALLEST_MTU = 552
"""No link and no path takes less."""

_SLACK = 4
"""What an interface takes in beyond its MTU: the kernel leaves room for a VLAN tag."""


class Attached(Protocol):
    """What an interface needs of its host."""

    name: str
    powered: bool

    def receive(self, packet: Packet, interface: Interface) -> None:
        """Take a packet that has just arrived."""
        ...


class Segment:
    """One network: who has which address there."""

    def __init__(self) -> None:
        self.owners: dict[str, Interface] = {}


class Interface:
    """A host's end of a link.

    `up`, `mtu` and the treatments may change at any time; a packet on its way arrives as things are
    at its arrival.
    """

    def __init__(
        self, planned: PlannedInterface, host: Attached, segment: Segment, agenda: Agenda, tap: Tap
    ) -> None:
        self.name = planned.name
        self.host = host
        self.addresses = planned.addresses
        """With prefix length."""
        self.segment = segment
        self.capture_id = tap.interface(host.name, planned.name)
        self.up = True
        self.mtu = USUAL_MTU
        """Octets of the largest IP packet; whoever sends looks at it."""
        self.outgoing: Treatment | None = None
        self.incoming: Treatment | None = None
        """None: nothing but the time on the wire."""
        self._agenda = agenda
        self._tap = tap
        self._neighbours: set[str] = set()
        for address in planned.addresses:
            segment.owners.setdefault(address.split("/")[0], self)

    def send(self, packet: Packet, next_hop: str) -> None:
        """Put a packet on the wire for the owner of `next_hop` on this network; nobody else sees
        it. It never leaves when nobody with power has the address and it was not known before."""
        if not (self.host.powered and self.up) or not self._is_neighbour(next_hop):
            return
        self._tap.see(self, packet, outgoing=True)
        # Looked up after the tap: its watcher may be an attacker who sends a packet right now.
        receiver = self.segment.owners.get(next_hop)
        if receiver is None:
            return
        now = self._agenda.now
        if self.outgoing is None:
            self._agenda.at(now + WIRE_TIME_NS, receiver._arrive, packet)  # noqa: SLF001 - the other end
            return
        for instant in self.outgoing.departures(len(packet.raw), now):
            self._agenda.at(instant + WIRE_TIME_NS, receiver._arrive, packet)  # noqa: SLF001 - the other end

    def set_up(self, up: bool) -> None:
        """Take it down or up. One that goes down forgets its neighbours."""
        self.up = up
        self._neighbours.clear()

    def _is_neighbour(self, next_hop: str) -> bool:
        """What ARP comes to: an address that answered once is remembered, as its owner remembers
        who asked; one that never answered gets no packet."""
        if next_hop in self._neighbours:
            return True
        owner = self.segment.owners.get(next_hop)
        if owner is None or not (owner.host.powered and owner.up):
            return False
        self._neighbours.add(next_hop)
        owner._neighbours.update(  # noqa: SLF001 - the other end
            address.split("/")[0] for address in self.addresses
        )
        return True

    def _arrive(self, packet: Packet) -> None:
        """A packet comes to this end of the link."""
        if self.incoming is None:
            self._enter(packet)
            return
        for instant in self.incoming.departures(len(packet.raw), self._agenda.now):
            self._agenda.at(instant, self._enter, packet)

    def _enter(self, packet: Packet) -> None:
        fits = len(packet.raw) <= self.mtu + _SLACK or packet.version == 6
        if fits and self.host.powered and self.up:
            self._tap.see(self, packet, outgoing=False)
            self.host.receive(packet, self)
