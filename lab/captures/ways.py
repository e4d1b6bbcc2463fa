"""Which way a packet takes through a topology: the links on which its addresses are what they are.

A capture from elsewhere says which addresses a packet had and seldom which link it was on. The
plan's routes say which links a packet with these addresses comes over.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network

from lab.topology.plan import Plan, PlannedInterface, PlannedNode

_LONGEST_WAY = 16
"""More routers than any plan has: a way that is longer goes round in a circle."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A link with who sends on it and who receives."""

    network: str
    sender: str
    sending: str
    """Interface of the sender."""
    receiver: str
    receiving: str
    """Interface of the receiver."""

    @property
    def turned(self) -> Hop:
        """The same link, the other way."""
        return Hop(self.network, self.receiver, self.receiving, self.sender, self.sending)


@dataclass(frozen=True, slots=True)
class Way:
    """The links a packet comes over with the same two addresses, in stretches: within one, routers
    pass it on; between two stands a translator, and what it does to a packet is to be seen."""

    stretches: tuple[tuple[Hop, ...], ...]

    @property
    def hops(self) -> tuple[Hop, ...]:
        """All links, in order."""
        return tuple(hop for stretch in self.stretches for hop in stretch)

    def stretch_of(self, network: str) -> tuple[Hop, ...]:
        """The stretch that has this link; none where the way does not lead over it."""
        return next(
            (each for each in self.stretches if any(hop.network == network for hop in each)), ()
        )


class Ways:
    """The ways through a plan."""

    def __init__(self, plan: Plan) -> None:
        self._nodes = {node.name: node for node in plan.nodes}
        self._owners: dict[str, PlannedNode] = {}
        self._networks: dict[str, str] = {}
        """On which network an address is."""
        for node in plan.nodes:
            for interface in node.interfaces:
                for address in interface.addresses:
                    self._take(address.split("/")[0], node, interface)
        for node in plan.nodes:
            nat = node.nat
            for interface in node.interfaces if nat is not None else ():
                if nat is not None and interface.name == nat.client_side:
                    # The translator sends from an alias, and what is sent to one ends at it.
                    for alias in nat.aliases:
                        self._take(alias, node, interface)
        self._routes = {
            node.name: sorted(
                (
                    (ip_network(route.destination), route.via)
                    for route in node.routes
                    if route.via is not None
                ),
                key=lambda each: -each[0].prefixlen,
            )
            for node in plan.nodes
        }
        self._prefixes = {
            interface.name: tuple(ip_network(each, strict=False) for each in interface.addresses)
            for node in plan.nodes
            for interface in node.interfaces
        }
        self.between = cache(self._between)

    def _take(self, address: str, node: PlannedNode, interface: PlannedInterface) -> None:
        self._owners.setdefault(address, node)
        self._networks.setdefault(address, interface.network)

    def knows(self, address: str) -> bool:
        """Whether the plan has this address, on an interface or as an alias."""
        return address in self._owners

    def _between(self, source: str, destination: str) -> Way | None:
        """The way of packets with these addresses; None where the plan has none. Where there is
        only one back (a NAT stands between, and knows who asked), it is that one."""
        sender, receiver = self._owners.get(source), self._owners.get(destination)
        if sender is None or receiver is None or sender is receiver:
            return None
        hops = self._hops(sender, receiver, destination) or [
            hop.turned for hop in reversed(self._hops(receiver, sender, source))
        ]
        stretches: list[list[Hop]] = [[]]
        for hop in hops:
            stretches[-1].append(hop)
            if hop.receiver != receiver.name and self._nodes[hop.receiver].nat is not None:
                stretches.append([])
        return Way(tuple(tuple(each) for each in stretches)) if hops else None

    def _hops(self, sender: PlannedNode, receiver: PlannedNode, destination: str) -> list[Hop]:
        """From node to node by their routes; empty where these do not lead there."""
        hops: list[Hop] = []
        at = sender
        while at is not receiver and len(hops) < _LONGEST_WAY:
            towards = destination
            leaving = self._on_link(at, towards)
            if leaving is None:
                towards = self._next_hop(at, destination) or ""
                leaving = self._on_link(at, towards) if towards else None
            follower = self._owners.get(towards)
            entering = leaving and follower and _interface_on(follower, leaving.network)
            if leaving is None or follower is None or entering is None:
                return []
            hops.append(Hop(leaving.network, at.name, leaving.name, follower.name, entering.name))
            at = follower
        return hops if at is receiver else []

    def _on_link(self, node: PlannedNode, address: str) -> PlannedInterface | None:
        """The interface whose network has the address: by its prefix, or because its owner is there
        with it (clients come from anywhere, and the plan has no router for them)."""
        parsed = ip_address(address)
        near = self._networks.get(address)
        return next(
            (
                each
                for each in node.interfaces
                if each.network == near or any(parsed in own for own in self._prefixes[each.name])
            ),
            None,
        )

    def _next_hop(self, node: PlannedNode, address: str) -> str | None:
        parsed = ip_address(address)
        return next((via for prefix, via in self._routes[node.name] if parsed in prefix), None)


def _interface_on(node: PlannedNode, network: str) -> PlannedInterface | None:
    return next((each for each in node.interfaces if each.network == network), None)
