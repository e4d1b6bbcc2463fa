"""What of a server's reply is believed, kept and passed on.

Only what lies on the way from the question to its answer is looked at, and only as far as the
server that replied speaks for the names on that way. No other record of a reply ever gets into the
cache: not what it adds unasked, and not what it says of other servers' names (RFC 5452 6;
MaginotDNS).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from resolver import limits
from resolver.dns import names
from resolver.dns.cache import Cache, Slot
from resolver.dns.failures import Failure
from resolver.dns.message import Rcode, Reply
from resolver.dns.names import MalformedName
from resolver.dns.outcome import FAILED, Outcome, Source
from resolver.dns.records import IN, PROOF_TYPES, Record, Type, covered_type
from resolver.machine import Instant

_TELLING: Final = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN})


class Speaker(NamedTuple):
    """Who replied, and what his word is good for."""

    source: Source
    zone: str
    """The rule's zone, or the one he was asked as a server of."""
    speaks_for: Callable[[str], bool]
    """Whether he is the one to be asked about a name (normalised)."""


class Learner(NamedTuple):
    """Reads one reply of one speaker into the cache."""

    cache: Cache
    reply: Reply
    speaker: Speaker
    now: Instant

    def learn(self, slot: Slot) -> Outcome:
        """What the reply says to the question of `slot`."""
        reply, source = self.reply, self.speaker.source
        if not _tells_of_names(reply, slot):
            # Whoever may be asked next was left out by configuration: this RCODE is the answer.
            self.cache.keep_failure(slot, Failure(reply.rcode, final=True), self.now)
            return Outcome(reply.rcode, source)
        if slot.rtype == Type.ANY and reply.answers:
            every = tuple(r for r in reply.answers if r.name.lower() == slot.name)
            return Outcome(Rcode.NOERROR, source, every)
        return self._follow(slot)

    def _follow(self, slot: Slot) -> Outcome:
        """Go from alias to alias, as far as one server's word reaches."""
        source = self.speaker.source
        links: tuple[Record, ...] = ()
        for _ in range(limits.ALIASES_PER_RESOLUTION + 1):
            if rrset := self._rrset(slot):
                links += self.cache.keep_rrset(slot, rrset, self.now)
                return Outcome(Rcode.NOERROR, source, links)
            try:
                alias = self._alias(slot)
            except MalformedName:
                # RFC 6672 2.2: the DNAME would make a name longer than names may be.
                return Outcome(Rcode.YXDOMAIN, source, links + self._dname(slot))
            if not alias:
                return self._learn_absence(slot, links)
            links += self.cache.keep_rrset(slot._replace(rtype=Type.CNAME), alias, self.now)
            target = alias_target(alias)
            slot = slot._replace(name=target.lower())
            if not self.speaker.speaks_for(slot.name):
                return Outcome(Rcode.NOERROR, source, links, alias=target)
        return FAILED

    def _alias(self, slot: Slot) -> tuple[Record, ...]:
        """What makes the name an alias: its CNAME, or a DNAME above it with the CNAME that follows
        from it. Raises MalformedName when the DNAME leads to no possible name."""
        dname = self._dname(slot)
        if not dname:
            return self._rrset(slot._replace(rtype=Type.CNAME))
        # RFC 6672 3.4: the CNAME is worked out here; the one that came along proves nothing.
        owner, target = dname[0].name, dname[0].target
        own_labels = names.to_labels(slot.name)
        above = own_labels[: len(own_labels) - names.depth(owner)] + names.to_labels(target)
        wire = names.to_wire(names.from_labels(above))
        return (*dname, Record(slot.name, Type.CNAME, dname[0].ttl, wire))

    def _dname(self, slot: Slot) -> tuple[Record, ...]:
        """The DNAME above the name, with its signatures. A forwarder is not believed any: what it
        redirects, it gives as CNAME."""
        if not slot.route.recursive:
            return ()
        for record in self.reply.answers:
            owner = record.name.lower()
            if (
                (record.rtype, record.rclass) == (Type.DNAME, IN)
                and owner != slot.name
                and names.is_at_or_below(slot.name, owner)
                and names.is_at_or_below(owner, self.speaker.zone)
            ):
                return self._rrset(slot._replace(name=owner, rtype=Type.DNAME))
        return ()

    def _rrset(self, slot: Slot) -> tuple[Record, ...]:
        """The slot's RRset in the answer section, with its signatures if they were asked for."""
        owned = [r for r in self.reply.answers if r.rclass == IN and r.name.lower() == slot.name]
        rrset = [record for record in owned if record.rtype == slot.rtype]
        if slot.rtype in {Type.CNAME, Type.DNAME}:
            del rrset[1:]  # RFC 2181 10.1: a name has one canonical name
        if not rrset or not slot.wishes.do or slot.rtype == Type.RRSIG:
            return tuple(rrset)
        signatures = (r for r in owned if r.rtype == Type.RRSIG and covered_type(r) == slot.rtype)
        return (*rrset, *signatures)

    def _learn_absence(self, slot: Slot, links: tuple[Record, ...]) -> Outcome:
        reply, source = self.reply, self.speaker.source
        if reply.rcode == Rcode.YXDOMAIN:
            return FAILED  # said without the DNAME that would make it true
        # RFC 2308 2.1: behind aliases, the RCODE and the SOA speak of the last name.
        authority = self._proof_of_absence(slot)
        if links and not authority and reply.rcode == Rcode.NOERROR:
            # The server stopped half-way: the rest is asked for.
            return Outcome(Rcode.NOERROR, source, links, alias=alias_target(links))
        kept = self.cache.keep_negative(slot, reply.rcode, authority, self.now)
        return Outcome(reply.rcode, source, links, kept)

    def _proof_of_absence(self, slot: Slot) -> tuple[Record, ...]:
        """The SOA of a zone the name is in, and with DO what proves the absence.

        A forwarder's SOA may stand above its rule's zone: it says how long the absence holds, and
        nothing else is ever taken from it.
        """
        soa = next((record for record in self.reply.authority if self._is_soa(record, slot)), None)
        if soa is None:
            return ()
        if not slot.wishes.do:
            return (soa,)
        proofs = (
            record
            for record in self.reply.authority
            if record.rtype in PROOF_TYPES and names.is_at_or_below(record.name, soa.name)
        )
        return (soa, *proofs)

    def _is_soa(self, record: Record, slot: Slot) -> bool:
        return (
            (record.rtype, record.rclass) == (Type.SOA, IN)
            and names.is_at_or_below(slot.name, record.name)
            and (not slot.route.recursive or names.is_at_or_below(record.name, self.speaker.zone))
        )


def alias_target(links: tuple[Record, ...]) -> str:
    """Where the last CNAME of an alias leads; behind it only signatures may stand."""
    return next(record.target for record in reversed(links) if record.rtype == Type.CNAME)


def _tells_of_names(reply: Reply, slot: Slot) -> bool:
    if reply.rcode == Rcode.YXDOMAIN:
        return slot.route.recursive
    return reply.rcode in _TELLING
