"""What can be answered without asking anybody: from our own zones, and from the cache."""

from __future__ import annotations

from collections.abc import Iterable

from resolver.dns.cache import Cache, Negative, Positive, Slot
from resolver.dns.delegation import Delegation, read_delegation
from resolver.dns.failures import Failure
from resolver.dns.learning import alias_target
from resolver.dns.message import Rcode
from resolver.dns.outcome import Outcome, Source
from resolver.dns.records import Type
from resolver.dns.zones import Found, Missing, Referral, TooLong, Zones
from resolver.machine import Instant


def find_in_zones(
    zones: Zones, name: str, rtype: int, *, follow: bool
) -> Outcome | Delegation | None:
    """What our own zones say: the last word, or whom they delegated the name to (a referral, unless
    that is to be followed). None: the name lies in none of them."""
    zone = zones.responsible(name, rtype)
    if zone is None:
        return None
    source = Source.OWN_ZONE
    match zone.look_up(name, rtype):
        case Found(answers, alias, additional):
            return Outcome(
                Rcode.NOERROR,
                source,
                answers,
                additional=additional,
                authoritative=True,
                alias=alias,
            )
        case TooLong(answers):
            return Outcome(Rcode.YXDOMAIN, source, answers, authoritative=True)
        case Missing(rcode, authority):
            return Outcome(rcode, source, authority=authority, authoritative=True)
        case Referral(authority, additional):
            if follow:
                # Below the cut the other sources are asked (document B).
                return read_delegation(authority, additional, lambda _: True)
            return Outcome(Rcode.NOERROR, source, authority=authority, additional=additional)


def find_in_cache(cache: Cache, slot: Slot, now: Instant) -> Outcome | None:
    """What is known by one route, or that it failed a moment ago."""
    found = cache.find(slot, now)
    if found is None:
        alias = None if slot.rtype == Type.ANY else cache.find_alias(slot, now)
        if alias is None:
            return None
        links = alias.records
        return Outcome(Rcode.NOERROR, Source.CACHE, links, alias=alias_target(links))
    match found:
        case Positive(records):
            return Outcome(Rcode.NOERROR, Source.CACHE, records)
        case Negative(rcode, authority):
            return Outcome(rcode, Source.CACHE, authority=authority)
        case Failure(rcode, final):
            return Outcome(rcode, Source.GIVEN_UP if final else Source.FAILED)


def find_stale(cache: Cache, slots: Iterable[Slot], ttl: int, now: Instant) -> Outcome | None:
    """Expired data, given with `ttl`, by the first route that has some (RFC 8767)."""
    for slot in slots:
        if (found := cache.find_stale(slot, ttl, now)) is not None:
            return Outcome(Rcode.NOERROR, Source.STALE, found.records)
        links = cache.find_stale(slot._replace(rtype=Type.CNAME), ttl, now)
        if links is not None and slot.rtype != Type.ANY:
            alias = alias_target(links.records)
            return Outcome(Rcode.NOERROR, Source.STALE, links.records, alias=alias)
    return None
