"""All viewers of a storm as one machine, so that both worlds run the same ones.

Each asks once from its own address, connects to the first address it is given, reads who answered
and leaves. Questions go before connections: where a question is overdue, nobody dials.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from dnslib import DNSRecord

from lab.observe.dns_content import content_of
from lab.storm.arrivals import Arrival
from resolver.machine import (
    Close,
    Duration,
    Effect,
    Endpoint,
    Event,
    Flow,
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

_A_TURN: Final = 32
"""How many questions leave before answers are looked at."""


class Viewers:
    """The machine. Viewer n asks on flow 2 n and dials on flow 2 n + 1."""

    def __init__(
        self,
        arrivals: Sequence[Arrival],
        *,
        server: Endpoint,
        name: str,
        port: int,
        at_once: int,
        patience_ns: Duration,
    ) -> None:
        self._arrivals = arrivals
        self._server = server
        self._question = question_behind_id(name)
        self._port = port
        self._at_once = at_once
        self._patience_ns = patience_ns
        self._began_at: Instant | None = None
        self._next = 0
        """The viewer that comes next."""
        self._asking: dict[Flow, Instant] = {}
        """Questions under way, oldest first, and when each is given up."""
        self._turns: deque[tuple[int, str]] = deque()
        """Viewers with an answer, and the address they will dial."""
        self._dialling: dict[Flow, Instant] = {}
        """Connections under way, oldest first, and when each is given up."""

    @property
    def last_arrival_ns(self) -> Duration:
        """When the last viewer comes, since the first."""
        return self._arrivals[-1].after_ns

    @property
    def finished(self) -> bool:
        """Whether the last viewer has left."""
        return (
            self._next == len(self._arrivals)
            and not self._asking
            and not self._turns
            and not self._dialling
        )

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Take an answer, or what became of a connection."""
        effects: list[Effect] = []
        match event:
            case MessageArrived(flow=int(flow), payload=payload) if flow in self._asking:
                self._take_answer(flow, payload, effects)
            case MessageArrived(flow=flow) if flow in self._dialling:
                self._leave(flow, effects)
            case Unreachable(flow=flow) | StreamClosed(flow=flow) if flow in self._dialling:
                self._leave(flow, effects)
            case Unreachable(flow=flow) if flow in self._asking:
                del self._asking[flow]
                effects.append(Close(flow))
            case StreamOpened():
                pass  # the server speaks first
        self._dial(now, effects)
        return effects

    def expire(self, now: Instant) -> Sequence[Effect]:
        """Let viewers come who are due, and those leave whose patience has ended."""
        effects: list[Effect] = []
        if self._began_at is None:
            self._began_at = now
        for _ in range(_A_TURN):
            if self._next == len(self._arrivals) or self._due() > now:
                break
            self._ask(now, effects)
        for under_way in (self._asking, self._dialling):
            while under_way:
                flow, due = next(iter(under_way.items()))
                if due > now:
                    break
                del under_way[flow]
                effects.append(Close(flow))
        self._dial(now, effects)
        return effects

    def deadline(self) -> Instant | None:
        """When somebody comes, or is tired of waiting."""
        if self._began_at is None:
            return 0
        due = [
            next(iter(under_way.values()))
            for under_way in (self._asking, self._dialling)
            if under_way
        ]
        if self._next < len(self._arrivals):
            due.append(self._due())
        return min(due, default=None)

    def ready(self) -> bool:
        """Say that viewers have nothing to prepare."""
        return True

    def _due(self) -> Instant:
        assert self._began_at is not None  # noqa: S101 - nobody is due before it began
        return self._began_at + self._arrivals[self._next].after_ns

    def _ask(self, now: Instant, effects: list[Effect]) -> None:
        viewer = self._arrivals[self._next]
        flow = 2 * self._next
        self._next += 1
        self._asking[flow] = now + self._patience_ns
        opening = Open(flow, Transport.UDP, self._server, source_address=viewer.address)
        effects += (opening, Send(flow, viewer.identifier.to_bytes(2, "big") + self._question))

    def _take_answer(self, flow: int, payload: bytes, effects: list[Effect]) -> None:
        viewer = flow // 2
        if not _is_reply(payload, self._arrivals[viewer].identifier):
            return
        del self._asking[flow]
        effects.append(Close(flow))
        address = first_address(payload)
        if address is not None:
            self._turns.append((viewer, address))

    def _dial(self, now: Instant, effects: list[Effect]) -> None:
        """Let those dial whose turn it is."""
        if not self._turns or (self._next < len(self._arrivals) and self._due() < now):
            return
        while self._turns and len(self._dialling) < self._at_once:
            viewer, address = self._turns.popleft()
            flow = 2 * viewer + 1
            self._dialling[flow] = now + self._patience_ns
            effects.append(
                Open(
                    flow,
                    Transport.TCP,
                    Endpoint(address, self._port),
                    framing=Framing.RAW,
                    source_address=self._arrivals[viewer].address,
                )
            )

    def _leave(self, flow: Flow, effects: list[Effect]) -> None:
        del self._dialling[flow]
        effects.append(Close(flow))


def question_behind_id(name: str) -> bytes:
    """The octets of a stub resolver's question for the name's IPv4 addresses, behind its ID."""
    return bytes(DNSRecord.question(name, "A").pack()[2:])


def first_address(payload: bytes) -> str | None:
    """The first IPv4 address that a reply answers with; None if it has none, or is no message."""
    addresses = content_of(payload[2:], from_dns_port=True).addresses
    return next((address for address in addresses if ":" not in address), None)


def _is_reply(payload: bytes, identifier: int) -> bool:
    return len(payload) > 2 and payload[:2] == identifier.to_bytes(2, "big") and payload[2] > 127
