"""Link layers: where in a frame the IP packet begins, and which way the frame went."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

_IPV4: Final = 0x0800
_IPV6: Final = 0x86DD
_VLANS: Final = frozenset({0x8100, 0x88A8, 0x9100})
"""IEEE 802.1Q and 802.1ad tags, and the number some switches used before there was the latter."""

_AF_INET: Final = 2
_AF_INET6: Final = frozenset({10, 24, 28, 30})
"""Linux; NetBSD and OpenBSD; FreeBSD; macOS."""

_TO_SOMEBODY_ELSE: Final = 3
_FROM_US: Final = 4
"""Packet types of Linux cooked headers: 0 to us, 1 broadcast, 2 multicast, 3 to somebody else."""


class Payload(NamedTuple):
    """What a link layer carries."""

    protocol: str
    """"IP", or what else it is: "ARP"."""
    start: int
    """Where it begins in the frame."""
    outgoing: bool | None = None
    """As the link layer says it; None where it does not."""
    device: int = 0
    """Number of the device that a capture of all devices saw it at; 0 where it is not said."""


_SHORT: Final = Payload("cut in the link layer", 0)
_NAMES: Mapping[int, str] = MappingProxyType({_IPV4: "IP", _IPV6: "IP", 0x0806: "ARP"})


def payload_of(linktype: int, data: bytes) -> Payload | None:
    """What a frame of a link type carries; None for a link type that is not read. Never raises."""
    reader = _READERS.get(linktype)
    return None if reader is None else reader(data)


def link_name(linktype: int) -> str:
    """A link type for people: "802.11 (105)"."""
    known = _OTHERS.get(linktype)
    return f"{known} ({linktype})" if known else str(linktype)


def _ethernet(data: bytes) -> Payload:
    return _typed(data, 12)


def _typed(data: bytes, place: int, outgoing: bool | None = None) -> Payload:
    """The payload behind an Ethernet type at this place and any VLAN tags."""
    while len(data) >= place + 2:
        ethertype = data[place] << 8 | data[place + 1]
        if ethertype not in _VLANS:
            return Payload(_name(ethertype), place + 2, outgoing)
        place += 4
    return _SHORT


def _name(ethertype: int) -> str:
    if ethertype < 0x0600:
        return "IEEE 802.3 frame (no Ethernet type)"
    return _NAMES.get(ethertype) or f"Ethernet type 0x{ethertype:04x}"


def _cooked(data: bytes) -> Payload:
    """LINKTYPE_LINUX_SLL: type, hardware, address length, address (8), protocol."""
    if len(data) < 16:
        return _SHORT
    return _typed(data, 14, _direction(data[0] << 8 | data[1]))


def _cooked2(data: bytes) -> Payload:
    """LINKTYPE_LINUX_SLL2: protocol, reserved, device, hardware, type, address length, address."""
    if len(data) < 20:
        return _SHORT
    outgoing, device = _direction(data[10]), int.from_bytes(data[4:8])
    ethertype = data[0] << 8 | data[1]
    if ethertype in _VLANS:
        tagged = _typed(data, 22, outgoing)
        return tagged._replace(device=device)
    return Payload(_name(ethertype), 20, outgoing, device)


def _direction(packet_type: int) -> bool | None:
    if packet_type == _FROM_US:
        return True
    return False if packet_type < _TO_SOMEBODY_ELSE else None


def _raw(data: bytes) -> Payload:
    if not data:
        return _SHORT
    return Payload("IP" if data[0] >> 4 in (4, 6) else "no IP in a raw IP frame", 0)


def _null(data: bytes) -> Payload:
    """LINKTYPE_NULL and LOOP: an address family, in the byte order of whoever captured."""
    if len(data) < 4:
        return _SHORT
    families = {int.from_bytes(data[:4], "big"), int.from_bytes(data[:4], "little")}
    if _AF_INET in families or families & _AF_INET6:
        return Payload("IP", 4)
    return Payload("no IP in a loopback frame", 4)


_READERS: Mapping[int, Callable[[bytes], Payload]] = MappingProxyType(
    {
        0: _null,
        1: _ethernet,
        12: _raw,  # DLT_RAW of most systems
        14: _raw,  # of OpenBSD
        101: _raw,
        108: _null,
        113: _cooked,
        228: _raw,  # LINKTYPE_IPV4
        229: _raw,  # LINKTYPE_IPV6
        276: _cooked2,
    }
)

_OTHERS: Mapping[int, str] = MappingProxyType(
    {
        9: "PPP",
        105: "802.11",
        127: "802.11 with radio header",
        147: "user 0",
        220: "USB",
        239: "nflog",
    }
)
