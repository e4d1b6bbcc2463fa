"""Zone cuts: which zones are known to be delegated to which name servers.

A delegation holds its servers' glue itself, and glue serves nothing but reaching that delegation's
servers: it is in no table where another question could find it. So a referral can only ever say
where its own subtree is (RFC 5452 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import ip_address

from resolver import limits
from resolver.config import RootHint
from resolver.dns import names
from resolver.dns.cache import Route
from resolver.dns.memory import Memory
from resolver.dns.message import Question, Rcode, Reply
from resolver.dns.names import MalformedName
from resolver.dns.records import ADDRESS_TYPES, IN, Record, Type
from resolver.machine import SECOND, Instant


class Credibility(IntEnum):
    """RFC 2181 5.4.1, as far as it concerns NS records. What is less credible never takes the place
    of what is more so, while that lasts."""

    REFERRAL = 1
    """The authority section of the parent's referral."""
    AUTHORITATIVE = 2
    """The answer section of the zone's own servers."""


@dataclass(frozen=True, slots=True)
class NameServer:
    """A name server as a delegation names it."""

    name: str
    """Normalised."""
    glue: tuple[str, ...] = ()
    """Addresses that came with the delegation."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """A zone and its servers."""

    zone: str
    """Normalised."""
    servers: tuple[NameServer, ...]
    ttl: int = 0
    """Seconds; 0 for what is configured, which no table holds."""


def delegation_of_root(hints: Iterable[RootHint]) -> Delegation:
    """The root's servers as configured. Raises ValueError, naming the hint that is no use."""
    servers = []
    for hint in hints:
        try:
            addresses = tuple(str(ip_address(address)) for address in hint.addresses)
            servers.append(NameServer(names.normalise(hint.name), addresses))
        except (MalformedName, ValueError) as wrong:
            raise ValueError(f"root hint {hint.name}: {wrong}") from wrong
    if not any(server.glue for server in servers):
        raise ValueError("recursion: no root hint has an address; name one, or switch it off")
    return Delegation(names.ROOT, tuple(servers))


def read_delegation(
    ns: Sequence[Record], additional: Iterable[Record], in_domain: Callable[[str], bool]
) -> Delegation:
    """The delegation that an NS RRset makes, with the glue that comes along.

    `in_domain` tells of a server's name (normalised) whether who refers us may speak for it; the
    address of any other is looked for where it belongs.
    """
    glue: dict[str, list[str]] = {}
    for record in additional:
        if record.rclass == IN and record.rtype in ADDRESS_TYPES:
            glue.setdefault(record.name.lower(), []).append(address_of(record))
    listed = dict.fromkeys(record.target.lower() for record in ns)
    servers = tuple(
        NameServer(name, askable(glue.get(name, ())) if in_domain(name) else ())
        for name in list(listed)[: limits.SERVERS_PER_CUT]
    )
    return Delegation(ns[0].name.lower(), servers, min(record.ttl for record in ns))


def referral_in(reply: Reply, question: Question, zone: str) -> tuple[Record, ...]:
    """The NS RRset by which a server of `zone` refers us down towards the question; empty when the
    reply is none, or refers upwards or sideways (RFC 1034 5.3.3, step 4b)."""
    if reply.rcode != Rcode.NOERROR or reply.answers or _has(reply, Type.SOA):
        return ()
    name = question.name.lower()
    ns = [r for r in reply.authority if (r.rtype, r.rclass) == (Type.NS, IN)]
    cut = next((r.name.lower() for r in ns if _is_down(r.name.lower(), name, zone)), None)
    if cut is None or (cut == name and question.qtype == Type.DS):
        # RFC 4035 3.1.4.1: the DS RRset is the parent's own; nobody below can have it.
        return ()
    return tuple(record for record in ns if record.name.lower() == cut)


def looks_like_referral(reply: Reply) -> bool:
    """RFC 2308 2.2: NS records, no answer and no SOA; wherever it refers to."""
    return (
        reply.rcode == Rcode.NOERROR
        and not reply.answers
        and _has(reply, Type.NS)
        and not _has(reply, Type.SOA)
    )


def address_of(record: Record) -> str:
    """The address in an A or AAAA record."""
    return str(ip_address(record.rdata))


def addresses_in(answers: Iterable[Record], name: str, rtype: int) -> tuple[str, ...]:
    """The addresses of a name server itself: it must not be an alias (RFC 2181 10.3)."""
    owned = (r for r in answers if (r.name.lower(), r.rtype) == (name, rtype))
    return askable(address_of(record) for record in owned)


def askable(addresses: Iterable[str]) -> tuple[str, ...]:
    """Those that can be one server's: a stranger's record must not make us speak to a group."""
    parsed = (ip_address(address) for address in addresses)
    sound = (str(a) for a in parsed if not (a.is_multicast or a.is_unspecified))
    return tuple(a for a in dict.fromkeys(sound) if a != "255.255.255.255")[
        : limits.ADDRESSES_PER_SERVER
    ]


class Cuts:
    """The delegations that are known, by the route they were learnt on."""

    def __init__(self, max_ttl_s: int) -> None:
        self._max_ttl_s = max_ttl_s
        self._known: Memory[tuple[Route, str], tuple[Delegation, Credibility]] = Memory(
            limits.CUTS_REMEMBERED
        )

    def closest(self, route: Route, name: str, now: Instant) -> Delegation | None:
        """The deepest delegation at or above `name` (normalised) and below the route's top."""
        for ancestor in names.with_ancestors(name):
            if ancestor == route.top:
                return None
            if (found := self._known.find((route, ancestor), now)) is not None:
                return found[0][0]
        return None

    def learn(self, route: Route, parent: str, delegation: Delegation, now: Instant) -> None:
        """Keep what a referral by the servers of `parent` said, unless the zone's own servers said
        better.

        It never outlives the parent's own delegation, or a zone taken back could live on in ever
        new zones below it (CVE-2022-30698).
        """
        key = (route, delegation.zone)
        known = self._known.find(key, now)
        if known is None or known[0][1] <= Credibility.REFERRAL:
            until = now + min(delegation.ttl, self._max_ttl_s) * SECOND
            if parent != route.top:  # which is configured
                above = self._known.find((route, parent), now)
                until = min(until, now if above is None else above[1])
            self._known.keep(key, (delegation, Credibility.REFERRAL), until)

    def confirm(self, route: Route, ns: Sequence[Record], now: Instant) -> None:
        """Take the NS RRset that a zone's own servers gave when they were asked for it.

        It never outlives the parent's delegation, or a zone taken back by its parent would live on
        by itself (Ghost Domain Names, 2012).
        """
        said = read_delegation(ns, (), lambda _: False)
        key = (route, said.zone)
        if (known := self._known.find(key, now)) is None:
            return
        (delegation, _), until = known
        glue = {server.name: server.glue for server in delegation.servers}
        servers = tuple(replace(s, glue=glue.get(s.name, ())) for s in said.servers)
        until = min(until, now + said.ttl * SECOND)
        # Servers that nobody can reach are no improvement.
        if any(server.glue for server in servers) or not any(glue.values()):
            confirmed = replace(said, servers=servers)
            self._known.keep(key, (confirmed, Credibility.AUTHORITATIVE), until)


def _is_down(cut: str, name: str, zone: str) -> bool:
    return cut != zone and names.is_at_or_below(cut, zone) and names.is_at_or_below(name, cut)


def _has(reply: Reply, rtype: Type) -> bool:
    return any(record.rtype == rtype for record in reply.authority)
