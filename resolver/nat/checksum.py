"""The Internet checksum: computed in full, and adjusted when a few octets change."""

from __future__ import annotations

_ONES = 0xFFFF


def internet_checksum(octets: bytes) -> int:
    """The checksum to put into a field that is zero in `octets` (RFC 1071).

    Over octets that already hold a right checksum the result is 0. An odd last octet is padded
    with zero.
    """
    if len(octets) % 2:
        octets += b"\0"
    # 2**16 = 1 modulo 0xFFFF, so the sum of all 16-bit words with end-around carry is the whole
    # number modulo 0xFFFF: one division in C instead of a loop in Python.
    return checksum_of_sum(int.from_bytes(octets, "big"))


def checksum_of_sum(number: int) -> int:
    """The checksum of what sums up to this: 16-bit words, and 32-bit numbers at even places, which
    are congruent to the sum of their words."""
    total = number % _ONES
    if total == 0 and number:
        total = _ONES
    return total ^ _ONES


def adjusted(checksum: int, old: bytes, new: bytes) -> int:
    """`checksum` after the octets `old` (an even number, at an even place) became `new`.

    A checksum that was wrong stays wrong: damage done before us is still found by the receiver.
    """
    # RFC 1624 3, equation 3: HC' = ~(~HC + ~m + m'). RFC 1141's shorter form yields 0xFFFF where a
    # full computation yields 0.
    total = (checksum ^ _ONES) + _words(new)
    total += _ONES * (len(old) // 2) - _words(old)
    while total > _ONES:
        total = (total & _ONES) + (total >> 16)
    return total ^ _ONES


def pseudo_header(source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """What a transport checksum covers beside its own octets: the packed addresses, the protocol
    and the transport length in octets (RFC 9293 3.1 for IPv4, RFC 8200 8.1 for IPv6)."""
    if len(source) == 4:
        return source + destination + protocol.to_bytes(2, "big") + length.to_bytes(2, "big")
    return source + destination + length.to_bytes(4, "big") + protocol.to_bytes(4, "big")


def _words(octets: bytes) -> int:
    return sum(int.from_bytes(octets[i : i + 2], "big") for i in range(0, len(octets), 2))
