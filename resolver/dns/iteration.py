"""Own recursion: the algorithm of RFC 1034 5.3.3.

A *full resolver* answers a question by *iteration*. It begins at the *zone cut* closest to the
QNAME that it knows a *delegation* for, the root's if nothing else, and asks one of that zone's
*name servers*, with RD=0. There are three things such a server may say. It may give the answer, or
its absence: then it must be *authoritative* for it (AA). It may give a *referral*: the NS records
of a zone cut further down, and we go on from there. Or it may be *lame*: it does not serve the zone
it was named for, and refers us up, sideways, or to nobody; then the next server is asked. Silent
servers are asked once more when all others have failed.

A referral names servers. The addresses of those *in domain* come along as *glue*; any other name's
address is found by a resolution of its own, from the beginning and by the same sources as any
client's question. Those may lead to one another in circles, and a stranger's referral could have us
do a lot for nothing: so such searches are few, shallow, never for a name already being searched
for, and paid from the one budget of the client's question.

With *QNAME minimisation* (RFC 9156) a server is told only as many labels as it needs to refer us.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from resolver import limits
from resolver.dns import names
from resolver.dns.asking import TIMED_OUT, Ask, Heard, Resolution, Silence, ask_server
from resolver.dns.cache import Route, Wishes
from resolver.dns.delegation import (
    Cuts,
    Delegation,
    looks_like_referral,
    read_delegation,
    referral_in,
)
from resolver.dns.message import Edns, Question, Rcode, Reply, question_wire
from resolver.dns.message_reading import read_additional
from resolver.dns.records import IN, Record, Type
from resolver.dns.search import AddressBook, Pursuit, ServerSearch
from resolver.dns.servers import Servers
from resolver.machine import Duration, Endpoint, Instant, Transport

_DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class Recursion:
    """What all iterations share."""

    book: AddressBook
    cuts: Cuts
    servers: Servers
    minimise: bool
    server_timeout_ns: Duration
    own_addresses: frozenset[str]
    """Where we listen ourselves: a delegation to us by somebody else is no use."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an authoritative server said of a name, not referring us elsewhere."""

    reply: Reply
    question: Question
    """What it was asked: less than the client's question when already that does not exist."""
    zone: str


@dataclass(slots=True)
class Iteration:
    """One question on its way down from a delegation."""

    recursion: Recursion
    question: Question
    wishes: Wishes
    start: Delegation
    route: Route
    pursuit: Pursuit
    now: Instant
    on_the_way: Callable[[Told], object]
    """Given what was said of names above the question's."""
    _minimised: int = 0
    """Questions so far that did not tell the whole name."""
    _whole: bool = False
    """Whether from here on the whole name is told."""
    _refused: bool = False
    """Whether a server of the present cut replied with an error."""

    def run(self) -> Resolution[Told | None]:
        """The authoritative reply; None when no server could be brought to give one. `now` tells
        when."""
        cut = self._closest_cut()
        known = self._known_part(cut)
        self._whole = not self.recursion.minimise
        while True:
            asked = self._next_question(known)
            reply = yield from self._ask_servers(cut, asked)
            if reply is None:
                if asked is self.question or not self._refused:
                    return None
                # RFC 7816 3: servers that choke on part of a name get all of it.
                self._whole = True
            elif ns := referral_in(reply, asked, cut.zone):
                cut = self._descend(cut, ns, reply)
                known = cut.zone
            elif asked is self.question or _ends_here(reply, asked):
                self._note_own_servers(reply, asked)
                return Told(reply, asked, cut.zone)
            else:
                self.on_the_way(Told(reply, asked, cut.zone))
                known = asked.name.lower()

    def _closest_cut(self) -> Delegation:
        """RFC 1034 5.3.3, step 2: the best servers to ask."""
        name = self.question.name.lower()
        if self.question.qtype == Type.DS and name != self.start.zone:
            # RFC 4035 3.1.4.1: the DS RRset of a zone stands above its cut.
            name = next(a for a in names.with_ancestors(name) if a != name)
        return self.recursion.cuts.closest(self.route, name, self.now) or self.start

    def _known_part(self, cut: Delegation) -> str:
        """How much of the name is known to exist: the cut's zone, or a name on the way of an
        earlier question."""
        book = self.recursion.book
        for ancestor in names.with_ancestors(self.question.name.lower()):
            if ancestor == cut.zone or book.is_there(ancestor, self.wishes, self.route, self.now):
                return ancestor
        return cut.zone

    def _descend(self, cut: Delegation, ns: tuple[Record, ...], reply: Reply) -> Delegation:
        zone = ns[0].name.lower()

        def in_domain(server: str) -> bool:
            # RFC 9471 2: in-domain glue there must be, or nobody could reach the zone. A sibling's
            # is welcome, but for names that rules or zones of our own have the last word on.
            sibling = names.is_at_or_below(server, cut.zone)
            return names.is_at_or_below(server, zone) or (
                sibling and self.recursion.book.admits(server, self.route)
            )

        delegation = read_delegation(ns, read_additional(reply), in_domain)
        self.recursion.cuts.learn(self.route, cut.zone, delegation, self.now)
        return delegation

    def _note_own_servers(self, reply: Reply, asked: Question) -> None:
        if asked.qtype == Type.NS:
            apex = asked.name.lower()
            ns = [r for r in reply.answers if (r.rtype, r.name.lower()) == (Type.NS, apex)]
            if ns:
                self.recursion.cuts.confirm(self.route, ns, self.now)

    def _next_question(self, known: str) -> Question:
        """The whole question, or one for an ancestor of its name that lies below `known`."""
        missing = names.depth(self.question.name) - names.depth(known)
        if self._whole or self._minimised >= limits.MINIMISED_QUESTIONS:
            return self.question
        # RFC 9156 2.3: label by label at first, then in steps that get there in time.
        step = 1
        if self._minimised >= limits.MINIMISED_ONE_BY_ONE:
            step = -(-missing // (limits.MINIMISED_QUESTIONS - self._minimised))
        if step >= missing:
            return self.question
        self._minimised += 1
        labels = names.to_labels(self.question.name)[missing - step :]
        # RFC 9156 2.1: type A hides what is wanted, and is the least likely to be mistreated.
        return Question(names.from_labels(labels), Type.A)

    def _ask_servers(self, cut: Delegation, asked: Question) -> Resolution[Reply | None]:
        """RFC 1034 5.3.3, step 3: ask them one after the other until one is of use."""
        servers = self.recursion.servers
        search = ServerSearch(
            self.recursion.book, cut, self.route, self.pursuit, self.recursion.own_addresses
        )
        self._refused = False
        attempt = 1
        waiting = servers.in_order(search.at_hand(self.now), cut.zone, self.now)
        met = set(waiting)
        silent: list[str] = []
        while True:
            if not waiting and search.goes_on():
                found, self.now = yield from search.next_addresses(self.now)
                fresh = [address for address in found if address not in met]
                met.update(fresh)
                waiting = servers.in_order(fresh, cut.zone, self.now)
            elif not waiting and silent and attempt < limits.TRIES_PER_SERVER:
                waiting, silent, attempt = silent, [], attempt + 1
            elif not waiting:
                return None
            else:
                address = waiting.pop(0)
                heard = yield from self._ask_one(address, asked, attempt)
                if heard is None:
                    return None
                if isinstance(heard.outcome, Reply):
                    if self._is_of_use(heard.outcome, asked, cut.zone, address):
                        return heard.outcome
                elif heard.outcome is TIMED_OUT:
                    silent.append(address)

    def _ask_one(self, address: str, asked: Question, attempt: int) -> Resolution[Heard | None]:
        """Ask a server and note how it does. Each attempt waits twice as long as the last."""
        servers, sent_at = self.recursion.servers, self.now
        knows_edns = servers.knows_edns(address, sent_at)
        waits_ns = self.recursion.server_timeout_ns << (attempt - 1)
        ask = Ask(
            Endpoint(address, _DNS_PORT),
            asked,
            question_wire(asked),
            Transport.UDP,
            sent_at + waits_ns,
            Edns(limits.UDP_PAYLOAD_OCTETS, self.wishes.do) if knows_edns else None,
            self.wishes.cd,
            rd=False,  # RFC 1034 4.3.1: an iterative question
        )
        heard = yield from ask_server(ask, self.pursuit.budget, sent_at)
        if heard is None:
            return None
        self.now = heard.at
        if isinstance(heard.outcome, Silence):
            servers.note_silence(address, waits_ns, self.now)
        else:
            servers.note_reply(address, self.now - sent_at, self.now)
        return heard

    def _is_of_use(self, reply: Reply, asked: Question, zone: str, address: str) -> bool:
        if reply.tc or reply.question is None:
            return False  # incomplete even over TCP; or a bare refusal
        if reply.rcode not in {Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.YXDOMAIN}:
            self._refused = True
            if reply.rcode == Rcode.REFUSED:
                self.recursion.servers.note_lame(address, zone, self.now)
            return False
        if not reply.edns:
            # RFC 6891 7: it said so by leaving OPT out.
            self.recursion.servers.note_no_edns(address, self.now)
        if referral_in(reply, asked, zone):
            return True
        if not reply.aa or looks_like_referral(reply) or _denies_from_above(reply, zone):
            self.recursion.servers.note_lame(address, zone, self.now)
            return False
        return True


def _ends_here(reply: Reply, asked: Question) -> bool:
    """RFC 9156 3, step 6: part of the name was asked for, and it does not exist; so nothing below
    it does (RFC 8020 2). Where it is an alias, the RCODE speaks of another name (RFC 6604 3), and a
    DNAME above it is an alias for all that is below."""
    if reply.rcode == Rcode.NOERROR:
        return False
    name = asked.name.lower()
    aliased = any(
        record.rclass == IN and record.rtype == Type.CNAME and record.name.lower() == name
        for record in reply.answers
    )
    return not aliased


def _denies_from_above(reply: Reply, zone: str) -> bool:
    """A denial in the name of a zone above the cut: its server does not serve what is below."""
    soa = next((r for r in reply.authority if r.rtype == Type.SOA), None)
    return soa is not None and not reply.answers and not names.is_at_or_below(soa.name, zone)
