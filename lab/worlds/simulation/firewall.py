"""A router's firewall: DNS between inside and outside is for designated servers."""

from __future__ import annotations

from lab.topology.plan import PlannedFirewall
from lab.worlds.simulation.packet import Packet
from resolver.nat.packet import TCP, UDP

_DNS_PORT = 53


class Firewall:
    """Looks at each packet by itself, as `mininet_settings.firewall_rules` lets a kernel do."""

    def __init__(self, planned: PlannedFirewall) -> None:
        self._outside = planned.outside
        self._designated = frozenset(planned.dns_only_from)

    def drops(self, packet: Packet, came_by: str, leaves_by: str) -> bool:
        """Whether the packet, between these two interfaces, is kept from passing. Silently."""
        if (came_by == self._outside) == (leaves_by == self._outside):
            return False
        inner = packet.destination if came_by == self._outside else packet.source
        return _is_dns(packet) and inner not in self._designated


def _is_dns(packet: Packet) -> bool:
    """Whether it is from or to a DNS server's port. A later fragment has no ports to see."""
    if packet.protocol not in (UDP, TCP) or packet.is_later_fragment:
        return False
    ports = packet.raw[packet.payload : packet.payload + 4]
    if len(ports) < 4:
        return False
    return _DNS_PORT in (ports[0] << 8 | ports[1], ports[2] << 8 | ports[3])
