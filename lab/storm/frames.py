"""As much of a frame as a storm needs: where its transport header begins, and between whom it goes.

Called for every frame of a storm, so it slices octets and builds nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.observe.pcapng import ETHERNET, RAW_IP

ICMP = 1
TCP = 6
UDP = 17


class Segment(NamedTuple):
    """A transport segment in a frame."""

    protocol: int
    source: bytes
    """Address, 4 or 16 octets."""
    destination: bytes
    data: bytes
    """The whole frame."""
    place: int
    """Where the transport header begins in it."""
    end: int
    """Where the IP packet ends."""


def segment_of(data: bytes, linktype: int) -> Segment | None:
    """The segment in a frame; None for what is no IP, a later fragment, IPv6 with extensions,
    and what is cut short."""
    if linktype == ETHERNET:
        if len(data) < 14:
            return None
        start, ethertype = 14, data[12] << 8 | data[13]
        if ethertype not in {0x0800, 0x86DD}:
            return None
    elif linktype == RAW_IP and data:
        start = 0
    else:
        return None
    return packet_segment(data, start)


def packet_segment(data: bytes, start: int, *, whole: bool = True) -> Segment | None:
    """The segment of the IP packet that begins at `start`. Not `whole`: the packet is quoted by an
    ICMP error, and may end early."""
    version = data[start] >> 4 if start < len(data) else 0
    if version == 4 and len(data) >= start + 20:
        place = start + (data[start] & 15) * 4
        end = start + (data[start + 2] << 8 | data[start + 3])
        if (data[start + 6] << 8 | data[start + 7]) & 0x1FFF:
            return None
        protocol = data[start + 9]
        source, destination = data[start + 12 : start + 16], data[start + 16 : start + 20]
    elif version == 6 and len(data) >= start + 40:
        place = start + 40
        end = place + (data[start + 4] << 8 | data[start + 5])
        protocol = data[start + 6]
        source, destination = data[start + 8 : start + 24], data[start + 24 : start + 40]
    else:
        return None
    if not whole:
        end = min(end, len(data))
    least = 20 if protocol == TCP and whole else 8
    if place < start + 20 or place + least > end or end > len(data):
        return None
    return Segment(protocol, source, destination, data, place, end)
