"""recvmmsg(2) and sendmmsg(2), which the socket module does not have.

Called through ctypes, with the C library's own symbols: where everything is laid out once, and what
is left for each datagram is reading and writing memory, cffi is no faster, and no package has to be
built. Where the symbols are missing, `available` says so.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from mmap import mmap
from typing import Final

_SOCKADDR_OCTETS: Final = {socket.AF_INET: 16, socket.AF_INET6: 28}


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


def _symbol(name: str) -> Callable[..., int] | None:
    """A function of the C library. Its arguments are to be ctypes' own values."""
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None, use_errno=True), name)
    except (OSError, AttributeError):
        return None
    return function


_recvmmsg, _sendmmsg = _symbol("recvmmsg"), _symbol("sendmmsg")

_NO_FLAGS = ctypes.c_int(0)
_NOTHING_REFUSED: Final[tuple[tuple[int, int], ...]] = ()
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


class Room:
    """Room for a number of datagrams of one socket, `step` octets each: `places` has their octets,
    one behind the other, `names` their socket addresses, of `name_octets` each.

    Maps and not bytearrays, because their slices are octets at once, which are what tables are
    keyed by. Raises OSError where `available` is false.
    """

    def __init__(self, of: socket.socket, count: int, step: int) -> None:
        if _recvmmsg is None or _sendmmsg is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        self._send = _sendmmsg
        self.name_octets = _SOCKADDR_OCTETS[of.family]
        self.names = mmap(-1, count * self.name_octets)
        self.places = mmap(-1, count * step)
        received, sent = (self._messages(count, step) for _ in range(2))
        # Kept, because the kernel gets bare addresses: nothing else knows that they are in use.
        self._structures = (received, sent)
        # Made beforehand: making the arguments takes ctypes longer than the call.
        self._socket = ctypes.c_int(of.fileno())
        self._counts = [ctypes.c_uint(n) for n in range(count + 1)]
        start, size = ctypes.addressof(sent[0]), ctypes.sizeof(_Message)
        self._sent_from = [ctypes.c_void_p(start + n * size) for n in range(count)]
        self._send_first = [
            partial(_sendmmsg, self._socket, self._sent_from[0], number, _NO_FLAGS)
            for number in self._counts
        ]
        headers = ctypes.c_void_p(ctypes.addressof(received[0]))
        self.receive: Callable[[], int] = partial(
            _recvmmsg, self._socket, headers, self._counts[count], _NO_FLAGS, _FOREVER
        )
        """Takes what is there; how many. Less than none is an error of an earlier datagram, which
        the kernel reports late: reading clears it."""
        self.lengths = (
            memoryview(received[0]).cast("B").cast("I")[_Message.octets.offset // 4 :: size // 4]
        )
        """Octets of each datagram that was received."""
        octet_place = _Buffer.octets.offset // ctypes.sizeof(ctypes.c_size_t)
        self.sizes = memoryview(sent[1]).cast("B").cast("L")[octet_place::2]
        """Octets of each datagram that is to be sent."""

    def send(self, first: int, end: int) -> Sequence[tuple[int, int]]:
        """Send what stands in the places from `first` up to `end`; the number of each that the host
        refused to send, and its errno."""
        if first == 0 and (first := self._send_first[end]()) == end:
            return _NOTHING_REFUSED
        refused: list[tuple[int, int]] = []
        first = max(0, first)
        while first < end:
            sent = self._send(
                self._socket, self._sent_from[first], self._counts[end - first], _NO_FLAGS
            )
            if sent < 0:  # the first one's error; those behind it have yet to be sent
                refused.append((first, ctypes.get_errno()))
                sent = 1
            first += sent
        return refused

    def _messages(
        self, count: int, step: int
    ) -> tuple[ctypes.Array[_Message], ctypes.Array[_Buffer]]:
        """Headers and buffers that point to the names and places."""
        names = ctypes.addressof(ctypes.c_char.from_buffer(self.names))
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.places))
        buffers = (_Buffer * count)(*(_Buffer(start + n * step, step) for n in range(count)))
        parts = ctypes.addressof(buffers)
        headers = (_Message * count)()
        for n, message in enumerate(headers):
            message.header.name = names + n * self.name_octets
            message.header.name_octets = self.name_octets
            message.header.buffers = parts + n * ctypes.sizeof(_Buffer)
            message.header.buffer_count = 1
        return headers, buffers
