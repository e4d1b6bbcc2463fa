"""A forwarder that takes no care at all: what a server looks like that breaks the rules."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import count

from resolver.machine import (
    Duration,
    Effect,
    Endpoint,
    Event,
    Flow,
    Instant,
    MessageArrived,
    Open,
    Send,
    Transport,
)

_DNS_PORT = 53


class CarelessForwarder:
    """Relays each question to all its servers, as it came, and every reply as it comes.

    It asks them all at once, or one after the other by the clock, `gap_ns` apart, whatever has come
    in the meantime. So it repeats a client's ID, asks again for what it has just asked, keeps
    nothing, hands on truncated, forged, late and second replies alike, and knows no TCP upstream.
    Its sockets stay open: a reply is never too late.
    """

    def __init__(self, servers: Sequence[str], gap_ns: Duration = 0) -> None:
        self._servers = tuple(Endpoint(server, _DNS_PORT) for server in servers)
        self._gap_ns = gap_ns
        self._clients: dict[Flow, Flow] = {}
        """Whom the replies on each flow of ours go to."""
        self._flows = count(1)
        self._due: list[tuple[Instant, int, Endpoint, bytes]] = []
        """When, on which flow, whom and what to ask."""

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Relay a question, or a reply."""
        if not isinstance(event, MessageArrived):
            return ()
        client = self._clients.get(event.flow)
        if client is not None:
            return (Send(client, event.payload),)
        for place, server in enumerate(self._servers):
            flow = next(self._flows)
            self._clients[flow] = event.flow
            heapq.heappush(self._due, (now + place * self._gap_ns, flow, server, event.payload))
        return self.expire(now)

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Ask the servers whose time has come."""
        effects: list[Effect] = []
        while self._due and self._due[0][0] <= now:
            _, flow, server, payload = heapq.heappop(self._due)
            effects += (Open(flow, Transport.UDP, server), Send(flow, payload))
        return effects

    def deadline(self) -> Instant | None:
        """When the next server is asked."""
        return self._due[0][0] if self._due else None

    def ready(self) -> bool:
        """It needs no preparation."""
        return True
