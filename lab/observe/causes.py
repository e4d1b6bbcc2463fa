"""Which question was asked because of which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from operator import attrgetter

from lab.observe.dns_exchange import DnsExchange
from resolver.machine import Instant


class Causes:
    """Questions, each below the one that made its asker ask it.

    A question has a cause when it left a node with the same name and type after such a question
    arrived there and before the last reply to that one left.
    """

    def __init__(self, exchanges: Iterable[DnsExchange]) -> None:
        self._cause: dict[int, DnsExchange] = {}
        self._caused: defaultdict[int, list[DnsExchange]] = defaultdict(list)
        at_node: defaultdict[Hashable, list[DnsExchange]] = defaultdict(list)
        by_node: defaultdict[Hashable, list[DnsExchange]] = defaultdict(list)
        for exchange in exchanges:
            query = exchange.query
            by_node[exchange.asker, query.name, query.qtype].append(exchange)
            if query.receiver is not None and query.receiver != exchange.asker:
                at_node[query.receiver, query.name, query.qtype].append(exchange)
        for key, arrived in at_node.items():
            self._attribute(arrived, by_node.get(key, []))

    def of(self, exchange: DnsExchange) -> DnsExchange | None:
        """The question that made its asker ask; None when nothing seen did."""
        return self._cause.get(id(exchange))

    def caused_by(self, exchange: DnsExchange) -> tuple[DnsExchange, ...]:
        """The questions that its server asked because of it, in order."""
        return tuple(self._caused.get(id(exchange), ()))

    def in_time(self, exchange: DnsExchange) -> bool:
        """Whether its reply came while its asker still waited for it: before the asker turned to
        another server with the same question, and before it answered its own client."""
        if exchange.answered_at is None:
            return False
        cause = self.of(exchange)
        if cause is None:
            return True
        if cause.reply is not None and cause.reply.at < exchange.answered_at:
            return False
        # By their order and not by the clock: in virtual time several may be asked at one instant.
        siblings = self.caused_by(cause)
        later = siblings[siblings.index(exchange) + 1 :]
        return not any(sibling.asked_at < exchange.answered_at for sibling in later)

    def decisive(self, exchange: DnsExchange) -> DnsExchange | None:
        """Of the questions it caused, the one whose reply its server answered with: the last that
        was answered in time."""
        answered = [child for child in self.caused_by(exchange) if self.in_time(child)]
        return max(answered, key=attrgetter("answered_at"), default=None)

    def _attribute(self, arrived: list[DnsExchange], asked: list[DnsExchange]) -> None:
        """`arrived` are the questions a node got, `asked` those it sent, of one name and type."""
        arrived = sorted(arrived, key=_arrival)
        upcoming = iter(arrived)
        following = next(upcoming, None)
        waiting: list[DnsExchange] = []
        for child in asked:
            at = child.asked_at
            while following is not None and _arrival(following) <= at:
                waiting.append(following)
                following = next(upcoming, None)
            waiting = [
                parent for parent in waiting if parent.replied_at is None or parent.replied_at >= at
            ]
            if waiting:
                cause = self._likeliest(waiting, child)
                self._cause[id(child)] = cause
                self._caused[id(cause)].append(child)

    def _likeliest(self, waiting: list[DnsExchange], child: DnsExchange) -> DnsExchange:
        """Of several clients who wait for the same, each has its own turn at every server: the
        first who was not yet asked for there; those that get an answer come before those who wait
        for ever."""
        target = child.query.destination, child.query.transport
        without = [
            parent
            for parent in waiting
            if all(
                (asked.query.destination, asked.query.transport) != target
                for asked in self._caused[id(parent)]
            )
        ]
        answered = [parent for parent in without if parent.replied_at is not None]
        if answered:
            return answered[0]
        return (without or waiting)[-1]


def _arrival(exchange: DnsExchange) -> Instant:
    arrived_at = exchange.query.arrived_at
    assert arrived_at is not None  # noqa: S101 - only questions that arrived are looked at
    return arrived_at
