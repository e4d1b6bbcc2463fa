"""What is known of the servers that recursion asks: how fast they are, and what is wrong with them.

All of it ends after a few minutes (RFC 2308 7.2), and none of it forbids a server: it says which to
ask first.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from resolver import limits
from resolver.dns.memory import Memory
from resolver.machine import Duration, Instant


class Servers:
    """Servers by address. `random` chooses among equally good ones."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._times: Memory[str, Duration] = Memory(limits.SERVERS_REMEMBERED)
        self._lame: Memory[tuple[str, str], None] = Memory(limits.SERVERS_REMEMBERED)
        self._without_edns: Memory[str, None] = Memory(limits.SERVERS_REMEMBERED)

    def in_order(self, addresses: Iterable[str], zone: str, now: Instant) -> list[str]:
        """The addresses of a zone's servers, the best first. One never asked counts as fast, so
        that each is met."""
        return sorted(
            dict.fromkeys(addresses),
            key=lambda address: (
                self._lame.find((address, zone), now) is not None,
                self._time(address, now) // limits.SERVER_BAND,
                self._random.random(),
            ),
        )

    def knows_edns(self, address: str, now: Instant) -> bool:
        """False when it showed a moment ago that it does not."""
        return self._without_edns.find(address, now) is None

    def note_reply(self, address: str, took_ns: Duration, now: Instant) -> None:
        """It replied after `took_ns`."""
        known = self._times.find(address, now)
        # RFC 6298 2.3: an eighth of the new measurement.
        smoothed = took_ns if known is None else (7 * known[0] + took_ns) // 8
        self._times.keep(address, smoothed, now + limits.SERVER_MEMORY)

    def note_silence(self, address: str, waited_ns: Duration, now: Instant) -> None:
        """It said nothing for `waited_ns`, or cannot be reached."""
        worse = 2 * max(self._time(address, now), waited_ns)
        self._times.keep(address, min(worse, limits.SERVER_MEMORY), now + limits.SERVER_MEMORY)

    def note_lame(self, address: str, zone: str, now: Instant) -> None:
        """It is no server of the zone that it was named for."""
        self._lame.keep((address, zone), None, now + limits.SERVER_MEMORY)

    def note_no_edns(self, address: str, now: Instant) -> None:
        """It replied as servers older than EDNS do."""
        self._without_edns.keep(address, None, now + limits.SERVER_MEMORY)

    def _time(self, address: str, now: Instant) -> Duration:
        known = self._times.find(address, now)
        return 0 if known is None else known[0]
