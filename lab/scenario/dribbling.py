"""A server whose streams come octet by octet: it takes care of their framing itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from resolver.machine import (
    Effect,
    Event,
    Flow,
    Framing,
    Instant,
    Machine,
    MessageArrived,
    Send,
    StreamClosed,
    Transport,
)


class Dribbled(bytes):
    """Octets of a stream that are sent as they are: their frame is the sender's own business."""


class Dribbler:
    """Behind it a server reads and writes messages; before it are raw streams (`stream_framing`).

    `Send` of `Dribbled` octets goes out as it is, any other over a stream with its length before
    it (RFC 1035 4.2.2).
    """

    stream_framing: ClassVar[Framing] = Framing.RAW

    def __init__(self, server: Machine) -> None:
        self._server = server
        self._unread: dict[Flow, bytes] = {}

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Cut streams into messages; everything else goes through."""
        if isinstance(event, StreamClosed):
            self._unread.pop(event.flow, None)
        if not (isinstance(event, MessageArrived) and event.transport is Transport.TCP):
            return self._framed(self._server.handle(event, now))
        unread = self._unread.get(event.flow, b"") + event.payload
        effects: list[Effect] = []
        while len(unread) >= 2 and len(unread) >= (end := 2 + int.from_bytes(unread[:2], "big")):
            message, unread = unread[2:end], unread[end:]
            effects += self._server.handle(event._replace(payload=message), now)
        self._unread[event.flow] = unread
        return self._framed(effects)

    def expire(self, now: Instant) -> Sequence[Effect]:
        """What the server does at its timers."""
        return self._framed(self._server.expire(now))

    def deadline(self) -> Instant | None:
        """The server's."""
        return self._server.deadline()

    def ready(self) -> bool:
        """Whether the server is."""
        return self._server.ready()

    def _framed(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        return [self._on_the_wire(effect) for effect in effects]

    def _on_the_wire(self, effect: Effect) -> Effect:
        if not isinstance(effect, Send) or effect.flow not in self._unread:
            return effect
        if isinstance(effect.payload, Dribbled):
            return Send(effect.flow, bytes(effect.payload))
        return Send(effect.flow, len(effect.payload).to_bytes(2, "big") + effect.payload)
