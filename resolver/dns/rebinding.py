"""Protection against DNS rebinding: a stranger's name must not lead into our own network.

A page of a stranger's host may speak to that host. Once its name resolves to an address of ours, a
browser takes our server for that host. So nobody but the domains that are ours may answer with such
an address.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from resolver.dns import names
from resolver.dns.names import MalformedName
from resolver.dns.records import ADDRESS_TYPES, Record, Type, covered_type


class PrivateAddresses:
    """The networks that are ours alone, and the domains that may answer with them.

    Raises ValueError, naming the entry, for one that is no network or no name.
    """

    def __init__(self, networks: Iterable[str], zones: Iterable[str]) -> None:
        try:
            self._networks = tuple(ip_network(network) for network in networks)
        except ValueError as wrong:
            raise ValueError(f"private_addresses: {wrong}") from wrong
        try:
            self._zones = frozenset(names.normalise(zone) for zone in zones)
        except MalformedName as wrong:
            raise ValueError(f"private_zones: {wrong}") from wrong

    def left_out_of(self, answers: tuple[Record, ...]) -> tuple[Record, ...]:
        """The answers of others without those that only `private_zones` may give.

        What is left may be nothing: then the client is told NOERROR without data, as by Unbound
        (unbound.conf(5), private-address: such addresses "are removed from the answer"). NXDOMAIN
        would deny the name's other types, and SERVFAIL would send the client to another resolver.
        The owner of the address decides, as there: an alias from outside to a name of ours is no
        more than the name of ours says itself.
        """
        if not self._networks:
            return answers
        barred = {
            (record.name.lower(), record.rtype) for record in answers if self._is_barred(record)
        }
        if not barred:
            return answers
        return tuple(
            record
            for record in answers
            if not self._is_barred(record) and not _is_broken_signature(record, barred)
        )

    def _is_barred(self, record: Record) -> bool:
        if record.rtype not in ADDRESS_TYPES or self._may_answer(record.name.lower()):
            return False
        address = ip_address(record.rdata)
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped  # RFC 4291 2.5.5.2: the same host to a dual-stack client
        return any(address in network for network in self._networks)

    def _may_answer(self, name: str) -> bool:
        return any(ancestor in self._zones for ancestor in names.with_ancestors(name))


def _is_broken_signature(record: Record, barred: set[tuple[str, int]]) -> bool:
    """A signature covers its whole RRset: over a part of it, it would prove a forgery."""
    if record.rtype != Type.RRSIG:
        return False
    return (record.name.lower(), covered_type(record)) in barred
