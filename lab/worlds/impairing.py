"""What a link does to each packet: lost or not, how many copies, and when each leaves.

Pure: the clock and the stream of chance are given. The simulated world's links and the wire that
joins real cables ask the same `Treatment`, so a packet's fate is the same in both worlds.
"""

from __future__ import annotations

from random import Random

from lab.scenario.impairments import Impairment
from resolver.machine import MILLISECOND, SECOND, Duration, Instant

ETHERNET_HEADER = 14
"""Octets that a rate limit counts beside the IP packet, as the kernel's does."""


class Treatment:
    """A link's treatment of the packets of one direction, from the first to the last.

    `delay_ns` and `rate_bit_s` are the plan's own, under whatever impairment there is: delays add
    up, and the lower of the two rates holds.
    """

    def __init__(
        self,
        impairment: Impairment | None,
        random: Random,
        *,
        delay_ns: Duration = 0,
        rate_bit_s: int = 0,
    ) -> None:
        self._random = random
        self._delay_ns = delay_ns
        self._extra_ns = self._jitter_ns = 0
        self._lose = self._duplicate = self._reorder = _NEVER
        rates = [rate_bit_s]
        if impairment is not None:
            self._extra_ns = round(impairment.delay_ms * MILLISECOND)
            self._jitter_ns = round(impairment.jitter_ms * MILLISECOND)
            self._lose = (impairment.lose_every, impairment.lose_percent)
            self._duplicate = (impairment.duplicate_every, impairment.duplicate_percent)
            self._reorder = (impairment.reorder_every, impairment.reorder_percent)
            rates.append(round(impairment.rate_kbit_s * 1_000))
        self._rate_bit_s = min((rate for rate in rates if rate), default=0)
        self._count = 0
        self._idle_at: Instant = 0

    def departures(self, octets: int, now: Instant) -> tuple[Instant, ...]:
        """When each copy of an IP packet of so many octets, which comes to the link now, leaves it;
        none when it is lost. Not earlier than now; two packets may change places."""
        self._count += 1
        # Each chance is drawn for each packet, so that one decision does not move the others'.
        lost, twice, ahead = map(self._befalls, (self._lose, self._duplicate, self._reorder))
        if lost:
            return ()
        if twice:
            return (self._departure(octets, now, ahead), self._departure(octets, now, ahead))
        return (self._departure(octets, now, ahead),)

    def _departure(self, octets: int, now: Instant, ahead: bool) -> Instant:
        waits = 0
        if not ahead and self._extra_ns:
            waits = self._extra_ns
            if self._jitter_ns:
                waits += self._random.randint(-self._jitter_ns, self._jitter_ns)
        return self._sent_at(octets, now) + self._delay_ns + waits

    def _sent_at(self, octets: int, now: Instant) -> Instant:
        """When the last bit is out, packets before it having gone first."""
        if not self._rate_bit_s:
            return now
        bits = (octets + ETHERNET_HEADER) * 8
        # Rounded up: a limit is never exceeded.
        duration = -(-bits * SECOND // self._rate_bit_s)
        self._idle_at = max(now, self._idle_at) + duration
        return self._idle_at

    def _befalls(self, chance: _Chance) -> bool:
        every, percent = chance
        if every is not None:
            return self._count % every == 0
        return percent > 0 and self._random.random() * 100 < percent


_Chance = tuple[int | None, float]
_NEVER: _Chance = (None, 0.0)


def link_random(seed: int, interface: str, direction: str, turn: int) -> Random:
    """The stream of chance of one direction of a link, from its `turn`-th change on: the same in
    every world, and no other stream's business."""
    return Random(f"{seed}/{interface}/{direction}/{turn}")  # noqa: S311 - a run must repeat
