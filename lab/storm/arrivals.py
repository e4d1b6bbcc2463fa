"""When each viewer comes, from which address, and with which message ID: drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from random import Random

from resolver.machine import SECOND, Duration


@dataclass(frozen=True, slots=True)
class Arrival:
    """A viewer."""

    after_ns: Duration
    """Since the storm began."""
    address: str
    identifier: int
    """Of its question, 16 bits."""


def draw_arrivals(
    viewers: int, rate_per_s: float, prefix: IPv4Network, seed: int
) -> tuple[Arrival, ...]:
    """A Poisson stream of so many viewers, the first at 0: the gaps between them are independent
    and exponentially distributed. No two have one address."""
    gaps, draws = _stream(seed, "gaps"), _stream(seed, "viewers")
    # The first and the last of a prefix are nobody's.
    hosts = draws.sample(range(1, prefix.num_addresses - 1), viewers)
    arrivals = []
    after_s = 0.0
    for host in hosts:
        arrivals.append(Arrival(round(after_s * SECOND), str(prefix[host]), draws.getrandbits(16)))
        after_s += gaps.expovariate(rate_per_s)
    return tuple(arrivals)


def _stream(seed: int, purpose: str) -> Random:
    return Random(f"{seed}/storm/{purpose}")  # noqa: S311 - a storm must repeat
