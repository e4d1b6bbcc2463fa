"""The zones we host ourselves: read from RFC 1035 master-file text, answered by RFC 1034 4.3.2."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import dns.exception
import dns.name
import dns.rdatatype
import dns.zone
import dns.zonefile

from resolver.config import HostedZone
from resolver.dns import names
from resolver.dns.message import Rcode
from resolver.dns.names import MalformedName
from resolver.dns.records import ADDRESS_TYPES, Record, Type, negative_ttl, with_ttl


@dataclass(frozen=True, slots=True)
class Found:
    """The zone has the data; or it ends in an alias, whose last target is yet to be looked up."""

    answers: tuple[Record, ...]
    alias: str | None = None
    """The target of the last CNAME, when the answer is not complete with it."""


@dataclass(frozen=True, slots=True)
class Missing:
    """The zone says that the name (NXDOMAIN) or the type (NODATA) is not there."""

    rcode: int
    authority: tuple[Record, ...]
    """The zone's SOA, its TTL as RFC 2308 3 wants it."""


@dataclass(frozen=True, slots=True)
class Referral:
    """The name lies below a zone cut: others are responsible."""

    authority: tuple[Record, ...]
    """The NS RRset of the delegation."""
    additional: tuple[Record, ...]
    """Glue: addresses of those servers that the zone holds."""


Lookup: TypeAlias = Found | Missing | Referral

_Node: TypeAlias = dict[int, tuple[Record, ...]]


class BadZone(ValueError):
    """A zone that cannot be used; the message names the zone, the place and the remedy."""

    def __init__(self, hosted: HostedZone, problem: str, line: int | None = None) -> None:
        at = None if line is None else f"line {line}"
        place = (f"zone {hosted.origin}", hosted.file, at)
        super().__init__(": ".join((*filter(None, place), problem)))
        self.origin = hosted.origin
        self.file = hosted.file
        self.line = line
        self.problem = problem
        """What is wrong, and what to do."""


class Zone:
    """One hosted zone. Raises BadZone for text that is no zone."""

    def __init__(self, hosted: HostedZone) -> None:
        try:
            self.origin = names.normalise(hosted.origin)
            self._nodes = _read(hosted.text, self.origin)
        except (dns.exception.DNSException, MalformedName, ValueError) as wrong:
            raise _bad_zone(wrong, hosted) from wrong
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
        if (cut := self._cut_above(name, rtype)) is not None:
            return self._referral(cut)
        node = self._nodes.get(name, {}) if name in self._names else self._wildcard(name)
        if node is None:
            return Missing(Rcode.NXDOMAIN, self._negative)
        if rtype == Type.ANY and node:
            return Found(tuple(record for rrset in node.values() for record in rrset))
        if rtype in node:
            return Found(node[rtype])
        if Type.CNAME in node:
            return Found(node[Type.CNAME], alias=node[Type.CNAME][0].target)
        return Missing(Rcode.NOERROR, self._negative)

    def _cut_above(self, name: str, rtype: int) -> str | None:
        """The highest delegation at or above `name`, the apex apart."""
        cut = None
        for ancestor in names.with_ancestors(name):
            if ancestor == self.origin:
                return cut
            if Type.NS in self._nodes.get(ancestor, ()):
                # RFC 4035 3.1.4.1: the DS RRset of a delegation is the parent's.
                if ancestor == name and rtype == Type.DS:
                    continue
                cut = ancestor
        return cut

    def _referral(self, cut: str) -> Referral:
        servers = self._nodes[cut][Type.NS]
        glue = (
            self._nodes.get(server.target.lower(), {}).get(rtype, ())
            for server in servers
            for rtype in sorted(ADDRESS_TYPES)
        )
        return Referral(servers, tuple(record for rrset in glue for record in rrset))

    def _wildcard(self, name: str) -> _Node | None:
        """The records the wildcard below the closest encloser gives to `name` (RFC 4592 3.3.1)."""
        for encloser in names.with_ancestors(name):
            if encloser in self._names:
                source = "*" if encloser == names.ROOT else f"*.{encloser}"
                if source not in self._names:
                    return None
                return {
                    rtype: tuple(replace(record, name=name) for record in rrset)
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
                if zone.origin in self._zones:
                    raise BadZone(each, "hosted twice; keep one of them")
                self._zones[zone.origin] = zone
            except BadZone as wrong:
                bad.append(wrong)
                if (old := _before(each, before)) is not None:
                    self._zones.setdefault(old.origin, old)
        return tuple(bad)

    def closest(self, name: str) -> Zone | None:
        """The hosted zone with the longest origin at or above `name` (normalised)."""
        if not self._zones:
            return None
        candidates = (self._zones.get(ancestor) for ancestor in names.with_ancestors(name))
        return next((zone for zone in candidates if zone is not None), None)

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


def _read(text: str, origin: str) -> dict[str, _Node]:
    zone = dns.zone.from_text(
        text, origin=dns.name.Name((*names.to_labels(origin), b"")), relativize=False
    )
    nodes: dict[str, _Node] = defaultdict(dict)
    for owner, node in zone.nodes.items():
        name = names.from_labels(owner.labels[:-1])
        for rrset in node.rdatasets:
            if rrset.rdtype == dns.rdatatype.DNAME:
                raise ValueError(f"{owner}: DNAME is not served; write a CNAME for each name")
            nodes[name.lower()][int(rrset.rdtype)] = tuple(
                Record(name, int(rrset.rdtype), rrset.ttl, rdata.to_wire() or b"")
                for rdata in rrset
            )
    return dict(nodes)


def _bad_zone(wrong: Exception, hosted: HostedZone) -> BadZone:
    if isinstance(wrong, dns.exception.SyntaxError):
        return _bad_line(str(wrong), hosted)
    return BadZone(hosted, _remedy(wrong))


def _remedy(wrong: Exception) -> str:
    if isinstance(wrong, dns.zone.NoSOA):
        return "no SOA record at its origin; begin the text with one"
    if isinstance(wrong, dns.zone.NoNS):
        return "no NS record at its origin; name the server itself there"
    if isinstance(wrong, dns.zonefile.CNAMEAndOtherData):
        return "a name has a CNAME record and others; keep the CNAME alone, or the others"
    return str(wrong) or type(wrong).__name__


def _bad_line(wrong: str, hosted: HostedZone) -> BadZone:
    """Tell which line is wrong. dnspython says `<string>:LINE: what`, and names the line after it
    where the end of the bad one had been read already: then the text before is as wrong."""
    _, number, what = wrong.split(":", 2)
    lines, at = hosted.text.split("\n"), int(number)
    try:
        _read("\n".join(lines[: at - 1]) + "\n", names.normalise(hosted.origin))
    except (dns.exception.DNSException, ValueError) as again:
        if str(again).endswith(what):
            at -= 1
    line = lines[at - 1].strip() if 0 < at <= len(lines) else ""
    if "$INCLUDE" in what:
        # Whoever may write one zone's text must not be able to show any file of the host.
        return BadZone(hosted, "$INCLUDE is not followed; write that file's records here", at)
    problem = (
        f'"{line}" is no record ({what.strip().rstrip(".")}); write name, type and value, e.g. '
        '"www IN A 192.168.1.80"'
    )
    return BadZone(hosted, problem, at)
