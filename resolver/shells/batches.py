"""Datagrams by the batch: recvmmsg(2) and sendmmsg(2), which the socket module does not have.

A system call costs more than an answer from the table; here up to 64 datagrams share two. It needs
only the C library's own symbols, called through ctypes: with buffers that are laid out once, what
is left for each datagram is reading and writing memory, where cffi is no faster, and no package has
to be built. Where the symbols are missing, `available` says so, and datagrams are taken one by one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Any, Final

from resolver.limits import LARGEST_UDP_REPLY_OCTETS
from resolver.machine import Instant
from resolver.shells.limits import ADDRESSES_REMEMBERED, DATAGRAM_OCTETS, DATAGRAMS_PER_WAKE
from resolver.shells.owner import Answerer

_SOCKADDR_OCTETS: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
_ADDRESS_AT: Final = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}

_SPREAD: Final = 576
_RECEIVED_STEP: Final = DATAGRAM_OCTETS + 1 + _SPREAD
_SENT_STEP: Final = LARGEST_UDP_REPLY_OCTETS + _SPREAD
"""From one datagram to the next. Without the spread, powers of two: then the beginnings of all
datagrams, which is all that most of them have, would compete for the same few lines of every cache
of the processor."""


class _Buffer(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("octets", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """struct msghdr."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_octets", ctypes.c_uint32),
        ("buffers", ctypes.c_void_p),
        ("buffer_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_octets", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """struct mmsghdr: a header, and how many octets came or went."""

    _fields_ = (("header", _Header), ("octets", ctypes.c_uint32))


@dataclass(frozen=True, slots=True)
class _Messages:
    """What the kernel is pointed to."""

    headers: ctypes.Array[_Message]
    buffers: ctypes.Array[_Buffer]


def _symbol(name: str) -> Callable[..., int] | None:
    """A function of the C library. Its arguments are to be ctypes' own values."""
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError):
        return None
    return function


_recvmmsg, _sendmmsg = _symbol("recvmmsg"), _symbol("sendmmsg")

_NO_FLAGS = ctypes.c_int(0)
_FOREVER = ctypes.c_void_p(None)
"""No timeout, which is of no use with a socket that does not block."""


def available() -> bool:
    """Whether this host's C library and kernel take datagrams by the batch."""
    if _recvmmsg is None or _sendmmsg is None:
        return False
    calls = ((_recvmmsg, (-1, None, 0, 0, None)), (_sendmmsg, (-1, None, 0, 0)))
    # Without a socket there is nothing to do; a kernel or sandbox without the call says so first.
    return all(
        call(*nothing) == -1 and ctypes.get_errno() == errno.EBADF for call, nothing in calls
    )


@dataclass(frozen=True, slots=True)
class NotSent:
    """A reply that the host refused to send."""

    number: int
    """Which of the batch."""
    error: int
    """The errno."""


class Batch:
    """The buffers of one listening socket: a datagram received into place n is answered from
    place n. Raises OSError where `available` is false."""

    def __init__(self, listening: socket.socket) -> None:
        if _recvmmsg is None or _sendmmsg is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._receive, self._send = _recvmmsg, _sendmmsg
        self._family = listening.family
        self._name_octets = _SOCKADDR_OCTETS[self._family]
        self._address_at = _ADDRESS_AT[self._family]
        self._addresses: dict[bytes, str] = {}

        count = DATAGRAMS_PER_WAKE
        # Not bytearrays: a slice of a map is octets at once, which are what tables are keyed by.
        self._names = mmap(-1, count * self._name_octets)
        self._incoming = mmap(-1, count * _RECEIVED_STEP)
        self._outgoing = mmap(-1, count * _SENT_STEP)
        received = self._messages(self._incoming, _RECEIVED_STEP)
        sent = self._messages(self._outgoing, _SENT_STEP)
        # Kept, because the kernel gets bare addresses: nothing else knows that they are in use.
        self._structures = (received, sent)
        # Made beforehand: making the arguments takes ctypes longer than the call.
        self._socket = ctypes.c_int(listening.fileno())
        self._counts = [ctypes.c_uint(n) for n in range(count + 1)]
        start, step = ctypes.addressof(sent.headers), ctypes.sizeof(_Message)
        self._places = [ctypes.c_void_p(start + n * step) for n in range(count)]
        headers = ctypes.c_void_p(ctypes.addressof(received.headers))
        self._receiving = (self._socket, headers, self._counts[count], _NO_FLAGS, _FOREVER)
        self._lengths = (
            memoryview(received.headers)
            .cast("B")
            .cast("I")[_Message.octets.offset // 4 :: ctypes.sizeof(_Message) // 4]
        )
        self._sizes = (
            memoryview(sent.buffers)
            .cast("B")
            .cast("L")[_Buffer.octets.offset // ctypes.sizeof(ctypes.c_size_t) :: 2]
        )

    def receive(self) -> int:
        """Take what is there, at most 64 datagrams; how many. An error is an earlier datagram's,
        which the kernel reports late: reading clears it."""
        return max(0, self._receive(*self._receiving))

    def answer_ready(self, answer: Answerer, now: Instant, first: int, end: int) -> int:
        """Put answers into their places from `first` on, up to the first datagram for which there
        is none: its number, or `end`."""
        incoming, lengths, at = self._incoming, self._lengths, first * _RECEIVED_STEP
        outgoing, sizes, to = self._outgoing, self._sizes, first * _SENT_STEP
        names, addresses, step = self._names, self._addresses, self._name_octets
        begins, ends = first * step + self._address_at.start, first * step + self._address_at.stop
        for number in range(first, end):
            address = addresses.get(names[begins:ends]) or self._address(number)
            reply = answer(incoming[at : at + lengths[number]], address, now)
            if reply is None:
                return number
            sizes[number] = size = len(reply)
            outgoing[to : to + size] = reply
            at += _RECEIVED_STEP
            to += _SENT_STEP
            begins += step
            ends += step
        return end

    def received(self, number: int) -> tuple[bytes, tuple[Any, ...]]:
        """A datagram and where it came from, as `recvfrom` gives it."""
        at = number * _RECEIVED_STEP
        return self._incoming[at : at + self._lengths[number]], self.peer(number)

    def peer(self, number: int) -> tuple[Any, ...]:
        """The socket address that a datagram came from, as Python writes it."""
        name = self._name(number)
        address, port = self._address(number), int.from_bytes(name[2:4], "big")
        if self._family == socket.AF_INET:
            return address, port
        flow = int.from_bytes(name[4:8], "big")
        return address, port, flow, int.from_bytes(name[24:28], sys.byteorder)

    def send(self, first: int, end: int) -> Iterator[NotSent]:
        """Send the replies in the places from `first` up to `end`; what could not be sent."""
        while first < end:
            sent = self._send(
                self._socket, self._places[first], self._counts[end - first], _NO_FLAGS
            )
            if sent < 0:  # the first one's error; those behind it have yet to be sent
                yield NotSent(first, ctypes.get_errno())
                sent = 1
            first += sent

    def _name(self, number: int) -> bytes:
        start = number * self._name_octets
        return self._names[start : start + self._name_octets]

    def _address(self, number: int) -> str:
        raw = self._name(number)[self._address_at]
        text = self._addresses.get(raw)
        if text is None:
            if len(self._addresses) >= ADDRESSES_REMEMBERED:
                self._addresses.clear()
            text = self._addresses[raw] = socket.inet_ntop(self._family, raw)
        return text

    def _messages(self, area: mmap, octets: int) -> _Messages:
        """Headers for datagrams whose names stand in `_names` and whose octets in `area`."""
        names = ctypes.addressof(ctypes.c_char.from_buffer(self._names))
        start = ctypes.addressof(ctypes.c_char.from_buffer(area))
        count = DATAGRAMS_PER_WAKE
        buffers = (_Buffer * count)(*(_Buffer(start + n * octets, octets) for n in range(count)))
        parts = ctypes.addressof(buffers)
        headers = (_Message * count)()
        for n, message in enumerate(headers):
            message.header.name = names + n * self._name_octets
            message.header.name_octets = self._name_octets
            message.header.buffers = parts + n * ctypes.sizeof(_Buffer)
            message.header.buffer_count = 1
        return _Messages(headers, buffers)
