"""ICMP errors that a socket hears of: what Linux makes of types and codes."""

from __future__ import annotations

from dataclasses import dataclass

_DESTINATION_UNREACHABLE = {4: 3, 6: 1}  # RFC 792; RFC 4443 3.1
_TIME_EXCEEDED = {4: 11, 6: 3}
_FRAGMENTATION_NEEDED = (4, 4)
"""No refusal but a measurement of the path (RFC 1191)."""

_PORT = {4: 3, 6: 4}
_REASONS = {
    (4, 0): "network unreachable",
    (4, 6): "network unreachable",
    (4, 9): "network unreachable",
    (6, 0): "network unreachable",
    (4, 2): "protocol unreachable",
}
"""By IP version and code; all others: host unreachable."""

_HARD = {4: frozenset({2, 3, 6, 7, 8, 9, 10, 13, 14, 15}), 6: frozenset({1, 4, 5, 6})}
"""Codes that end the wait of a connected UDP socket. RFC 1122 3.2.2.1 calls the others (network
and host unreachable) hints that may pass, and Linux keeps them from a socket that did not ask."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An ICMP error about a packet of ours."""

    quoted: bytes
    """The packet it is about, as far as it goes."""
    tcp_reason: str
    """Why a connection attempt failed."""
    udp_reason: str | None
    """Why a datagram will not be answered; None when a UDP socket does not hear of it."""


def read_refusal(version: int, message: bytes) -> Refusal | None:
    """What an ICMP message of at least 8 octets refuses; None when it is something else."""
    kind, code, quoted = message[0], message[1], message[8:]
    if kind == _TIME_EXCEEDED[version]:
        return Refusal(quoted, "host unreachable", None)
    if kind != _DESTINATION_UNREACHABLE[version] or (version, code) == _FRAGMENTATION_NEEDED:
        return None
    reason = _REASONS.get((version, code), "host unreachable")
    if code == _PORT[version]:
        return Refusal(quoted, "connection refused", "port unreachable")
    return Refusal(quoted, reason, reason if code in _HARD[version] else None)
