"""What was learnt from others, for as long as they allow.

RRsets are kept one by one, alias links too. An entry remembers the route it came by (which forward
rule, or own recursion) and is found by that route alone, so that neither an ancestor's NXDOMAIN
nor an extra record of a forwarder reaches across (MaginotDNS). Only class IN is ever stored.

Where stale data is wanted (RFC 8767), RRsets that have expired stay for a while, found by nobody
who looks for fresh ones, and the first to go when there is no room.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Container, Hashable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from resolver import limits
from resolver.dns import names
from resolver.dns.bounds import Bounds
from resolver.dns.failures import Failure, Failures
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

    Answers are cached apart by it (RFC 4035 3.2.1, RFC 6840 5.9): with DO they hold signatures, and
    with CD a validating forwarder lets through what it would otherwise have refused.
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


Learnt: TypeAlias = Positive | Negative
Finding: TypeAlias = Learnt | Failure

SharedT = TypeVar("SharedT", bound=Hashable)

_ENTRY_OCTETS: Final = 400
"""An entry with its slot and its places in the table, and no record."""

_RECORD_OCTETS: Final = 200
"""A record with its name and RDATA, without the octets of these."""


class Slot(NamedTuple):
    """What an entry is found by."""

    name: str
    """Normalised."""
    rtype: int | None
    """None: the name itself, for RFC 2308 5 has NXDOMAIN hold for a name whatever the type."""
    wishes: Wishes
    route: Route


@dataclass(slots=True, eq=False)
class Entry:
    """What is kept of an RRset or of an absence. There may be a million of them: what can be worked
    out is not kept."""

    records: tuple[Record, ...]
    """As they were learnt; the TTL given out is worked out from `expires`."""
    rcode: int | None
    """An absence's; None: it is an RRset."""
    expires: Instant
    used: bool = False
    """Whether it was given out since it last came up for eviction."""

    @property
    def learnt(self) -> Instant:
        """When it was put in."""
        return self.expires - self.records[0].ttl * SECOND


class Reading(NamedTuple):
    """A look at one slot, and what was found there."""

    slot: Slot
    entry: Entry | None = None
    records: tuple[Record, ...] = ()
    """As they were given out."""
    lasting: bool = True
    """Whether the same would be found until the entry ends or the slot changes."""


class Cache:
    """Of bounded size; what was put in longest ago goes first, but for a second chance that each
    use earns: so a use costs one assignment, and no list is put in order."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._entries: OrderedDict[Slot, Entry] = OrderedDict()
        self._octets = 0
        self._absent: Counter[str] = Counter()
        """How many entries say of a name that it does not exist. Nearly every name does, so most
        searches end here."""
        self._failures: Failures[Slot] = Failures()
        self._shared: dict[Hashable, Any] = {}
        self.readings: list[Reading] | None = None
        """Set to a list, it takes down every look at a slot."""
        self.on_change: Callable[[Slot], None] = _ignore
        """Called when what is known of a slot changes, but for the passing of time."""
        self.evictions = 0
        """Entries that had to make room."""

    def resize(self, bounds: Bounds) -> None:
        """Go by other bounds from now on."""
        self._bounds = bounds
        self._make_room()

    def forget_failures(self) -> None:
        """Have everything tried again that failed: whom to ask may have changed."""
        self._failures = Failures()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def octets(self) -> int:
        """Memory that the entries take, estimated."""
        return self._octets

    def find(self, slot: Slot, now: Instant) -> Finding | None:
        """What is known about the slot's name and type by its route."""
        found: Finding | None = self._live(slot, now) or self._failed(slot, now)
        if found is not None:
            return found
        # RFC 8020 2: a name that does not exist has nothing below it, on the same route.
        for absent in _absences(slot, None if self.readings is not None else self._absent):
            if (absence := self._live(absent, now)) is not None:
                return absence
        return None

    def knows_nothing_of(self, slot: Slot) -> bool:
        """Whether to look for the slot would neither find nor change anything."""
        name, _, wishes, route = slot
        if slot in self._entries or Slot(name, Type.CNAME, wishes, route) in self._entries:
            return False
        if self._failures and slot in self._failures:
            return False
        absent = self._absent
        return not absent or not any(above in absent for above in names.with_ancestors(name))

    def find_alias(self, slot: Slot, now: Instant) -> Positive | None:
        """The CNAME at the slot's name, where `find` has found nothing: no absence, and no failure
        of this very slot."""
        found = self._live(slot._replace(rtype=Type.CNAME), now)
        return found if isinstance(found, Positive) else None

    def find_stale(self, slot: Slot, ttl: int, now: Instant) -> Positive | None:
        """An RRset that has expired, with `ttl`: for when nobody can be asked for a fresh one.

        Only what is there is given stale (RFC 8767 10 knows stale absences): nobody is worse off
        for being told SERVFAIL in place of an absence that may be over.
        """
        if self.readings is not None:
            self.readings.append(Reading(slot, lasting=False))
        entry = self._entries.get(slot)
        if entry is None or entry.rcode is not None or self._is_over(entry, now):
            return None
        # RFC 8767 4: an NXDOMAIN takes the place of all that the name had, even when it is over.
        absences = filter(None, map(self._entries.get, _absences(slot, self._absent)))
        if any(absence.learnt >= entry.learnt for absence in absences):
            return None
        return Positive(with_ttl(entry.records, ttl))

    def keep_rrset(
        self, slot: Slot, records: tuple[Record, ...], now: Instant
    ) -> tuple[Record, ...]:
        """Store an RRset with its signatures; return it with the TTL it has here.

        RFC 2181 5.2: one TTL for all its records, the lowest.
        """
        self._failures.forget(slot)
        ttl = min(self._bounds.max_ttl_s, *[record.ttl for record in records])
        kept = with_ttl(records, ttl)
        if kept[0].name == slot.name and kept[0].name is not slot.name:
            # The same as another text: a million of them add up.
            slot = Slot(kept[0].name, slot.rtype, slot.wishes, slot.route)
        self._store(slot, kept, None, ttl, now)
        return kept

    def keep_negative(
        self, slot: Slot, rcode: int, authority: tuple[Record, ...], now: Instant
    ) -> tuple[Record, ...]:
        """Store that the name has no such type (NOERROR), or is not there at all (NXDOMAIN); return
        the authority section with the TTL it has here. Without an SOA nothing is stored (RFC 2308
        5)."""
        self._failures.forget(slot)
        soa = next((record for record in authority if record.rtype == Type.SOA), None)
        if soa is None:
            self._drop(slot)
            return authority
        ttl = min(self._bounds.max_negative_ttl_s, negative_ttl(soa), *(r.ttl for r in authority))
        kept = with_ttl(authority, ttl)
        where = slot._replace(rtype=None) if rcode == Rcode.NXDOMAIN else slot
        self._store(where, kept, rcode, ttl, now)
        return kept

    def keep_failure(self, slot: Slot, failure: Failure, now: Instant) -> None:
        """Remember for a while that the route could not answer, and what its clients are told.
        Stale data for the slot stays."""
        stale = self.find_stale(slot, 0, now) is not None
        at_least_ns = limits.STALE_RECHECK if stale else limits.FAILURE_MEMORY
        self._failures.note(slot, failure, now, at_least_ns)
        self.on_change(slot)

    def _live(self, slot: Slot, now: Instant) -> Learnt | None:
        entry = self._entries.get(slot)
        if entry is not None and entry.expires <= now:
            if self._is_over(entry, now):
                self._drop(slot)
            entry = None
        # Rounded down: nobody behind us keeps a record longer than its origin allowed.
        records = () if entry is None else with_ttl(entry.records, (entry.expires - now) // SECOND)
        if self.readings is not None:
            self.readings.append(Reading(slot, entry, records))
        if entry is None:
            return None
        entry.used = True
        return Positive(records) if entry.rcode is None else Negative(entry.rcode, records)

    def _failed(self, slot: Slot, now: Instant) -> Failure | None:
        failure = self._failures.find(slot, now)
        if failure is not None and self.readings is not None:
            self.readings.append(Reading(slot, lasting=False))
        return failure

    def _is_over(self, entry: Entry, now: Instant) -> bool:
        """Whether an entry is good for nothing any more."""
        return entry.expires + self._bounds.stale_for_ns <= now

    def _store(
        self, slot: Slot, records: tuple[Record, ...], rcode: int | None, ttl: int, now: Instant
    ) -> None:
        self._drop(slot)
        # RFC 1035 3.2.1: TTL 0 is for the transaction in progress only. An older entry has been
        # overtaken all the same.
        if ttl > 0:
            self._put(slot, Entry(records, rcode, now + ttl * SECOND))

    def _put(self, slot: Slot, entry: Entry) -> None:
        self.on_change(slot)
        name, rtype, wishes, route = slot
        slot = Slot(name, rtype, self._share(wishes), self._share(route))
        self._entries[slot] = entry
        self._octets += _octets(slot, entry)
        if slot.rtype is None:
            self._absent[slot.name] += 1
        self._make_room()

    def _make_room(self) -> None:
        entries, octets, *_ = self._bounds
        while len(self._entries) > entries or self._octets > octets:
            self._evict()

    def _evict(self) -> None:
        slot, entry = self._entries.popitem(last=False)
        if entry.used:
            entry.used = False
            self._entries[slot] = entry
        else:
            self.evictions += 1
            self._forget(slot, entry)

    def _drop(self, slot: Slot) -> None:
        if (entry := self._entries.pop(slot, None)) is not None:
            self._forget(slot, entry)

    def _forget(self, slot: Slot, entry: Entry) -> None:
        self._octets -= _octets(slot, entry)
        if slot.rtype is None:
            self._absent[slot.name] -= 1
            if not self._absent[slot.name]:
                del self._absent[slot.name]
        self.on_change(slot)

    def _share(self, part: SharedT) -> SharedT:
        """The one copy of what a million slots have in common."""
        shared: SharedT = self._shared.setdefault(part, part)
        return shared


def _ignore(slot: Slot) -> None:
    del slot


def _absences(slot: Slot, absent: Container[str] | None) -> list[Slot]:
    """Where NXDOMAIN of the slot's name and of those above it would stand; with `absent`, of those
    names only."""
    slots, top = [], slot.route.top
    for name in names.with_ancestors(slot.name):
        if absent is None or name in absent:
            slots.append(Slot(name, None, slot.wishes, slot.route))
        if name == top:
            break
    return slots


def _octets(slot: Slot, entry: Entry) -> int:
    octets = _ENTRY_OCTETS + len(slot.name)
    for record in entry.records:
        octets += _RECORD_OCTETS + len(record.name) + len(record.rdata)
    return octets
