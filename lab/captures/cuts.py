"""Messages that the snap length cut, and everything that cannot be judged without them.

A question whose reply was cut looks unanswered, an answer whose source was cut looks invented. So
whatever is about a name in a cut message is left out; where not even the name is there, nothing can
be said about DNS at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lab.captures.frames import Losses
from lab.captures.packets import SeenPacket
from lab.observe.dns_message import concerns_dns
from lab.observe.sighting import Ip, Tcp, Udp

CUT: Final = "cut by the snap length"
_HEADER_OCTETS = 12
_LONGEST_LABEL = 63


@dataclass(frozen=True, slots=True)
class Cuts:
    """What of the DNS traffic the snap length took."""

    messages: int
    """How many packets with DNS were cut."""
    names: frozenset[str]
    """The names they were about, lower case, no final dot: nothing about these is judged."""
    blind: bool
    """Of some not even the name is there: no DNS is judged at all."""


def without_cut(packets: Iterable[SeenPacket], losses: Losses) -> tuple[list[SeenPacket], Cuts]:
    """The packets that are whole or whose missing octets nobody misses, without everything that a
    cut message would have had a part in."""
    kept: list[SeenPacket] = []
    cut_dns: list[SeenPacket] = []
    for packet in packets:
        if not packet.cut:
            kept.append(packet)
            continue
        transport = packet.ip.transport
        if isinstance(transport, Udp | Tcp) and concerns_dns(transport):
            cut_dns.append(packet)
        losses.count(CUT)
    names = [_name_in(each.ip) for each in cut_dns]
    cuts = Cuts(len(cut_dns), frozenset(each for each in names if each is not None), None in names)
    if not cut_dns:
        return kept, cuts
    return list(_apart(kept, cut_dns, cuts)), cuts


def _apart(
    packets: Sequence[SeenPacket], cut: Iterable[SeenPacket], cuts: Cuts
) -> Iterator[SeenPacket]:
    streams = {_stream(each.ip) for each in cut if isinstance(each.ip.transport, Tcp)}
    for packet in packets:
        transport = packet.ip.transport
        is_dns = isinstance(transport, Udp | Tcp) and concerns_dns(transport)
        lost = cuts.blind or _stream(packet.ip) in streams or _name_in(packet.ip) in cuts.names
        if not (is_dns and lost):
            yield packet


def _stream(ip: Ip) -> frozenset[object]:
    """A connection, whichever way a segment of it goes."""
    return frozenset({ip.sender, ip.receiver}) if isinstance(ip.transport, Tcp) else frozenset()


def _name_in(ip: Ip) -> str | None:
    """The name that a datagram, or the first segment of a stream, asks or answers; None where it
    cannot be read. A segment without octets is about nothing: an empty name."""
    transport = ip.transport
    if not isinstance(transport, Udp | Tcp):
        return None
    payload = transport.payload
    if isinstance(transport, Tcp):
        if not payload and ip.length <= len(ip.raw):
            return ""
        payload = payload[2:]
    labels: list[str] = []
    place = _HEADER_OCTETS
    while place < len(payload):
        length = payload[place]
        if length == 0:
            return ".".join(labels) or "."
        if length > _LONGEST_LABEL or place + length >= len(payload):
            return None
        labels.append(payload[place + 1 : place + 1 + length].decode(errors="replace").lower())
        place += 1 + length
    return None
