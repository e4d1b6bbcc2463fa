"""Messages in byte streams, and the names of accepted streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from resolver.machine import Framing


@dataclass(frozen=True, slots=True)
class Accepted:
    """The flow of a stream that a listening socket accepted."""

    number: int
    """Counts the streams its host accepted."""


def framed(payload: bytes, framing: Framing) -> bytes:
    """A message as it travels in a stream; ValueError when it is longer than its length field can
    say."""
    if framing is Framing.RAW:
        return payload
    if len(payload) > 0xFFFF:
        raise ValueError(f"{len(payload)} octets in a message whose length field has two")
    return len(payload).to_bytes(2, "big") + payload


class Unframer:
    """Cuts a stream into messages."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._unread = b""

    def messages(self, octets: bytes) -> Iterator[bytes]:
        """The messages that are complete with these octets."""
        if self._framing is Framing.RAW:
            yield octets
            return
        self._unread += octets
        while len(self._unread) >= 2:
            end = 2 + int.from_bytes(self._unread[:2], "big")
            if len(self._unread) < end:
                return
            message, self._unread = self._unread[2:end], self._unread[end:]
            yield message
