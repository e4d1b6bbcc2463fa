"""Single values of a configuration file: strings, numbers, durations, addresses, networks.

What is unusable raises Unusable, with what is wrong and what to do.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from resolver.dns.access import read_network
from resolver.machine import SECOND, Endpoint

_IP_LITERALS: Final = frozenset(
    {
        "addresses",
        "alias_base",
        "table",
        "client_side_address",
        "server_side_address",
        "rewrite",
        "outside_addresses",
    }
)
"""Fields whose strings are IP addresses."""

_NETWORKS: Final = frozenset({"recursion_for", "private_addresses", "inside"})
"""Fields whose strings are networks."""

_MAX_TTL_S: Final = 2**31 - 1  # RFC 2181 8: a TTL is 31 bits
_BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "next_on_rcodes": (0, 15),  # RFC 1035 4.1.1: four bits
    "cache_entries": (0, 10_000_000),
    "cache_octets": (0, 1 << 40),
    "max_ttl_s": (0, _MAX_TTL_S),
    "max_negative_ttl_s": (0, _MAX_TTL_S),
    "ttl_s": (0, _MAX_TTL_S),
    "negative_ttl_s": (0, _MAX_TTL_S),
    "stale_ttl_s": (0, _MAX_TTL_S),
    "number": (1, 65_535),
    "service_port": (1, 65_535),
    "answers": (0, 65_535),
    "fall": (1, 1_000),
    "rise": (1, 1_000),
    "most_mappings": (1, 1_000_000),
    "most_sessions": (1, 1_000_000),
}
"""Smallest and largest value of each integer field."""

_MAX_DURATION_NS: Final = 365 * 24 * 3600 * SECOND


class Unusable(Exception):
    """One value is unusable: what is wrong, and what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)


def read_value(annotation: Any, value: object, field: str) -> object:
    """The value of a field, of the type its annotation names. Raises Unusable."""
    if annotation is Endpoint:
        endpoint = _endpoint(value)
        if field == "listen" and ipaddress.ip_address(endpoint.address).is_unspecified:
            # RFC 2181 4.1: a reply's source is the address that was asked, and only a socket of
            # that address is sure to know it.
            raise Unusable(found(value), "no wildcard: write each address that clients ask")
        return endpoint
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        choices = {member.value: member for member in annotation}
        if isinstance(value, str) and value in choices:
            return choices[value]
        raise Unusable(found(value), f"write {one_of(choices)}")
    if annotation is bool:
        return _truth(value)
    if annotation is int:
        return _nanoseconds(value) if field.endswith("_ns") else _integer(value, field)
    return _string(value, field)


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise Unusable(found(value), "write true or false")
    return value


def _integer(value: object, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unusable(found(value), "write a whole number")
    smallest, largest = _BOUNDS[field]
    if not smallest <= value <= largest:
        raise Unusable(found(value), f"write a number from {smallest} to {largest}")
    return value


def _nanoseconds(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Unusable(found(value), "write seconds, such as 2 or 0.5")
    if not Decimal(value).is_finite() or not 0 < value * SECOND <= _MAX_DURATION_NS:
        raise Unusable(found(value), "write seconds, more than 0 and at most a year")
    nanoseconds = value * SECOND
    if nanoseconds != int(nanoseconds):
        raise Unusable(found(value), "a nanosecond is the finest step: at most nine decimals")
    return int(nanoseconds)


def _string(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise Unusable(found(value), "write a string in quotes")
    if field == "device" and not 0 < len(value.encode()) < 16:  # IFNAMSIZ, with its zero octet
        raise Unusable(found(value), "a device name has 1 to 15 octets")
    if field in _NETWORKS:
        return _network(value)
    return _address(value) if field in _IP_LITERALS else value


def _network(text: str) -> str:
    try:
        return str(read_network(text))
    except ValueError as wrong:
        raise Unusable(*str(wrong).rsplit("; ", 1)) from None


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        remedy = "write an address such as 192.168.1.53 or fd00::1"
        raise Unusable(f"{text!r} is no IP address", remedy) from None


def _endpoint(value: object) -> Endpoint:
    if isinstance(value, str):
        host, colon, port = value.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        with suppress(ValueError):
            address = ipaddress.ip_address(host[1:-1] if bracketed else host)
            # Without brackets an IPv6 address swallows its port, or lends its last group as one.
            fits = colon and bracketed == (address.version == 6)
            if fits and port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535:
                return Endpoint(str(address), int(port))
    raise Unusable(
        found(value), 'write address and port, such as "192.168.1.53:53" or "[fd00::1]:53"'
    )


def one_of(words: Mapping[str, object]) -> str:
    """The words to choose from, as people write them."""
    return " or ".join(f'"{word}"' for word in words)


def found(value: object) -> str:
    """How a wrong value is quoted: short enough for one line."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return f"unusable value {text if len(text) <= 60 else text[:57] + '…'}"
