"""SYNs from outside that nobody has asked for: they wait for a while before they are answered.

RFC 5382 REQ-4: in a simultaneous open the other side's SYN may be here before ours has made a
mapping. An answer at once would end that connection.
"""

from __future__ import annotations

from typing import NamedTuple

from resolver import limits
from resolver.machine import Duration, Instant
from resolver.nat.packet import Ipv4Header


class Held(NamedTuple):
    """A SYN that waits."""

    due: Instant
    packet: bytes
    header: Ipv4Header


class HeldSyns:
    """The SYNs that wait, by outside and remote end."""

    def __init__(self, hold_ns: Duration) -> None:
        self._hold_ns = hold_ns
        # In the order of their ends, for all wait equally long.
        self._held: dict[bytes, Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def hold(
        self, outside: bytes, remote: bytes, packet: bytes, header: Ipv4Header, now: Instant
    ) -> None:
        """Keep a SYN. One that is sent again is no other; where too many wait, it is given up, and
        never answered."""
        key = outside + remote
        if key not in self._held and len(self._held) < limits.NAT_HELD_SYNS:
            self._held[key] = Held(now + self._hold_ns, packet, header)

    def drop(self, outside: bytes, remote: bytes) -> None:
        """Our own SYN has gone out between these ends: the one that waits is never answered."""
        self._held.pop(outside + remote, None)

    def due(self, now: Instant) -> list[Held]:
        """The SYNs that have waited long enough; they wait no more."""
        ended = []
        for key, held in list(self._held.items()):
            if held.due > now:
                break
            ended.append(held)
            del self._held[key]
        return ended

    def next(self) -> Instant | None:
        """When one of them has waited long enough."""
        first = next(iter(self._held.values()), None)
        return None if first is None else first.due
