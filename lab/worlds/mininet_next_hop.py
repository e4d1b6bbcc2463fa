"""Who on the wire a packet goes to, worked out from the plan: what ARP would find out."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network

from lab.topology.plan import Plan, PlannedInterface, PlannedNode
from lab.worlds.mininet_settings import link_address
from lab.worlds.world import WorldBroken


def next_hop(plan: Plan, node: PlannedNode, interface: PlannedInterface, destination: str) -> str:
    """The MAC address to which a packet for `destination` leaves `node` through `interface`.

    Raises WorldBroken when nobody on that network would take it.
    """
    neighbour = destination
    target = ip_address(destination)
    if not any(target in ip_interface(address).network for address in interface.addresses):
        ways = [
            (ip_network(route.destination).prefixlen, route.via)
            for route in node.routes
            if route.via is not None
            and target.version == ip_network(route.destination).version
            and target in ip_network(route.destination)
        ]
        if not ways:
            raise WorldBroken(
                f"{node.name}: {destination} is neither on {interface.network} nor behind a route"
            )
        neighbour = max(ways)[1]
    found = _link_address_of(plan, interface.network, neighbour)
    if found is None:
        raise WorldBroken(f"nobody on {interface.network} has {neighbour}: {node.name} cannot send")
    return found


def _link_address_of(plan: Plan, network: str, address: str) -> str | None:
    """Who answers ARP for the address on the network: its owner, or the translator's proxy."""
    for place, node in enumerate(plan.nodes):
        for position, interface in enumerate(node.interfaces):
            if interface.network != network:
                continue
            own = {each.split("/")[0] for each in interface.addresses}
            proxied = (
                node.nat.aliases if node.nat and node.nat.client_side == interface.name else ()
            )
            if address in own or address in proxied:
                return link_address(place, position)
    return None
