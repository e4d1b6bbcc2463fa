"""Bare packets by their names: which packets on the wire carry one, wherever it is seen.

A name stands in what a translator leaves alone: the IP identification, and before the data of UDP
and echoes; of TCP the window says it too, for an opening segment carries no data.
"""

from __future__ import annotations

from zlib import crc32

from lab.observe.passage import Passage
from lab.observe.sighting import Icmp, Ip, Tcp, Udp
from lab.observe.timeline import Timeline

_BEHIND_NAME = b";"


def identification_of(name: str) -> int:
    """The IP identification of a packet of this name: never 0, which says that there is none."""
    return crc32(name.encode()) % 0xFFFF + 1


def window_of(name: str) -> int:
    """The TCP window of a segment of this name: at least 32,768, room enough for what a scenario
    sends."""
    return 0x8000 | crc32(name.encode()) >> 16 & 0x7FFF


def sequence_of(name: str) -> int:
    """The sequence number that an opening segment of this name begins with."""
    return crc32(name.encode())


def data_of(name: str) -> bytes:
    """What the data of a packet of this name begins with."""
    return name.encode() + _BEHIND_NAME


def carries(ip: Ip, name: str) -> bool:
    """Whether a packet carries the name; of a datagram in pieces, each piece."""
    if ip.version != 4 or ip.identification != identification_of(name):
        return False
    match ip.transport:
        case Udp(payload=payload) | Icmp(embedded=None, payload=payload):
            return payload.startswith(data_of(name))
        case Tcp(source_port=_, payload=payload):
            window = int.from_bytes(ip.raw[(ip.raw[0] & 15) * 4 + 14 :][:2])
            return window == window_of(name)
        case _:
            return True


def passages_of_name(timeline: Timeline, name: str) -> list[Passage]:
    """Every way over a link of packets that carry the name, in order of time."""
    found = [each for each in timeline.packets if carries(each.ip, name)]
    return sorted(found, key=lambda each: (each.at, each.frame))


def sent(timeline: Timeline, name: str) -> Passage | None:
    """The packet as its maker sent it; of pieces, the first to leave."""
    return next(iter(passages_of_name(timeline, name)), None)


def arrived(timeline: Timeline, name: str, node: str) -> Passage | None:
    """The packet as it came to a node; of pieces, the first to come."""
    return next(
        (
            each
            for each in passages_of_name(timeline, name)
            if each.arrived is not None and each.receiver == node
        ),
        None,
    )
