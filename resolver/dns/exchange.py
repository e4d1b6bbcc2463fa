"""The in-flight table: questions that went out, each with a socket to itself, and their replies.

The same question is never out twice to one server: whoever comes to it meanwhile waits for the same
reply. Else a stranger's thousand names with one target would make a thousand questions of it, and a
forger need hit but one of them (RFC 5452 5).

A reply counts only when everything matches (RFC 5452 9.1): the socket it came in on (our address
and port), its source, its ID and its question, octet by octet. Whatever else arrives is noted, and
waiting goes on (draft-li-dnsop-response-preprocessing: a forgery must not end the wait).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import count
from random import Random
from typing import Generic, TypeAlias

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
from resolver.dns.in_flight import AskerT, InFlight, Settled, Wait
from resolver.dns.message import Malformed, Reply, build_query
from resolver.dns.message_reading import parse_reply
from resolver.dns.timers import Timers, earliest
from resolver.machine import (
    Close,
    Effect,
    Endpoint,
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

_Sameness: TypeAlias = tuple[Hashable, ...]


class Exchanges(Generic[AskerT]):
    """All questions in flight. Effects are appended to the list that each call is given."""

    def __init__(self, identifiers: Random, ledger: Ledger | None = None) -> None:
        self._identifiers = identifiers
        self._ledger = ledger or Ledger()
        self._flows = count(1)
        self.in_flight: dict[Flow, InFlight[AskerT] | Wait[AskerT]] = {}
        self.unfold: Callable[[Wait[AskerT]], InFlight[AskerT]] = _never_in_one_piece
        """Makes of a wait in the table the question that it stands for."""
        self._ports: set[int] = set()
        """Those of all sockets that are open."""
        self._idle = IdleSockets()
        self._load_ends: Instant = 0
        """When idle sockets are no longer kept, unless many questions are in flight by then."""
        self._joinable: dict[_Sameness, InFlight[AskerT]] = {}
        self._timers: Timers[Wait[AskerT]] = Timers()

    def __len__(self) -> int:
        return len(self.in_flight)

    def ask(self, ask: Ask, asker: AskerT, effects: list[Effect]) -> Wait[AskerT]:
        """Send a question on a socket that nobody else uses, unless it is under way; `asker` comes
        back with what was heard. Returns what to `abandon` if that is of no interest any more."""
        same = _sameness(ask)
        pending = self._joinable.get(same)
        if pending is None:
            pending = self._joinable[same] = self._send(ask, effects)
        wait = Wait(asker, pending)
        pending.waits.append(wait)
        self._timers.set(wait, ask.until)
        return wait

    def abandon(self, waits: list[Wait[AskerT]], now: Instant, effects: list[Effect]) -> None:
        """End waits without a word to those who wait, and empty the list; what is over already
        stays so. A question that nobody waits for any more is forgotten, and its reply, if it
        comes, is not read."""
        for wait in waits:
            pending = wait.pending
            if pending is None or wait not in pending.waits:
                continue
            if self.in_flight.get(pending.socket.flow) is not pending:
                continue
            self._timers.cancel(wait)
            pending.waits.remove(wait)
            if not pending.waits:
                self._let_nobody_join(pending)
                self._release(pending.socket, now, effects, answered=False)
        waits.clear()

    def handle(
        self, event: Event, now: Instant, effects: list[Effect]
    ) -> tuple[Settled[AskerT], ...]:
        """Take an event of a flow that was opened here; late ones are no error. Everybody who waits
        for the same is settled at once."""
        flow = getattr(event, "flow", None)
        pending = self.in_flight.get(flow)
        if flow is None or pending is None:
            return ()
        if isinstance(pending, Wait):
            pending = self.unfold(pending)
        if isinstance(event, MessageArrived):
            return self._weigh(event, pending, now, effects)
        refusal: str | None = None
        match event:
            case StreamOpened():
                effects.append(Send(flow, pending.message))
            case PortTaken() if pending.draws < limits.SOURCE_PORT_DRAWS:
                self._reopen(pending, effects)
            case PortTaken():
                refusal = "no free source port"
            case StreamClosed():
                refusal = "stream closed before a reply"
            case Unreachable(_, reason):
                refusal = reason
        if refusal is None:
            return ()
        self._ledger.counters.upstream_unreachable += 1
        effects.append(Note(ServerUnreachable(pending.ask.server, pending.ask.question, refusal)))
        return self._settle(pending, UNREACHABLE, now, effects)

    def expire(self, now: Instant, effects: list[Effect]) -> Settled[AskerT] | None:
        """End the wait that is due first; call again until it returns None."""
        if now >= self._load_ends:
            self._dismiss_idle(effects)
        wait = self._timers.take_due(now)
        if wait is None:
            return None
        pending = wait.pending or self.unfold(wait)
        pending.waits.remove(wait)
        # Who asks from now on has it sent anew: the question or its reply may be lost.
        self._let_nobody_join(pending)
        if not pending.waits:
            ask = pending.ask
            self._ledger.counters.upstream_timeouts += 1
            effects.append(Note(ServerTimedOut(ask.server, ask.question)))
            self._settle(pending, TIMED_OUT, now, effects)
        return Settled(wait.asker, Heard(TIMED_OUT, now, pending.ask.server))

    def deadline(self) -> Instant | None:
        """When the next wait ends, or the load."""
        return earliest(self._timers.earliest(), self._load_ends if self._idle else None)

    def send(
        self, wait: Wait[AskerT], server: Endpoint, tail: bytes, until: Instant, out: list[Effect]
    ) -> tuple[int, UpstreamSocket]:
        """Send a question in one piece, whose octets behind the ID are `tail`, by UDP; the ID that
        was drawn for it, and its socket."""
        id_, port = self._draw()
        message = id_.to_bytes(2, "big") + tail
        carrier = self._idle.take(server, port)
        if carrier is None:
            carrier = UpstreamSocket(next(self._flows), server, port)
            self._ports.add(port)
            out.append(Open(carrier.flow, Transport.UDP, server, port))
        out.append(Send(carrier.flow, message))
        self.in_flight[carrier.flow] = wait
        self._timers.set(wait, until)
        self._ledger.counters.upstream_questions += 1
        return id_, carrier

    def settle(self, wait: Wait[AskerT], carrier: UpstreamSocket, now: Instant) -> list[Effect]:
        """A question in one piece was answered."""
        effects: list[Effect] = []
        self._timers.cancel(wait)
        self._release(carrier, now, effects, answered=True)
        return effects

    def unfolded(self, pending: InFlight[AskerT]) -> None:
        """What went out in one piece is now to be treated like every other question."""
        self.in_flight[pending.socket.flow] = pending
        self._joinable[_sameness(pending.ask)] = pending

    def has_joinable(self) -> bool:
        """Whether there is any question, but for those in one piece, that others may wait for."""
        return bool(self._joinable)

    def is_under_way(self, ask: Ask) -> bool:
        """Whether who asked this would wait for a question that went out already."""
        return _sameness(ask) in self._joinable

    def _send(self, ask: Ask, effects: list[Effect]) -> InFlight[AskerT]:
        id_, port = self._draw()
        if ask.verbatim:
            message = id_.to_bytes(2, "big") + ask.verbatim[2:]
        else:
            message = build_query(id_, ask.question_wire, rd=ask.rd, cd=ask.cd, edns=ask.edns)
        idle = self._idle.take(ask.server, port) if ask.transport is Transport.UDP else None
        pending: InFlight[AskerT]
        if idle is None:
            pending = InFlight(ask, id_, message, self._fresh(ask, port))
            self._open(pending, effects)
        else:
            pending = InFlight(ask, id_, message, idle)
            self.in_flight[idle.flow] = pending
            effects.append(Send(idle.flow, message))
        self._ledger.counters.upstream_questions += 1
        if self._ledger.each_question:
            effects.append(Note(ServerAsked(ask.server, ask.question, ask.transport)))
        return pending

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

    def _open(self, pending: InFlight[AskerT], effects: list[Effect]) -> None:
        ask, flow, port = pending.ask, pending.socket.flow, pending.socket.port
        self.in_flight[flow] = pending
        self._ports.add(port)
        effects.append(Open(flow, ask.transport, ask.server, port))
        if ask.transport is Transport.UDP:
            effects.append(Send(flow, pending.message))

    def _reopen(self, pending: InFlight[AskerT], effects: list[Effect]) -> None:
        # Nothing went out under the ID, so it is as good as a new one.
        del self.in_flight[pending.socket.flow]
        self._ports.discard(pending.socket.port)
        pending.socket = self._fresh(pending.ask, self._draw()[1])
        pending.draws += 1
        self._open(pending, effects)

    def _weigh(
        self,
        event: MessageArrived,
        pending: InFlight[AskerT],
        now: Instant,
        effects: list[Effect],
    ) -> tuple[Settled[AskerT], ...]:
        ask = pending.ask
        reply: Reply | Malformed = Malformed("longer than any datagram that we said we take")
        most = limits.LARGEST_UDP_REPLY_OCTETS
        if ask.transport is Transport.TCP or len(event.payload) <= most or ask.verbatim:
            reply = parse_reply(event.payload, ask.question, ask.question_wire)
        fault = _fault(reply, pending, event)
        if isinstance(reply, Malformed) or fault is not None:
            self._ledger.counters.upstream_mismatches += 1
            effects.append(
                Note(ReplyMismatched(ask.server, ask.question, event.source, fault or "malformed"))
            )
            return ()
        if self._ledger.each_question:
            effects.append(Note(ServerReplied(ask.server, ask.question, reply.rcode)))
        return self._settle(pending, reply, now, effects)

    def _settle(
        self,
        pending: InFlight[AskerT],
        outcome: Reply | Silence,
        now: Instant,
        effects: list[Effect],
    ) -> tuple[Settled[AskerT], ...]:
        self._let_nobody_join(pending)
        answered = isinstance(outcome, Reply) and pending.ask.transport is Transport.UDP
        self._release(pending.socket, now, effects, answered=answered)
        heard = Heard(outcome, now, pending.ask.server)
        for wait in pending.waits:
            self._timers.cancel(wait)
        return tuple([Settled(wait.asker, heard) for wait in pending.waits])

    def _release(
        self, used: UpstreamSocket, now: Instant, effects: list[Effect], *, answered: bool
    ) -> None:
        """A socket's question is over; `answered` says whether by a datagram."""
        del self.in_flight[used.flow]
        if len(self.in_flight) >= limits.QUESTIONS_UNDER_LOAD:
            self._load_ends = now + limits.LOAD_LASTS
        under_load = now < self._load_ends
        if not under_load or not answered or not self._idle.keep(used):
            self._close(used, effects)
        if not under_load:
            self._dismiss_idle(effects)

    def _dismiss_idle(self, effects: list[Effect]) -> None:
        for idle in self._idle.dismiss():
            self._close(idle, effects)

    def _let_nobody_join(self, pending: InFlight[AskerT]) -> None:
        same = _sameness(pending.ask)
        if self._joinable.get(same) is pending:
            del self._joinable[same]

    def _close(self, socket: UpstreamSocket, effects: list[Effect]) -> None:
        self._ports.discard(socket.port)
        effects.append(Close(socket.flow))


def _never_in_one_piece(wait: Wait[AskerT]) -> InFlight[AskerT]:
    raise NotImplementedError(f"nobody said how to unfold {wait}")


def _sameness(ask: Ask) -> _Sameness:
    """What makes two questions one: to a forger the case of a name is nothing to be guessed."""
    question = ask.question
    name, (address, port) = question.name.lower(), (ask.server.address, ask.server.port)
    # Of a message that goes out as it is, every octet behind the ID counts.
    how = (ask.transport, ask.edns, ask.cd, ask.rd, ask.verbatim[2:])
    return (address, port, name, question.qtype, question.qclass, how)


def _fault(
    reply: Reply | Malformed, pending: InFlight[AskerT], event: MessageArrived
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
