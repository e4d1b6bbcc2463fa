"""A host's routes: the longest matching prefix says which way a packet leaves."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network

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


class Routes:
    """The routing table of a host: its own networks, the plan's routes, and the aliases, which lead
    into the translator's device. Of routes with equal prefixes the first counts."""

    def __init__(self, planned: PlannedNode, interfaces: dict[str, Interface]) -> None:
        self._found: dict[str, Route | None] = {}
        self._table: list[tuple[int, int, int, Route]] = []  # IP version, length, network, route
        aliases = planned.nat.aliases if planned.nat else ()
        client_side = interfaces[planned.nat.client_side] if planned.nat else None
        for alias in aliases:
            source = _address_of_family(client_side, ip_address(alias).version)
            self._add(alias, Route(None, None, source))
        for interface in interfaces.values():
            for text in interface.addresses:
                own = ip_interface(text)
                self._add(str(own.network), Route(interface, None, str(own.ip)))
        for route in planned.routes:
            if route.via is None:
                source = _address_of_family(client_side, ip_network(route.destination).version)
                self._add(route.destination, Route(None, None, source))
                continue
            way = self.find(route.via)
            if way is None or way.interface is None:
                raise WorldBroken(
                    f"{planned.name}: the next hop {route.via} of the route to "
                    f"{route.destination} is on none of its networks"
                )
            self._add(route.destination, Route(way.interface, route.via, way.source))
        self._found.clear()  # what the loop above looked up knew only half of the table

    def find(self, destination: str) -> Route | None:
        """The way to an address; None when there is none."""
        try:
            return self._found[destination]
        except KeyError:
            route = self._found[destination] = self._search(destination)
            return route

    def _add(self, prefix: str, route: Route) -> None:
        network = ip_network(prefix)
        bits = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        self._table.append((network.version, network.prefixlen, bits, route))
        # A stable sort: of equals, the first stays first.
        self._table.sort(key=lambda entry: entry[1], reverse=True)

    def _search(self, destination: str) -> Route | None:
        address = ip_address(destination)
        number = int(address)
        for version, length, bits, route in self._table:
            if version == address.version and number >> (address.max_prefixlen - length) == bits:
                return route
        return None


def on_link(interface: Interface, destination: str) -> bool:
    """Whether the address belongs to a prefix of the interface's network."""
    address = ip_address(destination)
    return any(address in ip_interface(text).network for text in interface.addresses)


def _address_of_family(interface: Interface | None, version: int) -> str | None:
    addresses = (ip_interface(text) for text in interface.addresses) if interface else ()
    return next((str(own.ip) for own in addresses if own.version == version), None)
