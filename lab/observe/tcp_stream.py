"""One direction of a TCP connection, put together again from its segments."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from lab.observe.passage import Trip
from lab.observe.sighting import Tcp

_LENGTH = 2
_HALF = 2**31


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a stream, with the packet that brought them."""

    start: int
    """Position in the stream."""
    octets: bytes
    trip: Trip

    @property
    def end(self) -> int:
        """Position after its last byte."""
        return self.start + len(self.octets)


def reassembled(segments: Iterable[Trip], first: int) -> list[Piece]:
    """The stream from its first byte to its first gap, in order and without overlap.

    `first` is the sequence number of the first byte. Where bytes came more than once, the packet
    that arrived first counts: it is the one the receiver read (RFC 9293 3.10.7.4).
    """
    pieces: list[Piece] = []
    for trip in sorted(segments, key=_arrival):
        tcp = trip.ip.transport
        if not isinstance(tcp, Tcp):
            continue
        start = (tcp.sequence - first) % 2**32
        if start >= _HALF:  # before the first byte: a keep-alive
            continue
        for begin, end in list(_gaps(pieces, start, start + len(tcp.payload))):
            octets = tcp.payload[begin - start : end - start]
            insort(pieces, Piece(begin, octets, trip), key=attrgetter("start"))
    return list(_contiguous(pieces))


def framed(pieces: list[Piece]) -> Iterator[tuple[bytes, tuple[Trip, ...], bool]]:
    """Cut a stream into messages by the two octets of length before each (RFC 1035 4.2.2).

    (payload, the packets that brought it, whether it is complete); an incomplete one can only be
    the last.
    """
    stream = b"".join(piece.octets for piece in pieces)
    place = 0
    while place + _LENGTH < len(stream):
        end = place + _LENGTH + int.from_bytes(stream[place : place + _LENGTH])
        trips = tuple(
            dict.fromkeys(piece.trip for piece in pieces if piece.start < end and piece.end > place)
        )
        yield stream[place + _LENGTH : end], trips, end <= len(stream)
        place = end


def _arrival(trip: Trip) -> tuple[bool, int]:
    arrived = trip.arrived_at
    return arrived is None, trip.at if arrived is None else arrived


def _gaps(pieces: list[Piece], start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of [start, end) that no piece covers yet."""
    for piece in pieces:
        if piece.end <= start:
            continue
        if piece.start >= end:
            break
        if piece.start > start:
            yield start, piece.start
        start = piece.end
    if start < end:
        yield start, end


def _contiguous(pieces: list[Piece]) -> Iterator[Piece]:
    place = 0
    for piece in pieces:
        if piece.start != place:
            return
        yield piece
        place = piece.end
