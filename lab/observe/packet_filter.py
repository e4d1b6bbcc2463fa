"""Which frames of a storm a capture keeps: a program that the kernel runs on each frame (classic
BPF, bpf(4)).

What is left out in the kernel costs nothing: of a connection through a translator only its opening
is counted, and that is a sixth of its packets.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from dataclasses import dataclass
from enum import Enum

# linux/bpf_common.h
_LOAD_HALF = 0x28
_LOAD_BYTE = 0x30
_LOAD_HALF_INDIRECT = 0x48
_LOAD_BYTE_INDIRECT = 0x50
_LOAD_IPV4_HEADER_LENGTH = 0xB1
_JUMP_EQUAL = 0x15
_JUMP_SET = 0x45
_RETURN = 0x06

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h
_WHOLE = 0x40000
"""Octets kept of a frame: all."""

_SYN, _RST = 0x02, 0x04


class Kept(Enum):
    """What is kept beside trial frames. IPv6 with extension headers is left out."""

    QUESTIONS = "DNS"
    """UDP and TCP from or to port 53."""
    OPENINGS = "DNS, and the openings of TCP connections"
    """The same, and every SYN."""
    CONVERSATIONS = "DNS, the openings and resets of TCP connections, and ICMP"
    """The same, and every reset and every ICMP message."""


@dataclass(frozen=True, slots=True)
class _Step:
    """An instruction; its jumps lead to labels. None: to the next."""

    code: int
    value: int
    so: str | None = None
    otherwise: str | None = None
    label: str | None = None


def _equal(value: int, so: str | None, otherwise: str | None = None) -> _Step:
    return _Step(_JUMP_EQUAL, value, so, otherwise)


def _has(bits: int, so: str) -> _Step:
    return _Step(_JUMP_SET, bits, so)


def _program(kept: Kept, trial_frame: int) -> list[_Step]:
    flags = {Kept.QUESTIONS: 0, Kept.OPENINGS: _SYN, Kept.CONVERSATIONS: _SYN | _RST}[kept]
    icmp = "keep" if kept is Kept.CONVERSATIONS else "drop"
    return [
        _Step(_LOAD_HALF, 12),
        _equal(trial_frame, "keep"),
        _equal(0x86DD, "ipv6"),
        _equal(0x0800, None, "drop"),
        _Step(_LOAD_HALF, 14 + 6),
        _has(0x1FFF, "drop"),  # a later fragment has no ports
        _Step(_LOAD_BYTE, 14 + 9),
        _equal(1, icmp),
        _equal(17, "ipv4 ports"),
        _equal(6, None, "drop"),
        _Step(_LOAD_IPV4_HEADER_LENGTH, 14),
        _Step(_LOAD_BYTE_INDIRECT, 14 + 13),
        _has(flags, "keep"),
        _Step(_LOAD_IPV4_HEADER_LENGTH, 14, label="ipv4 ports"),
        _Step(_LOAD_HALF_INDIRECT, 14),
        _equal(53, "keep"),
        _Step(_LOAD_HALF_INDIRECT, 14 + 2),
        _equal(53, "keep", "drop"),
        _Step(_LOAD_BYTE, 14 + 6, label="ipv6"),
        _equal(58, icmp),
        _equal(17, "ipv6 ports"),
        _equal(6, None, "drop"),
        _Step(_LOAD_BYTE, 54 + 13),
        _has(flags, "keep"),
        _Step(_LOAD_HALF, 54, label="ipv6 ports"),
        _equal(53, "keep"),
        _Step(_LOAD_HALF, 54 + 2),
        _equal(53, "keep", "drop"),
        _Step(_RETURN, _WHOLE, label="keep"),
        _Step(_RETURN, 0, label="drop"),
    ]


def attach_filter(to: socket.socket, kept: Kept, trial_frame: int) -> None:
    """Have the kernel leave out of a socket every Ethernet frame that is not to be kept."""
    steps = _program(kept, trial_frame)
    places = {step.label: place for place, step in enumerate(steps) if step.label}

    def distance(place: int, label: str | None) -> int:
        return 0 if label is None else places[label] - place - 1

    code = b"".join(
        struct.pack(
            "=HBBI",
            step.code,
            distance(place, step.so),
            distance(place, step.otherwise),
            step.value,
        )
        for place, step in enumerate(steps)
    )
    buffer = ctypes.create_string_buffer(code)
    # struct sock_fprog: how many instructions, and where they stand.
    program = struct.pack("HP", len(steps), ctypes.addressof(buffer))
    to.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
