"""Checks of what must hold of every reply to a client, whatever it asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import counted, ms
from lab.judge.checks.standing import Look, StandingCheck
from lab.observe.dns_exchange import DnsExchange
from lab.observe.journey import ACTOR_ROLES
from lab.observe.timeline import Timeline
from lab.values import Seconds
from resolver.machine import SECOND

CLIENT_PATIENCE_S = 5.0
"""What most stub resolvers wait before they ask again (resolv.conf(5): `timeout`)."""


class RepliedInTime(StandingCheck):
    """Every question of a client gets some reply, an error will do, before the client gives up
    (FWD-24)."""

    kind: Literal["replied-in-time"] = "replied-in-time"
    within_s: Seconds = CLIENT_PATIENCE_S

    def wording(self, seen: int) -> str:
        """Questions count."""
        if not seen:
            return "no client asked anything"
        return f"{counted(seen, 'question')} of clients, each replied to within {self.within_s:g} s"

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """Each question of a client, and how long it waited."""
        bound_ns = self.within_s * SECOND + answer_allowance_ns(timeline)
        for exchange in client_exchanges(timeline):
            waited = exchange.latency_ns
            fault = None
            if waited is None:
                fault = f"{exchange.asker} got no reply for {_asked(exchange)}"
            elif waited > bound_ns:
                fault = f"{exchange.asker} waited {ms(waited)} for {_asked(exchange)}"
            yield Look(exchange, fault)


class RepliedOnce(StandingCheck):
    """No question of a client gets a second reply: a server that a late answer reaches has replied
    already (FWD-18)."""

    kind: Literal["replied-once"] = "replied-once"

    def wording(self, seen: int) -> str:
        """Replies count."""
        if not seen:
            return "no client got a reply"
        return f"{counted(seen, 'question')} of clients, none with a second reply"

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """Each question of a client that got a reply. One that was sent again is a question of
        its own, and has a reply of its own."""
        for exchange in client_exchanges(timeline):
            replies = len(exchange.replies)
            if replies:
                fault = f"{_asked(exchange)} of {exchange.asker} got {replies} replies"
                yield Look(exchange, fault if replies > 1 else None)


class RepliedFromThere(StandingCheck):
    """No reply comes to its client from another address or port than the question went to
    (TRN-13)."""

    kind: Literal["replied-from-there"] = "replied-from-there"

    def wording(self, seen: int) -> str:
        """Replies count."""
        if not seen:
            return "no client got a reply"
        return f"{counted(seen, 'question')} of clients, each replied to from where it had gone"

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """Each question of a client that got a reply, and each reply that came from elsewhere."""
        for exchange in client_exchanges(timeline):
            if exchange.replies:
                yield Look(exchange)
            for reply in (*exchange.strays, *exchange.latecomers):
                if exchange.mismatches(reply) == ("source",):
                    fault = f"asked {exchange.query.destination}, {reply.arrived_source} replied"
                    yield Look(_Wrong((*exchange.query.frames, *reply.frames)), fault)


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A question and a reply that does not belong to it."""

    frames: tuple[int, ...]


def client_exchanges(timeline: Timeline) -> list[DnsExchange]:
    """The questions that clients asked, in order: those of nodes that ask for themselves."""
    clients = {node.name for node in timeline.plan.nodes if node.role in ACTOR_ROLES}
    return [exchange for exchange in timeline.exchanges if exchange.asker in clients]


def _asked(exchange: DnsExchange) -> str:
    return f"{exchange.query.qtype} {exchange.query.name}"
