"""Many questions at once, as actors: a crowd of stub resolvers, or one stub that pipelines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from resolver.machine import (
    Close,
    Duration,
    Effect,
    Endpoint,
    Event,
    Instant,
    MessageArrived,
    Open,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

_A_TURN: Final = 50
"""How many questions leave before the world gets its turn. A burst of hundreds overflows receive
buffers (Linux: 208 KiB, some 270 small datagrams), and in the Mininet world it is this very process
that has to empty those of scripted servers."""


class Questions(ABC):
    """A machine that asks many questions, so many at once, and finishes when each has its reply,
    was refused, or has waited in vain. The messages' IDs differ.
    """

    def __init__(
        self, server: Endpoint, payloads: Iterable[bytes], *, at_once: int, patience_ns: Duration
    ) -> None:
        self.finished = False
        self.refusals: set[str] = set()
        """Why questions could not be asked, in the words of `Unreachable`."""
        self._server = server
        self._unasked = deque(payloads)
        self._at_once = at_once
        self._patience_ns = patience_ns
        self._given_up_at: dict[int, Instant] = {}
        """What is awaited, by its number, the oldest first."""
        self._began = False

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Settle the question that the event is about. `expire` asks the next: it is called once
        in the world's turn, and there may be many events in one."""
        effects = list(self.on_event(event, now))
        return effects + self._finish()

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Begin; later, give up what has waited too long and ask the next."""
        effects: list[Effect] = []
        if not self._began:
            self._began = True
            effects += self.opening(now)
        while self._given_up_at:
            number, due = next(iter(self._given_up_at.items()))
            if due > now:
                break
            effects += self._settle(number)
        return effects + self._ask(now) + self._finish()

    def deadline(self) -> Instant | None:
        """When it starts, then when the oldest question has waited too long."""
        if self.finished:
            return None
        if not self._began or self._has_room():
            return 0
        return next(iter(self._given_up_at.values()), None)

    def ready(self) -> bool:
        """Say that an actor has nothing to prepare."""
        return True

    @abstractmethod
    def opening(self, now: Instant) -> Sequence[Effect]:
        """What comes before the first question."""

    @abstractmethod
    def may_ask(self) -> bool:
        """Whether the next question can leave."""

    @abstractmethod
    def asking(self, payload: bytes) -> tuple[int, Sequence[Effect]]:
        """Ask; the number stands for the question from then on."""

    @abstractmethod
    def settling(self, number: int) -> Sequence[Effect]:
        """What is to be done when a question is over."""

    @abstractmethod
    def on_event(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Find out which questions are over."""

    @abstractmethod
    def closing(self) -> Sequence[Effect]:
        """What comes after the last question."""

    def _settle(self, number: int) -> Sequence[Effect]:
        del self._given_up_at[number]
        return self.settling(number)

    def _has_room(self) -> bool:
        """Whether a question can leave now."""
        return bool(self._unasked) and len(self._given_up_at) < self._at_once and self.may_ask()

    def _ask(self, now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        for _ in range(_A_TURN):
            if not self._has_room():
                break
            number, asking = self.asking(self._unasked.popleft())
            self._given_up_at[number] = now + self._patience_ns
            effects += asking
        return effects

    def _finish(self) -> list[Effect]:
        if self.finished or self._given_up_at or self._unasked:
            return []
        self.finished = True
        return list(self.closing())


class Crowd(Questions):
    """Datagrams, each from a socket of its own."""

    def __init__(
        self, server: Endpoint, payloads: Iterable[bytes], *, at_once: int, patience_ns: Duration
    ) -> None:
        super().__init__(server, payloads, at_once=at_once, patience_ns=patience_ns)
        self._identifiers: dict[int, bytes] = {}
        self._opened = 0

    def opening(self, now: Instant) -> Sequence[Effect]:
        """Nothing."""
        del now
        return ()

    def may_ask(self) -> bool:
        """Always."""
        return True

    def asking(self, payload: bytes) -> tuple[int, Sequence[Effect]]:
        """Ask from a fresh socket."""
        self._opened += 1
        flow = self._opened
        self._identifiers[flow] = payload[:2]
        return flow, (Open(flow, Transport.UDP, self._server), Send(flow, payload))

    def settling(self, number: int) -> Sequence[Effect]:
        """Close the socket."""
        del self._identifiers[number]
        return (Close(number),)

    def on_event(self, event: Event, now: Instant) -> Sequence[Effect]:
        """A reply to the ID that was sent from this socket, or a refusal, ends the question."""
        del now
        match event:
            case MessageArrived(flow=int(flow), payload=payload):
                return self._settle(flow) if self._identifiers.get(flow) == payload[:2] else ()
            case Unreachable(flow=int(flow), reason=reason) if flow in self._identifiers:
                self.refusals.add(reason)
                return self._settle(flow)
            case _:
                return ()

    def closing(self) -> Sequence[Effect]:
        """Nothing."""
        return ()


class Pipeline(Questions):
    """All on one connection, which the far end may answer in any order (RFC 7766 6.2.1.1); when it
    closes, nobody waits on."""

    _STREAM = -1
    """Numbers of questions are their IDs."""

    def opening(self, now: Instant) -> Sequence[Effect]:
        """Connect."""
        self._given_up_at[self._STREAM] = now + self._patience_ns
        return (Open(self._STREAM, Transport.TCP, self._server),)

    def may_ask(self) -> bool:
        """Once the connection stands."""
        return self._STREAM not in self._given_up_at

    def asking(self, payload: bytes) -> tuple[int, Sequence[Effect]]:
        """Ask, whatever is unanswered."""
        return int.from_bytes(payload[:2], "big"), (Send(self._STREAM, payload),)

    def settling(self, number: int) -> Sequence[Effect]:
        """Without a connection no question leaves."""
        if number == self._STREAM:
            self._unasked.clear()
        return ()

    def on_event(self, event: Event, now: Instant) -> Sequence[Effect]:
        """A reply to an awaited ID ends that question; the end of the stream ends all."""
        del now
        match event:
            case StreamOpened():
                self._given_up_at.pop(self._STREAM, None)
            case MessageArrived(payload=payload):
                self._given_up_at.pop(int.from_bytes(payload[:2], "big"), None)
            case StreamClosed() | Unreachable():
                if isinstance(event, Unreachable):
                    self.refusals.add(event.reason)
                self._unasked.clear()
                self._given_up_at.clear()
        return ()

    def closing(self) -> Sequence[Effect]:
        """Close the connection."""
        return (Close(self._STREAM),)
