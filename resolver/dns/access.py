"""Who may ask for more than our own zones: access by the network a client's address lies in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from resolver import limits

Network: TypeAlias = IPv4Network | IPv6Network


class Access:
    """The clients of some networks. Raises ValueError for a network that is none."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(map(read_network, networks))
        self.allows: Callable[[str], bool] = lru_cache(limits.CLIENTS_REMEMBERED)(self._look_up)
        """Whether the client with this address (an IPv4 or IPv6 literal) lies in one of them."""

    def _look_up(self, address: str) -> bool:
        client = ip_address(address)
        if isinstance(client, IPv6Address) and client.ipv4_mapped is not None:
            client = client.ipv4_mapped  # RFC 4291 2.5.5.2: an IPv4 client, seen by IPv6
        return any(client in network for network in self._networks)


def read_network(text: str) -> Network:
    """A network as people write it: "10.0.0.0/8", "fd00::/8", or a single address.

    Raises ValueError: what is wrong, "; ", and what to do.
    """
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        wrong = f"{text!r} is no network; write one such as 192.168.1.0/24 or fd00::/8"
        raise ValueError(wrong) from None
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        inner = f"{network.network_address.ipv4_mapped}/{network.prefixlen - 96}"
        raise ValueError(f"{text!r} is an IPv4 network in IPv6's clothes; write {inner}")
    address = ip_address(text.partition("/")[0])
    if address != network.network_address:
        whole = f"{network} for the network, {address} for the one address"
        raise ValueError(f"{text!r} has bits behind its prefix; write {whole}")
    return network
