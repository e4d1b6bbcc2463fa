"""One client question, from source to source: own zones, the cache, the longest forward rule, own
recursion.

Each source either has the last word on a name or passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import TypeAlias

from resolver import limits
from resolver.config import ForwardRule, ResolverConfig
from resolver.dns import names
from resolver.dns.asking import Budget, Resolution
from resolver.dns.at_hand import find_in_cache, find_in_zones, find_stale
from resolver.dns.bounds import bounds_of
from resolver.dns.cache import Cache, Reading, Route, Slot, Wishes
from resolver.dns.delegation import (
    Cuts,
    Delegation,
    addresses_in,
    delegation_of_root,
)
from resolver.dns.failures import Failure
from resolver.dns.forwarding import Forwarder, ForwardTable, Unanswered
from resolver.dns.iteration import Iteration, Recursion, Told
from resolver.dns.lanes import Lanes
from resolver.dns.learning import Learner, Speaker
from resolver.dns.master_file import BadZone
from resolver.dns.message import Question, Rcode
from resolver.dns.outcome import FAILED, GIVEN_UP, NOBODY, Outcome, Source, Terms
from resolver.dns.profiles import PROFILES
from resolver.dns.rebinding import PrivateAddresses
from resolver.dns.records import IN, META_TYPES, Record, Type
from resolver.dns.search import Pursuit
from resolver.dns.servers import Servers
from resolver.dns.zones import Zones
from resolver.machine import Instant, Transport

_FOR_OURSELVES = Terms(Wishes(), Transport.UDP, recursion=True)

_TELLING = frozenset({Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.YXDOMAIN})
"""RCODEs that tell of a name: behind an alias they hold for the whole answer (RFC 6604 3)."""

_Way: TypeAlias = ForwardRule | Delegation
"""Whom to ask: a rule's servers, or those of a delegation and of what lies below it."""


class Sources:
    """Every source the resolver has, in their order (document B: zone data or cache, then the
    longest condition, then standard recursion).

    `random` chooses among equally good servers. Raises ValueError for zones, rules or root hints
    that cannot be used.
    """

    def __init__(self, config: ResolverConfig, random: Random) -> None:
        self._zones = Zones(config.zones)
        self._cache = Cache(bounds_of(config))
        self._cuts = Cuts(config.max_ttl_s)
        self._servers = Servers(random)
        self._go_by(config)

    def take_over(self, config: ResolverConfig) -> tuple[BadZone, ...]:
        """Go by a changed configuration from the next step of any question on; what is cached and
        known of servers stays. Of zones that are bad and returned, the old ones stay.

        Raises ValueError, with nothing changed, for rules or root hints that cannot be used.
        """
        self._go_by(config)
        self._cache.resize(bounds_of(config))
        # A forwarder's address that was put right must not wait for the end of a failure.
        self._cache.forget_failures()
        return self._zones.take_over(config.zones)

    def _go_by(self, config: ResolverConfig) -> None:
        rules = ForwardTable(config.forward)
        self.private = PrivateAddresses(config.private_addresses, config.private_zones)
        self._root = delegation_of_root(config.root_hints) if config.recursion else None
        self._rules = rules
        self._config = config
        self._timing = PROFILES[config.profile]
        given = config.next_on_rcodes
        self._next_on_rcodes = self._timing.next_on_rcodes if given is None else given
        self.lanes = Lanes(config, rules, self._timing, self._next_on_rcodes)
        self._recursion = Recursion(
            self,
            self._cuts,
            self._servers,
            config.qname_minimisation,
            config.server_timeout_ns,
            frozenset(endpoint.address for endpoint in config.listen),
        )

    @property
    def cache(self) -> Cache:
        """What was learnt from others."""
        return self._cache

    @property
    def recursion_available(self) -> bool:
        """RA: whether there is anybody we would ask on a client's behalf."""
        return bool(self._rules) or self._root is not None

    def knows_nothing_of(self, slot: Slot) -> bool:
        """Whether neither own zones nor the cache have anything to do with a name and type."""
        return self._zones.closest(slot.name) is None and self._cache.knows_nothing_of(slot)

    def resolve(
        self, question: Question, terms: Terms, now: Instant, *, unknown: bool = False
    ) -> Resolution[Outcome]:
        """Resolve a question, following aliases from source to source. `unknown`: nothing was
        known of it when it was asked, whatever is cached by now."""
        if question.qclass != IN or question.qtype in META_TYPES:
            return NOBODY
        messages = (
            limits.QUESTIONS_PER_RESOLUTION
            if self._root is None
            else limits.QUESTIONS_PER_RECURSION
        )
        budget = Budget(messages, now + self._config.query_timeout_ns)
        pursuit = Pursuit(budget, unknown=unknown)
        links: tuple[Record, ...] = ()
        first: Outcome | None = None
        for _ in range(limits.ALIASES_PER_RESOLUTION + 1):
            step, now = yield from self._step(question, terms, pursuit, now)
            if first is None:
                first = step
            elif step.source is Source.NOBODY and not self._may_ask(terms):
                return first._replace(answers=links, alias=None)  # the client asks on from here
            elif step.rcode not in _TELLING:
                return FAILED
            links += step.answers
            if step.alias is None:
                if step is first:
                    return step
                # RFC 1035 4.1.1: AA speaks of the name that was asked, so the first link decides.
                return step._replace(answers=links, authoritative=first.authoritative)
            question = replace(question, name=step.alias)
            pursuit = replace(pursuit, aliased=True, unknown=False)
        return FAILED

    def stale(self, question: Question, terms: Terms, now: Instant) -> Outcome | None:
        """What can be given without asking anybody, expired data too; None where that is not
        enough (RFC 8767 5, client response timer)."""
        if not self._config.serve_stale or not terms.recursion:
            return None
        try:
            next(self.resolve(question, terms._replace(stale=True), now))
        except StopIteration as finished:
            outcome: Outcome = finished.value
            return outcome if outcome.rcode in _TELLING else None
        return None

    def read(
        self, question: Question, terms: Terms, now: Instant
    ) -> tuple[Outcome, list[Reading]] | None:
        """What comes of a question that nobody has to be asked for, and every look into the cache
        that it took; None when somebody would have to be asked."""
        readings = self._cache.readings = []
        try:
            next(self.resolve(question, terms, now))
        except StopIteration as finished:
            return finished.value, readings
        finally:
            self._cache.readings = None
        return None

    def is_there(self, name: str, wishes: Wishes, route: Route, now: Instant) -> bool:
        """Whether a name is in the cache by one route as one that exists."""
        known = find_in_cache(self._cache, Slot(name, Type.A, wishes, route), now)
        return known is not None and known.rcode == Rcode.NOERROR

    def admits(self, name: str, route: Route) -> bool:
        """Whether what was learnt on `route` may be believed of `name` (normalised)."""
        own = self._from_zones(name, Type.A, _FOR_OURSELVES)
        if isinstance(own, Outcome):
            return False
        return any(_route(way) == route for way in self._ways(name, own))

    def addresses_at_hand(self, name: str, rtype: int, now: Instant) -> tuple[str, ...]:
        """Addresses of a name server that are known without asking anybody."""
        own = self._from_zones(name, rtype, _FOR_OURSELVES)
        if isinstance(own, Outcome):
            return addresses_in(own.answers, name, rtype)
        learnt = (
            self.addresses_learnt(name, rtype, _route(way), now) for way in self._ways(name, own)
        )
        return next(filter(None, learnt), ())

    def addresses_learnt(
        self, name: str, rtype: int, route: Route, now: Instant
    ) -> tuple[str, ...]:
        """Addresses of a name server that are in the cache by one route."""
        cached = find_in_cache(self._cache, Slot(name, rtype, _FOR_OURSELVES.wishes, route), now)
        return () if cached is None else addresses_in(cached.answers, name, rtype)

    def find_addresses(
        self, name: str, rtype: int, pursuit: Pursuit, now: Instant
    ) -> Resolution[tuple[tuple[str, ...], Instant]]:
        """Look for a name server's addresses, from source to source like any question."""
        step, now = yield from self._found(Question(name, rtype), _FOR_OURSELVES, pursuit, now)
        return addresses_in(step.answers, name, rtype), now

    def _may_ask(self, terms: Terms) -> bool:
        return terms.recursion and not terms.own_zones_only and self.recursion_available

    def _step(
        self, question: Question, terms: Terms, pursuit: Pursuit, now: Instant
    ) -> Resolution[tuple[Outcome, Instant]]:
        """Resolve a name as far as the source responsible for it goes, for a client."""
        step, now = yield from self._found(question, terms, pursuit, now)
        if step.source is not Source.OWN_ZONE:
            answers = self.private.left_out_of(step.answers)
            if answers is not step.answers:
                step = step._replace(answers=answers)
        return step, now

    def _found(
        self, question: Question, terms: Terms, pursuit: Pursuit, now: Instant
    ) -> Resolution[tuple[Outcome, Instant]]:
        name = question.name.lower()
        own = self._from_zones(name, question.qtype, terms)
        if isinstance(own, Outcome):
            return own, now
        if terms.own_zones_only:
            return NOBODY, now
        ways = tuple(self._ways(name, own))
        slots = [Slot(name, question.qtype, terms.wishes, _route(way)) for way in ways]
        known = [
            None if pursuit.unknown else find_in_cache(self._cache, slot, now) for slot in slots
        ]
        if (cached := next((k for k in known if k and k.source is Source.CACHE), None)) is not None:
            return cached, now
        if terms.stale:
            return self._from_stale(slots, now) or NOBODY, now
        if not terms.recursion:
            return next(filter(None, known), NOBODY), now
        last = FAILED if ways or self._rules.longest_match(name) else NOBODY
        for way, slot, failed in zip(ways, slots, known, strict=True):
            if failed is None:
                last, now = yield from self._ask(way, question, terms, pursuit, slot, now)
            else:
                last = failed  # a moment ago: straight to the next way (RFC 9520 3.2)
            if last.source is not Source.FAILED:
                break
        if last.source in {Source.FAILED, Source.GIVEN_UP}:
            last = self._from_stale(slots, now) or last
        return last, now

    def _ways(self, name: str, cut: Delegation | None) -> Iterator[_Way]:
        """Whom to ask about a name, in order. No shorter rule takes the place of the longest one:
        a private name must not leak to its zone's outside."""
        rule = self._rules.longest_match(name)
        if cut and rule and self._root and not names.is_at_or_below(rule.zone, cut.zone):
            # Our own zone says more precisely who is responsible than a rule from above it does
            # (MS-DNSP, ForwardDelegations: 0 is the default), and a private child stays private.
            rule = None
        if rule is not None and rule.servers:
            yield rule
        if self._root is not None and (rule is None or not rule.servers or rule.recursion):
            yield cut or self._root

    def _ask(
        self,
        way: _Way,
        question: Question,
        terms: Terms,
        pursuit: Pursuit,
        slot: Slot,
        now: Instant,
    ) -> Resolution[tuple[Outcome, Instant]]:
        if isinstance(way, ForwardRule):
            return (yield from self._forward(way, question, terms, pursuit, slot, now))
        return (yield from self._recurse(way, question, pursuit, slot, now))

    def _forward(
        self,
        rule: ForwardRule,
        question: Question,
        terms: Terms,
        pursuit: Pursuit,
        slot: Slot,
        now: Instant,
    ) -> Resolution[tuple[Outcome, Instant]]:
        forwarder = Forwarder(
            question,
            terms.wishes,
            terms.transport,
            self._next_on_rcodes,
            pursuit.budget,
            self._timing,
        )
        search = forwarder.ask_together if self._timing.together else forwarder.ask_in_order
        reply, now = yield from search(rule, now)
        if isinstance(reply, Unanswered):
            failed = FAILED if reply is Unanswered.ALL_FAILED else GIVEN_UP
            self._remember(failed, slot, pursuit, now)
            return failed, now

        def speaks_for(name: str) -> bool:
            return self._rules.longest_match(name) == rule and not self._zones.answers(name)

        speaker = Speaker(Source.FORWARDED, rule.zone, speaks_for)
        return Learner(self._cache, reply, speaker, now).learn(slot), now

    def _recurse(
        self, start: Delegation, question: Question, pursuit: Pursuit, slot: Slot, now: Instant
    ) -> Resolution[tuple[Outcome, Instant]]:
        def learn(told: Told) -> Outcome:
            now = iteration.now

            def speaks_for(name: str) -> bool:
                cut = self._recursion.cuts.closest(slot.route, name, now) or start
                return cut.zone == told.zone and self.admits(name, slot.route)

            speaker = Speaker(Source.RECURSION, told.zone, speaks_for)
            asked = slot._replace(name=told.question.name.lower(), rtype=told.question.qtype)
            return Learner(self._cache, told.reply, speaker, now).learn(asked)

        iteration = Iteration(
            self._recursion, question, slot.wishes, start, slot.route, pursuit, now, learn
        )
        told = yield from iteration.run()
        if told is not None:
            return learn(told), iteration.now
        self._remember(FAILED, slot, pursuit, iteration.now)
        return FAILED, iteration.now

    def _remember(self, failed: Outcome, slot: Slot, pursuit: Pursuit, now: Instant) -> None:
        if pursuit.ran_out:
            return  # a stranger's alias must not bring about a remembered failure of its target
        failure = Failure(failed.rcode, final=failed.source is Source.GIVEN_UP)
        self._cache.keep_failure(slot, failure, now)

    def _from_zones(self, name: str, rtype: int, terms: Terms) -> Outcome | Delegation | None:
        return find_in_zones(self._zones, name, rtype, follow=self._may_ask(terms))

    def _from_stale(self, slots: Iterable[Slot], now: Instant) -> Outcome | None:
        if not self._config.serve_stale:
            return None
        return find_stale(self._cache, slots, self._config.stale_ttl_s, now)


def _route(way: _Way) -> Route:
    return Route(way.zone, recursive=isinstance(way, Delegation))
