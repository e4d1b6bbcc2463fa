"""The straight way, which most questions take that are forwarded.

Nothing is known of the name, one rule's servers are responsible for it, the first of them is asked,
and its reply holds the RRset asked for and nothing else to be weighed. For that no resolution is
begun, which would cost more than all the rest. When a reply is of any other kind, the resolution
has the last word, as if it had asked itself.
"""

from __future__ import annotations

from typing import NamedTuple

from resolver.config import ResolverConfig
from resolver.dns.asking import Ask, Heard
from resolver.dns.cache import Cache, Route, Slot
from resolver.dns.forwarding import ForwardTable, ask_of
from resolver.dns.message import Query, Rcode, Reply
from resolver.dns.outcome import Outcome, Source, Terms
from resolver.dns.profiles import Timing
from resolver.dns.rebinding import PrivateAddresses
from resolver.dns.records import IN, META_TYPES, Type
from resolver.dns.zones import Zones
from resolver.machine import Instant

_OTHER_TYPES = META_TYPES | {Type.ANY, Type.CNAME, Type.DNAME}
"""Those whose answers are no RRset of their own, or a link."""


class Straight(NamedTuple):
    """A question that goes straight to a rule's first server."""

    ask: Ask
    slot: Slot
    """Where the answer is to be kept."""
    began: Instant


class StraightWay:
    """Goes by one configuration; a changed one makes another."""

    def __init__(
        self,
        config: ResolverConfig,
        zones: Zones,
        cache: Cache,
        rules: ForwardTable,
        private: PrivateAddresses,
        timing: Timing,
        next_on_rcodes: frozenset[int],
    ) -> None:
        self._zones = zones
        self._cache = cache
        self._rules = rules
        self._private = private
        self._timing = timing
        self._recursion = config.recursion
        self._query_timeout_ns = config.query_timeout_ns
        self._takes_answers = Rcode.NOERROR not in next_on_rcodes

    def first(self, query: Query, terms: Terms, now: Instant) -> Straight | None:
        """What a resolution that began `now` would ask first; None where it might not ask a
        forwarder, or might go on to somebody else than the rule's servers."""
        question = query.question
        name, qtype, qclass = question.name.lower(), question.qtype, question.qclass
        if qclass != IN or qtype in _OTHER_TYPES:
            return None
        if not terms.recursion or terms.own_zones_only or not self._takes_answers:
            return None
        rule = self._rules.longest_match(name)
        if rule is None or not rule.servers or (self._recursion and rule.recursion):
            return None
        slot = Slot(name, qtype, terms.wishes, Route(rule.zone))
        if self._zones.closest(name) is not None or not self._cache.knows_nothing_of(slot):
            return None
        wait_ns = rule.timeout_ns or self._timing.timeout_ns(rule.zone)
        until = now + min(wait_ns, self._query_timeout_ns)
        ask = ask_of(
            rule.servers[0], question, query.question_wire, terms.wishes, terms.transport, until
        )
        return Straight(ask, slot, now)

    def learn(self, straight: Straight, heard: Heard) -> Outcome | None:
        """What the resolution would make of the reply; None where it would have to think."""
        reply = heard.outcome
        if not isinstance(reply, Reply) or reply.rcode != Rcode.NOERROR or not reply.answers:
            return None
        slot = straight.slot
        for record in reply.answers:
            if record.rtype != slot.rtype or record.rclass != IN:
                return None
            if record.name.lower() != slot.name:
                return None
        kept = self._cache.keep_rrset(slot, reply.answers, heard.at)
        return Outcome(Rcode.NOERROR, Source.FORWARDED, self._private.left_out_of(kept))
