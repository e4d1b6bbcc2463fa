"""What a capture file holds, whatever its format: frames of interfaces, and what could not be
read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from resolver.machine import Instant

LARGEST_FRAME = 262_144
"""Wireshark's own bound for a captured frame; a larger length is a damaged file, not a packet."""


@dataclass(frozen=True, slots=True)
class FileInterface:
    """An interface as a capture file declares it."""

    place: int
    """0-based place among all interfaces of the file, over all its sections."""
    name: str
    """Empty where the file says none: a pcap has no interface names."""
    linktype: int
    description: str = ""


class Frame(NamedTuple):
    """A frame as the file holds it."""

    number: int
    """1-based: Wireshark's frame number."""
    at: Instant
    """ns since the epoch, by the clock of the machine that captured."""
    interface: FileInterface
    data: bytes
    octets: int
    """Its length on the wire; more than `data` holds where the snap length cut it."""
    outgoing: bool | None
    """As the file says it; None where it does not."""


@dataclass(slots=True)
class Losses:
    """What of a capture could not be used, by reason, and what is wrong with the file itself."""

    frames: Counter[str] = field(default_factory=Counter)
    """Reason → number of frames."""
    damage: list[str] = field(default_factory=list)
    """Faults of the file after which nothing, or nothing of a block, could be read; with offset."""

    dropped: dict[int, int] = field(default_factory=dict)
    """Interface → packets that the capturing machine had no room for, where the file says so."""

    def count(self, reason: str) -> None:
        """One more frame that could not be used."""
        self.frames[reason] += 1


class Octets(Protocol):
    """A file to read from."""

    def read(self, size: int = -1, /) -> bytes:
        """The next octets; fewer only where the file ends."""
        ...
