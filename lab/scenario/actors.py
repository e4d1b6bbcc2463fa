"""Actors: the viewer's side of a scenario, as machines, so that both worlds run the same ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

from dnslib import DNSError, DNSRecord

from resolver.machine import (
    Close,
    Duration,
    Effect,
    Endpoint,
    Event,
    Framing,
    Instant,
    MessageArrived,
    Open,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

_FLOW = 1  # an actor holds one conversation


class Actor(ABC):
    """A machine that starts by itself, holds one conversation and finishes: with what it wanted,
    with a refusal, or when its patience ends.
    """

    def __init__(self, patience_ns: Duration) -> None:
        self.finished = False
        self._patience_ns = patience_ns
        self._started_at: Instant | None = None

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Follow the conversation; whatever ends it finishes the actor."""
        del now
        match event:
            case StreamOpened():
                return self.on_connected()
            case MessageArrived(payload=payload):
                return self._finish() if self.on_message(payload) else ()
            case Unreachable() | StreamClosed():
                return self._finish()
            case _:
                return ()

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Begin; later, give up."""
        if self._started_at is None:
            self._started_at = now
            return self.opening()
        if not self.finished and now >= self._started_at + self._patience_ns:
            return self._finish()
        return ()

    def deadline(self) -> Instant | None:
        """When it starts, then when its patience ends."""
        if self.finished:
            return None
        return 0 if self._started_at is None else self._started_at + self._patience_ns

    def ready(self) -> bool:
        """Say that an actor has nothing to prepare."""
        return True

    @abstractmethod
    def opening(self) -> Sequence[Effect]:
        """How the conversation begins."""

    @abstractmethod
    def on_connected(self) -> Sequence[Effect]:
        """What to do when a stream is connected."""

    @abstractmethod
    def on_message(self, payload: bytes) -> bool:
        """Take a message; True when it was what the actor waited for."""

    def _finish(self) -> Sequence[Effect]:
        self.finished = True
        return (Close(_FLOW),)


class StubQuestion(Actor):
    """A stub resolver that asks one question once and waits for its reply."""

    def __init__(
        self, server: Endpoint, payload: bytes, transport: Transport, patience_ns: Duration
    ) -> None:
        super().__init__(patience_ns)
        self.addresses: tuple[str, ...] = ()
        """A and AAAA addresses of the reply, in its order; empty when there was none."""
        self._server = server
        self._payload = payload
        self._transport = transport

    def opening(self) -> Sequence[Effect]:
        """Ask at once over UDP; over TCP, connect first."""
        opening = Open(_FLOW, self._transport, self._server)
        if self._transport is Transport.UDP:
            return (opening, *self.on_connected())
        return (opening,)

    def on_connected(self) -> Sequence[Effect]:
        """Ask."""
        return (Send(_FLOW, self._payload),)

    def on_message(self, payload: bytes) -> bool:
        """Take the reply to our ID; anything else is not for us."""
        if payload[:2] != self._payload[:2]:
            return False
        self.addresses = answered_addresses(payload)
        return True


class PiecemealQuestion(StubQuestion):
    """A stub resolver whose question, with the length before it, comes over TCP in several
    segments."""

    def __init__(
        self, server: Endpoint, payload: bytes, pieces: int, patience_ns: Duration
    ) -> None:
        super().__init__(server, payload, Transport.TCP, patience_ns)
        self._pieces = pieces
        self._arrived = b""

    def opening(self) -> Sequence[Effect]:
        """Connect, and cut messages ourselves: a shell would put length and message together."""
        return (Open(_FLOW, Transport.TCP, self._server, framing=Framing.RAW),)

    def on_connected(self) -> Sequence[Effect]:
        """Ask, piece by piece. Shells send each at once (TCP_NODELAY), so each is a segment."""
        octets = len(self._payload).to_bytes(2, "big") + self._payload
        pieces = min(self._pieces, len(octets))
        cuts = [len(octets) * place // pieces for place in range(pieces + 1)]
        return [Send(_FLOW, octets[here:there]) for here, there in pairwise(cuts)]

    def on_message(self, payload: bytes) -> bool:
        """Take octets until they hold the reply to our ID."""
        self._arrived += payload
        while len(self._arrived) >= 2:
            end = 2 + int.from_bytes(self._arrived[:2], "big")
            if len(self._arrived) < end:
                return False
            message, self._arrived = self._arrived[2:end], self._arrived[end:]
            if super().on_message(message):
                return True
        return False


class ServiceCall(Actor):
    """A viewer that connects to the service and reads the name of the server it reached."""

    def __init__(self, remote: Endpoint, patience_ns: Duration) -> None:
        super().__init__(patience_ns)
        self._remote = remote

    def opening(self) -> Sequence[Effect]:
        """Connect."""
        return (Open(_FLOW, Transport.TCP, self._remote, framing=Framing.RAW),)

    def on_connected(self) -> Sequence[Effect]:
        """Wait: the server speaks first."""
        return ()

    def on_message(self, payload: bytes) -> bool:
        """Take the server's name; the judge reads it from the packets."""
        return bool(payload)


def answered_addresses(payload: bytes) -> tuple[str, ...]:
    """Return the addresses in the answer section of a DNS message; none if it does not parse."""
    try:
        message = DNSRecord.parse(payload)
    except DNSError:
        return ()
    return tuple(str(record.rdata) for record in message.rr if record.rtype in {1, 28})
