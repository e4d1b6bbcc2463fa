"""The streams clients have opened: how many, how busy, how long idle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from resolver import limits
from resolver.dns.counters import Ledger
from resolver.dns.facts import StreamIdled
from resolver.dns.timers import Timers
from resolver.machine import Close, Duration, Effect, Endpoint, Flow, Instant, Note


@dataclass(slots=True)
class _Stream:
    client: Endpoint
    waiting: int = 0
    """Questions without an answer yet."""


class ClientStreams:
    """Closes streams that stay idle for `idle_ns`, and those beyond what is held open."""

    def __init__(self, ledger: Ledger, idle_ns: Duration) -> None:
        self.idle_ns = idle_ns
        self._ledger = ledger
        self._streams: dict[Flow, _Stream] = {}
        self._of_client: Counter[str] = Counter()
        self._idle: Timers[Flow] = Timers()
        self._stopping = False

    def __contains__(self, flow: Flow) -> bool:
        return flow in self._streams

    def __len__(self) -> int:
        return len(self._streams)

    def opened(self, flow: Flow, client: Endpoint, now: Instant, effects: list[Effect]) -> None:
        """A client has opened a stream."""
        self._ledger.counters.streams_opened += 1
        self.closed(flow)  # whoever had that name before is gone
        if not self._has_room_for(client, effects):
            self._ledger.counters.streams_refused += 1
            effects.append(Close(flow))
            return
        self._streams[flow] = _Stream(client)
        self._of_client[client.address] += 1
        self._idle.set(flow, now + self.idle_ns)

    def closed(self, flow: Flow) -> None:
        """The stream is gone; so are the answers owed on it."""
        stream = self._streams.pop(flow, None)
        if stream is None:
            return
        self._idle.cancel(flow)
        self._of_client[stream.client.address] -= 1
        if not self._of_client[stream.client.address]:
            del self._of_client[stream.client.address]

    def question_came(self, flow: Flow) -> bool:
        """A question came over the stream; False when the stream is gone."""
        stream = self._streams.get(flow)
        if stream is None:
            return False
        stream.waiting += 1
        self._idle.cancel(flow)
        return True

    def answered(self, flow: Flow, now: Instant, effects: list[Effect]) -> None:
        """One of its questions got its answer."""
        stream = self._streams[flow]
        stream.waiting = max(0, stream.waiting - 1)  # it may be owed to an earlier stream so named
        if stream.waiting:
            return
        if self._stopping:
            self.close(flow, effects)
        else:
            # RFC 7766 6.2.3: idle counts from the last answer; a client still waiting is not idle.
            self._idle.set(flow, now + self.idle_ns)

    def close(self, flow: Flow, effects: list[Effect]) -> None:
        """End a stream from this side."""
        self.closed(flow)
        effects.append(Close(flow))

    def stop(self, effects: list[Effect]) -> None:
        """Close what is idle; the others follow with their last answers."""
        self._stopping = True
        while (flow := self._idle.take_earliest()) is not None:
            self.close(flow, effects)

    def expire(self, now: Instant, effects: list[Effect]) -> None:
        """Close every stream that has been idle for too long."""
        while (flow := self._idle.take_due(now)) is not None:
            self._ledger.counters.streams_idled += 1
            if self._ledger.each_question:
                effects.append(Note(StreamIdled(self._streams[flow].client)))
            self.close(flow, effects)

    def deadline(self) -> Instant | None:
        """When the next stream has been idle for too long."""
        return self._idle.earliest()

    def _has_room_for(self, client: Endpoint, effects: list[Effect]) -> bool:
        if self._stopping or self._of_client[client.address] >= limits.STREAMS_PER_CLIENT:
            return False
        if len(self._streams) < limits.CLIENT_STREAMS:
            return True
        # RFC 7766 6.2.3: under load, idle streams are closed sooner.
        longest_idle = self._idle.take_earliest()
        if longest_idle is None:
            return False
        self._ledger.counters.streams_idled += 1
        self.close(longest_idle, effects)
        return True
