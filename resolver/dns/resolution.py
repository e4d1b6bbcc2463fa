"""One client question, from source to source: own zones, the cache, the longest forward rule.

Each source either has the last word on a name or passes. Own recursion will be one more.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from resolver import limits
from resolver.config import ForwardRule, ResolverConfig
from resolver.dns import names
from resolver.dns.asking import Resolution
from resolver.dns.cache import Cache, Failure, Negative, Positive, Slot, Wishes
from resolver.dns.forwarding import Budget, Forwarder, ForwardTable
from resolver.dns.message import Question, Rcode, Reply
from resolver.dns.records import IN, PROOF_TYPES, Record, Type, covered_type
from resolver.dns.zones import Found, Missing, Referral, Zones
from resolver.machine import Instant, Transport


class Source(Enum):
    """Who had the last word."""

    OWN_ZONE = "own zone"
    CACHE = "cache"
    FORWARDED = "forwarded"
    NOBODY = "nobody responsible"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Terms:
    """How a client's question may be resolved."""

    wishes: Wishes
    transport: Transport
    recursion: bool
    """RFC 1034 4.3.1: with RD=0 nobody is asked; what is here is given."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What there is to answer."""

    rcode: int
    source: Source
    answers: tuple[Record, ...] = ()
    """Alias links first, then the RRset."""
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = False
    alias: str | None = None
    """The answers end in an alias, and this is the name to go on with."""


_NOBODY = Outcome(Rcode.REFUSED, Source.NOBODY)
_FAILED = Outcome(Rcode.SERVFAIL, Source.FAILED)

_META_TYPES = frozenset({0, Type.OPT, *range(128, 256)}) - {Type.ANY}
"""RFC 6895 3.1: types that stand for no data (transfers, signatures over messages)."""


@dataclass(slots=True)
class Sources:
    """Every source the resolver has, in their order (document B: zone data or cache, then the
    longest condition).

    Raises ValueError for zones or rules that cannot be used.
    """

    config: ResolverConfig
    zones: Zones = field(init=False)
    cache: Cache = field(init=False)
    rules: ForwardTable = field(init=False)

    def __post_init__(self) -> None:
        config = self.config
        self.zones = Zones(config.zones)
        self.rules = ForwardTable(config.forward)
        self.cache = Cache(config.cache_entries, config.max_ttl_s, config.max_negative_ttl_s)

    @property
    def recursion_available(self) -> bool:
        """RA: whether there is anybody we would ask on a client's behalf."""
        return bool(self.rules)

    def resolve(self, question: Question, terms: Terms, now: Instant) -> Resolution[Outcome]:
        """Resolve a question, following aliases from source to source."""
        if question.qclass != IN or question.qtype in _META_TYPES:
            return _NOBODY
        budget = Budget()
        links: tuple[Record, ...] = ()
        first: Outcome | None = None
        for _ in range(limits.ALIASES_PER_RESOLUTION + 1):
            step, now = yield from self._step(question, terms, budget, now)
            if first is None:
                first = step
            elif step.source is Source.NOBODY and not self._may_ask(terms):
                return replace(first, answers=links, alias=None)  # the client asks on from here
            elif step.rcode not in {Rcode.NOERROR, Rcode.NXDOMAIN}:
                return _FAILED
            links += step.answers
            if step.alias is None:
                # RFC 1035 4.1.1: AA speaks of the name that was asked, so the first link decides.
                return replace(step, answers=links, authoritative=first.authoritative)
            question = replace(question, name=step.alias)
        return _FAILED

    def _may_ask(self, terms: Terms) -> bool:
        return terms.recursion and self.recursion_available

    def _step(
        self, question: Question, terms: Terms, budget: Budget, now: Instant
    ) -> Resolution[tuple[Outcome, Instant]]:
        """Resolve a name as far as the source responsible for it goes."""
        name = question.name.lower()
        if (own := self._from_zones(name, question.qtype, terms)) is not None:
            return own, now
        rule = self.rules.longest_match(name)
        if rule is None:
            return _NOBODY, now
        slot = Slot(name, question.qtype, terms.wishes, rule.zone)
        if (cached := self._from_cache(slot, now)) is not None:
            return cached, now
        if not terms.recursion:
            return _NOBODY, now
        forwarder = Forwarder(
            question, terms.wishes, terms.transport, self.config.next_on_rcodes, budget
        )
        reply, now = yield from forwarder.ask_in_order(rule, now)
        if reply is None:
            # No other rule is tried: a private name must not leak to its zone's outside.
            self.cache.keep_failure(slot, Rcode.SERVFAIL, now)
            return _FAILED, now
        return self._learn(reply, slot, rule, now), now

    def _from_zones(self, name: str, rtype: int, terms: Terms) -> Outcome | None:
        zone = self.zones.closest(name)
        if zone is None:
            return None
        match zone.look_up(name, rtype):
            case Found(answers, alias):
                return Outcome(
                    Rcode.NOERROR, Source.OWN_ZONE, answers, authoritative=True, alias=alias
                )
            case Missing(rcode, authority):
                return Outcome(rcode, Source.OWN_ZONE, authority=authority, authoritative=True)
            case Referral(authority, additional):
                if self._may_ask(terms):
                    return None  # below the cut the other sources are asked (document B)
                return Outcome(
                    Rcode.NOERROR, Source.OWN_ZONE, authority=authority, additional=additional
                )

    def _from_cache(self, slot: Slot, now: Instant) -> Outcome | None:
        match self.cache.find(slot, now):
            case Positive(records):
                return Outcome(Rcode.NOERROR, Source.CACHE, records)
            case Negative(rcode, authority):
                return Outcome(rcode, Source.CACHE, authority=authority)
            case Failure(rcode):
                return Outcome(rcode, Source.FAILED)
        match self.cache.find(slot._replace(rtype=Type.CNAME), now):
            case Positive(records) if slot.rtype != Type.ANY:
                return Outcome(Rcode.NOERROR, Source.CACHE, records, alias=records[0].target)
        return None

    def _learn(self, reply: Reply, slot: Slot, rule: ForwardRule, now: Instant) -> Outcome:
        """Take from a forwarder's reply what lies on the way from the question to its answer, and
        nothing else: no record outside the rule's zone, or below another source's, is looked at."""
        if reply.rcode not in {Rcode.NOERROR, Rcode.NXDOMAIN}:
            self.cache.keep_failure(slot, reply.rcode, now)
            return Outcome(reply.rcode, Source.FORWARDED)
        if slot.rtype == Type.ANY and reply.answers:
            every = tuple(r for r in reply.answers if r.name.lower() == slot.name)
            return Outcome(Rcode.NOERROR, Source.FORWARDED, every)
        links: tuple[Record, ...] = ()
        for _ in range(limits.ALIASES_PER_RESOLUTION + 1):
            if rrset := _rrset(reply, slot):
                links += self.cache.keep_rrset(slot, rrset, now)
                return Outcome(Rcode.NOERROR, Source.FORWARDED, links)
            alias_slot = slot._replace(rtype=Type.CNAME)
            alias = _rrset(reply, alias_slot)
            if not alias:
                return self._learn_absence(reply, slot, links, now)
            links += self.cache.keep_rrset(alias_slot, alias, now)
            target = alias[0].target
            slot = slot._replace(name=target.lower())
            if not self._is_for(rule, slot.name):
                return Outcome(Rcode.NOERROR, Source.FORWARDED, links, alias=target)
        return _FAILED

    def _learn_absence(
        self, reply: Reply, slot: Slot, links: tuple[Record, ...], now: Instant
    ) -> Outcome:
        # RFC 2308 2.1: behind aliases, the RCODE and the SOA speak of the last name.
        authority = _proof_of_absence(reply, slot)
        if links and not authority and reply.rcode == Rcode.NOERROR:
            # The forwarder stopped half-way: ask it for the rest.
            return Outcome(Rcode.NOERROR, Source.FORWARDED, links, alias=links[-1].target)
        kept = self.cache.keep_negative(slot, reply.rcode, authority, now)
        return Outcome(reply.rcode, Source.FORWARDED, links, kept)

    def _is_for(self, rule: ForwardRule, name: str) -> bool:
        return self.rules.longest_match(name) is rule and not self.zones.answers(name)


def _rrset(reply: Reply, slot: Slot) -> tuple[Record, ...]:
    """The slot's RRset in the answer section, with its signatures if they were asked for."""
    owned = [r for r in reply.answers if r.rclass == IN and r.name.lower() == slot.name]
    rrset = [record for record in owned if record.rtype == slot.rtype]
    if slot.rtype == Type.CNAME:
        del rrset[1:]  # RFC 2181 10.1: a name has one canonical name
    if not rrset or not slot.wishes.do or slot.rtype == Type.RRSIG:
        return tuple(rrset)
    signatures = (r for r in owned if r.rtype == Type.RRSIG and covered_type(r) == slot.rtype)
    return (*rrset, *signatures)


def _proof_of_absence(reply: Reply, slot: Slot) -> tuple[Record, ...]:
    """The SOA of a zone the name is in, and with DO what proves the absence.

    The SOA may stand above the rule's zone: it says how long the absence holds, and nothing else
    is ever taken from it.
    """
    soa = next(
        (
            record
            for record in reply.authority
            if record.rtype == Type.SOA
            and record.rclass == IN
            and names.is_at_or_below(slot.name, record.name)
        ),
        None,
    )
    if soa is None:
        return ()
    if not slot.wishes.do:
        return (soa,)
    proofs = (
        record
        for record in reply.authority
        if record.rtype in PROOF_TYPES and names.is_at_or_below(record.name, soa.name)
    )
    return (soa, *proofs)
