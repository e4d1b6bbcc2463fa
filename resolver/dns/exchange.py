"""The in-flight table: questions that went out, each with a socket to itself, and their replies.

A reply counts only when everything matches (RFC 5452 9.1): the socket it came in on (our address
and port), its source, its ID and its question, octet by octet. Whatever else arrives is noted, and
waiting goes on (draft-li-dnsop-response-preprocessing: a forgery must not end the wait).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Generic, NamedTuple, TypeVar

from resolver import limits
from resolver.dns.asking import EDNS_REFUSED, TIMED_OUT, UNREACHABLE, Ask, Heard, Silence
from resolver.dns.counters import Ledger
from resolver.dns.facts import (
    ReplyMismatched,
    ServerAsked,
    ServerReplied,
    ServerTimedOut,
    ServerUnreachable,
)
from resolver.dns.idle_sockets import IdleSockets, UpstreamSocket
from resolver.dns.message import Malformed, Reply, build_query, parse_reply
from resolver.dns.timers import Timers
from resolver.machine import (
    Close,
    Effect,
    Event,
    Flow,
    Instant,
    MessageArrived,
    Note,
    Open,
    PortTaken,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

AskerT = TypeVar("AskerT")


class Settled(NamedTuple, Generic[AskerT]):
    """A question is over; `asker` is whatever was given with it."""

    asker: AskerT
    heard: Heard


@dataclass(slots=True)
class _InFlight(Generic[AskerT]):
    ask: Ask
    asker: AskerT
    id: int
    message: bytes
    socket: UpstreamSocket
    draws: int = 0
    """Source ports that turned out taken."""


class Exchanges(Generic[AskerT]):
    """All questions in flight. Effects are appended to the list that each call is given."""

    def __init__(self, identifiers: Random, ledger: Ledger | None = None) -> None:
        self._identifiers = identifiers
        self._ledger = ledger or Ledger()
        self._flows = count(1)
        self._in_flight: dict[Flow, _InFlight[AskerT]] = {}
        self._ports: set[int] = set()
        """Those of all sockets that are open."""
        self._idle = IdleSockets()
        self._timers: Timers[Flow] = Timers()

    def __len__(self) -> int:
        return len(self._in_flight)

    def ask(self, ask: Ask, asker: AskerT, effects: list[Effect]) -> None:
        """Send a question on a socket that nobody else uses; `asker` comes back with what was
        heard."""
        id_, port = self._draw()
        if ask.verbatim:
            message = id_.to_bytes(2, "big") + ask.verbatim[2:]
        else:
            message = build_query(id_, ask.question_wire, rd=ask.rd, cd=ask.cd, edns=ask.edns)
        idle = self._idle.take(ask.server, port) if ask.transport is Transport.UDP else None
        if idle is None:
            self._open(_InFlight(ask, asker, id_, message, self._fresh(ask, port)), effects)
        else:
            self._in_flight[idle.flow] = _InFlight(ask, asker, id_, message, idle)
            self._timers.set(idle.flow, ask.until)
            effects.append(Send(idle.flow, message))
        self._ledger.counters.upstream_questions += 1
        if self._ledger.each_question:
            effects.append(Note(ServerAsked(ask.server, ask.question, ask.transport)))

    def handle(self, event: Event, now: Instant, effects: list[Effect]) -> Settled[AskerT] | None:
        """Take an event of a flow that was opened here; late ones are no error."""
        flow = getattr(event, "flow", None)
        pending = self._in_flight.get(flow)
        if flow is None or pending is None:
            return None
        if isinstance(event, MessageArrived):
            return self._weigh(event, pending, now, effects)
        refusal: str | None = None
        match event:
            case StreamOpened():
                effects.append(Send(flow, pending.message))
            case PortTaken() if pending.draws < limits.SOURCE_PORT_DRAWS:
                self._reopen(flow, effects)
            case PortTaken():
                refusal = "no free source port"
            case StreamClosed():
                refusal = "stream closed before a reply"
            case Unreachable(_, reason):
                refusal = reason
        if refusal is None:
            return None
        self._ledger.counters.upstream_unreachable += 1
        effects.append(Note(ServerUnreachable(pending.ask.server, pending.ask.question, refusal)))
        return self._settle(flow, UNREACHABLE, now, effects)

    def expire(self, now: Instant, effects: list[Effect]) -> Settled[AskerT] | None:
        """End the wait that is due first; call again until it returns None."""
        flow = self._timers.take_due(now)
        if flow is None:
            return None
        ask = self._in_flight[flow].ask
        self._ledger.counters.upstream_timeouts += 1
        effects.append(Note(ServerTimedOut(ask.server, ask.question)))
        return self._settle(flow, TIMED_OUT, now, effects)

    def deadline(self) -> Instant | None:
        """When the next wait ends."""
        return self._timers.earliest()

    def _draw(self) -> tuple[int, int]:
        """An ID and a source port, both unpredictable over their whole range (RFC 5452 9.2)."""
        while True:
            # Of one draw, for each asks the host for randomness. A port below the range is drawn
            # again: any other way to map it into the range would prefer some ports.
            id_, port = divmod(self._identifiers.getrandbits(32), 1 << 16)
            if port >= limits.FIRST_SOURCE_PORT and port not in self._ports:
                return id_, port

    def _fresh(self, ask: Ask, port: int) -> UpstreamSocket:
        return UpstreamSocket(next(self._flows), ask.server, port)

    def _open(self, pending: _InFlight[AskerT], effects: list[Effect]) -> None:
        ask, flow, port = pending.ask, pending.socket.flow, pending.socket.port
        self._in_flight[flow] = pending
        self._ports.add(port)
        self._timers.set(flow, ask.until)
        effects.append(Open(flow, ask.transport, ask.server, port))
        if ask.transport is Transport.UDP:
            effects.append(Send(flow, pending.message))

    def _reopen(self, flow: Flow, effects: list[Effect]) -> None:
        # Nothing went out under the ID, so it is as good as a new one.
        pending = self._forget(flow)
        self._ports.discard(pending.socket.port)
        pending.socket = self._fresh(pending.ask, self._draw()[1])
        pending.draws += 1
        self._open(pending, effects)

    def _weigh(
        self,
        event: MessageArrived,
        pending: _InFlight[AskerT],
        now: Instant,
        effects: list[Effect],
    ) -> Settled[AskerT] | None:
        ask = pending.ask
        reply = parse_reply(event.payload, ask.question, ask.question_wire)
        fault = _fault(reply, pending, event)
        if isinstance(reply, Malformed) or fault is not None:
            self._ledger.counters.upstream_mismatches += 1
            effects.append(
                Note(ReplyMismatched(ask.server, ask.question, event.source, fault or "malformed"))
            )
            return None
        if self._ledger.each_question:
            effects.append(Note(ServerReplied(ask.server, ask.question, reply.rcode)))
        return self._settle(event.flow, reply, now, effects)

    def _settle(
        self, flow: Flow, outcome: Reply | Silence, now: Instant, effects: list[Effect]
    ) -> Settled[AskerT]:
        pending = self._forget(flow)
        answered = isinstance(outcome, Reply) and pending.ask.transport is Transport.UDP
        if not answered or not self._idle.keep(pending.socket, len(self._in_flight)):
            self._close(pending.socket, effects)
        if len(self._in_flight) < limits.QUESTIONS_UNDER_LOAD:
            for idle in self._idle.dismiss():
                self._close(idle, effects)
        return Settled(pending.asker, Heard(outcome, now))

    def _close(self, socket: UpstreamSocket, effects: list[Effect]) -> None:
        self._ports.discard(socket.port)
        effects.append(Close(socket.flow))

    def _forget(self, flow: Flow) -> _InFlight[AskerT]:
        pending = self._in_flight.pop(flow)
        self._timers.cancel(flow)
        return pending


def _fault(
    reply: Reply | Malformed, pending: _InFlight[AskerT], event: MessageArrived
) -> str | None:
    """What is wrong with a reply (RFC 5452 9.1); None when it is the one awaited."""
    ask = pending.ask
    if event.source != ask.server:
        return "another source"
    if isinstance(reply, Malformed):
        return reply.reason
    if reply.id != pending.id:
        return "another ID"
    if reply.question_wire == ask.question_wire:
        return None
    if reply.question is None and ask.edns is not None and reply.rcode in EDNS_REFUSED:
        # A server older than EDNS may not have read as far as the question. All that this reply
        # can bring about is the same question to the same server, without OPT.
        return None
    return "another question"
