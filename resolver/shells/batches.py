"""Datagrams by the batch: a system call costs more than an answer from the table; here up to 64
datagrams share two."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from struct import Struct
from typing import Final, TypeAlias

from resolver.machine import ID_OCTETS, AnswersDatagrams, Instant
from resolver.shells.limits import ADDRESSES_REMEMBERED, DATAGRAM_OCTETS, DATAGRAMS_PER_WAKE
from resolver.shells.mmsg import Room

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""As the socket module writes it."""

_ADDRESS: Final = {socket.AF_INET: Struct("4x4s8x"), socket.AF_INET6: Struct("8x16s4x")}
"""Where the address stands in a socket address."""

_STEP: Final = DATAGRAM_OCTETS + 1 + 576
"""From one datagram to the next. Without the odd octets, a power of two: then the beginnings of all
datagrams, which is all that most of them have, would compete for the same few lines of every cache
of the processor."""

_BEGINS: Final = [number * _STEP + ID_OCTETS for number in range(DATAGRAMS_PER_WAKE)]
"""Where each datagram goes on behind its ID."""

_REPLY_STEP: Final = 4096 + 576
"""The same for replies that were not ready: as large as the resolver ever writes."""


class Batch:
    """The buffers of one listening socket. A datagram's answer takes its place, where the ID that
    both have stays as it came. Raises OSError where there are no batches."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._family = listening.family
        self._sources_in = _ADDRESS[self._family].iter_unpack
        self._addresses: dict[bytes, str] = {}
        self._room = Room(listening, DATAGRAMS_PER_WAKE, _STEP)
        self._replies = Room(listening, DATAGRAMS_PER_WAKE, _REPLY_STEP)
        self._questions: Iterator[bytes] = iter(())
        """Of the batch, behind their ID."""
        self._sources: Iterator[str] = iter(())
        """Addresses."""
        self.send = self._room.send
        """Send the answers in some places; what could not be sent, and why (errno)."""

    def receive(self) -> int:
        """Take what is there, at most 64 datagrams; how many."""
        room, addresses = self._room, self._addresses
        count = room.receive()
        if count <= 0:
            return 0
        places = room.places
        lengths = room.lengths[:count].tolist()
        names = self._sources_in(room.names[: count * room.name_octets])
        # Read once, however often the answers stop and go on.
        self._questions = iter(
            [places[at : at + n - ID_OCTETS] for at, n in zip(_BEGINS, lengths, strict=False)]
        )
        self._sources = iter([addresses.get(raw) or self._address(raw) for (raw,) in names])
        return count

    def answer_ready(self, answers: AnswersDatagrams, now: Instant, first: int) -> int:
        """Put answers into their places from `first` on, up to the first datagram for which there
        is none: its number. The next call goes on behind that."""
        places, sizes = self._room.places, self._room.sizes
        for ready in answers.answer_datagrams(self._questions, self._sources, now):
            octets = len(ready)
            at = _BEGINS[first]
            places[at : at + octets] = ready
            sizes[first] = ID_OCTETS + octets
            first += 1
        return first

    def received(self, number: int) -> tuple[bytes, bytes]:
        """A datagram, and the socket address that it came from as the kernel writes it."""
        room = self._room
        at, name = number * _STEP, number * room.name_octets
        return room.places[at : at + room.lengths[number]], room.names[
            name : name + room.name_octets
        ]

    def sender(self, number: int) -> SocketAddress:
        """Where a datagram of the batch came from."""
        return self.read(self.received(number)[1])

    def source(self, name: bytes) -> tuple[str, int]:
        """The address and port of a socket address as the kernel writes it."""
        (raw,) = _ADDRESS[self._family].unpack(name)
        address = self._addresses.get(raw) or self._address(raw)
        return address, name[2] << 8 | name[3]

    def read(self, name: bytes) -> SocketAddress:
        """A socket address as the kernel writes it, as the socket module writes it."""
        address, port = self.source(name)
        if self._family == socket.AF_INET:
            return address, port
        flow = int.from_bytes(name[4:8], "big")
        return address, port, flow, int.from_bytes(name[24:28], sys.byteorder)

    def send_replies(self, replies: list[tuple[bytes, bytes]]) -> list[tuple[bytes, int | None]]:
        """Send replies, at most 64, each to a socket address as the kernel writes it; to whom
        which could not be sent, and why (errno)."""
        room = self._replies
        places, names, sizes, name_octets = room.places, room.names, room.sizes, room.name_octets
        at = number = 0
        refused: list[tuple[bytes, int | None]] = []
        to: list[bytes] = []
        for payload, name in replies:
            octets = len(payload)
            if octets > _REPLY_STEP:
                try:
                    self._listening.sendto(payload, self.read(name))
                except OSError as error:
                    refused.append((name, error.errno))
                continue
            places[at : at + octets] = payload
            names[number * name_octets : (number + 1) * name_octets] = name
            sizes[number] = octets
            to.append(name)
            number += 1
            at += _REPLY_STEP
        refused += [(to[place], error) for place, error in room.send(0, number)]
        return refused

    def _address(self, raw: bytes) -> str:
        text = self._addresses.get(raw)
        if text is None:
            if len(self._addresses) >= ADDRESSES_REMEMBERED:
                self._addresses.clear()
            text = self._addresses[raw] = socket.inet_ntop(self._family, raw)
        return text
