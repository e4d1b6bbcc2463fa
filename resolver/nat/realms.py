"""Whose address an address is, for a translator that shares outside addresses."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError

from resolver import limits
from resolver.config import NaptConfig
from resolver.nat.static import AliasTable


class NaptRefused(ValueError):
    """The addresses of NAPT contradict the table, or each other; the message names the place and
    the remedy."""


class Realms:
    """The shared outside addresses and the inside networks, beside the static table.

    Addresses are packed. Raises NaptRefused.
    """

    def __init__(self, napt: NaptConfig, table: AliasTable) -> None:
        self._table = table
        self._networks = tuple(_network(text) for text in napt.inside)
        self.shared = frozenset(_shared(text) for text in napt.outside_addresses)
        """The outside addresses that machines without an alias share."""
        if len(self.shared) < len(napt.outside_addresses):
            raise NaptRefused("napt.outside_addresses: an address stands twice; keep one of them")
        self.is_shared_by = lru_cache(maxsize=limits.NAT_MAPPINGS)(self._is_shared_by)
        """Whether the machine at an address shares an outside one: it is inside and has no
        alias."""
        for address in self.shared:
            if table.real(address) is not None:
                raise NaptRefused(
                    f"napt.outside_addresses: {IPv4Address(address)} is an alias in the table; "
                    "an alias is one server's alone, so share another address"
                )
            if self._is_inside(address):
                raise NaptRefused(
                    f"napt.outside_addresses: {IPv4Address(address)} is in an inside network; "
                    "share an address of the outside"
                )

    def _is_shared_by(self, address: bytes) -> bool:
        return self._is_inside(address) and self._table.alias(address) is None

    def _is_inside(self, address: bytes) -> bool:
        number = int.from_bytes(address)
        return any(number & mask == network for network, mask in self._networks)


def _network(text: str) -> tuple[int, int]:
    try:
        network = IPv4Network(text)
    except (AddressValueError, NetmaskValueError, ValueError):
        raise NaptRefused(
            f"napt.inside: {text!r} is no IPv4 network, and NAPT translates IPv4 only; "
            "write one like 10.20.0.0/24"
        ) from None
    return int(network.network_address), int(network.netmask)


def _shared(text: str) -> bytes:
    try:
        return IPv4Address(text).packed
    except AddressValueError:
        raise NaptRefused(
            f"napt.outside_addresses: {text!r} is no IPv4 address; write one like 203.0.113.2"
        ) from None
