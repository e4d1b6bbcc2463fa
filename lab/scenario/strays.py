"""Packets that no socket stands behind: echoes, and datagrams to where nobody listens."""

from __future__ import annotations

from dataclasses import dataclass

from lab.observe.sighting import Icmp, Ip, Sighting
from lab.scenario import packets
from lab.scenario.model import Datagram, Ping
from lab.topology.plan import PlannedNode
from lab.worlds.world import WorldBroken
from resolver.machine import Endpoint

_SOURCE_PORT = 40_000


@dataclass(frozen=True, slots=True)
class Stray:
    """An IP packet, and how to recognise what it is answered with."""

    packet: bytes
    source: str

    def is_answered_by(self, sighting: Sighting) -> bool:
        """Whether an ICMP message goes to its source: an echo reply or an error."""
        match sighting.network:
            case Ip(destination=destination, transport=Icmp()):
                return destination == self.source
            case _:
                return False


def stray_echo(step: Ping, node: PlannedNode, identifier: int) -> Stray:
    """The echo request of a `Ping`."""
    source = address_towards(node, step.to)
    return Stray(packets.echo_request(source, step.to, identifier, step.ttl), source)


def stray_datagram(step: Datagram, node: PlannedNode) -> Stray:
    """The datagram of a `Datagram`."""
    source = address_towards(node, step.to)
    endpoints = Endpoint(source, _SOURCE_PORT), Endpoint(step.to, step.port)
    return Stray(packets.datagram(*endpoints), source)


def address_towards(node: PlannedNode, destination: str) -> str:
    """The node's own address of the destination's family."""
    wanted = ":" in destination
    for address in node.addresses():
        if (":" in address) is wanted:
            return address
    raise WorldBroken(f"{node.name} has no address of the family of {destination}")
