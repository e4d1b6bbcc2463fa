"""Whether records are those of a zone."""

from __future__ import annotations

from functools import lru_cache

from resolver.config import HostedZone
from resolver.dns.zones import Zone


@lru_cache(maxsize=256)
def complaint_about(origin: str, records: str) -> str | None:
    """What is wrong with a zone's master-file text, by its first bad line; None when it is one.

    Remembered: a topology is checked more than once before it runs, and long zones take a while.
    """
    try:
        Zone(HostedZone(origin, records))
    except ValueError as wrong:
        return str(wrong).removeprefix(f"zone {origin}: ")
    return None
