"""Classic pcap files: draft-ietf-opsawg-pcap, in either byte order, with µs or ns stamps."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from lab.captures.frames import LARGEST_FRAME, FileInterface, Frame, Losses, Octets
from lab.observe.pcapng import CaptureError
from resolver.machine import SECOND

_MICRO: Final = 1000
_NANO: Final = 1

_ORDERS: Mapping[bytes, tuple[str, int]] = MappingProxyType(
    {
        b"\xa1\xb2\xc3\xd4": (">", _MICRO),
        b"\xd4\xc3\xb2\xa1": ("<", _MICRO),
        b"\xa1\xb2\x3c\x4d": (">", _NANO),
        b"\x4d\x3c\xb2\xa1": ("<", _NANO),
    }
)
"""Magic number → byte order, and how many ns a unit of a stamp's fraction is."""

_UNUSUAL = frozenset({b"\xa1\xb2\xcd\x34", b"\x34\xcd\xb2\xa1"})
"""Patched libpcaps of the nineties wrote longer packet headers."""

_HEADER_OCTETS = 20


def is_pcap(magic: bytes) -> bool:
    """Whether a file that begins so is a pcap."""
    return magic in _ORDERS or magic in _UNUSUAL


def pcap_frames(file: Octets, magic: bytes, where: str, losses: Losses) -> Iterator[Frame]:
    """The frames of a pcap whose first four octets, `magic`, are read already.

    `where` names the file in errors. A file that ends in the middle of a frame, or is damaged, is
    read up to there, and `losses` tells it. Raises CaptureError where nothing can be read.
    """
    if magic in _UNUSUAL:
        raise CaptureError(
            f"{where}: offset 0: a pcap of an unusual kind (modified libpcap); rewrite it with "
            "`editcap -F pcapng`"
        )
    order, unit = _ORDERS[magic]
    header = file.read(_HEADER_OCTETS)
    if len(header) < _HEADER_OCTETS:
        raise CaptureError(f"{where}: offset 4: the file header is cut short; capture again")
    major, minor, _, _, _, network = struct.unpack(order + "HHiIII", header)
    if major != 2:
        raise CaptureError(
            f"{where}: offset 4: pcap version {major}.{minor} is unknown; rewrite it with "
            "`editcap -F pcapng`"
        )
    # The upper half says how long a frame check sequence is; the IP header says where IP ends.
    interface = FileInterface(0, "", network & 0xFFFF)
    record = struct.Struct(order + "IIII")
    offset = 4 + _HEADER_OCTETS
    number = 0
    while head := file.read(record.size):
        if len(head) < record.size:
            losses.damage.append(f"offset {offset}: the file ends in the middle of a frame")
            return
        seconds, fraction, captured, octets = record.unpack(head)
        if captured > LARGEST_FRAME:
            losses.damage.append(
                f"offset {offset}: a frame of {captured} octets cannot be; nothing behind it was "
                "read"
            )
            return
        data = file.read(captured)
        if len(data) < captured:
            losses.damage.append(f"offset {offset}: the file ends in the middle of a frame")
            return
        number += 1
        at = seconds * SECOND + fraction * unit
        yield Frame(number, at, interface, data, max(octets, captured), None)
        offset += record.size + captured
