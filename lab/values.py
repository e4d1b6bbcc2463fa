"""Values that steps, scripts and checks are written with: what is none is refused where it is
written, with a remedy.

A value that only the plan can tell right from wrong (a node's name, a family) is for
`lab.scenario.fitting`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated, Final

from dnslib import CLASS, QTYPE, RCODE
from pydantic import AfterValidator, Field

from resolver.dns.names import MalformedName, normalise

QUERY_TYPES: Final = frozenset(QTYPE.reverse) - {"OPT"}
"""What a question may ask for by name; a type without one is "TYPE65280"."""

_RCODES: Final[dict[str, int]] = {**RCODE.reverse, "BADVERS": 16}
_RCODE_NAMES: Final = {number: name for name, number in _RCODES.items()}
_MAX_TYPE_OR_CLASS = 0xFFFF
_MAX_RCODE = 0xFFF
_MAX_TTL_S = 2**31 - 1


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Tell that there is no such name, with the nearest one, or else all there are."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known) or 'none'}"
    return f"no {kind} {name!r}; {hint}"


# --- numbers behind names ---------------------------------------------------------------------


def type_number(name: str) -> int:
    """The number of a `QueryType`."""
    return int(QTYPE.reverse.get(name) or name.removeprefix("TYPE"))


def class_number(name: str) -> int:
    """The number of a `QueryClass`."""
    return int(CLASS.reverse.get(name) or name.removeprefix("CLASS"))


def rcode_number(name: str) -> int:
    """The number of an `Rcode`."""
    return _RCODES[name] if name in _RCODES else int(name.removeprefix("RCODE"))


def rcode_name(number: int) -> str:
    """The name of an RCODE: "NOERROR", "RCODE23" where it has none."""
    return _RCODE_NAMES.get(number, f"RCODE{number}")


def _numbered(text: str, prefix: str, largest: int) -> int | None:
    """The number in a text such as "TYPE65280"; None where it is none, or too large."""
    digits = text.removeprefix(prefix)
    if digits == text or not (digits.isascii() and digits.isdigit()) or int(digits) > largest:
        return None
    return int(digits)


# --- what is refused --------------------------------------------------------------------------


def _address(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is no IP address; write one such as '192.168.1.10'") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(f"{text!r} names an interface; write the address without '%' and its name")
    return str(address)


def _addresses(text: str) -> str:
    return "|".join(map(_address, text.split("|")))


def _ipv4_address(text: str) -> str:
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError(f"{text!r} is no IPv4 address; write one such as '192.168.1.10'") from None


def _prefix(text: str) -> str:
    if "/" not in text:
        return _address(text)
    try:
        return str(ip_network(text))
    except ValueError as wrong:
        raise ValueError(
            f"{text!r} is no prefix ({wrong}); write one such as '192.168.1.0/24', or an address"
        ) from None


def dns_name(text: str) -> str:
    """The text, if it is a DNS name. Raises ValueError, with a remedy, if it is none."""
    try:
        normalise(text)
    except MalformedName as error:
        raise ValueError(f"no DNS name: {error}; write it like 'www.example.net'") from None
    if not text:
        raise ValueError("'' is no DNS name; write '.' for the root")
    return text


def _query_type(text: str) -> str:
    number = _numbered(text, "TYPE", _MAX_TYPE_OR_CLASS)
    if number:
        return str(QTYPE.forward.get(number, f"TYPE{number}"))
    if text not in QUERY_TYPES:
        nearest = difflib.get_close_matches(text.upper(), QUERY_TYPES, n=1)
        known = nearest or ["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"]
        hint = f"did you mean {known[0]!r}?" if nearest else f"write one such as {', '.join(known)}"
        raise ValueError(f"no query type {text!r}; {hint}")
    return text


def _query_class(text: str) -> str:
    number = _numbered(text, "CLASS", _MAX_TYPE_OR_CLASS)
    if number:
        return str(CLASS.forward.get(number, f"CLASS{number}"))
    if text not in CLASS.reverse:
        raise ValueError(f"no query class {text!r}; write one such as 'IN', 'CH' or 'CLASS65280'")
    return text


def _rcode(text: str) -> str:
    number = _numbered(text, "RCODE", _MAX_RCODE)
    if number is not None:
        return rcode_name(number)
    if text not in _RCODES:
        raise ValueError(unknown("RCODE", text, _RCODES))
    return text


Address = Annotated[str, AfterValidator(_address)]
"""IPv4 or IPv6, in the one spelling that captures have too."""

Addresses = Annotated[str, AfterValidator(_addresses)]
"""One address, or several of one server: "198.51.100.1|2001:db8::1"."""

Ipv4Address = Annotated[str, AfterValidator(_ipv4_address)]

Prefix = Annotated[str, AfterValidator(_prefix)]
"""A network such as "192.168.1.0/24", or an address of its own."""

DnsName = Annotated[str, AfterValidator(dns_name)]

QueryType = Annotated[str, AfterValidator(_query_type)]
"""In the one spelling that captures have too: "TYPE1" is "A"."""

QueryClass = Annotated[str, AfterValidator(_query_class)]

Rcode = Annotated[str, AfterValidator(_rcode)]

Port = Annotated[int, Field(ge=1, le=65535)]

PacketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9 ]{0,39}$")]
"""What a bare packet is called: small letters, digits and spaces, as in "second question"."""

HopLimit = Annotated[int, Field(ge=1, le=255)]

TtlS = Annotated[int, Field(ge=0, le=_MAX_TTL_S)]
"""RFC 2181 8: an unsigned number of 31 bits."""

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

SomeSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""More than none: what is repeated without a pause never ends."""
