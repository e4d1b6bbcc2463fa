"""What a TCP end sent and has no acknowledgment of, and when it is sent again (RFC 6298)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from resolver.machine import MILLISECOND, SECOND, Duration, Instant
from resolver.nat.packet import FIN, SYN

INITIAL_RTO_NS: Duration = 1 * SECOND
"""RFC 6298 2.1. So SYNs are repeated after 1, 3, 7, 15, 31 and 63 s."""

LEAST_RTO_NS: Duration = 200 * MILLISECOND
"""Linux's TCP_RTO_MIN, which is the least that is waited beyond the mean round trip; RFC 6298 2.4
would have a second in all."""

LARGEST_RTO_NS: Duration = 120 * SECOND
"""Linux's TCP_RTO_MAX."""


@dataclass(slots=True)
class Sent:
    """A segment on its way."""

    sequence: int
    flags: int
    payload: bytes
    at: Instant
    """When it was sent last."""

    @property
    def length(self) -> int:
        """How many sequence numbers it takes."""
        return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)

    @property
    def end(self) -> int:
        """The sequence number behind it."""
        return (self.sequence + self.length) % 2**32


class Outstanding:
    """Segments without acknowledgment, the oldest first, and the timer for that one."""

    __slots__ = ("_rto_ns", "_srtt_ns", "_var_ns", "due", "segments", "tries")

    def __init__(self) -> None:
        self.segments: deque[Sent] = deque()
        self.due: Instant | None = None
        """When the oldest is sent again; None while there is none."""
        self.tries = 0
        """How often it was sent again already."""
        self._rto_ns = INITIAL_RTO_NS
        self._srtt_ns = self._var_ns = -1

    def add(self, sent: Sent) -> None:
        """Something was sent that must be acknowledged."""
        self.segments.append(sent)
        if self.due is None:
            self.due = sent.at + self._rto_ns  # RFC 6298 5.1

    def acknowledge(self, upto: int, now: Instant) -> None:
        """Everything before this sequence number arrived."""
        newest = None
        while self.segments and 0 <= (upto - self.segments[0].end) % 2**32 < 2**31:
            newest = self.segments.popleft()
        if newest is None:
            return
        # Timestamps tell which try is acknowledged, so RFC 6298 3 excludes none.
        self._measure(now - newest.at)
        self.tries = 0
        self.due = now + self._rto_ns if self.segments else None  # RFC 6298 5.2, 5.3

    def again(self, now: Instant) -> Sent:
        """The oldest is sent again now; it is waited for twice as long as before."""
        self.tries += 1
        self._rto_ns = min(2 * self._rto_ns, LARGEST_RTO_NS)  # RFC 6298 5.5
        self.due = now + self._rto_ns
        oldest = self.segments[0]
        oldest.at = now
        return oldest

    def split(self, octets: int) -> None:
        """Have no segment carry more than so many octets: the path became narrower."""
        pieces: deque[Sent] = deque()
        for sent in self.segments:
            for start in range(0, max(len(sent.payload), 1), octets):
                last = start + octets >= len(sent.payload)
                pieces.append(
                    Sent(
                        (sent.sequence + start) % 2**32,
                        sent.flags if last else sent.flags & ~FIN,
                        sent.payload[start : start + octets],
                        sent.at,
                    )
                )
        self.segments = pieces

    def _measure(self, rtt_ns: Duration) -> None:
        if self._srtt_ns < 0:
            self._srtt_ns, self._var_ns = rtt_ns, rtt_ns // 2  # RFC 6298 2.2
        else:
            self._var_ns += (abs(self._srtt_ns - rtt_ns) - self._var_ns) // 4  # RFC 6298 2.3
            self._srtt_ns += (rtt_ns - self._srtt_ns) // 8
        waits_ns = self._srtt_ns + max(4 * self._var_ns, LEAST_RTO_NS)
        self._rto_ns = min(waits_ns, LARGEST_RTO_NS)
