"""The values that steps are made of: what is none is refused where it is written, with a remedy.

A value that only the plan can tell right from wrong (a node's name, a family) is for
`lab.scenario.fitting`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Final

from dnslib import QTYPE, RCODE
from pydantic import AfterValidator, Field

from resolver.dns.names import MalformedName, normalise

QUERY_TYPES: Final = frozenset(QTYPE.reverse) - {"ANY", "OPT"}
"""What a question may ask for: the names that whoever sends it and whoever reads it share."""

_RCODES: Final = tuple(RCODE.reverse)
_MAX_TTL_S = 2**31 - 1


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Tell that there is no such name, with the nearest one, or else all there are."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'}"
    return f"no {kind} {name!r}; {hint}"


def _address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address; write one such as '192.168.1.10'") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(f"{text!r} names an interface; write the address without '%' and its name")
    return str(address)


def _ipv4_address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError(f"{text!r} is no IPv4 address; write one such as '192.168.1.10'") from None


def _dns_name(text: str) -> str:
    try:
        normalise(text)
    except MalformedName as error:
        raise ValueError(f"no DNS name: {error}; write it like 'www.example.net'") from None
    if not text:
        raise ValueError("'' is no DNS name; write '.' for the root")
    return text


def _query_type(text: str) -> str:
    if text not in QUERY_TYPES:
        nearest = difflib.get_close_matches(text.upper(), QUERY_TYPES, n=1)
        known = nearest or ["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"]
        hint = f"did you mean {known[0]!r}?" if nearest else f"write one such as {', '.join(known)}"
        raise ValueError(f"no query type {text!r}; {hint}")
    return text


def _rcode(text: str) -> str:
    if text not in _RCODES:
        raise ValueError(unknown("RCODE", text, _RCODES))
    return text


Address = Annotated[str, AfterValidator(_address)]
"""IPv4 or IPv6, in the one spelling that captures have too."""

Ipv4Address = Annotated[str, AfterValidator(_ipv4_address)]

DnsName = Annotated[str, AfterValidator(_dns_name)]

QueryType = Annotated[str, AfterValidator(_query_type)]

Rcode = Annotated[str, AfterValidator(_rcode)]

Port = Annotated[int, Field(ge=1, le=65535)]

HopLimit = Annotated[int, Field(ge=1, le=255)]

TtlS = Annotated[int, Field(ge=0, le=_MAX_TTL_S)]
"""RFC 2181 8: an unsigned number of 31 bits."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

SomeSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""More than none: what is repeated without a pause never ends."""
