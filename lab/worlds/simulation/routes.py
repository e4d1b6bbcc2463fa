"""A host's routes: the longest matching prefix says which way a packet leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import TypeAlias

from lab.topology.plan import PlannedNode
from lab.worlds.simulation.link import Interface
from lab.worlds.world import WorldBroken


@dataclass(frozen=True, slots=True)
class Route:
    """One way out: over an interface, or into the translator's device where that is None."""

    interface: Interface | None
    next_hop: str | None
    """None: the destination itself is on the interface's network."""
    source: str | None
    """The host's own address for packets that go this way; None where it has none."""


_Entry: TypeAlias = tuple[int, int, int, Route]
"""IP version, prefix length, the prefix's bits, the route."""


class Routes:
    """The routing table of a host: its own networks, the plan's routes, and the aliases, which lead
    into the translator's device. Of routes with equal prefixes the first counts."""

    def __init__(self, planned: PlannedNode, interfaces: dict[str, Interface]) -> None:
        self._found: dict[str, Route | None] = {}
        self._table: list[_Entry] = []
        for interface in interfaces.values():
            for text in interface.addresses:
                own = ip_interface(text)
                self._add(str(own.network), Route(interface, None, str(own.ip)))
        neighbours = tuple(self._table)
        client_side = interfaces[planned.nat.client_side] if planned.nat else None
        for alias in planned.nat.aliases if planned.nat else ():
            self._add(alias, _into_device(alias, client_side))
        for route in planned.routes:
            if route.via is None:
                self._add(route.destination, _into_device(route.destination, client_side))
                continue
            way = _search(neighbours, route.via)
            if way is None:
                raise WorldBroken(
                    f"{planned.name}: the next hop {route.via} of the route to "
                    f"{route.destination} is on none of its networks"
                )
            self._add(route.destination, Route(way.interface, route.via, way.source))

    def find(self, destination: str) -> Route | None:
        """The way to an address; None when there is none."""
        try:
            return self._found[destination]
        except KeyError:
            route = self._found[destination] = _search(self._table, destination)
            return route

    def forget(self) -> None:
        """An interface went down or up: look anew."""
        self._found.clear()

    def _add(self, prefix: str, route: Route) -> None:
        network = ip_network(prefix)
        bits = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        self._table.append((network.version, network.prefixlen, bits, route))
        # A stable sort: of equals, the first stays first.
        self._table.sort(key=lambda entry: entry[1], reverse=True)


def _search(table: Sequence[_Entry], destination: str) -> Route | None:
    address = ip_address(destination)
    number = int(address)
    for version, length, bits, route in table:
        fits = version == address.version and number >> (address.max_prefixlen - length) == bits
        # Linux takes the routes over an interface away while it is down.
        if fits and (route.interface is None or route.interface.up):
            return route
    return None


def on_link(interface: Interface, destination: str) -> bool:
    """Whether the address belongs to a prefix of the interface's network."""
    address = ip_address(destination)
    return any(address in ip_interface(text).network for text in interface.addresses)


def _into_device(destination: str, client_side: Interface | None) -> Route:
    """A route into the translator's device, which is no interface of ours; what the node itself
    sends that way has its client-side address."""
    version = ip_network(destination).version
    own = map(ip_interface, client_side.addresses if client_side else ())
    return Route(None, None, next((str(each.ip) for each in own if each.version == version), None))
