"""From frames to IP packets: what a capture shows, and what of it could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lab.captures.frames import Frame, Losses
from lab.captures.link import link_name, payload_of
from lab.captures.opening import read_frames
from lab.observe.decode import decode_ip
from lab.observe.sighting import Ip
from resolver.machine import Instant


@dataclass(slots=True)
class SeenPacket:
    """An IP packet as a capture shows it, at one place and moment."""

    number: int
    """Wireshark's frame number."""
    at: Instant
    """ns since the epoch."""
    place: tuple[int, int]
    """Where it was seen: the file's interface, and the device behind an "any" interface."""
    interface: str
    """The interface's name; empty where the file does not say it."""
    outgoing: bool | None
    ip: Ip
    """Its checksums read as right: outgoing packets are often captured before the network card has
    worked them out, so a capture from elsewhere proves nothing about them."""
    cut: bool
    """The snap length cut it: what there is of its transport header and payload is a beginning."""


def read_packets(path: Path, losses: Losses) -> Iterator[SeenPacket]:
    """The IP packets of a capture file, in file order. Raises CaptureError (`opening`)."""
    return packets_of(read_frames(path, losses), losses)


def packets_of(frames: Iterable[Frame], losses: Losses) -> Iterator[SeenPacket]:
    """The IP packets among these frames; what is none is counted by reason."""
    for frame in frames:
        linktype = frame.interface.linktype
        payload = payload_of(linktype, frame.data)
        if payload is None:
            losses.count(f"link type {link_name(linktype)} is not read")
            continue
        if payload.protocol != "IP":
            losses.count(f"no IP packet: {payload.protocol}")
            continue
        ip = decode_ip(frame.data[payload.start :])
        if ip is None:
            losses.count("malformed IP packet")
            continue
        cut = len(ip.raw) < ip.length
        if cut:
            # Read as an ICMP error's quotation is: it may end anywhere.
            ip = decode_ip(frame.data[payload.start :], embedded=True) or ip
            if len(frame.data) >= frame.octets:
                losses.count("malformed IP packet: shorter than it says")
                continue
        outgoing = payload.outgoing if frame.outgoing is None else frame.outgoing
        yield SeenPacket(
            frame.number,
            frame.at,
            (frame.interface.place, payload.device),
            frame.interface.name,
            outgoing,
            _trusted(ip),
            cut,
        )


def _trusted(ip: Ip) -> Ip:
    transport = ip.transport
    if transport is not None and not transport.checksum_right:
        transport = replace(transport, checksum_right=True)
        return replace(ip, transport=transport, checksum_right=True)
    return ip if ip.checksum_right else replace(ip, checksum_right=True)
