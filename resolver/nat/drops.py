"""What becomes of packets that a translator does not pass on: a fact, and often an ICMP error."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address

from resolver.machine import SECOND, Duration, Effect, Instant, Note, SendPacket
from resolver.nat.build import build_icmp_error
from resolver.nat.packet import Ipv4Header

# RFC 1812 4.3.2.8: a router limits the errors it sends. A traceroute sends some tens of probes at
# once; a loop or a flood must not be answered packet by packet.
_ERROR_BURST = 50
_ERROR_INTERVAL_NS: Duration = SECOND // 100


class Drop(Enum):
    """Why a packet went no further."""

    MALFORMED = "malformed"
    NOT_IPV4 = "not IPv4"
    NO_ENTRY = "no entry in the table"
    ERROR_WITHOUT_MATCH = "ICMP error that matches no entry"
    ERROR_DAMAGED = "ICMP error damaged, or in fragments"
    ERROR_NOT_CARRIED = "ICMP redirect or source quench"
    EXPIRED = "time to live expired"
    NO_MAPPING = "no mapping for it"
    NO_CONNECTION = "no connection that it belongs to"
    FILTERED = "nothing was sent to its sender"
    HELD = "SYN that nobody asked for, held back"
    FULL = "no room for another mapping or conversation"
    NO_PORTS = "a protocol without ports, from a shared address"
    NO_HAIRPINNING = "hairpinning is off"
    OWN_SOURCE = "an outside address of ours as its source"
    NAMELESS = "an address that names no single machine"
    FRAGMENT = "fragment without its first one, or cut too small"


@dataclass(frozen=True, slots=True)
class PacketDropped:
    """A packet was not translated."""

    reason: Drop
    source: str
    """Empty where no IPv4 header could be read."""
    destination: str
    detail: str = ""

    def __str__(self) -> str:
        addresses = f" from {self.source} to {self.destination}" if self.source else ""
        detail = f" ({self.detail})" if self.detail else ""
        return f"packet{addresses} dropped: {self.reason.value}{detail}"


def dropped(reason: Drop, header: Ipv4Header, detail: str = "") -> tuple[Effect]:
    """The fact that a packet was dropped."""
    source, destination = IPv4Address(header.source), IPv4Address(header.destination)
    return (Note(PacketDropped(reason, str(source), str(destination), detail)),)


class Complaints:
    """The ICMP errors that a translator makes itself, no more than it may."""

    def __init__(self) -> None:
        self._allowance = _Allowance(_ERROR_BURST, _ERROR_INTERVAL_NS)

    def about(
        self,
        packet: bytes,
        header: Ipv4Header,
        now: Instant,
        *,
        source: IPv4Address,
        icmp_type: int,
        code: int,
    ) -> tuple[Effect, ...]:
        """The error to the sender of a packet, quoted as it was sent; nothing where none may be
        sent. Not for packets that are errors themselves (RFC 1122 3.2.2)."""
        # RFC 1812 4.3.2.7: none about a fragment but the first, none to a source that names no
        # single host.
        if header.fragment_offset or is_nameless(header.source) or not self._allowance.take(now):
            return ()
        error = build_icmp_error(
            str(source),
            str(IPv4Address(header.source)),
            icmp_type=icmp_type,
            code=code,
            offending=packet[: header.end],
        )
        return (SendPacket(error),)


def is_nameless(address: bytes) -> bool:
    """Whether a packed address names no single machine (RFC 1122 3.2.1.3)."""
    return address[0] in {0, 127} or address[0] >= 224


class _Allowance:
    """A token bucket: `burst` at once, then one per interval."""

    def __init__(self, burst: int, interval_ns: Duration) -> None:
        self._burst = burst
        self._interval_ns = interval_ns
        self._full_at: Instant | None = None

    def take(self, now: Instant) -> bool:
        full_at = now if self._full_at is None else max(self._full_at, now)
        if full_at - now > (self._burst - 1) * self._interval_ns:
            return False
        self._full_at = full_at + self._interval_ns
        return True
