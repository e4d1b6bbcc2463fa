"""What a translator knows of a TCP connection that passes it: its phase, from the flags alone.

The phases are those of RFC 7857 2 (adapted from RFC 6146 3.5.2), named by the side that acted.
"""

from __future__ import annotations

from enum import Enum

from resolver.nat.packet import ACK, FIN, RST, SYN


class Phase(Enum):
    """How far a connection has come."""

    OPENED_OUTWARDS = "SYN from inside"
    OPENED_INWARDS = "SYN from outside"
    ESTABLISHED = "established"
    """Both sides have sent a SYN: a three-way handshake, or a simultaneous open."""
    CLOSED_OUTWARDS = "FIN from inside"
    CLOSED_INWARDS = "FIN from outside"
    CLOSED = "both FINs"
    RESET = "reset"


class Timer(Enum):
    """What a segment does to how long its connection is remembered."""

    ESTABLISHED = "established"
    TRANSITORY = "transitory"
    KEPT = "kept"
    """It goes on as it was."""


_OPEN = frozenset({Phase.ESTABLISHED, Phase.CLOSED_OUTWARDS, Phase.CLOSED_INWARDS})
"""Both directions, or one of them, still carry data."""

_OVER = frozenset({Phase.CLOSED, Phase.RESET})


def opens(flags: int) -> bool:
    """Whether a segment asks for a connection."""
    return flags & (SYN | ACK | FIN | RST) == SYN


def advanced(phase: Phase | None, flags: int, *, outwards: bool) -> tuple[Phase, Timer] | None:
    """The phase after a segment, and what the segment does to the timer.

    `phase` is None where no connection is known; the result is None where the segment belongs to
    none and opens none.
    """
    if flags & SYN and not flags & RST:
        return _after_syn(phase, flags, outwards=outwards)
    if phase is None:
        return None
    if flags & RST:
        # RFC 7857 2.2: it may be forged, so the connection is remembered for a while. One that was
        # never established just runs out; a second reset prolongs nothing.
        return (Phase.RESET, Timer.TRANSITORY) if phase in _OPEN else (phase, Timer.KEPT)
    return _after_other(phase, flags, outwards=outwards)


def _after_syn(phase: Phase | None, flags: int, *, outwards: bool) -> tuple[Phase, Timer] | None:
    asked = Phase.OPENED_OUTWARDS if outwards else Phase.OPENED_INWARDS
    if phase is None or phase in _OVER:
        # A new connection between the same endpoints may follow the old one at once.
        if opens(flags):
            return asked, Timer.TRANSITORY
        return None if phase is None else (phase, Timer.KEPT)
    if phase in (Phase.OPENED_OUTWARDS, Phase.OPENED_INWARDS):
        if phase is asked:
            return phase, Timer.TRANSITORY
        return Phase.ESTABLISHED, Timer.ESTABLISHED
    return phase, Timer.ESTABLISHED


def _after_other(phase: Phase, flags: int, *, outwards: bool) -> tuple[Phase, Timer]:
    if phase is Phase.RESET:
        # RFC 7857 2.2: whoever sends on shows that the reset was not for him.
        return Phase.ESTABLISHED, Timer.ESTABLISHED
    if phase not in _OPEN:
        return phase, Timer.KEPT
    if not flags & FIN:
        return phase, Timer.ESTABLISHED
    mine = Phase.CLOSED_OUTWARDS if outwards else Phase.CLOSED_INWARDS
    if phase in (Phase.ESTABLISHED, mine):
        return mine, Timer.ESTABLISHED
    return Phase.CLOSED, Timer.TRANSITORY
