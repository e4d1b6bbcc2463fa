"""The resolver: clients on one side, sources of answers on the other.

What was answered before and still holds is given as it was written (`wire_answers`). Otherwise a
client's message is read, its question resolved by a generator that stops wherever a server must be
asked, and the outcome written for every client that waits for it. Where one forwarder's word will
do, there is a shorter way (`straight`).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from resolver import limits
from resolver.config import Journal, ResolverConfig
from resolver.dns.access import Access
from resolver.dns.asking import Ask, Heard, Together
from resolver.dns.cache import Wishes
from resolver.dns.counters import Ledger, read
from resolver.dns.errands import Errand, Topic
from resolver.dns.exchange import Exchanges
from resolver.dns.facts import (
    Answered,
    ConfigurationRejected,
    ConfigurationTakenOver,
    FreshDataOverdue,
    QuestionArrived,
    QuestionReturned,
    ZoneRejected,
)
from resolver.dns.in_flight import Settled, Wait
from resolver.dns.intermediary import Intermediary
from resolver.dns.message import Question, build_reply, rcode_text
from resolver.dns.outcome import FAILED, Outcome, Source, Terms
from resolver.dns.reception import Client, Reception
from resolver.dns.records import Record
from resolver.dns.resolution import Sources
from resolver.dns.selection import Selector
from resolver.dns.straight import StraightWay
from resolver.dns.timers import Timers, earliest
from resolver.dns.wire_answers import Form, WireAnswers
from resolver.machine import (
    ID_OCTETS,
    CountersRequested,
    Effect,
    Event,
    Instant,
    MessageArrived,
    Note,
    Reconfigured,
    Send,
    StopRequested,
    Transport,
)

_LASTING = frozenset({Source.OWN_ZONE, Source.CACHE})
"""Sources whose answers hold until something changes."""


class Resolver(Intermediary[Errand]):
    """The full resolver ("the local DNS server"): own zones, cache, forwarding, recursion.

    `identifiers` gives message IDs and source ports, so it must be unpredictable outside the lab;
    `selection` chooses among addresses and equal servers. `most_in_flight` is how many questions
    the host has sockets for. Without `straight` all is the same, and takes longer: tests compare.
    Raises ValueError for zones, rules or root hints that cannot be used.
    """

    def __init__(
        self,
        config: ResolverConfig,
        identifiers: Random,
        selection: Random,
        most_in_flight: int | None = None,
        *,
        straight: bool = True,
    ) -> None:
        self._ledger = Ledger(each_question=config.journal is Journal.QUESTIONS)
        reception = Reception(
            self._ledger, recursion_for=self._offers_recursion_to, idle_ns=config.tcp_idle_ns
        )
        super().__init__(reception, Exchanges(identifiers, self._ledger))
        self._selection = selection
        self._config = config
        self._access = Access(config.recursion_for)
        self._sources = Sources(config, selection)
        self._selector = Selector(config.selection, selection)
        self._errands: dict[Topic, Errand] = {}
        self._most_in_flight = most_in_flight or limits.RESOLUTIONS_IN_FLIGHT
        self._patience: Timers[Topic] = Timers()
        self._count_at: Instant | None = 0 if config.counters_every_ns else None
        self._ready = WireAnswers(self._access.allows, self._ledger.counters)
        self._sources.cache.on_change = self._ready.changed
        self._may_go_straight = straight
        self._straight = StraightWay(
            self._sources,
            reception,
            self._exchanges,
            self._errands,
            self._ready,
            self._ledger,
            self._most_in_flight,
        )
        self._open_straight_way()
        self.answer_datagram = self._ready.answer
        self.answer_datagrams = self._ready.answer_all
        """`AnswersDatagrams`, without a call in between: it is where the time goes."""

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Take an event; return what is to be done. Never raises, whatever bytes came in."""
        if isinstance(event, MessageArrived):
            done = self._at_once(event, now) if event.transport is Transport.UDP else None
            return done or super().handle(event, now)
        match event:
            case Reconfigured(config):
                return self._take_over(config)
            case CountersRequested():
                return (self._read_counters(),)
            case StopRequested():
                self._ready.clear(self._access.allows)  # no new question is taken
        return super().handle(event, now)

    def _at_once(self, event: MessageArrived, now: Instant) -> Sequence[Effect] | None:
        """What most datagrams come to; None where more has to be thought about them."""
        if isinstance(event.flow, int):
            return self._straight.hear(event, now)
        ready = self._ready.answer(event.payload[ID_OCTETS:], event.source.address, now)
        if ready is not None:
            return (Send(event.flow, event.payload[:ID_OCTETS] + ready),)
        return self._straight.ask(event, now)

    def expire(self, now: Instant) -> Sequence[Effect]:
        """End every wait that is over at `now`."""
        effects = [*super().expire(now)]
        while (topic := self._patience.take_due(now)) is not None:
            self._grow_impatient(self._errands[topic], now, effects)
        if self._count_at is None or self._count_at > now:
            return effects
        self._count_at = now + (self._config.counters_every_ns or 0)
        return (*effects, self._read_counters())

    def deadline(self) -> Instant | None:
        """The earliest instant at which somebody has been waited for long enough, or the counters
        are to be noted."""
        return earliest(super().deadline(), self._patience.earliest(), self._count_at)

    def _offers_recursion_to(self, address: str) -> bool:
        """RA is per client: it says whether a question of this one would be put to others."""
        return self._sources.recursion_available and self._access.allows(address)

    def _read_counters(self) -> Note:
        counters = self._ledger.counters
        counters.streams_open = len(self._reception.streams)
        counters.questions_in_flight = self._reception.in_flight()
        counters.cache_entries = len(self._sources.cache)
        counters.cache_evictions = self._sources.cache.evictions
        return Note(read(counters))

    def _take_over(self, config: object) -> Sequence[Effect]:
        """Go by a new configuration from the next question on. What is cached stays, what is under
        way goes on."""
        if not isinstance(config, ResolverConfig):
            problem = f"it is a {type(config).__name__}; stop this program and start the other"
            return (Note(ConfigurationRejected((problem,))),)
        self._straight.unfold_all()
        try:
            access = Access(config.recursion_for)
            rejected = self._sources.take_over(config)
        except ValueError as wrong:
            return (Note(ConfigurationRejected(tuple(str(wrong).splitlines()))),)
        self._access = access
        self._ready.clear(access.allows)
        if config.selection is not self._config.selection:
            self._selector = Selector(config.selection, self._selection)
        if config.counters_every_ns != self._config.counters_every_ns:
            self._count_at = 0 if config.counters_every_ns else None
        self._ledger.each_question = config.journal is Journal.QUESTIONS
        self._reception.streams.idle_ns = config.tcp_idle_ns
        self._config = config
        self._open_straight_way()
        bad = (Note(ZoneRejected(z.origin, z.file, z.line, z.problem)) for z in rejected)
        return (*bad, Note(ConfigurationTakenOver(len(config.zones), len(config.forward))))

    def _open_straight_way(self) -> None:
        self._straight.go_by(
            self._access.allows,
            self._selector,
            # Where each question is written down, or stale data is waited for, there is more to do.
            is_open=self._may_go_straight
            and not self._ledger.each_question
            and not self._config.serve_stale,
        )

    def _accept(self, client: Client, now: Instant, effects: list[Effect]) -> None:
        query, question = client.query, client.query.question
        if self._ledger.each_question:
            effects.append(Note(QuestionArrived(client.endpoint, question, client.transport)))
        terms = Terms(
            Wishes(query.do, query.cd),
            client.transport,
            query.rd,
            own_zones_only=not self._access.allows(client.endpoint.address),
        )
        topic = (question.name.lower(), question.qtype, question.qclass, terms)
        self._straight.meet(topic[0], question.qtype, terms.wishes)
        errand = self._errands.get(topic)
        if errand is None:
            errand = Errand(topic, self._sources.resolve(question, terms, now))
            errand.add(client)
            comes_again = self._comes_again(client, terms)
            self._run(errand, None, now, effects)
            if comes_again and not errand.under_way:
                self._make_ready(client, terms, now)
        else:
            self._join(errand, client, now, effects)

    def _join(self, errand: Errand, client: Client, now: Instant, effects: list[Effect]) -> None:
        """Wait with others for the answer to the same question (RFC 5452 5)."""
        crowd = len(errand.clients) >= limits.CLIENTS_PER_RESOLUTION
        if errand.comes_back_from(client, self._config.listen):
            # RFC 2308 5 warns of loops: told at once, the other server does not wait in vain, nor
            # do we for it.
            effects.append(Note(QuestionReturned(client.endpoint, client.query.question)))
            self._answer(client, FAILED, now, effects)
        elif crowd or self._reception.crowded(client):
            self._ledger.counters.crowded_out += 1
            self._answer(client, FAILED, now, effects)
        elif errand.overdue and errand.stale is not None:
            self._answer(client, self._stale(errand, now) or errand.stale, now, effects)
        elif not errand.add(client):
            self._reception.answer(client, None, now, effects)

    def _grow_impatient(self, errand: Errand, now: Instant, effects: list[Effect]) -> None:
        """Give those who wait what has expired; the search for fresh data goes on and serves
        whoever asks next (RFC 8767 5)."""
        errand.overdue = True
        effects.append(Note(FreshDataOverdue(Question(*errand.topic[:3]))))
        if (stale := self._stale(errand, now) or errand.stale) is not None:
            for client in errand.dismiss():
                self._answer(client, stale, now, effects)

    def _stale(self, errand: Errand, now: Instant) -> Outcome | None:
        if not self._config.serve_stale:
            return None
        name, qtype, qclass, terms = errand.topic
        return self._sources.stale(Question(name, qtype, qclass), terms, now)

    def _go_on(self, settled: Settled[Errand], effects: list[Effect]) -> None:
        self._run(settled.asker, settled.heard, settled.heard.at, effects)

    def _run(
        self, errand: Errand, heard: Heard | None, now: Instant, effects: list[Effect]
    ) -> None:
        """Drive a search to its next question or to its end."""
        resolution = errand.resolution
        try:
            ask = resolution.send(heard) if heard else next(resolution)
        except StopIteration as finished:
            self._finish(errand, finished.value, now, effects)
            return
        self._ask(errand, ask, now, effects)

    def _ask(
        self, errand: Errand, ask: Ask | Together, now: Instant, effects: list[Effect]
    ) -> None:
        if not errand.under_way:
            errand.stale = self._stale(errand, now)
            crowded = self._reception.crowded(errand.clients[0])
            if crowded or len(self._errands) + len(self._straight) >= self._most_in_flight:
                self._ledger.counters.crowded_out += errand.stale is None
                self._finish(errand, errand.stale or FAILED, now, effects)
                return
            self._ledger.counters.cache_misses += 1
            self._errands[errand.topic] = errand
            errand.under_way = True
            if errand.stale is not None:
                self._patience.set(errand.topic, now + self._config.stale_after_ns)
        if not isinstance(ask, Together):
            self._exchanges.abandon(errand.together, now, effects)
            errand.asks((ask,))
            self._send(errand, ask, effects)
            return
        if ask.anew:
            self._exchanges.abandon(errand.together, now, effects)
            errand.asks(ask.asks)
        errand.together += [self._send(errand, each, effects) for each in ask.asks]

    def _send(self, errand: Errand, ask: Ask, effects: list[Effect]) -> Wait[Errand]:
        wishes = Wishes(ask.edns is not None and ask.edns.do, ask.cd)
        self._straight.meet(ask.question.name.lower(), ask.question.qtype, wishes)
        return self._exchanges.ask(ask, errand, effects)

    def _finish(
        self, errand: Errand, outcome: Outcome, now: Instant, effects: list[Effect]
    ) -> None:
        if errand.under_way:
            del self._errands[errand.topic]
        self._exchanges.abandon(errand.together, now, effects)
        if errand.stale is not None:
            self._patience.cancel(errand.topic)
        for client in errand.clients:
            self._answer(client, outcome, now, effects)

    def _answer(
        self, client: Client, outcome: Outcome, now: Instant, effects: list[Effect]
    ) -> None:
        reply = self._written(client, outcome, self._selector.select(outcome.answers))
        if not self._reception.answer(client, reply, now, effects):
            return
        counters, source = self._ledger.counters, outcome.source.value
        counters.answered(rcode_text(outcome.rcode), source)
        if outcome.source is Source.NOBODY and not self._access.allows(client.endpoint.address):
            counters.refused += 1
        if self._ledger.each_question:
            question = client.query.question
            effects.append(Note(Answered(client.endpoint, question, outcome.rcode, source)))

    def _written(self, client: Client, outcome: Outcome, answers: tuple[Record, ...]) -> bytes:
        return build_reply(
            client.query,
            client.transport,
            rcode=outcome.rcode,
            answers=answers,
            authority=outcome.authority,
            additional=outcome.additional,
            authoritative=outcome.authoritative,
            recursion_available=self._offers_recursion_to(client.endpoint.address),
        )

    def _comes_again(self, client: Client, terms: Terms) -> bool:
        """Whether the answer is worth keeping for whoever asks the same."""
        if client.transport is Transport.TCP or terms.own_zones_only:
            return False
        # Where each question is written down, none may be answered without.
        return not self._ledger.each_question and self._ready.asked_before(client.message)

    def _make_ready(self, client: Client, terms: Terms, now: Instant) -> None:
        """Keep what was answered at once, in every form that it may be given in."""
        read = self._sources.read(client.query.question, terms, now)
        ways = None if read is None else self._selector.ways(read[0].answers)
        if read is None or ways is None or read[0].source not in _LASTING:
            return
        outcome, readings = read
        forms = [
            Form(self._written(client, outcome, way), way, outcome.authority, outcome.additional)
            for way in ways.answers
        ]
        self._ready.keep(client.message, forms, ways.draw, readings, now)
