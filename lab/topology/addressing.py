"""Address arithmetic that checks and planner share."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Prefix: TypeAlias = IPv4Network | IPv6Network


def address_of(text: str) -> Address | None:
    """The address a text stands for; None when it stands for none."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def prefix_of(text: str) -> Prefix | None:
    """The prefix a text stands for; None when it stands for none or has host bits set."""
    try:
        return ip_network(text) if "/" in text else None
    except ValueError:
        return None


def alias_of(base: Address, number: int) -> Address:
    """Alias of server `number` (from 1): base + (number - 1), a plain addition that knows nothing
    of prefixes. Source: cluster FAQ, "automatically increments the LAN IPs".

    Raises ValueError past the last address of the family.
    """
    return base + (number - 1)


def first_of_family(texts: tuple[str, ...], version: int) -> str | None:
    """The first address of an IP version, in canonical form."""
    for text in texts:
        address = address_of(text)
        if address is not None and address.version == version:
            return str(address)
    return None
