"""One packet seen at one interface, decoded: the atom everything is judged from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from resolver.machine import Endpoint, Instant


@dataclass(frozen=True, slots=True)
class Udp:
    """A UDP datagram."""

    source_port: int
    destination_port: int
    payload: bytes
    checksum_right: bool
    """True too when the sender sent none (checksum 0, IPv4 only)."""


@dataclass(frozen=True, slots=True)
class Tcp:
    """A TCP segment."""

    source_port: int
    destination_port: int
    sequence: int
    acknowledgement: int
    flags: frozenset[str]
    """Of "SYN", "ACK", "FIN", "RST", "PSH", "URG", "ECE", "CWR"."""
    payload: bytes
    checksum_right: bool


@dataclass(frozen=True, slots=True)
class Icmp:
    """An ICMP (or ICMPv6) message; `embedded` is the packet an error carries, as far as it goes."""

    type: int
    code: int
    identifier: int
    """Of an echo; 0 otherwise."""
    sequence: int
    payload: bytes
    checksum_right: bool
    embedded: Ip | None = None

    @property
    def is_error(self) -> bool:
        """Whether this reports on another packet."""
        return self.embedded is not None


@dataclass(frozen=True, slots=True)
class Ip:
    """An IPv4 or IPv6 packet."""

    version: int
    source: str
    destination: str
    ttl: int
    identification: int
    protocol: int
    transport: Udp | Tcp | Icmp | None
    """None for other protocols, for a fragment, and where the bytes do not parse."""
    checksum_right: bool
    length: int
    raw: bytes = field(repr=False, default=b"")

    @property
    def sender(self) -> Endpoint | None:
        """Source address and port, for UDP and TCP."""
        if isinstance(self.transport, Udp | Tcp):
            return Endpoint(self.source, self.transport.source_port)
        return None

    @property
    def receiver(self) -> Endpoint | None:
        """Destination address and port, for UDP and TCP."""
        if isinstance(self.transport, Udp | Tcp):
            return Endpoint(self.destination, self.transport.destination_port)
        return None


@dataclass(frozen=True, slots=True)
class Arp:
    """An ARP request or reply."""

    operation: int
    sender: str
    target: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """A packet at an interface."""

    number: int
    """1-based position in the capture file: Wireshark's frame number."""
    at: Instant
    """Capture clock."""
    node: str
    interface: str
    outgoing: bool
    """Leaving the node (True) or entering it."""
    network: Ip | Arp | None
    """None for anything else, and for bytes that do not parse."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a step did, written into the capture."""

    number: int
    at: Instant
    kind: str
    text: str
    fields: dict[str, Any] = field(default_factory=dict)


Record: TypeAlias = Sighting | Mark
