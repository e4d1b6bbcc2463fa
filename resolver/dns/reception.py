"""Where clients' messages come in and their answers go out, the same for every DNS program."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from resolver import limits
from resolver.dns.counters import Ledger
from resolver.dns.facts import MessageRejected
from resolver.dns.message import Malformed, Query, Rcode
from resolver.dns.message_reading import parse_query
from resolver.dns.streams import ClientStreams
from resolver.machine import (
    Duration,
    Effect,
    Endpoint,
    Event,
    Flow,
    Instant,
    MessageArrived,
    Note,
    Send,
    StopRequested,
    StreamClosed,
    StreamOpened,
    Transport,
)


class Client(NamedTuple):
    """Who asked what, and where the answer goes."""

    flow: Flow
    endpoint: Endpoint
    transport: Transport
    query: Query
    message: bytes
    """The whole message as it came."""


def nobody(_address: str) -> bool:
    """The clients of a program that offers no recursion."""
    return False


class Reception:
    """Reads what clients send, answers what is no question, and keeps their streams.

    A question that it returns is owed an answer, or the word that there is none: by `answer`, once.
    Effects are appended to the list that each call is given. `recursion_for` says to which clients
    (by address) recursion is offered, for the RA bit of the answers given here.
    """

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        recursion_for: Callable[[str], bool] = nobody,
        idle_ns: Duration = limits.STREAM_IDLE,
    ) -> None:
        self._ledger = ledger or Ledger()
        self._recursion_for = recursion_for
        self.streams = ClientStreams(self._ledger, idle_ns)
        self._waiting: dict[tuple[str, Transport], int] = {}
        """Questions that are owed an answer, by client."""
        self._waiting_in_all = 0
        self._stopping = False

    def handle(self, event: Event, now: Instant, effects: list[Effect]) -> Client | None:
        """Take an event of a flow that a client opened; a question is returned, to be answered."""
        match event:
            case MessageArrived():
                return self._read(event, now, effects)
            case StreamOpened(flow, source, _):
                self.streams.opened(flow, source, now, effects)
            case StreamClosed(flow):
                self.streams.closed(flow)
            case StopRequested():
                self._stopping = True
                self.streams.stop(effects)
        return None

    def answer(
        self, client: Client, reply: bytes | None, now: Instant, effects: list[Effect]
    ) -> bool:
        """Send a client its reply (None: owe it nothing any more); False when it is gone."""
        self.release(client.endpoint.address, client.transport)
        if client.transport is Transport.TCP and client.flow not in self.streams:
            self._ledger.counters.dropped += 1
            return False
        if reply is None:
            self._ledger.counters.dropped += 1
        else:
            effects.append(Send(client.flow, reply))
        if client.transport is Transport.TCP:
            self.streams.answered(client.flow, now, effects)
        return True

    def admit(self, address: str) -> bool:
        """Have a datagram's question wait that was read by somebody else, and is well formed;
        False, and nothing done, where no more may wait. It is owed an answer, or `release`."""
        key = (address, Transport.UDP)
        waiting = self._waiting.get(key, 0)
        if waiting >= limits.QUESTIONS_PER_CLIENT or self._stopping:
            return False
        if self._waiting_in_all >= limits.QUESTIONS_IN_FLIGHT:
            return False
        self._ledger.counters.questions_udp += 1
        self._waiting[key] = waiting + 1
        self._waiting_in_all += 1
        return True

    def release(self, address: str, transport: Transport = Transport.UDP) -> None:
        """Owe a client one answer less."""
        key = (address, transport)
        self._waiting_in_all -= 1
        waiting = self._waiting[key] - 1
        if waiting:
            self._waiting[key] = waiting
        else:
            del self._waiting[key]  # so that only clients that wait take memory

    def expire(self, now: Instant, effects: list[Effect]) -> None:
        """Close the streams that have been idle for too long."""
        self.streams.expire(now, effects)

    def deadline(self) -> Instant | None:
        """When the next stream has been idle for too long."""
        return self.streams.deadline()

    def idle(self) -> bool:
        """Whether no client is owed anything, and no stream is open."""
        return not self._waiting and not len(self.streams)

    def crowded(self, client: Client) -> bool:
        """Whether this client, or all together, have so many questions waiting that one more must
        not wait too. What can be answered at once may be."""
        waiting = self._waiting[client.endpoint.address, client.transport]
        in_all = self._waiting_in_all
        return waiting > limits.QUESTIONS_PER_CLIENT or in_all > limits.QUESTIONS_IN_FLIGHT

    def in_flight(self) -> int:
        """Questions that are owed an answer."""
        return self._waiting_in_all

    def _read(self, event: MessageArrived, now: Instant, effects: list[Effect]) -> Client | None:
        counters = self._ledger.counters
        streamed = event.transport is Transport.TCP
        if self._stopping or (streamed and not self.streams.question_came(event.flow)):
            counters.dropped += 1
            return None
        query = parse_query(event.payload)
        if isinstance(query, Malformed):
            counters.malformed += 1
            self._reject(query, event, now, effects)
            return None
        if streamed:
            counters.questions_tcp += 1
        else:
            counters.questions_udp += 1
        client = Client(event.flow, event.source, event.transport, query, event.payload)
        key = (event.source.address, event.transport)
        self._waiting[key] = self._waiting.get(key, 0) + 1
        self._waiting_in_all += 1
        return client

    def _reject(
        self, malformed: Malformed, event: MessageArrived, now: Instant, effects: list[Effect]
    ) -> None:
        effects.append(Note(MessageRejected(event.source, malformed.reason)))
        offered = self._recursion_for(event.source.address)
        reply = malformed.reply(recursion_available=offered)
        if reply is not None:
            effects.append(Send(event.flow, reply))
        if event.transport is Transport.UDP:
            return
        if malformed.rcode == Rcode.FORMERR:
            # A stream whose messages are broken once is out of step for good.
            self.streams.close(event.flow, effects)
        else:
            self.streams.answered(event.flow, now, effects)
