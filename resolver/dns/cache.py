"""What was learnt from others, for as long as they allow.

RRsets are kept one by one, alias links too. An entry remembers the route it came by (which forward
rule, or own recursion) and is found by that route alone, so that neither an ancestor's NXDOMAIN
nor an extra record of a forwarder reaches across (MaginotDNS). Only class IN is ever stored.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from resolver import limits
from resolver.dns import names
from resolver.dns.message import Rcode
from resolver.dns.records import Record, Type, negative_ttl, with_ttl
from resolver.machine import SECOND, Instant


class Route(NamedTuple):
    """Which source an entry came by. An entry is never found by another route."""

    top: str
    """The zone of the forward rule, or the delegation at which own recursion began."""
    recursive: bool = False
    """Whether it was own recursion."""


class Wishes(NamedTuple):
    """What of a client's question changes the data that it gets.

    Answers are cached apart by it (RFC 6840 5.8 and 5.9): with DO they hold signatures, and with CD
    a validating forwarder lets through what it would otherwise have refused.
    """

    do: bool = False
    cd: bool = False


@dataclass(frozen=True, slots=True)
class Positive:
    """An RRset, TTLs counted down; with its signatures where they were asked for."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Negative:
    """NXDOMAIN or NODATA, with the SOA that says how long, its TTL counted down."""

    rcode: int
    authority: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """The route failed on this question a moment ago (RFC 9520 3.2)."""

    rcode: int


Finding: TypeAlias = Positive | Negative | Failure


class Slot(NamedTuple):
    """What an entry is found by."""

    name: str
    """Normalised."""
    rtype: int | None
    """None: the name itself, for RFC 2308 5 has NXDOMAIN hold for a name whatever the type."""
    wishes: Wishes
    route: Route


@dataclass(frozen=True, slots=True)
class _Entry:
    finding: Finding
    expires: Instant
    octets: int


class Cache:
    """Bounded by entries and by octets; the entry unused longest goes first.

    `max_ttl_s` and `max_negative_ttl_s` cap what others promise.
    """

    def __init__(self, entries: int, max_ttl_s: int, max_negative_ttl_s: int) -> None:
        self._capacity = entries
        self._max_ttl_s = max_ttl_s
        self._max_negative_ttl_s = max_negative_ttl_s
        self._entries: OrderedDict[Slot, _Entry] = OrderedDict()
        self._octets = 0
        self.evictions = 0
        """Entries that had to make room."""

    def resize(self, entries: int, max_ttl_s: int, max_negative_ttl_s: int) -> None:
        """Go by other bounds from now on."""
        self._capacity = entries
        self._max_ttl_s = max_ttl_s
        self._max_negative_ttl_s = max_negative_ttl_s
        while len(self._entries) > self._capacity:
            self._evict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, slot: Slot, now: Instant) -> Finding | None:
        """What is known about the slot's name and type by its route."""
        if (found := self._live(slot, now)) is not None:
            return found
        # RFC 8020 2: a name that does not exist has nothing below it, on the same route.
        for ancestor in names.with_ancestors(slot.name):
            found = self._live(Slot(ancestor, None, slot.wishes, slot.route), now)
            if found is not None or ancestor == slot.route.top:
                return found
        return None

    def keep_rrset(
        self, slot: Slot, records: tuple[Record, ...], now: Instant
    ) -> tuple[Record, ...]:
        """Store an RRset with its signatures; return it with the TTL it has here.

        RFC 2181 5.2: one TTL for all its records, the lowest.
        """
        ttl = min(self._max_ttl_s, *(record.ttl for record in records))
        kept = with_ttl(records, ttl)
        self._store(slot, Positive(kept), ttl, now)
        return kept

    def keep_negative(
        self, slot: Slot, rcode: int, authority: tuple[Record, ...], now: Instant
    ) -> tuple[Record, ...]:
        """Store that the name has no such type (NOERROR), or is not there at all (NXDOMAIN); return
        the authority section with the TTL it has here. Without an SOA nothing is stored (RFC 2308
        5)."""
        soa = next((record for record in authority if record.rtype == Type.SOA), None)
        if soa is None:
            return authority
        ttl = min(self._max_negative_ttl_s, negative_ttl(soa), *(r.ttl for r in authority))
        kept = with_ttl(authority, ttl)
        where = slot._replace(rtype=None) if rcode == Rcode.NXDOMAIN else slot
        self._store(where, Negative(rcode, kept), ttl, now)
        return kept

    def keep_failure(self, slot: Slot, rcode: int, now: Instant) -> None:
        """Remember for a moment that the route could not answer, and what its clients are told."""
        self._put(slot, Failure(rcode), now + limits.FAILURE_MEMORY)

    def _live(self, slot: Slot, now: Instant) -> Finding | None:
        entry = self._entries.get(slot)
        if entry is None:
            return None
        if entry.expires <= now:
            self._drop(slot)
            return None
        self._entries.move_to_end(slot)
        # Rounded down: nobody behind us keeps a record longer than its origin allowed.
        ttl = (entry.expires - now) // SECOND
        match entry.finding:
            case Positive(records):
                return Positive(with_ttl(records, ttl))
            case Negative(rcode, authority):
                return Negative(rcode, with_ttl(authority, ttl))
            case Failure() as failure:
                return failure

    def _store(self, slot: Slot, finding: Finding, ttl: int, now: Instant) -> None:
        # RFC 1035 3.2.1: TTL 0 is for the transaction in progress only. An older entry has been
        # overtaken all the same.
        if ttl > 0:
            self._put(slot, finding, now + ttl * SECOND)
        else:
            self._drop(slot)

    def _put(self, slot: Slot, finding: Finding, expires: Instant) -> None:
        self._drop(slot)
        entry = _Entry(finding, expires, _octets(slot, finding))
        self._entries[slot] = entry
        self._octets += entry.octets
        while len(self._entries) > self._capacity or self._octets > limits.CACHE_OCTETS:
            self._evict()

    def _evict(self) -> None:
        _, evicted = self._entries.popitem(last=False)
        self._octets -= evicted.octets
        self.evictions += 1

    def _drop(self, slot: Slot) -> None:
        entry = self._entries.pop(slot, None)
        if entry is not None:
            self._octets -= entry.octets


def _octets(slot: Slot, finding: Finding) -> int:
    match finding:
        case Positive(records) | Negative(_, records):
            return len(slot.name) + sum(len(r.name) + len(r.rdata) for r in records)
        case Failure():
            return len(slot.name)
