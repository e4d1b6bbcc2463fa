"""The streams clients have opened: how many, how busy, how long idle."""

from __future__ import annotations

from dataclasses import dataclass

from resolver import limits
from resolver.dns.facts import StreamIdled
from resolver.dns.timers import Timers
from resolver.machine import Close, Effect, Endpoint, Flow, Instant, Note


@dataclass(slots=True)
class _Stream:
    client: Endpoint
    waiting: int = 0
    """Questions without an answer yet."""


class ClientStreams:
    """Closes streams that stay idle, and those beyond what is held open."""

    def __init__(self) -> None:
        self._streams: dict[Flow, _Stream] = {}
        self._idle: Timers[Flow] = Timers()

    def __contains__(self, flow: Flow) -> bool:
        return flow in self._streams

    def opened(self, flow: Flow, client: Endpoint, now: Instant, effects: list[Effect]) -> None:
        """A client has opened a stream."""
        if len(self._streams) >= limits.CLIENT_STREAMS:
            effects.append(Close(flow))
            return
        self._streams[flow] = _Stream(client)
        self._idle.set(flow, now + limits.STREAM_IDLE)

    def closed(self, flow: Flow) -> None:
        """The stream is gone; so are the answers owed on it."""
        self._streams.pop(flow, None)
        self._idle.cancel(flow)

    def question_came(self, flow: Flow, effects: list[Effect]) -> bool:
        """A question came over the stream; False when it can wait for no more answers."""
        stream = self._streams.get(flow)
        if stream is None:
            return False
        if stream.waiting >= limits.QUESTIONS_PER_STREAM:
            self.close(flow, effects)
            return False
        stream.waiting += 1
        self._idle.cancel(flow)
        return True

    def answered(self, flow: Flow, now: Instant) -> None:
        """One of its questions got its answer."""
        stream = self._streams[flow]
        stream.waiting -= 1
        if stream.waiting == 0:
            # RFC 7766 6.2.3: idle counts from the last answer; a client still waiting is not idle.
            self._idle.set(flow, now + limits.STREAM_IDLE)

    def close(self, flow: Flow, effects: list[Effect]) -> None:
        """End a stream from this side."""
        self.closed(flow)
        effects.append(Close(flow))

    def expire(self, now: Instant, effects: list[Effect]) -> None:
        """Close every stream that has been idle for too long."""
        while (flow := self._idle.take_due(now)) is not None:
            effects.append(Note(StreamIdled(self._streams[flow].client)))
            self.close(flow, effects)

    def deadline(self) -> Instant | None:
        """When the next stream has been idle for too long."""
        return self._idle.earliest()
