"""The zones we host ourselves: read from RFC 1035 master-file text, answered by RFC 1034 4.3.2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from resolver.config import HostedZone
from resolver.dns import names
from resolver.dns.master_file import BadZone, Node, read_zone
from resolver.dns.message import Rcode
from resolver.dns.names import MalformedName
from resolver.dns.records import ADDRESS_TYPES, Record, Type, negative_ttl, with_ttl


@dataclass(frozen=True, slots=True)
class Found:
    """The zone has the data; or it ends in an alias, whose last target is yet to be looked up."""

    answers: tuple[Record, ...]
    alias: str | None = None
    """The target of the last CNAME, when the answer is not complete with it."""
    additional: tuple[Record, ...] = ()
    """Addresses that the zone holds of the servers that the answer names (RFC 1034 4.3.2, step
    6)."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The zone says that the name (NXDOMAIN) or the type (NODATA) is not there."""

    rcode: int
    authority: tuple[Record, ...]
    """The zone's SOA, its TTL as RFC 2308 3 wants it."""


@dataclass(frozen=True, slots=True)
class TooLong:
    """A DNAME leads to a name longer than names may be (RFC 6672 2.2: YXDOMAIN)."""

    answers: tuple[Record, ...]
    """The DNAME."""


@dataclass(frozen=True, slots=True)
class Referral:
    """The name lies below a zone cut: others are responsible."""

    authority: tuple[Record, ...]
    """The NS RRset of the delegation."""
    additional: tuple[Record, ...]
    """Glue: addresses of those servers that the zone holds."""


Lookup: TypeAlias = Found | Missing | Referral | TooLong

_HOST_AT: dict[int, int] = {Type.NS: 0, Type.MX: 2, Type.SRV: 6}
"""Octets before the host's name in RDATA of types whose users will ask for its addresses next
(RFC 1035 3.3.9 and 3.3.11, RFC 2782)."""


class Zone:
    """One hosted zone. Raises BadZone for text that is no zone."""

    def __init__(self, hosted: HostedZone) -> None:
        self.origin, self._nodes = read_zone(hosted)
        self.text = hosted.text
        soa = self._nodes[self.origin][Type.SOA]
        self._negative = with_ttl(soa, negative_ttl(soa[0]))
        self._names = {
            ancestor
            for name in self._nodes
            for ancestor in names.with_ancestors(name)
            if names.is_at_or_below(ancestor, self.origin)
        }

    def look_up(self, name: str, rtype: int) -> Lookup:
        """Answer for `name` (normalised, in this zone) and `rtype`. The owner of what a wildcard
        gives is `name`."""
        if (turn := self._turn_above(name, rtype)) is not None:
            owner, kind = turn
            return (
                self._referral(owner) if kind is Type.NS else self._redirection(owner, name, rtype)
            )
        node = self._nodes.get(name, {}) if name in self._names else self._wildcard(name)
        if node is None:
            return Missing(Rcode.NXDOMAIN, self._negative)
        if rtype == Type.ANY and node:
            return Found(tuple(record for rrset in node.values() for record in rrset))
        if rtype in node:
            return Found(node[rtype], additional=self._addresses_for(node[rtype]))
        if Type.CNAME in node:
            return Found(node[Type.CNAME], alias=node[Type.CNAME][0].target)
        return Missing(Rcode.NOERROR, self._negative)

    def _turn_above(self, name: str, rtype: int) -> tuple[str, Type] | None:
        """The highest delegation at or above `name`, the apex apart, or DNAME above it: whatever
        lies below that in the text is not the zone's (RFC 1034 4.3.2 step 3; RFC 6672 3.2)."""
        turn = None
        for ancestor in names.with_ancestors(name):
            node = self._nodes.get(ancestor, {})
            # RFC 4035 3.1.4.1: the DS RRset of a delegation is the parent's.
            of_parent = ancestor == name and rtype == Type.DS
            if Type.NS in node and ancestor != self.origin and not of_parent:
                turn = ancestor, Type.NS
            elif Type.DNAME in node and ancestor != name:
                turn = ancestor, Type.DNAME
            if ancestor == self.origin:
                break
        return turn

    def _referral(self, cut: str) -> Referral:
        servers = self._nodes[cut][Type.NS]
        return Referral(servers, self._addresses_for(servers))

    def _redirection(self, owner: str, name: str, rtype: int) -> Found | TooLong:
        """RFC 6672 3.2, step 3c: the DNAME, and the CNAME that follows from it."""
        dname = self._nodes[owner][Type.DNAME]
        own_labels = names.to_labels(name)
        kept = own_labels[: len(own_labels) - names.depth(owner)]
        try:
            target = names.from_labels(kept + names.to_labels(dname[0].target))
        except MalformedName:
            return TooLong(dname)
        # RFC 6672 3.1: the TTL of the DNAME.
        alias = Record(name, Type.CNAME, dname[0].ttl, names.to_wire(target))
        return Found((*dname, alias), alias=None if rtype == Type.CNAME else target)

    def _addresses_for(self, records: tuple[Record, ...]) -> tuple[Record, ...]:
        """What the zone holds, as data or as glue, of the hosts that these records name."""
        hosts = dict.fromkeys(
            names.from_wire(record.rdata, _HOST_AT[record.rtype])[0].lower()
            for record in records
            if record.rtype in _HOST_AT
        )
        addresses = (
            self._nodes.get(host, {}).get(rtype, ())
            for host in hosts
            for rtype in sorted(ADDRESS_TYPES)
        )
        return tuple(record for rrset in addresses for record in rrset)

    def _wildcard(self, name: str) -> Node | None:
        """The records the wildcard below the closest encloser gives to `name` (RFC 4592 3.3.1)."""
        for encloser in names.with_ancestors(name):
            if encloser in self._names:
                source = "*" if encloser == names.ROOT else f"*.{encloser}"
                if source not in self._names:
                    return None
                return {
                    rtype: tuple(record._replace(name=name) for record in rrset)
                    for rtype, rrset in self._nodes.get(source, {}).items()
                }
        return None


class Zones:
    """All hosted zones; the closest one answers for a name. Raises ValueError with a line for each
    zone that cannot be used."""

    def __init__(self, hosted: Iterable[HostedZone]) -> None:
        self._zones: dict[str, Zone] = {}
        if bad := self.take_over(hosted):
            raise ValueError("\n".join(map(str, bad)))

    def take_over(self, hosted: Iterable[HostedZone]) -> tuple[BadZone, ...]:
        """Host these from now on and no others; of one that is bad, what was there before."""
        before, self._zones = self._zones, {}
        bad: list[BadZone] = []
        for each in hosted:
            try:
                zone = _renewed(each, before)
            except BadZone as wrong:
                bad.append(wrong)
                if (old := _before(each, before)) is not None:
                    self._zones.setdefault(old.origin, old)
                continue
            if zone.origin in self._zones:
                bad.append(BadZone(each, "hosted twice; keep one of them"))
            else:
                self._zones[zone.origin] = zone
        return tuple(bad)

    def closest(self, name: str) -> Zone | None:
        """The hosted zone with the longest origin at or above `name` (normalised)."""
        if not self._zones:
            return None
        candidates = (self._zones.get(ancestor) for ancestor in names.with_ancestors(name))
        return next((zone for zone in candidates if zone is not None), None)

    def responsible(self, name: str, rtype: int) -> Zone | None:
        """The hosted zone that answers: the closest, but for the DS RRset of a zone, which stands
        in its parent (RFC 4035 3.1.4.1). Where the parent is not hosted, the child denies it."""
        zone = self.closest(name)
        if zone is None or rtype != Type.DS or name != zone.origin or name == names.ROOT:
            return zone
        parent = next(a for a in names.with_ancestors(name) if a != name)
        return self.closest(parent) or zone

    def answers(self, name: str) -> bool:
        """Whether a hosted zone has the last word on `name`: it lies in one and below no cut."""
        zone = self.closest(name)
        return zone is not None and not isinstance(zone.look_up(name, Type.A), Referral)


def _before(hosted: HostedZone, zones: Mapping[str, Zone]) -> Zone | None:
    try:
        return zones.get(names.normalise(hosted.origin))
    except MalformedName:
        return None


def _renewed(hosted: HostedZone, before: Mapping[str, Zone]) -> Zone:
    """The zone, read anew only where its text has changed: reading a large one takes a while."""
    old = _before(hosted, before)
    return old if old is not None and old.text == hosted.text else Zone(hosted)
