"""The two sides of a NAT: which addresses may be seen where."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from ipaddress import ip_address

from lab.judge.checks.base import is_among
from lab.observe.sighting import Icmp, Ip
from lab.topology.plan import Plan


class Realms:
    """What the plan, as it was meant, says about the viewers' side and the side behind the NAT."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._known: dict[str, bool] = {}

    @cached_property
    def client_networks(self) -> frozenset[str]:
        """The networks of the address realm on the client side of translators; without any, of the
        viewers'."""
        realms = {network.name: network.realm for network in self._plan.networks}
        sides = {node.nat.client_side for node in self._plan.nodes if node.nat is not None}
        wanted = {
            realms[interface.network]
            for node in self._plan.nodes
            for interface in node.interfaces
            if (interface.name in sides if sides else node.role == "viewer")
        }
        return frozenset(name for name, realm in realms.items() if realm in wanted)

    @cached_property
    def real_addresses(self) -> frozenset[str]:
        """The addresses of nodes behind a NAT, and of the translator on their side."""
        return frozenset(
            address.split("/")[0]
            for node in self._plan.nodes
            for interface in node.interfaces
            if interface.network in self._server_networks
            for address in interface.addresses
        )

    def is_real(self, address: str) -> bool:
        """Whether an address belongs behind the NAT, whether a node has it or not."""
        if address not in self._known:
            self._known[address] = is_among(address, self._server_prefixes)
        return self._known[address]

    def real_in(self, payload: bytes) -> str | None:
        """A real address that stands somewhere in these bytes, as packets carry addresses."""
        found = (text for text, octets in self._packed.items() if octets in payload)
        return next(found, None)

    def shown_by(self, ip: Ip) -> str | None:
        """Where a packet shows a real address, in words; None when it shows none."""
        for where, address in _addresses_in(ip):
            if self.is_real(address):
                return f"{address} as {where}"
        if isinstance(ip.transport, Icmp):
            # What an error quotes may be cut anywhere, or be no packet that can be read.
            found = self.real_in(ip.transport.payload)
            return f"{found} in the payload" if found else None
        return None

    @cached_property
    def _server_networks(self) -> frozenset[str]:
        sides = {
            interface.network
            for node in self._plan.nodes
            if node.nat is not None
            for interface in node.interfaces
            if interface.name == node.nat.server_side
        }
        realms = {network.realm for network in self._plan.networks if network.name in sides}
        return frozenset(
            network.name
            for network in self._plan.networks
            if network.realm in realms and network.name not in self.client_networks
        )

    @cached_property
    def _server_prefixes(self) -> tuple[str, ...]:
        return tuple(
            prefix
            for network in self._plan.networks
            if network.name in self._server_networks
            for prefix in network.prefixes
        )

    @cached_property
    def _packed(self) -> dict[str, bytes]:
        return {address: ip_address(address).packed for address in sorted(self.real_addresses)}


def _addresses_in(ip: Ip) -> Iterator[tuple[str, str]]:
    """Every address a packet shows, with where: in its header, and in headers that errors quote."""
    yield "source", ip.source
    yield "destination", ip.destination
    if isinstance(ip.transport, Icmp) and ip.transport.embedded is not None:
        for where, address in _addresses_in(ip.transport.embedded):
            yield f"quoted {where}", address
