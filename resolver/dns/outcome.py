"""What a client's question comes to, and on which terms it is resolved."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from resolver.dns.cache import Wishes
from resolver.dns.message import Rcode
from resolver.dns.records import Record
from resolver.machine import Transport


class Source(Enum):
    """Who had the last word."""

    OWN_ZONE = "own zone"
    CACHE = "cache"
    FORWARDED = "forwarded"
    RECURSION = "recursion"
    NOBODY = "nobody responsible"
    STALE = "stale cache"
    FAILED = "failed"
    GIVEN_UP = "given up"
    """Failed, and nobody else may be asked."""


class Terms(NamedTuple):
    """How a client's question may be resolved."""

    wishes: Wishes
    transport: Transport
    recursion: bool
    """RFC 1034 4.3.1: with RD=0 nobody is asked; what is here is given."""
    own_zones_only: bool = False
    """RFC 5358 4: a client of a foreign network is given nothing else, not even what is cached."""
    stale: bool = False
    """Nobody is asked either, and expired data is given in place of fresh (RFC 8767)."""


class Outcome(NamedTuple):
    """What there is to answer."""

    rcode: int
    source: Source
    answers: tuple[Record, ...] = ()
    """Alias links first, then the RRset."""
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = False
    alias: str | None = None
    """The answers end in an alias, and this is the name to go on with."""


NOBODY: Final = Outcome(Rcode.REFUSED, Source.NOBODY)
FAILED: Final = Outcome(Rcode.SERVFAIL, Source.FAILED)
GIVEN_UP: Final = Outcome(Rcode.SERVFAIL, Source.GIVEN_UP)
