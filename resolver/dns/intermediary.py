"""What every DNS program that stands between clients and servers has in common: messages from one
side, messages from the other, and the timers of both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic

from resolver.dns.exchange import Exchanges
from resolver.dns.in_flight import AskerT, Settled
from resolver.dns.reception import Client, Reception
from resolver.dns.timers import earliest
from resolver.machine import Effect, Event, Instant


class Intermediary(ABC, Generic[AskerT]):
    """The machine without its mind: subclasses say what is done with a client's question, and with
    what came of a question of their own."""

    def __init__(self, reception: Reception, exchanges: Exchanges[AskerT]) -> None:
        self._reception = reception
        self._exchanges = exchanges

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Take an event; return what is to be done. Never raises, whatever bytes came in."""
        effects: list[Effect] = []
        if isinstance(getattr(event, "flow", None), int):  # a flow that we opened
            for settled in self._exchanges.handle(event, now, effects):
                self._go_on(settled, effects)
            return effects
        client = self._reception.handle(event, now, effects)
        if client is not None:
            self._accept(client, now, effects)
        return effects

    def expire(self, now: Instant) -> Sequence[Effect]:
        """End every wait that is over at `now`."""
        effects: list[Effect] = []
        self._reception.expire(now, effects)
        while (settled := self._exchanges.expire(now, effects)) is not None:
            self._go_on(settled, effects)
        return effects

    def deadline(self) -> Instant | None:
        """The earliest instant at which a server or a stream has been waited for long enough."""
        return earliest(self._exchanges.deadline(), self._reception.deadline())

    def ready(self) -> bool:
        """From the start: nothing is needed before the first question."""
        return True

    def idle(self) -> bool:
        """Whether no client is owed anything."""
        return self._reception.idle()

    @abstractmethod
    def _accept(self, client: Client, now: Instant, effects: list[Effect]) -> None:
        """See to a client's question; each one's answer goes through `Reception.answer`, once."""

    @abstractmethod
    def _go_on(self, settled: Settled[AskerT], effects: list[Effect]) -> None:
        """Go on with what was heard."""
