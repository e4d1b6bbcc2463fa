"""Captures as pcapng files: written block by block, read back as records.

One file holds every interface of a world, so one frame number names one packet everywhere: in the
evidence, in the ladder and in Wireshark. Blocks and options are those of
draft-ietf-opsawg-pcapng; what a step did is a packet too, on a pseudo interface of its own.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.observe.decode import decode
from lab.observe.sighting import Mark, Record, Sighting
from resolver.machine import Instant

ETHERNET = 1
RAW_IP = 101
STEPS = 147
"""LINKTYPE_USER0: the pseudo interface on which steps leave their marks."""

STEPS_INTERFACE = "steps"

_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE = 1
_OBSOLETE_PACKET = 2
_SIMPLE_PACKET = 3
_ENHANCED_PACKET = 6
_BYTE_ORDER_MAGIC = 0x1A2B3C4D

_END_OF_OPTIONS = 0
_COMMENT = 1
_IF_NAME = 2
_IF_DESCRIPTION = 3
_IF_RESOLUTION = 9
_PACKET_FLAGS = 2

_INBOUND = 1
_OUTBOUND = 2
_NANOSECONDS = 9
_MICROSECONDS = 6
_SECOND = 10**9
_SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
_BIG_ENDIAN = b"\x1a\x2b\x3c\x4d"
_LARGEST_BLOCK = 16 * 1024 * 1024
"""Wireshark's own bound; a larger length is a damaged file, not a packet."""

_WRITTEN_AT_ONCE = 1024 * 1024
"""Octets of packets that are written many at a time."""

_NOBODY: Mapping[str, str] = {}
_CUT = "a block is cut short: the capture did not end properly; capture again"
_DAMAGED = "the file is damaged, capture again"


class CaptureError(Exception):
    """A capture cannot be read; the message names the file, the place and what to do."""


# --- writing ----------------------------------------------------------------------------------


class PcapngWriter:
    """Writes a capture as it happens.

    Every block reaches the file in one write of its own, so a run that is killed leaves a file
    that ends with a whole block.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._interfaces = 0
        self._steps: int | None = None
        header = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1)
        self._file.write(_block(_SECTION_HEADER, header))

    def interface(self, name: str, linktype: int, description: str = "") -> int:
        """Declare an interface and return its number; the description names its node."""
        body = struct.pack("<HHI", linktype, 0, 0)
        body += _option(_IF_NAME, name.encode())
        if description:
            body += _option(_IF_DESCRIPTION, description.encode())
        body += _option(_IF_RESOLUTION, bytes([_NANOSECONDS])) + _option(_END_OF_OPTIONS, b"")
        self._file.write(_block(_INTERFACE, body))
        self._interfaces += 1
        return self._interfaces - 1

    def packet(self, interface: int, at_ns: Instant, data: bytes, outgoing: bool) -> None:
        """Write one packet of an interface, leaving its node or entering it."""
        flags = struct.pack("<I", _OUTBOUND if outgoing else _INBOUND)
        self._write_packet(interface, at_ns, data, _option(_PACKET_FLAGS, flags))

    def packets(self, packets: Iterable[tuple[Instant, int, bytes, bool]]) -> None:
        """Write many packets at once: stamp, interface, octets, whether it leaves its node."""
        options = {
            leaves: _option(_PACKET_FLAGS, struct.pack("<I", _OUTBOUND if leaves else _INBOUND))
            for leaves in (False, True)
        }
        waiting = bytearray()
        for at_ns, interface, data, outgoing in packets:
            waiting += _packet(interface, at_ns, data, options[outgoing])
            if len(waiting) >= _WRITTEN_AT_ONCE:
                self._file.write(waiting)
                waiting.clear()
        self._file.write(waiting)

    def mark(self, at_ns: Instant, kind: str, text: str, fields: Mapping[str, Any]) -> None:
        """Write what a step did; Wireshark shows the text as the packet's comment."""
        if self._steps is None:
            self._steps = self.interface(STEPS_INTERFACE, STEPS, "what the scenario did")
        payload = json.dumps({"kind": kind, "text": text, "fields": dict(fields)}, default=str)
        self._write_packet(self._steps, at_ns, payload.encode(), _option(_COMMENT, text.encode()))

    def close(self) -> None:
        """End the file; closing twice is not an error."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write_packet(self, interface: int, at_ns: Instant, data: bytes, options: bytes) -> None:
        self._file.write(_packet(interface, at_ns, data, options))


def _packet(interface: int, at_ns: Instant, data: bytes, options: bytes) -> bytes:
    high, low = at_ns >> 32, at_ns & 0xFFFFFFFF
    body = struct.pack("<IIIII", interface, high, low, len(data), len(data)) + _padded(data)
    return _block(_ENHANCED_PACKET, body + options + _option(_END_OF_OPTIONS, b""))


def _block(kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


# --- reading ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CapturedInterface:
    """An interface as the file declares it."""

    name: str
    linktype: int
    description: str
    units_per_second: int


@dataclass(frozen=True, slots=True)
class CapturedPacket:
    """A packet as the file holds it; `number` is Wireshark's frame number."""

    number: int
    interface: CapturedInterface
    at: Instant
    data: bytes
    outgoing: bool
    offset: int
    """Where its block begins in the file."""


def read_records(
    path: Path, nodes: Mapping[str, str] = _NOBODY, since: Instant = 0
) -> Iterator[Record]:
    """Every packet and every mark of a capture from an instant on, in file order.

    `nodes` says which node has an interface; for others the node is the interface's description.
    Raises CaptureError.
    """
    for packet in read_packets(path):
        if packet.at < since:
            continue
        interface = packet.interface
        if interface.linktype == STEPS:
            yield _mark(path, packet)
        else:
            yield Sighting(
                packet.number,
                packet.at,
                nodes.get(interface.name, interface.description),
                interface.name,
                packet.outgoing,
                decode(packet.data, interface.linktype),
            )


def read_packets(path: Path) -> Iterator[CapturedPacket]:
    """Every packet of a capture, undecoded, in file order. Raises CaptureError."""
    interfaces: list[CapturedInterface] = []
    number = 0
    for block in _blocks(path):
        if block.kind == _ENHANCED_PACKET:
            number += 1
            yield block.packet(interfaces, number)
        elif block.kind == _INTERFACE:
            interfaces.append(block.interface())
        elif block.kind == _SECTION_HEADER:
            interfaces = []
        elif block.kind in {_SIMPLE_PACKET, _OBSOLETE_PACKET}:
            raise block.error(
                "a packet block of a kind that says no time or no direction; rewrite the capture "
                "with `editcap -F pcapng`"
            )


@dataclass(slots=True)
class _Block:
    """One block of a file, and how to read what it may be."""

    path: Path
    offset: int
    kind: int
    body: bytes
    order: str
    """Byte order of its section, as `struct` writes it."""

    def interface(self) -> CapturedInterface:
        if len(self.body) < 8:
            raise self.error(_CUT)
        (linktype,) = struct.unpack_from(self.order + "H", self.body)
        options = dict(self._options(8))
        resolution = (options.get(_IF_RESOLUTION) or bytes([_MICROSECONDS]))[0]
        # The top bit says whether the low seven are a power of two or of ten.
        units = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
        return CapturedInterface(
            options.get(_IF_NAME, b"").decode(errors="replace"),
            linktype,
            options.get(_IF_DESCRIPTION, b"").decode(errors="replace"),
            units,
        )

    def packet(self, interfaces: list[CapturedInterface], number: int) -> CapturedPacket:
        body = self.body
        if len(body) < 20:
            raise self.error(_CUT)
        index, high, low, captured, _ = struct.unpack_from(self.order + "IIIII", body)
        if 20 + captured > len(body):
            raise self.error(_CUT)
        if index >= len(interfaces):
            raise self.error(
                f"frame {number} belongs to interface {index}, which the file does not declare; "
                f"{_DAMAGED}"
            )
        flags = b""
        for code, value in self._options(20 + captured + -captured % 4):
            if code == _PACKET_FLAGS:
                flags = value
        outgoing = len(flags) == 4 and struct.unpack(self.order + "I", flags)[0] & 3 == _OUTBOUND
        stamp = high << 32 | low
        units = interfaces[index].units_per_second
        at = stamp if units == _SECOND else stamp * _SECOND // units
        data = body[20 : 20 + captured]
        return CapturedPacket(number, interfaces[index], at, data, outgoing, self.offset)

    def _options(self, place: int) -> Iterator[tuple[int, bytes]]:
        while place + 4 <= len(self.body):
            code, length = struct.unpack_from(self.order + "HH", self.body, place)
            if code == _END_OF_OPTIONS:
                return
            if place + 4 + length > len(self.body):
                raise self.error(_CUT)
            yield code, self.body[place + 4 : place + 4 + length]
            place += 4 + length + -length % 4

    def error(self, what: str) -> CaptureError:
        return CaptureError(f"{self.path}: offset {self.offset}: {what}")


def _blocks(path: Path) -> Iterator[_Block]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read: {error.strerror}") from error
    if content[:4] != _SECTION_MAGIC:
        raise CaptureError(
            f"{path}: offset 0: not a pcapng file; convert it with `editcap -F pcapng`"
        )
    order = "<"
    offset = 0
    while offset < len(content):
        # The section header's type reads the same in both byte orders, and says which follows.
        if content[offset : offset + 4] == _SECTION_MAGIC:
            order = ">" if content[offset + 8 : offset + 12] == _BIG_ENDIAN else "<"
        block = _Block(path, offset, 0, b"", order)
        if len(content) - offset < 12:
            raise block.error(_CUT)
        block.kind, length = struct.unpack_from(order + "II", content, offset)
        if length < 12 or length % 4 or length > _LARGEST_BLOCK:
            raise block.error(f"impossible block length {length}; {_DAMAGED}")
        if offset + length > len(content):
            raise block.error(_CUT)
        (again,) = struct.unpack_from(order + "I", content, offset + length - 4)
        if again != length:
            raise block.error(f"a block of {length} bytes ends as one of {again}; {_DAMAGED}")
        block.body = content[offset + 8 : offset + length - 4]
        yield block
        offset += length


def _mark(path: Path, packet: CapturedPacket) -> Mark:
    try:
        said = json.loads(packet.data)
        return Mark(packet.number, packet.at, said["kind"], said["text"], said["fields"])
    except (ValueError, KeyError, TypeError) as error:
        raise CaptureError(
            f"{path}: offset {packet.offset}: frame {packet.number} is no mark of a step, and link "
            f"type {STEPS} is reserved for them; {_DAMAGED}"
        ) from error
