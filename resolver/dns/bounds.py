"""How much a cache keeps, and for how long."""

from __future__ import annotations

from typing import NamedTuple

from resolver.config import ResolverConfig
from resolver.machine import Duration


class Bounds(NamedTuple):
    """How much is kept, and for how long."""

    entries: int
    octets: int
    """Memory, estimated: with all that Python needs for the entries."""
    max_ttl_s: int
    """Caps what others promise."""
    max_negative_ttl_s: int
    stale_for_ns: Duration = 0
    """How long RRsets stay when they have expired."""


def bounds_of(config: ResolverConfig) -> Bounds:
    """The bounds that a resolver is given."""
    return Bounds(
        config.cache_entries,
        config.cache_octets,
        config.max_ttl_s,
        config.max_negative_ttl_s,
        config.stale_for_ns if config.serve_stale else 0,
    )
