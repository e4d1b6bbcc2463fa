"""A translator with NAPT, its surroundings, and packets made and read by scapy."""

from __future__ import annotations

from random import Random
from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.packet import Raw

from resolver.config import NaptConfig, NatConfig
from resolver.machine import Note, PacketArrived, SendPacket
from resolver.nat.drops import Drop
from resolver.nat.napt import NaptTranslator

ALIAS, REAL = "203.0.113.101", "10.20.0.101"
SHARED = "203.0.113.2"
CLIENT, OTHER = "10.20.0.11", "10.20.0.12"
NEAR, FAR = "203.0.113.10", "198.51.100.7"
"""Two machines outside."""
CLIENT_SIDE, SERVER_SIDE = "203.0.113.1", "10.20.0.1"


def translator(seed: int = 1, shared: tuple[str, ...] = (SHARED,), **napt: Any) -> NaptTranslator:
    config = NaptConfig(inside=("10.20.0.0/24",), outside_addresses=shared, **napt)
    nat = NatConfig("nat0", ((ALIAS, REAL),), CLIENT_SIDE, SERVER_SIDE, config)
    return NaptTranslator(nat, Random(seed))


def packet(source: str, destination: str, transport: Any, **fields: Any) -> IP:
    """As it is on the wire, checksums right."""
    return IP(bytes(IP(src=source, dst=destination, **fields) / transport))


def udp(source: str, sport: int, destination: str, dport: int, data: bytes = b"data") -> IP:
    return packet(source, destination, UDP(sport=sport, dport=dport) / Raw(data))


def tcp(source: str, sport: int, destination: str, dport: int, flags: str = "S") -> IP:
    return packet(source, destination, TCP(sport=sport, dport=dport, flags=flags))


def effects(nat: NaptTranslator, sent: IP | bytes, now: int = 0) -> tuple[list[IP], list[Drop]]:
    """The packets that come out, and why some went no further."""
    packets, drops = [], []
    for effect in nat.handle(PacketArrived(bytes(sent)), now):
        if isinstance(effect, SendPacket):
            packets.append(IP(effect.packet))
        elif isinstance(effect, Note):
            drops.append(effect.fact.reason)  # type: ignore[attr-defined]
    return packets, drops


def passed(nat: NaptTranslator, sent: IP | bytes, now: int = 0) -> IP:
    """The packet that comes out; its checksums are looked at."""
    packets, drops = effects(nat, sent, now)
    assert not drops
    (out,) = packets
    assert bytes(out) == with_fresh_checksums(out)
    return out


def drop(nat: NaptTranslator, sent: IP | bytes, now: int = 0) -> Drop:
    packets, drops = effects(nat, sent, now)
    assert not packets
    (reason,) = drops
    return reason


def with_fresh_checksums(out: IP) -> bytes:
    """As scapy builds it when it works out every checksum itself."""
    fresh = IP(bytes(out))
    for layer in (IP, TCP, UDP, ICMP):
        if layer in fresh and not (layer is UDP and fresh[UDP].chksum == 0):
            del fresh[layer].chksum
    return bytes(fresh) if not out.frag and out.flags != "MF" else bytes(out)


def pieces(whole: IP, size: int) -> list[IP]:
    return [IP(bytes(piece)) for piece in fragment(whole, fragsize=size)]
