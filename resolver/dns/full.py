"""The resolver: clients on one side, sources of answers on the other.

A client's message is read, its question resolved by a generator that stops wherever a server must
be asked, and the outcome written for every client that waits for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from resolver import limits
from resolver.config import ResolverConfig
from resolver.dns.asking import Heard, Resolution
from resolver.dns.cache import Wishes
from resolver.dns.exchange import Exchanges, Settled
from resolver.dns.facts import Answered, QuestionArrived
from resolver.dns.message import build_reply
from resolver.dns.outcome import FAILED, Outcome, Terms
from resolver.dns.reception import Client, Reception
from resolver.dns.resolution import Sources
from resolver.dns.selection import Selector
from resolver.machine import Effect, Event, Flow, Instant, Note, Transport

_Topic: TypeAlias = tuple[str, int, int, Terms]
"""What makes two clients' questions the same: name whatever its case, type, class, and terms."""


@dataclass(slots=True)
class _Errand:
    """A resolution under way and the clients it is for."""

    topic: _Topic
    resolution: Resolution[Outcome]
    clients: list[Client] = field(default_factory=list)
    datagrams: set[tuple[Flow, int]] = field(default_factory=set)
    """Flow and ID of the questions that came as datagrams."""

    def add(self, client: Client) -> None:
        """Have a client wait, unless it is its own question again: one answer is enough."""
        if client.transport is Transport.UDP:
            datagram = (client.flow, client.query.id)
            if datagram in self.datagrams:
                return
            self.datagrams.add(datagram)
        self.clients.append(client)


class Resolver:
    """The full resolver ("the local DNS server"): own zones, cache, forwarding, recursion.

    `identifiers` gives message IDs and source ports, so it must be unpredictable outside the lab;
    `selection` chooses among addresses, and among servers that are equally good. Raises ValueError
    for zones, rules or root hints that cannot be used.
    """

    def __init__(self, config: ResolverConfig, identifiers: Random, selection: Random) -> None:
        self._sources = Sources(config, selection)
        self._selector = Selector(config.selection, selection)
        self._exchanges: Exchanges[_Errand] = Exchanges(identifiers)
        self._reception = Reception(recursion_available=self._sources.recursion_available)
        self._errands: dict[_Topic, _Errand] = {}

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Take an event; return what is to be done. Never raises, whatever bytes came in."""
        effects: list[Effect] = []
        if isinstance(getattr(event, "flow", None), int):  # a flow that we opened
            settled = self._exchanges.handle(event, now, effects)
            if settled is not None:
                self._go_on(settled, effects)
            return effects
        client = self._reception.handle(event, now, effects)
        if client is not None:
            self._accept(client, now, effects)
        return effects

    def expire(self, now: Instant) -> Sequence[Effect]:
        """End every wait that is over at `now`."""
        effects: list[Effect] = []
        self._reception.expire(now, effects)
        while (settled := self._exchanges.expire(now, effects)) is not None:
            self._go_on(settled, effects)
        return effects

    def deadline(self) -> Instant | None:
        """The earliest instant at which a server or a stream has been waited for long enough."""
        instants = (self._exchanges.deadline(), self._reception.deadline())
        return min((instant for instant in instants if instant is not None), default=None)

    def ready(self) -> bool:
        """A resolver needs nothing before its first question."""
        return True

    def _accept(self, client: Client, now: Instant, effects: list[Effect]) -> None:
        query, question = client.query, client.query.question
        effects.append(Note(QuestionArrived(client.endpoint, question, client.transport)))
        terms = Terms(Wishes(query.do, query.cd), client.transport, query.rd)
        topic = (question.name.lower(), question.qtype, question.qclass, terms)
        errand = self._errands.get(topic)
        if errand is None:
            errand = _Errand(topic, self._sources.resolve(question, terms, now))
            errand.add(client)
            self._run(errand, None, now, effects)
        else:
            self._join(errand, client, now, effects)

    def _join(self, errand: _Errand, client: Client, now: Instant, effects: list[Effect]) -> None:
        """Wait with others for the answer to the same question (RFC 5452 5)."""
        if len(errand.clients) < limits.CLIENTS_PER_RESOLUTION:
            errand.add(client)
        else:
            self._answer(client, FAILED, now, effects)

    def _go_on(self, settled: Settled[_Errand], effects: list[Effect]) -> None:
        self._run(settled.asker, settled.heard, settled.heard.at, effects)

    def _run(
        self, errand: _Errand, heard: Heard | None, now: Instant, effects: list[Effect]
    ) -> None:
        """Drive a resolution to its next question or to its end."""
        try:
            ask = errand.resolution.send(heard) if heard else next(errand.resolution)
        except StopIteration as finished:
            self._finish(errand, finished.value, now, effects)
            return
        if errand.topic not in self._errands:
            if len(self._errands) >= limits.RESOLUTIONS_IN_FLIGHT:
                self._finish(errand, FAILED, now, effects)
                return
            self._errands[errand.topic] = errand
        self._exchanges.ask(ask, errand, effects)

    def _finish(
        self, errand: _Errand, outcome: Outcome, now: Instant, effects: list[Effect]
    ) -> None:
        self._errands.pop(errand.topic, None)
        for client in errand.clients:
            self._answer(client, outcome, now, effects)

    def _answer(
        self, client: Client, outcome: Outcome, now: Instant, effects: list[Effect]
    ) -> None:
        reply = build_reply(
            client.query,
            client.transport,
            rcode=outcome.rcode,
            answers=self._selector.select(outcome.answers),
            authority=outcome.authority,
            additional=outcome.additional,
            authoritative=outcome.authoritative,
            recursion_available=self._sources.recursion_available,
        )
        if self._reception.answer(client, reply, now, effects):
            question, source = client.query.question, outcome.source.value
            effects.append(Note(Answered(client.endpoint, question, outcome.rcode, source)))
