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
from struct import Struct
from typing import Any, Final

from resolver.machine import ID_OCTETS, Instant
from resolver.shells.limits import ADDRESSES_REMEMBERED, DATAGRAM_OCTETS, DATAGRAMS_PER_WAKE
from resolver.shells.owner import Answerer

_SOCKADDR_OCTETS: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}
_ADDRESS: Final = {socket.AF_INET: Struct("4x4s8x"), socket.AF_INET6: Struct("8x16s4x")}
"""Where the address stands in a socket address."""

_STEP: Final = DATAGRAM_OCTETS + 1 + 576
"""From one datagram to the next. Without the odd octets, a power of two: then the beginnings of all
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
    """The buffers of one listening socket. A datagram's answer takes its place, where the ID that
    both have stays as it came. Raises OSError where `available` is false."""

    def __init__(self, listening: socket.socket) -> None:
        if _recvmmsg is None or _sendmmsg is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._receive, self._send = _recvmmsg, _sendmmsg
        self._family = listening.family
        self._name_octets = _SOCKADDR_OCTETS[self._family]
        self._read_addresses = _ADDRESS[self._family].iter_unpack
        self._addresses: dict[bytes, str] = {}

        count = DATAGRAMS_PER_WAKE
        # Not bytearrays: a slice of a map is octets at once, which are what tables are keyed by.
        self._names = mmap(-1, count * self._name_octets)
        self._places = mmap(-1, count * _STEP)
        received, sent = self._messages(), self._messages()
        # Kept, because the kernel gets bare addresses: nothing else knows that they are in use.
        self._structures = (received, sent)
        # Made beforehand: making the arguments takes ctypes longer than the call.
        self._socket = ctypes.c_int(listening.fileno())
        self._counts = [ctypes.c_uint(n) for n in range(count + 1)]
        start, step = ctypes.addressof(sent.headers), ctypes.sizeof(_Message)
        self._sent_from = [ctypes.c_void_p(start + n * step) for n in range(count)]
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
        places, sizes, addresses = self._places, self._sizes, self._addresses
        lengths = self._lengths[first:end].tolist()
        names = self._read_addresses(memoryview(self._names)[first * self._name_octets :])
        at = first * _STEP
        for number, (length, (raw,)) in enumerate(zip(lengths, names, strict=False), first):
            begin = at + ID_OCTETS
            address = addresses.get(raw) or self._address(raw)
            ready = answer(places[begin : at + length], address, now)
            if ready is None:
                return number
            octets = len(ready)
            places[begin : begin + octets] = ready
            sizes[number] = ID_OCTETS + octets
            at += _STEP
        return end

    def received(self, number: int) -> tuple[bytes, tuple[Any, ...]]:
        """A datagram and where it came from, as `recvfrom` gives it."""
        at = number * _STEP
        return self._places[at : at + self._lengths[number]], self.peer(number)

    def peer(self, number: int) -> tuple[Any, ...]:
        """The socket address that a datagram came from, as Python writes it."""
        start = number * self._name_octets
        name = self._names[start : start + self._name_octets]
        (raw,) = _ADDRESS[self._family].unpack(name)
        address, port = self._address(raw), int.from_bytes(name[2:4], "big")
        if self._family == socket.AF_INET:
            return address, port
        flow = int.from_bytes(name[4:8], "big")
        return address, port, flow, int.from_bytes(name[24:28], sys.byteorder)

    def send(self, first: int, end: int) -> Iterator[NotSent]:
        """Send the replies in the places from `first` up to `end`; what could not be sent."""
        while first < end:
            sent = self._send(
                self._socket, self._sent_from[first], self._counts[end - first], _NO_FLAGS
            )
            if sent < 0:  # the first one's error; those behind it have yet to be sent
                yield NotSent(first, ctypes.get_errno())
                sent = 1
            first += sent

    def _address(self, raw: bytes) -> str:
        text = self._addresses.get(raw)
        if text is None:
            if len(self._addresses) >= ADDRESSES_REMEMBERED:
                self._addresses.clear()
            text = self._addresses[raw] = socket.inet_ntop(self._family, raw)
        return text

    def _messages(self) -> _Messages:
        """Headers for datagrams whose names stand in `_names` and whose octets in `_places`."""
        names = ctypes.addressof(ctypes.c_char.from_buffer(self._names))
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._places))
        count = DATAGRAMS_PER_WAKE
        buffers = (_Buffer * count)(*(_Buffer(start + n * _STEP, _STEP) for n in range(count)))
        parts = ctypes.addressof(buffers)
        headers = (_Message * count)()
        for n, message in enumerate(headers):
            message.header.name = names + n * self._name_octets
            message.header.name_octets = self._name_octets
            message.header.buffers = parts + n * ctypes.sizeof(_Buffer)
            message.header.buffer_count = 1
        return _Messages(headers, buffers)
