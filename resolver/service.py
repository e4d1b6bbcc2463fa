"""The service on a cluster member: it tells each caller which server it is, and hangs up.

It stands for what viewers connect to; that a name comes back proves who was reached (NAT-01).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resolver.config import ServiceConfig
from resolver.machine import Close, Effect, Endpoint, Event, Instant, Note, Send, StreamOpened


@dataclass(frozen=True, slots=True)
class CallerServed:
    """Somebody connected and was told the name."""

    caller: Endpoint

    def __str__(self) -> str:
        return f"{self.caller} served"


class Service:
    """The machine: connections in, names out."""

    def __init__(self, config: ServiceConfig) -> None:
        self._banner = config.name.encode() + b"\n"

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:  # noqa: ARG002 - the contract
        """Greet whoever connects; what they say is not listened to."""
        if not isinstance(event, StreamOpened):
            return ()
        greeting = Send(event.flow, self._banner)
        return greeting, Close(event.flow), Note(CallerServed(event.source))

    def expire(self, now: Instant) -> Sequence[Effect]:  # noqa: ARG002 - the contract
        """No timers: a connection is closed as soon as it has been greeted."""
        return ()

    def deadline(self) -> Instant | None:
        """No timers: a connection is closed as soon as it has been greeted."""
        return None

    def ready(self) -> bool:
        """From the start."""
        return True
