"""Where a wait went, from packets: every nanosecond of it belongs to exactly one phase.

A wait is painted like a fence: first all of it in the colour of whoever waits, then each question
over it from its departure to its answer, inside it what its server asked on its behalf, and so on
down. What is painted last is seen: the deepest question that was open at an instant says what was
waited for, and the parts add up to the whole by construction.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Final

from lab.observe.connection import Connection, is_dns
from lab.observe.dns_exchange import DnsExchange
from lab.observe.passage import Trip
from lab.observe.timeline import Timeline
from resolver.machine import Duration, Instant

WAITING: Final = "waiting"
"""For a server or an address that gave no answer in time."""
NAT: Final = "NAT"
"""Inside the NAT translator."""
TCP: Final = "TCP"
"""Opening a connection: on the way, and in the far kernel."""

_ROLES: Mapping[str, str] = {
    "viewer": "stub",
    "bystander": "stub",
    "resolver": "resolver",
    "translator": "translator",
    "server": "responder",
    "authority": "authority",
}
_ARROW = " → "


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a wait: "resolver → translator" is a message on its way, there or back;
    "resolver" alone is the server at work, or its own timer."""

    name: str
    took_ns: Duration


class PhaseMaker:
    """Cuts waits into phases, with all that a timeline knows."""

    def __init__(self, timeline: Timeline) -> None:
        self._causes = timeline.causes
        self._over_tcp = [each for each in timeline.connections if is_dns(each)]
        self._translators = {node.name for node in timeline.plan.nodes if node.nat is not None}
        self._roles = {node.name: _ROLES.get(node.role, node.role) for node in timeline.plan.nodes}
        self._asked_by: defaultdict[str, list[DnsExchange]] = defaultdict(list)
        for exchange in timeline.exchanges:
            self._asked_by[exchange.asker].append(exchange)

    def of_exchange(self, exchange: DnsExchange) -> tuple[Phase, ...]:
        """The phases of the wait for an answer; none where no answer came."""
        if exchange.answered_at is None:
            return ()
        return self.of(exchange.asker, exchange.asked_at, exchange.answered_at, (exchange,))

    def of_connection(self, connection: Connection) -> tuple[Phase, ...]:
        """The phases of the wait for a connection; none where there was none."""
        established_at = connection.established_at
        if connection.opener is None or established_at is None:
            return ()
        opened_at = connection.opened_at
        return self.of(connection.opener, opened_at, established_at, (), (connection,))

    def of_session(
        self, node: str, began: Instant, ended: Instant, connections: Iterable[Connection]
    ) -> tuple[Phase, ...]:
        """The phases of all that a node waited for between two instants: its questions, and these
        of its connections."""
        meanwhile = self._asked_within(node, began, ended)
        tried = [
            each
            for each in connections
            if each.opener == node and not is_dns(each) and began <= each.opened_at <= ended
        ]
        return self.of(node, began, ended, meanwhile, tried)

    def of(
        self,
        waiter: str,
        began: Instant,
        ended: Instant,
        exchanges: Sequence[DnsExchange],
        connections: Iterable[Connection] = (),
    ) -> tuple[Phase, ...]:
        """The phases of a node's wait, in the order in which they first came; nothing of no time.

        `exchanges` and `connections` are what the node itself asked and tried meanwhile.
        """
        fence = _Fence(began, ended)
        fence.paint(began, ended, self._role(waiter))
        self._paint_questions(fence, waiter, exchanges, began, ended)
        attempts = list(connections)
        for place, connection in enumerate(attempts):
            following = attempts[place + 1].opened_at if place + 1 < len(attempts) else ended
            self._paint_connection(fence, connection, following)
        return fence.phases()

    def _paint_questions(
        self,
        fence: _Fence,
        asker: str,
        asked: Sequence[DnsExchange],
        began: Instant,
        ended: Instant,
    ) -> None:
        """What a node asked, from `began` until it had to do without (`ended`)."""
        for connection in self._over_tcp:
            if connection.opener == asker and began <= connection.opened_at <= ended:
                self._paint_connection(fence, connection, ended)
        answered = [each for each in asked if self._causes.in_time(each)]
        for exchange in asked:
            if exchange not in answered:
                fence.paint(exchange.asked_at, _given_up(exchange, asked, ended), WAITING)
        for exchange in answered:
            self._paint_answered(fence, exchange)

    def _paint_answered(self, fence: _Fence, exchange: DnsExchange) -> None:
        query, reply = exchange.query, exchange.reply
        assert reply is not None  # noqa: S101 - it was answered
        answered_at = exchange.answered_at
        assert answered_at is not None  # noqa: S101 - likewise
        server = query.receiver or exchange.server
        name = f"{self._role(exchange.asker)}{_ARROW}{self._role(server)}"
        fence.paint(exchange.asked_at, answered_at, name)
        arrived_at = query.arrived_at
        if arrived_at is not None and arrived_at <= reply.at and server is not None:
            fence.paint(arrived_at, reply.at, self._role(server))
            inner = [
                each
                for each in self._asked_within(server, arrived_at, reply.at)
                # On its way to an answer a server asks other questions too, which the judge knows
                # no cause for; what another client caused is not waited for here.
                if self._causes.of(each) in (exchange, None)
            ]
            self._paint_questions(fence, server, inner, arrived_at, reply.at)
        for trip in (*query.trips, *reply.trips):
            self._paint_translation(fence, trip)

    def _paint_connection(self, fence: _Fence, connection: Connection, following: Instant) -> None:
        ends = [
            connection.established_at,
            *(trip.arrived_at for trip in connection.resets[:1]),
            *(error.trip.arrived_at for error in connection.errors[:1]),
        ]
        known = [end for end in ends if end is not None]
        if not known:
            fence.paint(connection.opened_at, following, WAITING)
            return
        fence.paint(connection.opened_at, min(known), TCP)
        for trip in (*connection.syns, *connection.syn_acks, *connection.resets[:1]):
            self._paint_translation(fence, trip)

    def _paint_translation(self, fence: _Fence, trip: Trip) -> None:
        for before, after in pairwise(trip.passages):
            if before.arrived is not None and before.receiver in self._translators:
                fence.paint(before.arrived.at, after.at, NAT)

    def _asked_within(self, node: str, began: Instant, ended: Instant) -> list[DnsExchange]:
        asked = self._asked_by[node]
        first = bisect_left(asked, began, key=attrgetter("asked_at"))
        last = bisect_right(asked, ended, key=attrgetter("asked_at"))
        return asked[first:last]

    def _role(self, node: str | None) -> str:
        return self._roles.get(str(node), "nobody")


def _given_up(exchange: DnsExchange, asked: Iterable[DnsExchange], ended: Instant) -> Instant:
    """When nobody waited for it any more: the asker turned to another server with the same
    question, or heard that this one cannot be reached, or had to do without."""
    turned = [
        each.asked_at
        for each in asked
        if each.query.question == exchange.query.question and each.asked_at > exchange.asked_at
    ]
    told = [error.trip.arrived_at for error in exchange.errors if error.trip.arrived_at is not None]
    return min([*turned, *told, ended])


class _Fence:
    """A stretch of time in colours; the last coat is seen."""

    def __init__(self, began: Instant, ended: Instant) -> None:
        self._began, self._ended = began, ended
        self._coats: list[tuple[Instant, Instant, str]] = []

    def paint(self, start: Instant, end: Instant, name: str) -> None:
        """Paint a part; what reaches beyond the fence is nobody's wait."""
        start, end = max(start, self._began), min(end, self._ended)
        if start < end:
            self._coats.append((start, end, name))

    def phases(self) -> tuple[Phase, ...]:
        """What is seen, added up by name."""
        edges = sorted({edge for start, end, _ in self._coats for edge in (start, end)})
        spent: dict[str, Duration] = {}
        for start, end in pairwise(edges):
            name = next(
                name for first, last, name in reversed(self._coats) if first <= start < last
            )
            spent[name] = spent.get(name, 0) + end - start
        return tuple(Phase(name, took) for name, took in spent.items())
