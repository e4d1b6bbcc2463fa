"""Forgeries: IP packets put on the wire as they are, beside the node's own stack."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager

from lab.topology.plan import Plan, PlannedInterface, PlannedNode
from lab.worlds.mininet_next_hop import next_hop
from lab.worlds.world import WorldBroken

_ETHERTYPE_IPV4 = 0x0800
_ETHERTYPE_IPV6 = 0x86DD


class Transmitters:
    """A packet socket on each interface that forges, kept. `inside` leads into a node."""

    def __init__(self, plan: Plan, inside: Callable[[str], AbstractContextManager[None]]) -> None:
        self._plan = plan
        self._inside = inside
        self._known: dict[str, socket.socket] = {}

    def transmit(self, node: PlannedNode, out: PlannedInterface, packet: bytes) -> None:
        """Put an IP packet on the wire. Raises WorldBroken for what is none, or has nobody to go
        to."""
        version = packet[0] >> 4 if packet else 0
        if version == 4 and len(packet) >= 20:
            destination, protocol = socket.inet_ntop(socket.AF_INET, packet[16:20]), _ETHERTYPE_IPV4
        elif version == 6 and len(packet) >= 40:
            destination = socket.inet_ntop(socket.AF_INET6, packet[24:40])
            protocol = _ETHERTYPE_IPV6
        else:
            raise WorldBroken(f"{node.name}: what is to be transmitted is no IP packet")
        receiver = bytes.fromhex(next_hop(self._plan, node, out, destination).replace(":", ""))
        self._on(node.name, out.name).sendto(packet, (out.name, protocol, 0, 0, receiver))

    def close(self) -> None:
        """Close all sockets. Idempotent."""
        for each in self._known.values():
            each.close()
        self._known.clear()

    def _on(self, node: str, interface: str) -> socket.socket:
        known = self._known.get(interface)
        if known is None:
            with self._inside(node):
                # Protocol 0: it sends and hears nothing.
                known = self._known[interface] = socket.socket(
                    socket.AF_PACKET, socket.SOCK_DGRAM, 0
                )
        return known
