"""Named timing profiles: how long each forwarder is waited for, and when the search ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from resolver.config import Profile
from resolver.machine import SECOND, Duration


@dataclass(frozen=True, slots=True)
class Timing:
    """What a profile says where the configuration says nothing."""

    source: str
    """Who published it."""
    forwarder_timeout_ns: Duration
    next_on_rcodes: frozenset[int]
    """RCODEs that send the question to the next forwarder."""


PROFILES: Final[Mapping[Profile, Timing]] = MappingProxyType(
    {
        Profile.LISTED_ORDER: Timing(
            "document B, 'Forwarding sequence'", 2 * SECOND, frozenset({2, 4, 5})
        ),
        Profile.WINDOWS: Timing("Microsoft KB 2834250", 3 * SECOND, frozenset(range(1, 16)) - {3}),
    }
)
