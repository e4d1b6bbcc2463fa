"""Captures that keep up with a storm: the kernel writes frames into a ring of blocks that we see,
and a block is taken by one copy, however many frames are in it (packet(7), TPACKET_V3).

What is in the blocks is looked at when the capture ends.
"""

from __future__ import annotations

import mmap
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

from lab.observe.capture import TRIAL_FRAME, LiveCapture, close_together
from lab.observe.packet_filter import Kept, attach_filter
from lab.observe.pcapng import ETHERNET
from resolver.machine import SECOND, Instant

# linux/if_packet.h, linux/if_ether.h
_SOL_PACKET: Final = 263
_PACKET_RX_RING: Final = 5
_PACKET_STATISTICS: Final = 6
_PACKET_VERSION: Final = 10
_TPACKET_V3: Final = 2
_TP_STATUS_USER: Final = 1
_ETH_P_ALL: Final = 0x0003

_BLOCK: Final = 256 * 1024
_BLOCKS: Final = 64
"""16 MiB an interface: some 80,000 questions, four seconds of the greatest storm."""
_RETIRED_AFTER_MS: Final = 10
"""When a block that is not full is handed over."""
_SURELY_RETIRED_S: Final = 0.1
_FLUSHED_WITHIN_S: Final = 5.0

_STATUS: Final = struct.Struct("=8xIII")
"""Of a block: status, number of frames, place of the first (struct tpacket_block_desc)."""
_USED: Final = struct.Struct("=20xI")
"""Of a block: octets in use."""
_FRAME: Final = struct.Struct("=IIII8xH")
"""Of a frame: distance to the next, seconds, nanoseconds, octets kept, place (tpacket3_hdr)."""
_KIND: Final = 48 + 10
"""Where a frame's packet type stands: in the sockaddr_ll behind the header."""
_BROADCAST: Final = b"\xff" * 6


@dataclass(slots=True)
class _Ring:
    """An interface that is listened to."""

    ear: socket.socket
    teller: socket.socket
    """Sends the trial frame that ends a capture."""
    interface: str
    number: int
    memory: mmap.mmap
    next: int = 0
    """The block that is handed over next."""
    taken: list[bytes] = field(default_factory=list)
    """Blocks, as far as they are used."""

    def is_handed_over(self) -> bool:
        """Whether the next block is ours to take."""
        status, _, _ = _STATUS.unpack_from(self.memory, self.next * _BLOCK)
        return bool(status & _TP_STATUS_USER)


class RingCapture(LiveCapture):
    """Captures Ethernet interfaces into one file, which is written at the end; has the face of
    `LiveCapture`, but for watchers: nobody sees a packet before."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rings: dict[int, _Ring] = {}
        self._marks: list[tuple[Instant, Callable[[], None]]] = []
        self._over = False

    def add(self, node: str, interface: str, kept: Kept = Kept.CONVERSATIONS) -> socket.socket:
        """Listen to an interface of the current network namespace from now on, for these frames."""
        ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        teller = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        try:
            attach_filter(ear, kept, TRIAL_FRAME)
            ear.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
            # struct tpacket_req3; frames have no fixed size in this version.
            frames = _BLOCK // 2048 * _BLOCKS
            request = struct.pack("=7I", _BLOCK, _BLOCKS, 2048, frames, _RETIRED_AFTER_MS, 0, 0)
            ear.setsockopt(_SOL_PACKET, _PACKET_RX_RING, request)
            memory = mmap.mmap(ear.fileno(), _BLOCK * _BLOCKS)
            ear.bind((interface, _ETH_P_ALL))
        except BaseException:
            ear.close()
            teller.close()
            raise
        number = self._writer.interface(interface, ETHERNET, node)
        self._rings[ear.fileno()] = _Ring(ear, teller, interface, number, memory)
        return ear

    def sockets(self) -> tuple[socket.socket, ...]:
        """All sockets that are listened on."""
        return tuple(ring.ear for ring in self._rings.values())

    def read(self, file: socket.socket) -> None:
        """Take the blocks that are handed over."""
        ring = self._rings[file.fileno()]
        _take(ring)
        _clear(ring)

    def mark(self, at: Instant, kind: str, text: str, fields: dict[str, Any]) -> None:
        """Put a mark into the file, in the order of time."""
        self._marks.append((at, lambda: self._writer.mark(at, kind, text, fields)))

    def close(self) -> None:
        """Take what has arrived by now, write everything, close the file. Idempotent.

        Raises OSError when the kernel does not hand over what it has.
        """
        if self._over:
            return
        self._over = True
        try:
            _flush(list(self._rings.values()))
            for ring in self._rings.values():
                statistics = ring.ear.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)
                self.frames_lost += struct.unpack("III", statistics)[1]
            self._write()
        finally:
            for ring in self._rings.values():
                ring.memory.close()
                ring.teller.close()
            close_together([ring.ear for ring in self._rings.values()])
            self._rings.clear()
            self._writer.close()

    def _write(self) -> None:
        frames: list[tuple[Instant, int, bytes, bool]] = []
        for ring in self._rings.values():
            for block in ring.taken:
                frames += (
                    (at, ring.number, frame, outgoing)
                    for at, frame, outgoing, is_trial in _frames(block)
                    if not is_trial
                )
            ring.taken.clear()
        frames.sort(key=itemgetter(0))  # of equals, the order of arrival stays
        began = 0
        for at, write in sorted(self._marks, key=itemgetter(0)):
            place = next((n for n in range(began, len(frames)) if frames[n][0] > at), len(frames))
            self._writer.packets(frames[began:place])
            write()
            began = place
        self._writer.packets(frames[began:])
        self._marks.clear()


def _clear(ring: _Ring) -> None:
    """Take the news that the interface went down, which would else be told again and again."""
    ring.ear.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _take(ring: _Ring) -> bool:
    """Take the blocks that are handed over, and give them back; whether there was the trial frame
    that ends a capture."""
    ended = False
    while ring.is_handed_over():
        start = ring.next * _BLOCK
        (used,) = _USED.unpack_from(ring.memory, start)
        block = ring.memory[start : start + used]
        struct.pack_into("=I", ring.memory, start + 8, 0)
        ring.next = (ring.next + 1) % _BLOCKS
        ring.taken.append(block)
        ended = ended or any(is_trial for *_, is_trial in _frames(block))
    return ended


def _frames(block: bytes) -> Iterator[tuple[Instant, bytes, bool, bool]]:
    """The frames in a block that concern its node: stamp, octets, whether it leaves, whether it is
    a trial frame."""
    _, count, place = _STATUS.unpack_from(block)
    for _ in range(count):
        following, seconds, nanoseconds, octets, begin = _FRAME.unpack_from(block, place)
        kind = block[place + _KIND]
        # Flooded to this port but not for this node (PACKET_OTHERHOST): left out.
        if kind in {socket.PACKET_HOST, socket.PACKET_BROADCAST, socket.PACKET_OUTGOING}:
            start = place + begin
            frame = block[start : start + octets]
            is_trial = frame[12:14] == TRIAL_FRAME.to_bytes(2, "big")
            yield seconds * SECOND + nanoseconds, frame, kind == socket.PACKET_OUTGOING, is_trial
        place += following


def _flush(rings: list[_Ring]) -> None:
    """Return when each ring has shown us a frame that was sent just now: then all before it are
    taken. An interface that is down sends none; what it has is handed over when its time is up."""
    waiting, down = [], []
    for ring in rings:
        _take(ring)
        try:
            ring.teller.sendto(b"", (ring.interface, TRIAL_FRAME, 0, 0, _BROADCAST))
            waiting.append(ring)
        except OSError:
            down.append(ring)
    for ring in down:
        _clear(ring)
        while select.select([ring.ear], [], [], _SURELY_RETIRED_S)[0] and ring.is_handed_over():
            _take(ring)
    deadline = time.monotonic() + _FLUSHED_WITHIN_S
    while waiting:
        left = deadline - time.monotonic()
        if left < 0:
            names = ", ".join(ring.interface for ring in waiting)
            raise OSError(f"the kernel keeps captured frames of {names} back")
        select.select([ring.ear for ring in waiting], [], [], left)
        waiting = [ring for ring in waiting if not _take(ring)]
