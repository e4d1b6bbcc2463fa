"""What is in flight: questions that went out, and who waits for their replies."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from resolver.dns.asking import Ask, Heard
from resolver.dns.idle_sockets import UpstreamSocket

AskerT = TypeVar("AskerT")


class Settled(NamedTuple, Generic[AskerT]):
    """A question is over; `asker` is whatever was given with it."""

    asker: AskerT
    heard: Heard


class InFlight(Generic[AskerT]):
    """A question that went out, and everybody who waits for its reply."""

    __slots__ = ("ask", "draws", "id", "message", "socket", "waits")

    def __init__(self, ask: Ask, id_: int, message: bytes, socket: UpstreamSocket) -> None:
        self.ask = ask
        self.id = id_
        self.message = message
        self.socket = socket
        self.waits: list[Wait[AskerT]] = []
        self.draws = 0
        """Source ports that turned out taken."""


class Wait(Generic[AskerT]):
    """Somebody who waits for a reply.

    One that stands in the in-flight table itself is a whole question in one piece (`express`), and
    has neither asker nor pending question before it is unfolded.
    """

    __slots__ = ("asker", "pending")
    asker: AskerT
    pending: InFlight[AskerT] | None

    def __init__(self, asker: AskerT, pending: InFlight[AskerT]) -> None:
        self.asker = asker
        self.pending = pending
