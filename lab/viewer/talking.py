"""How a viewer's algorithms talk to the network: written from top to bottom, as generators.

An algorithm yields the instant until which it waits and is sent what it heard meanwhile, or None
when that instant came. What it does with sockets goes through its `Talk` and leaves the machine as
effects.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias, TypeVar

from resolver.machine import (
    Close,
    Effect,
    Endpoint,
    Event,
    Framing,
    Instant,
    MessageArrived,
    Open,
    PortTaken,
    Send,
    StreamClosed,
    StreamOpened,
    Transport,
    Unreachable,
)

_FIRST_EPHEMERAL, _LAST_EPHEMERAL = 32_768, 60_999
"""Linux: net.ipv4.ip_local_port_range."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something about one flow: a message, or what became of it."""

    flow: int
    payload: bytes | None = None
    """A datagram, or one message of a stream."""
    opened: bool = False
    refused: str = ""
    """Why nobody will answer there: "connection refused", "port unreachable"."""
    ended: bool = False
    """The far end closed the stream."""
    port_taken: bool = False
    """The wanted source port is another program's; nothing was opened."""


NEVER: Final[Instant] = 2**62
"""An instant that no run sees: a wait without an end of its own."""

T = TypeVar("T")

Algorithm: TypeAlias = Generator[Instant, Heard | None, T]


class Talk:
    """Sockets, time and dice of one viewer."""

    def __init__(self, random: Random) -> None:
        self.now: Instant = 0
        self.random = random
        self._effects: list[Effect] = []
        self._flows = 0

    def open(
        self,
        transport: Transport,
        remote: Endpoint,
        *,
        source_port: int | None = None,
        framing: Framing = Framing.LENGTH_PREFIXED,
    ) -> int:
        """A fresh socket connected to `remote`; its flow. With `source_port`, other sockets of this
        viewer may have the port too."""
        self._flows += 1
        shares = source_port is not None
        self._effects.append(
            Open(self._flows, transport, remote, source_port, framing=framing, shares_port=shares)
        )
        return self._flows

    def send(self, flow: int, payload: bytes) -> None:
        """Send one message."""
        self._effects.append(Send(flow, payload))

    def close(self, flow: int) -> None:
        """Close a socket."""
        self._effects.append(Close(flow))

    def identifier(self) -> int:
        """A message ID."""
        return self.random.getrandbits(16)

    def port(self) -> int:
        """An ephemeral port."""
        return self.random.randint(_FIRST_EPHEMERAL, _LAST_EPHEMERAL)

    def take_effects(self) -> list[Effect]:
        """What was done since this was last called."""
        effects, self._effects = self._effects, []
        return effects


def heard_in(event: Event) -> Heard | None:
    """What an event tells a viewer; None for what is not about a flow of its own."""
    match event:
        case MessageArrived(flow=int(flow), payload=payload):
            return Heard(flow, payload)
        case StreamOpened(flow=int(flow)):
            return Heard(flow, opened=True)
        case StreamClosed(flow=int(flow)):
            return Heard(flow, ended=True)
        case Unreachable(flow=int(flow), reason=reason):
            return Heard(flow, refused=reason)
        case PortTaken(flow=int(flow)):
            return Heard(flow, port_taken=True)
        case _:
            return None
