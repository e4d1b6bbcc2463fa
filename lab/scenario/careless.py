"""A forwarder that takes no care at all: what a server looks like that breaks the rules."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from resolver.machine import (
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
    """Relays each question to all its servers at once, as it came, and every reply as it comes.

    So it repeats a client's ID, asks again for what it has just asked, keeps nothing, hands on
    truncated, forged, late and second replies alike, and knows no TCP upstream. Its sockets stay
    open: a reply is never too late.
    """

    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = tuple(Endpoint(server, _DNS_PORT) for server in servers)
        self._clients: dict[Flow, Flow] = {}
        """Whom the replies on each flow of ours go to."""
        self._flows = count(1)

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Relay a question, or a reply."""
        del now
        if not isinstance(event, MessageArrived):
            return ()
        client = self._clients.get(event.flow)
        if client is not None:
            return (Send(client, event.payload),)
        effects: list[Effect] = []
        for server in self._servers:
            flow = next(self._flows)
            self._clients[flow] = event.flow
            effects += (Open(flow, Transport.UDP, server), Send(flow, event.payload))
        return effects

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Nothing is ever due: it waits for nobody."""
        del now
        return ()

    def deadline(self) -> Instant | None:
        """It has no timers."""
        return None

    def ready(self) -> bool:
        """It needs no preparation."""
        return True
