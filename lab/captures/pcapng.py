"""pcapng files of other programs: draft-ietf-opsawg-pcapng, in either byte order.

`lab.observe.pcapng` reads what the lab wrote, where a fault is an error. Here the writer is
unknown: what can be read is read, the rest is counted.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from lab.captures.frames import LARGEST_FRAME, FileInterface, Frame, Losses, Octets
from lab.observe.pcapng import CaptureError
from resolver.machine import SECOND

SECTION_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
_BIG_ENDIAN = b"\x1a\x2b\x3c\x4d"
_LITTLE_ENDIAN = b"\x4d\x3c\x2b\x1a"
_LARGEST_BLOCK = 16 * 1024 * 1024
"""Wireshark's own bound."""

_INTERFACE = 1
_OLD_PACKET = 2
_SIMPLE_PACKET = 3
_STATISTICS = 5
_PACKET = 6
_SECTION = 0x0A0D0D0A
_NO_PACKETS: Mapping[int, str] = MappingProxyType(
    {
        9: "no packet (journal entry)",
        0x0BAD: "no packet (custom block)",
        0x40000BAD: "no packet (custom block)",
        0x0204: "no packet (system call)",
        0x0216: "no packet (system call)",
        0x0221: "no packet (system call)",
    }
)
"""Blocks that Wireshark numbers as it numbers packets."""

_END = 0
_NAME = 2
_DESCRIPTION = 3
_FLAGS = 2
_RESOLUTION = 9
_OFFSET = 14
_DROPPED: Final = frozenset({5, 7})
"""By the interface, and by the operating system."""
_DIRECTIONS: Final = (None, False, True, None)
"""By the low two bits of a packet's flags: unknown, inbound, outbound."""


@dataclass(frozen=True, slots=True)
class _Stamped:
    """An interface, and how its stamps are to be read."""

    interface: FileInterface
    units: int
    """How many units of a stamp are a second."""
    offset_ns: int

    def instant(self, stamp: int) -> int:
        if self.units != SECOND:
            stamp = stamp * SECOND // self.units
        return stamp + self.offset_ns


@dataclass(slots=True)
class _Reading:
    """Where the reader stands."""

    losses: Losses
    order: str = "<"
    section: list[_Stamped | None] = field(default_factory=list)
    """The interfaces of the section; None for one that could not be read."""
    interfaces: int = 0
    number: int = 0


def pcapng_frames(file: Octets, where: str, losses: Losses) -> Iterator[Frame]:
    """The frames of a pcapng whose first four octets are read already.

    What is damaged is told in `losses`, with its offset; a block that is only odd in itself is
    left out. Raises CaptureError where nothing can be read: no section header.
    """
    reading = _Reading(losses)
    head = SECTION_MAGIC + file.read(8)
    offset = 0
    while head:
        kind, length, fault = _measured(head, reading)
        if fault and offset == 0:
            raise CaptureError(f"{where}: offset 0: {fault}; capture again")
        body = b"" if fault else head[8:] + file.read(length - 12)
        if not fault and len(body) < length - 8:
            fault = "the file ends in the middle of a block"
        if not fault and body[-4:] != struct.pack(reading.order + "I", length):
            fault = f"a block of {length} octets does not end as one; nothing behind it was read"
        if fault:
            losses.damage.append(f"offset {offset}: {fault}")
            return
        frame = _frame(kind, body[:-4], reading)
        if frame is not None:
            yield frame
        offset += length
        head = file.read(12)


def _measured(head: bytes, reading: _Reading) -> tuple[int, int, str]:
    """Type and length of the block that begins so, and what is wrong with it. A section header
    changes the byte order."""
    if head[:4] == SECTION_MAGIC:
        if head[8:12] not in (_BIG_ENDIAN, _LITTLE_ENDIAN):
            return _SECTION, 0, "a section header without byte order"
        reading.order = ">" if head[8:12] == _BIG_ENDIAN else "<"
    if len(head) < 12:
        return 0, 0, "the file ends in the middle of a block"
    kind, length = struct.unpack_from(reading.order + "II", head)
    # The shortest block is its type and twice its length; a section header has 16 octets more.
    if length < 12 or length % 4 or length > _LARGEST_BLOCK:
        return kind, length, f"a block of {length} octets cannot be; nothing behind it was read"
    return kind, length, ""


def _frame(kind: int, body: bytes, reading: _Reading) -> Frame | None:
    if kind == _PACKET:
        reading.number += 1
        return _packet(body, reading)
    if kind == _OLD_PACKET:
        reading.number += 1
        return _old_packet(body, reading)
    if kind == _INTERFACE:
        reading.section.append(_interface(body, reading))
    elif kind == _SECTION:
        reading.section = []
    elif kind == _STATISTICS:
        _statistics(body, reading)
    elif kind == _SIMPLE_PACKET:
        reading.number += 1
        reading.losses.count("no time stamp (simple packet block)")
    elif kind in _NO_PACKETS:
        reading.number += 1
        reading.losses.count(_NO_PACKETS[kind])
    return None


def _interface(body: bytes, reading: _Reading) -> _Stamped | None:
    reading.interfaces += 1
    if len(body) < 8:
        return None
    (linktype,) = struct.unpack_from(reading.order + "H", body)
    options = dict(_options(body, 8, reading.order))
    resolution = (options.get(_RESOLUTION) or b"\x06")[0]
    # The top bit says whether the low seven are a power of two or of ten.
    units = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
    moved = options.get(_OFFSET, b"")
    offset_s = struct.unpack(reading.order + "q", moved)[0] if len(moved) == 8 else 0
    interface = FileInterface(
        reading.interfaces - 1,
        _text(options.get(_NAME, b"")),
        linktype,
        _text(options.get(_DESCRIPTION, b"")),
    )
    return _Stamped(interface, units, offset_s * SECOND)


def _packet(body: bytes, reading: _Reading) -> Frame | None:
    if len(body) < 20:
        reading.losses.count("malformed packet block")
        return None
    fields = struct.unpack_from(reading.order + "IIIII", body)
    return _stamped_packet(body, fields, reading)


def _old_packet(body: bytes, reading: _Reading) -> Frame | None:
    """The packet block of the format's first drafts: a 16-bit interface, and a count of drops."""
    if len(body) < 20:
        reading.losses.count("malformed packet block")
        return None
    index, _, high, low, captured, octets = struct.unpack_from(reading.order + "HHIIII", body)
    return _stamped_packet(body, (index, high, low, captured, octets), reading)


def _stamped_packet(
    body: bytes, fields: tuple[int, int, int, int, int], reading: _Reading
) -> Frame | None:
    index, high, low, captured, octets = fields
    place = 20 + captured
    if captured > LARGEST_FRAME or place > len(body):
        reading.losses.count("malformed packet block")
        return None
    stamped = reading.section[index] if index < len(reading.section) else None
    if stamped is None:
        reading.losses.count("an interface that the file does not declare")
        return None
    outgoing = None
    for code, value in _options(body, place + -captured % 4, reading.order):
        if code == _FLAGS and len(value) == 4:
            outgoing = _DIRECTIONS[struct.unpack(reading.order + "I", value)[0] & 3]
    return Frame(
        reading.number,
        stamped.instant(high << 32 | low),
        stamped.interface,
        body[20:place],
        max(octets, captured),
        outgoing,
    )


def _statistics(body: bytes, reading: _Reading) -> None:
    """What the capturing machine dropped, counted from the beginning each time it is told."""
    if len(body) < 12:
        return
    (index,) = struct.unpack_from(reading.order + "I", body)
    options = _options(body, 12, reading.order)
    told = [value for code, value in options if code in _DROPPED and len(value) == 8]
    dropped = sum(struct.unpack(reading.order + "Q", value)[0] for value in told)
    stamped = reading.section[index] if index < len(reading.section) else None
    if dropped and stamped is not None:
        place = stamped.interface.place
        reading.losses.dropped[place] = max(dropped, reading.losses.dropped.get(place, 0))


def _options(body: bytes, place: int, order: str) -> Iterator[tuple[int, bytes]]:
    """The options that begin there, up to their end or to the first that does not fit."""
    while place + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, place)
        if code == _END or place + 4 + length > len(body):
            return
        yield code, body[place + 4 : place + 4 + length]
        place += 4 + length + -length % 4


def _text(octets: bytes) -> str:
    """A name as its writer meant it; some end it with a NUL, which the format does not ask for."""
    return octets.rstrip(b"\0").decode(errors="replace")
