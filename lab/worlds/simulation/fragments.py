"""IPv4 packets too large for a link, cut in fragments and put together again (RFC 791 2.3, 3.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from lab.worlds.simulation.agenda import Agenda
from lab.worlds.simulation.packet import Packet
from resolver.machine import SECOND, Duration
from resolver.nat.checksum import internet_checksum

REASSEMBLY_TIME_NS: Duration = 30 * SECOND
"""How long the first fragment waits for the last one (Linux: net.ipv4.ipfrag_time)."""

_MORE = 0x2000
_OFFSET = 0x1FFF
_DONT_FRAGMENT = 0x4000

_Key: TypeAlias = tuple[str, str, int, int]
"""Source, destination, protocol, identification."""


def cut(packet: Packet, mtu: int, identification: int | None = None) -> Iterator[Packet]:
    """The fragments of an IPv4 packet that fit the MTU, octets. `identification`: for a packet of
    our own that is whole and has none yet; its DF bit is taken off."""
    header = bytearray(packet.raw[: packet.payload])
    if identification is not None:
        header[4:6] = identification.to_bytes(2, "big")
    field = int.from_bytes(header[6:8], "big") & ~_DONT_FRAGMENT
    first, more = field & _OFFSET, bool(field & _MORE)
    octets = packet.raw[packet.payload : packet.end]
    # RFC 791 3.2: offsets count eights of octets.
    room = (mtu - len(header)) // 8 * 8
    for start in range(0, len(octets), room):
        piece = octets[start : start + room]
        follows = more or start + room < len(octets)
        yield _with_header(header, piece, (_MORE if follows else 0) | (first + start // 8))


def _with_header(header: bytearray, piece: bytes, field: int) -> Packet:
    header = bytearray(header)
    header[2:4] = (len(header) + len(piece)).to_bytes(2, "big")
    header[6:8] = field.to_bytes(2, "big")
    header[10:12] = bytes(2)
    header[10:12] = internet_checksum(bytes(header)).to_bytes(2, "big")
    return Packet(bytes(header) + piece, built_here=True)


class Reassembly:
    """What a receiver has of datagrams in pieces. `timed_out` is told the first fragment of a
    datagram that stayed incomplete, if that fragment came."""

    def __init__(self, agenda: Agenda, timed_out: Callable[[Packet], None]) -> None:
        self._agenda = agenda
        self._timed_out = timed_out
        self._waiting: dict[_Key, _Pieces] = {}

    def take(self, fragment: Packet) -> Packet | None:
        """Keep a fragment; the whole packet when it was the last one missing. Its transport
        checksum has not been looked at."""
        identification = int.from_bytes(fragment.raw[4:6], "big")
        key = (fragment.source, fragment.destination, fragment.protocol, identification)
        pieces = self._waiting.get(key)
        if pieces is None:
            pieces = self._waiting[key] = _Pieces()
            self._agenda.at(self._agenda.now + REASSEMBLY_TIME_NS, self._give_up, key, pieces)
        whole = pieces.add(fragment)
        if whole is not None:
            del self._waiting[key]
        return whole

    def _give_up(self, key: _Key, pieces: _Pieces) -> None:
        if self._waiting.get(key) is not pieces:
            return
        del self._waiting[key]
        first = pieces.by_offset.get(0)
        if first is not None:
            self._timed_out(first)


class _Pieces:
    """Fragments of one datagram."""

    def __init__(self) -> None:
        self.by_offset: dict[int, Packet] = {}

    def add(self, fragment: Packet) -> Packet | None:
        offset = (int.from_bytes(fragment.raw[6:8], "big") & _OFFSET) * 8
        self.by_offset.setdefault(offset, fragment)
        octets, more = b"", True
        for start in sorted(self.by_offset):
            piece = self.by_offset[start]
            if start > len(octets):
                return None  # a gap
            octets = octets[:start] + piece.raw[piece.payload : piece.end]
            more = bool(piece.raw[6] & _MORE >> 8)
        if more or 0 not in self.by_offset:
            return None
        first = self.by_offset[0]
        header = bytearray(first.raw[: first.payload])
        whole = _with_header(header, octets, 0)
        # The header was just made; what it carries is the sender's to answer for.
        return Packet(whole.raw)
