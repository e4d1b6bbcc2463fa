"""Conditional forwarding: which servers a name's questions go to, and how they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import Enum
from ipaddress import ip_address
from typing import NamedTuple

from resolver import limits
from resolver.config import ForwardRule
from resolver.dns import names
from resolver.dns.asking import TIMED_OUT, Ask, Budget, Heard, Resolution, Together, ask_server
from resolver.dns.cache import Wishes
from resolver.dns.message import Edns, Question, Rcode, Reply, question_wire
from resolver.dns.names import MalformedName
from resolver.dns.profiles import Timing
from resolver.dns.records import Type
from resolver.machine import Endpoint, Instant, Transport


class Unanswered(Enum):
    """Why a rule's servers gave no usable reply."""

    ALL_FAILED = "all failed"
    """Each was asked; own recursion may be tried, if the rule wants it."""
    TOO_LATE = "too late"
    """The profile or the question's time or cost ended the search: nobody else may be asked."""


class ForwardTable:
    """The forward rules, searched by longest match.

    Raises ValueError, naming the rule, for one that nothing could follow.
    """

    def __init__(self, rules: Iterable[ForwardRule]) -> None:
        self._rules: dict[str, ForwardRule] = {}
        for rule in map(_checked, rules):
            if rule.zone in self._rules:
                raise ValueError(f"forward rule {rule.zone}: given twice; merge their servers")
            self._rules[rule.zone] = rule
        self._has_servers = any(rule.servers for rule in self._rules.values())

    def __bool__(self) -> bool:
        """Whether there is anybody to forward to."""
        return self._has_servers

    def __iter__(self) -> Iterator[ForwardRule]:
        return iter(self._rules.values())

    def longest_match(self, name: str) -> ForwardRule | None:
        """The rule with the most labels at or above `name` (normalised); zones come normalised."""
        for ancestor in names.with_ancestors(name):
            if (rule := self._rules.get(ancestor)) is not None:
                return rule
        return None


class Forwarder(NamedTuple):
    """Puts one question to a rule's servers, in their order, until one has answered."""

    question: Question
    wishes: Wishes
    transport: Transport
    """What the client used: TCP in, TCP out (RFC 5625 4.4.1)."""
    next_on_rcodes: frozenset[int]
    budget: Budget
    timing: Timing

    def ask_in_order(
        self, rule: ForwardRule, now: Instant
    ) -> Resolution[tuple[Reply | Unanswered, Instant]]:
        """The first usable reply, or why there is none; and when that was.

        Each question begins with the first server, whatever became of it the last time: document B
        has the list's order changed by hand only. So nothing remembers here which servers are dead
        (RFC 2308 7.2 allows it, and does not ask for it), and one that is back is first again.
        """
        began, silent, asked = now, 0, question_wire(self.question)
        for server in rule.servers:
            waits_ns = self.timing.wait_ns(
                rule.timeout_ns or self.timing.timeout_ns(rule.zone), silent
            )
            ask = ask_of(server, self.question, asked, self.wishes, self.transport, now + waits_ns)
            heard = yield from ask_server(ask, self.budget, now)
            if heard is None:
                return Unanswered.TOO_LATE, now
            now = heard.at
            if isinstance(heard.outcome, Reply) and self._usable(heard.outcome):
                return heard.outcome, now
            if not self.timing.goes_on(began, now):
                return Unanswered.TOO_LATE, now
            silent += heard.outcome is TIMED_OUT
        return Unanswered.ALL_FAILED, now

    def ask_together(
        self, rule: ForwardRule, now: Instant
    ) -> Resolution[tuple[Reply | Unanswered, Instant]]:
        """The first reply with data; or else, once every server has replied or was waited for,
        what the first of them in the list said, or why there is nothing; and when that was."""
        # FWD-23 (TR-124 LAN.DNS.3)
        until = now + (rule.timeout_ns or self.timing.timeout_ns(rule.zone))
        asked = question_wire(self.question)
        legs: dict[Endpoint, Resolution[Heard | None]] = {}
        asks: list[Ask] = []
        for server in rule.servers:
            ask = ask_of(server, self.question, asked, self.wishes, self.transport, until)
            leg = ask_server(ask, self.budget, now)
            first = _next_of(leg, None)
            if isinstance(first, Ask):
                legs[server] = leg
                asks.append(first)
        absent: dict[Endpoint, Reply] = {}
        anew = True
        while legs:
            heard = yield Together(tuple(asks), anew)
            now, asks, anew = heard.at, [], False
            replied = heard.server
            if replied is None or replied not in legs:
                continue
            further = _next_of(legs[replied], heard)
            if isinstance(further, Ask):
                asks = [further]
                continue
            del legs[replied]
            reply = further.outcome if further is not None else None
            if isinstance(reply, Reply) and self._usable(reply):
                if reply.answers:
                    return reply, now
                absent[replied] = reply
        found = next((absent[server] for server in rule.servers if server in absent), None)
        if found is not None:
            return found, now
        return (Unanswered.TOO_LATE if self.budget.curtailed else Unanswered.ALL_FAILED), now

    def _usable(self, reply: Reply) -> bool:
        if reply.tc or reply.question is None or reply.rcode > 0xF:
            return False  # incomplete even over TCP; a bare refusal; no code a client could be told
        return reply.rcode not in self.next_on_rcodes and not _is_referral(reply)


def ask_of(
    server: Endpoint,
    question: Question,
    asked: bytes,
    wishes: Wishes,
    transport: Transport,
    until: Instant,
) -> Ask:
    """A question to a forwarder; `asked` is its question section, and `until` when to give up."""
    edns = Edns(limits.UDP_PAYLOAD_OCTETS, wishes.do)
    return Ask(server, question, asked, transport, until, edns, wishes.cd)


def _next_of(leg: Resolution[Heard | None], heard: Heard | None) -> Ask | Heard | None:
    """What one server's search asks next, or what came of it."""
    try:
        ask = next(leg) if heard is None else leg.send(heard)
    except StopIteration as finished:
        result: Heard | None = finished.value
        return result
    assert isinstance(ask, Ask)  # noqa: S101 - one server is asked one thing at a time
    return ask


def _checked(rule: ForwardRule) -> ForwardRule:
    try:
        zone = names.normalise(rule.zone)
        # One spelling for each address, so that a reply's source compares equal; and each once, for
        # who was silent is not asked the same again (RFC 1123 6.1.3.3).
        spelt = (Endpoint(str(ip_address(s.address)), s.port) for s in rule.servers)
        servers = tuple(dict.fromkeys(spelt))
    except (MalformedName, ValueError) as wrong:
        raise ValueError(f"forward rule {rule.zone}: {wrong}") from wrong
    if rule.timeout_ns is not None and rule.timeout_ns <= 0:
        raise ValueError(f"forward rule {rule.zone}: its timeout must be longer than nothing")
    return replace(rule, zone=zone, servers=servers)


def _is_referral(reply: Reply) -> bool:
    """RFC 2308 2.2: NS records, no SOA and no answer. A forwarder must resolve, not refer."""
    if reply.answers or reply.aa:
        return False
    types = {record.rtype for record in reply.authority}
    return reply.rcode == Rcode.NOERROR and Type.NS in types and Type.SOA not in types
