"""A TCP connection cut into messages."""

from __future__ import annotations

import socket

from resolver.machine import Endpoint, Flow, Framing
from resolver.shells.limits import OCTETS_PER_READ

_PREFIX_OCTETS = 2  # RFC 1035 4.2.2


class Stream:
    """One connection: what arrived but is no whole message yet, and what could not leave yet.

    It knows octets and messages, nothing of machines or loops. All methods may raise OSError when
    the connection has failed.
    """

    __slots__ = (
        "_arrived",
        "_framing",
        "_unsent",
        "connected",
        "connection",
        "finishing",
        "flow",
        "has_sent",
        "here",
        "there",
    )

    def __init__(
        self,
        connection: socket.socket,
        framing: Framing,
        *,
        here: Endpoint,
        there: Endpoint,
        flow: int | None = None,
    ) -> None:
        connection.setblocking(False)
        # A short answer must not wait for the acknowledgement of the one before it.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self._framing = framing
        self.here = here
        self.there = there
        self.flow: Flow = self if flow is None else flow
        """Accepted streams are their own flow; opened ones have the machine's number."""
        self.connected = flow is None
        self.finishing = False
        """The machine has closed it; what is unsent still leaves."""
        self.has_sent = False
        self._arrived = bytearray()
        self._unsent = bytearray()

    @property
    def unsent_octets(self) -> int:
        """How much the far end has yet to take off our hands."""
        return len(self._unsent)

    def receive(self) -> bool:
        """Read once; False when the far end has ended the stream."""
        try:
            piece = self.connection.recv(OCTETS_PER_READ)
        except BlockingIOError:
            return True
        self._arrived += piece
        return bool(piece)

    def next_message(self) -> bytes | None:
        """Take the next whole message off what has arrived."""
        if self._framing is Framing.RAW:
            message = bytes(self._arrived)
            self._arrived.clear()
            return message or None
        if len(self._arrived) < _PREFIX_OCTETS:
            return None
        end = _PREFIX_OCTETS + int.from_bytes(self._arrived[:_PREFIX_OCTETS], "big")
        if len(self._arrived) < end:
            return None
        message = bytes(self._arrived[_PREFIX_OCTETS:end])
        del self._arrived[:end]
        return message

    def send(self, payload: bytes) -> None:
        """Frame a message and send what the kernel takes of it; the rest waits for `flush`.

        Raises OverflowError for a payload that its framing cannot carry.
        """
        if self._framing is Framing.LENGTH_PREFIXED:
            # RFC 7766 8: length and message in one write, or some receivers see two messages.
            payload = len(payload).to_bytes(_PREFIX_OCTETS, "big") + payload
        self.has_sent = True
        if not self._unsent:
            payload = payload[self._give(payload) :]
        self._unsent += payload

    def flush(self) -> None:
        """Send what the kernel takes of what is unsent."""
        del self._unsent[: self._give(self._unsent)]

    def discard(self) -> None:
        """Forget what has arrived: nobody will ask for it."""
        self._arrived.clear()

    def _give(self, octets: bytes | bytearray) -> int:
        try:
            return self.connection.send(octets)
        except BlockingIOError:
            return 0
