"""Own zones in dnsmasq's words: one line for each record.

dnsmasq has names and no zones: no zone cuts, no DNAME, no wildcards, and aliases only to names that
it has itself. A zone with one of these cannot be given to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from lab.subjects.rendering import Text, fqdn
from lab.subjects.subject import CannotFill
from resolver.config import ResolverConfig
from resolver.dns import names
from resolver.dns.master_file import Node, read_zone
from resolver.dns.records import Record, Type

_MX: Final = 15
_SRV: Final = 33
_ANYTHING: Final = "*"


def own_zones(text: Text, config: ResolverConfig) -> None:
    """Write the own zones. Raises CannotFill for a zone that dnsmasq cannot serve."""
    zones = dict(map(read_zone, config.zones))
    known = {name for nodes in zones.values() for name in nodes}
    for origin, nodes in zones.items():
        if origin == names.ROOT:
            raise CannotFill("dnsmasq cannot have the root zone as its own")
        for name, node in nodes.items():
            _check(origin, name, node, known)
        text.add(f"An own zone: nobody is asked for names in {fqdn(origin)}.", f"local=/{origin}/")
        text.add(
            f"The records of {fqdn(origin)}.",
            *(
                line
                for node in nodes.values()
                for rrset in node.values()
                for record in rrset
                for line in _lines(record)
            ),
        )
    ttls = [
        record.ttl
        for nodes in zones.values()
        for node in nodes.values()
        for rrset in node.values()
        for record in rrset
    ]
    if ttls:
        text.add(
            "The TTL, in seconds, of own records whose lines above name none; dnsmasq would say 0.",
            f"local-ttl={min(ttls)}",
        )


def _check(origin: str, name: str, node: Node, known: set[str]) -> None:
    if Type.NS in node and name != origin:
        raise CannotFill(f"dnsmasq cannot delegate {name} from a zone of its own")
    if Type.DNAME in node:
        raise CannotFill(f"dnsmasq has no DNAME records, and {name} has one")
    if name.split(".", 1)[0] == _ANYTHING:
        raise CannotFill(f"dnsmasq has no wildcard records, and there is {name}")
    for record in node.get(Type.CNAME, ()):
        if record.target.lower() not in known:
            raise CannotFill(
                f"dnsmasq's aliases lead only to names of its own, and {name} leads elsewhere"
            )


def _lines(record: Record) -> Iterator[str]:
    name, rdata = record.name, record.rdata
    match record.rtype:
        case Type.A | Type.AAAA:
            yield f"host-record={name},{ip_address(rdata)},{record.ttl}"
        case Type.CNAME:
            yield f"cname={name},{record.target},{record.ttl}"
        case Type.PTR:
            yield f"ptr-record={name},{record.target}"
        case rtype if rtype == _MX:
            yield f"mx-host={name},{names.from_wire(rdata, 2)[0]},{_number(rdata, 0)}"
        case rtype if rtype == _SRV:
            target = names.from_wire(rdata, 6)[0]
            priority, weight, port = (_number(rdata, at) for at in (0, 2, 4))
            yield f"srv-host={name},{target},{port},{priority},{weight}"
        case rtype:
            # SOA, NS, TXT and all the others, by their numbers (RFC 3597 speaks of the form).
            yield f"dns-rr={name},{rtype},{rdata.hex()}"


def _number(rdata: bytes, at: int) -> int:
    return int.from_bytes(rdata[at : at + 2], "big")
