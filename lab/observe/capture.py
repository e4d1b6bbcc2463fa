"""Captures of live interfaces: one packet socket each, stamped by the kernel, one file for all.

Every node interface sees each packet once, leaving or entering. Frames of different sockets are
read at different moments and written in the order of their stamps.
"""

from __future__ import annotations

import heapq
import socket
import struct
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.observe.decode import decode
from lab.observe.pcapng import ETHERNET, RAW_IP, PcapngWriter
from lab.observe.sighting import Sighting
from resolver.machine import MILLISECOND, SECOND, Instant

TRIAL_FRAME = 0x88B5
"""Ethernet type of the frames that try out whether a network carries (IEEE 802: local experimental
use 1). They are the lab's own and not captured."""

# asm-generic/socket.h, linux/if_packet.h, linux/if_ether.h, linux/if_arp.h
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_SOL_PACKET = 263
_PACKET_STATISTICS = 6
_PACKET_LOOPBACK = 5
_ETH_P_ALL = 0x0003
_ARPHRD_ETHER = 1

_BUFFER = 16 * 1024 * 1024
_FRAME = 65_600
_BATCH = 256
"""Frames read from one socket before the others get their turn."""
_SETTLED = 20 * MILLISECOND
"""A frame stamped this long ago is in its socket's buffer, however busy the processors are."""


@dataclass(slots=True)
class _Ear:
    """An interface that is listened to."""

    socket: socket.socket
    node: str
    interface: str
    number: int
    linktype: int


class LiveCapture:
    """Captures any number of interfaces into one file.

    Readers call `read` when a socket of `sockets()` is readable. `on_sighting` sees each packet as
    it is read, so as soon as possible and not strictly in order; such a sighting has number 0, for
    it has no place in the file yet.
    """

    def __init__(self, path: Path) -> None:
        self.on_sighting: Callable[[Sighting], None] | None = None
        self.frames_lost = 0
        self._writer = PcapngWriter(path)
        self._ears: dict[int, _Ear] = {}
        self._pending: list[tuple[Instant, int, Callable[[], None]]] = []
        """A heap of (stamp, order of reading, how to write it)."""
        self._read = 0

    def add(self, node: str, interface: str) -> socket.socket:
        """Listen to an interface of the current network namespace from now on."""
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            ear.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            widen(ear)
            ear.setblocking(False)
            # Bound with its protocol: unbound, it would hear the other interfaces first.
            ear.bind((interface, _ETH_P_ALL))
        except BaseException:
            ear.close()
            raise
        linktype = ETHERNET if ear.getsockname()[3] == _ARPHRD_ETHER else RAW_IP
        number = self._writer.interface(interface, linktype, node)
        self._ears[ear.fileno()] = _Ear(ear, node, interface, number, linktype)
        return ear

    def sockets(self) -> tuple[socket.socket, ...]:
        """All sockets that are listened on."""
        return tuple(ear.socket for ear in self._ears.values())

    def read(self, file: socket.socket) -> None:
        """Take what has arrived at an interface, and write what has its place by now."""
        self._take(self._ears[file.fileno()])
        settled = time.time_ns() - _SETTLED
        if self._pending and self._pending[0][0] < settled:
            # Frames as old as these may wait in the other sockets: take them before writing.
            self._drain()
            self._write_before(settled)

    def mark(self, at: Instant, kind: str, text: str, fields: dict[str, Any]) -> None:
        """Put a mark into the file, in the order of time."""
        self._push(at, lambda: self._writer.mark(at, kind, text, fields))

    def close(self) -> None:
        """Take what is still in the sockets, write everything, close the file. Idempotent."""
        self._drain()
        for ear in self._ears.values():
            self.frames_lost += _dropped(ear.socket)
        close_together([ear.socket for ear in self._ears.values()])
        self._ears.clear()
        self._write_before(None)
        self._writer.close()

    def _drain(self) -> None:
        """Take everything that has arrived anywhere by now."""
        for ear in self._ears.values():
            while self._take(ear):
                pass

    def _take(self, ear: _Ear) -> bool:
        """Read a batch; False when there was nothing."""
        for count in range(_BATCH):
            try:
                frame, ancillary, _, address = ear.socket.recvmsg(_FRAME, 64)
            except BlockingIOError:
                return count > 0
            except OSError:
                # The interface went down: said once, then the socket works on.
                return True
            kind = address[2]
            # Flooded to this port but not for this node; or the stack's copy for its own sockets.
            if kind in {socket.PACKET_OTHERHOST, _PACKET_LOOPBACK} or address[1] == TRIAL_FRAME:
                continue
            outgoing = kind == socket.PACKET_OUTGOING
            at = stamp_of(ancillary)
            self._push(at, _written(self._writer, ear.number, at, frame, outgoing))
            if self.on_sighting is not None:
                network = decode(frame, ear.linktype)
                self.on_sighting(Sighting(0, at, ear.node, ear.interface, outgoing, network))
        return True

    def _push(self, at: Instant, write: Callable[[], None]) -> None:
        self._read += 1
        heapq.heappush(self._pending, (at, self._read, write))

    def _write_before(self, instant: Instant | None) -> None:
        while self._pending and (instant is None or self._pending[0][0] < instant):
            heapq.heappop(self._pending)[2]()


def close_together(sockets: Sequence[socket.socket]) -> None:
    """Close packet sockets. Closing one waits for the kernel to let go of it everywhere (an RCU
    grace period, some 12 ms); closed at the same time, they share the wait."""
    if sockets:
        with ThreadPoolExecutor(max_workers=len(sockets)) as closers:
            list(closers.map(socket.socket.close, sockets))


def _written(
    writer: PcapngWriter, number: int, at: Instant, frame: bytes, outgoing: bool
) -> Callable[[], None]:
    return lambda: writer.packet(number, at, frame, outgoing)


def stamp_of(ancillary: list[tuple[int, int, bytes]]) -> Instant:
    """The kernel's stamp (a timespec) among a frame's control messages."""
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value[:16])
            return int(seconds * SECOND + nanoseconds)
    raise OSError("the kernel gave a frame without a stamp")


def widen(ear: socket.socket) -> None:
    """Give a packet socket as much room as it may have."""
    try:
        ear.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:
        # In a user namespace the host's own bound (net.core.rmem_max) holds; losses are counted.
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)


def _dropped(ear: socket.socket) -> int:
    """Frames the kernel had no room for since it was last asked (tpacket_stats.tp_drops)."""
    _, drops = struct.unpack("II", ear.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
    return int(drops)
