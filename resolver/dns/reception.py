"""Where clients' messages come in and their answers go out, the same for every DNS program."""

from __future__ import annotations

from dataclasses import dataclass

from resolver.dns.facts import MessageRejected
from resolver.dns.message import Malformed, Query, Rcode, parse_query
from resolver.dns.streams import ClientStreams
from resolver.machine import (
    Effect,
    Endpoint,
    Event,
    Flow,
    Instant,
    MessageArrived,
    Note,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asked what, and where the answer goes."""

    flow: Flow
    endpoint: Endpoint
    transport: Transport
    query: Query
    message: bytes
    """The whole message as it came."""


class Reception:
    """Reads what clients send, answers what is no question, and keeps their streams.

    Effects are appended to the list that each call is given.
    """

    def __init__(self, *, recursion_available: bool) -> None:
        self._recursion_available = recursion_available
        self._streams = ClientStreams()

    def handle(self, event: Event, now: Instant, effects: list[Effect]) -> Client | None:
        """Take an event of a flow that a client opened; a question is returned, to be answered."""
        match event:
            case StreamOpened(flow, source, _):
                self._streams.opened(flow, source, now, effects)
            case StreamClosed(flow):
                self._streams.closed(flow)
            case MessageArrived():
                return self._read(event, now, effects)
        return None

    def answer(
        self, client: Client, reply: bytes | None, now: Instant, effects: list[Effect]
    ) -> bool:
        """Send a client its reply (None: owe it nothing any more); False when it is gone."""
        if client.transport is Transport.TCP:
            if client.flow not in self._streams:
                return False
            self._streams.answered(client.flow, now)
        if reply is not None:
            effects.append(Send(client.flow, reply))
        return True

    def expire(self, now: Instant, effects: list[Effect]) -> None:
        """Close the streams that have been idle for too long."""
        self._streams.expire(now, effects)

    def deadline(self) -> Instant | None:
        """When the next stream has been idle for too long."""
        return self._streams.deadline()

    def _read(self, event: MessageArrived, now: Instant, effects: list[Effect]) -> Client | None:
        streamed = event.transport is Transport.TCP
        if streamed and not self._streams.question_came(event.flow, effects):
            return None
        query = parse_query(event.payload)
        if isinstance(query, Query):
            return Client(event.flow, event.source, event.transport, query, event.payload)
        self._reject(query, event, now, effects)
        return None

    def _reject(
        self, malformed: Malformed, event: MessageArrived, now: Instant, effects: list[Effect]
    ) -> None:
        effects.append(Note(MessageRejected(event.source, malformed.reason)))
        reply = malformed.reply(recursion_available=self._recursion_available)
        if reply is not None:
            effects.append(Send(event.flow, reply))
        if event.transport is Transport.TCP:
            self._streams.answered(event.flow, now)
            if malformed.rcode == Rcode.FORMERR:
                # A stream whose messages are broken once is out of step for good.
                self._streams.close(event.flow, effects)
