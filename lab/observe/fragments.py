"""Datagrams that IPv4 cut in pieces, put together again (RFC 791 3.2)."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import replace
from operator import itemgetter

from lab.observe.decode import decode_ip
from lab.observe.passage import Passage, Trip
from lab.observe.sighting import Ip, Udp

_UDP = 17
_MORE = 0x2000
_OFFSET = 0x1FFF


def datagrams_in_pieces(trips: Iterable[Trip]) -> list[tuple[Trip, ...]]:
    """The trips of each datagram that came in fragments and can be put together, in order of
    offset. The first of them shows the whole datagram; a fragment says of itself no more than its
    addresses."""
    groups: defaultdict[Hashable, list[tuple[int, bool, Trip]]] = defaultdict(list)
    for trip in trips:
        ip = trip.ip
        if ip.version == 4 and ip.protocol == _UDP and ip.transport is None and len(ip.raw) >= 20:
            field = int.from_bytes(ip.raw[6:8])
            if field & (_MORE | _OFFSET):
                key = (trip.sender, ip.source, ip.destination, ip.identification)
                groups[key].append(((field & _OFFSET) * 8, bool(field & _MORE), trip))
    return [whole for group in groups.values() if (whole := _put_together(group))]


def _put_together(group: list[tuple[int, bool, Trip]]) -> tuple[Trip, ...]:
    """The trips of a complete datagram, none where a piece is missing. The ID comes round again
    after 65,536 packets; a capture of a scenario is shorter."""
    group = sorted(group, key=itemgetter(0))
    octets = b""
    for offset, _, trip in group:
        if offset != len(octets):
            return ()
        octets += _behind_header(trip.ip)
    if group[-1][1]:
        return ()
    first, *others = (trip for _, _, trip in group)
    passages = tuple(_with_whole(passage, octets) for passage in first.passages)
    if not all(isinstance(passage.ip.transport, Udp) for passage in passages):
        return ()
    return (Trip(passages), *others)


def _with_whole(passage: Passage, octets: bytes) -> Passage:
    """The first fragment's way over a link, as if the datagram had gone it in one."""
    header = bytearray(passage.ip.raw[: _header_octets(passage.ip)])
    struct.pack_into("!H", header, 2, len(header) + len(octets))
    struct.pack_into("!H", header, 6, 0)
    whole = decode_ip(bytes(header) + octets)
    if whole is None:
        return passage
    # The header's own checksum was of what it said before.
    return replace(passage, ip=replace(whole, checksum_right=passage.ip.checksum_right))


def _behind_header(ip: Ip) -> bytes:
    return ip.raw[_header_octets(ip) :]


def _header_octets(ip: Ip) -> int:
    return (ip.raw[0] & 15) * 4
