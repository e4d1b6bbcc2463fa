"""Finished answers by the octets of their questions: the fast path in front of the resolver.

What is answered from here is, octet for octet, what the resolver would have written: an answer was
written by it, and is given again only while nothing that it was made from has changed. TTLs are
counted down where they stand. It holds answers that came wholly from live cache entries and own
zones, and dies with the first change of anything that was looked at for it, also of what was not
there when it was looked for.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from resolver import limits
from resolver.dns.cache import Entry, Reading, Slot
from resolver.dns.counters import Counters
from resolver.dns.records import Record, Type
from resolver.machine import ID_OCTETS, SECOND, Instant

_counts = struct.Struct("!HHH")
_ttl = struct.Struct("!I")
_type = struct.Struct("!H")
_length = struct.Struct("!H")

_HEADER_OCTETS: Final = 12
_ANSWER_OCTETS: Final = 500
"""What an answer takes beside its own octets, those of its question, and its slots, estimated."""

_SLOT_OCTETS: Final = 400
"""What each slot takes beside its name: where an absence was found far above a name of many labels,
there are a hundred of them."""

_STANDING: Final = Entry((), None, expires=1 << 63)
"""What answers from own zones are made from: it never ends."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of an answer, and the records in it, section by section."""

    message: bytes
    answers: Sequence[Record]
    authority: Sequence[Record]
    additional: Sequence[Record]


_Places: TypeAlias = tuple[tuple[int, Instant], ...]
"""Where TTLs stand that count down, behind the ID, and when their data ends."""


@dataclass(frozen=True, slots=True, eq=False)
class _More:
    """What few answers have: several forms, or several entries that they were made from."""

    entries: tuple[Entry, ...]
    """But for the first."""
    tails: list[bytes]
    places: tuple[_Places, ...]
    draw: Callable[[], int] | None
    """Draws the number of the form that leaves next; None: there is only one."""

    def next_tail(self) -> bytes:
        for entry in self.entries:
            entry.used = True
        return self.tails[0 if self.draw is None else self.draw()]

    def count_down(self, now: Instant) -> None:
        for number, places in enumerate(self.places):
            self.tails[number] = _counted_down(self.tails[number], places, now)


@dataclass(slots=True, eq=False)
class _Answer:
    """What is ready for one question.

    Whatever a use must look at has to be fetched from memory, and with ten thousand answers in use
    that takes longer than the work. So the usual case, one form made from one entry, is laid out
    flat.
    """

    until: Instant
    """When the next of the TTLs changes, or the first entry ends."""
    tail: bytes
    """The message behind its ID."""
    entry: Entry
    """What it was made from."""
    more: _More | None
    """Instead of `tail`, where there is more to be told."""
    places: _Places
    key: bytes
    slots: tuple[Slot, ...]
    """What was looked at for it."""
    octets: int
    used: bool = False
    """Whether it was given since it last came up for eviction."""

    def count_down(self, now: Instant) -> bool:
        """Bring all TTLs up to `now`; False when an entry has ended."""
        expires, more = self.entry.expires, self.more
        if expires <= now:
            return False
        until = _next_change(expires, now)
        if more is None:
            self.tail = _counted_down(self.tail, self.places, now)
        else:
            for entry in more.entries:
                if entry.expires <= now:
                    return False
                until = min(until, _next_change(entry.expires, now))
            more.count_down(now)
        self.until = until
        return True


class WireAnswers:
    """A table of bounded size; what was put in longest ago goes first, but for a second chance that
    each use earns.

    `allows` says whether a client (by address) may have what is in the cache.
    """

    def __init__(
        self,
        allows: Callable[[str], bool],
        counters: Counters,
        octets: int = limits.WIRE_ANSWERS_OCTETS,
    ) -> None:
        self._allows = allows
        self._counters = counters
        self._capacity = octets
        self._answers: OrderedDict[bytes, _Answer] = OrderedDict()
        self._find = self._answers.get
        self._by_slot: dict[Slot, set[_Answer]] = {}
        self._octets = 0
        self._asked: set[int] = set()

    def __len__(self) -> int:
        return len(self._answers)

    def answer(self, question: bytes, address: str, now: Instant) -> bytes | None:
        """The answer to a datagram that came from `address`, both without their ID; None: the
        resolver must look at it."""
        answer = self._find(question)
        if answer is None or not self._allows(address):
            return None
        if now >= answer.until and not answer.count_down(now):
            self._drop(answer)
            return None
        answer.used = True
        answer.entry.used = True  # or the cache would take what is asked for most for unused
        self._counters.fast_answers += 1
        more = answer.more
        return answer.tail if more is None else more.next_tail()

    def answer_all(
        self, questions: Iterator[bytes], addresses: Iterator[str], now: Instant
    ) -> list[bytes]:
        """The answers to datagrams, each as `answer` gives it, up to the first for which there is
        none: the last that is taken."""
        ready: list[bytes] = []
        allows = self._allows
        for answer, address in zip(map(self._find, questions), addresses, strict=True):
            if answer is None or not allows(address):
                break
            if now >= answer.until and not answer.count_down(now):
                self._drop(answer)
                break
            answer.used = True
            answer.entry.used = True
            more = answer.more
            ready.append(answer.tail if more is None else more.next_tail())
        self._counters.fast_answers += len(ready)
        return ready

    def asked_before(self, payload: bytes) -> bool:
        """Whether this question has come before, so that its answer is worth keeping: those that
        never come again (with a cookie of their own, or in random case) push nothing out. To be
        asked once for each question, in which `answer` found nothing."""
        mark = hash(payload[ID_OCTETS:])
        if mark in self._asked:
            return len(payload) <= limits.WIRE_QUESTION_OCTETS
        if len(self._asked) >= limits.QUESTIONS_REMEMBERED:
            self._asked.clear()
        self._asked.add(mark)
        return False

    def keep(
        self,
        payload: bytes,
        forms: Sequence[Form],
        draw: Callable[[], int] | None,
        readings: Iterable[Reading],
        now: Instant,
    ) -> None:
        """Keep the answer to a question: what was read for it, and each form that it may take.

        `draw` chooses among the forms (None where there is one). Records that no reading found are
        an own zone's: their TTLs stand still.
        """
        readings = list(readings)
        if not all(reading.lasting for reading in readings):
            return
        expiries = {
            id(record): reading.entry.expires
            for reading in readings
            if reading.entry is not None
            for record in reading.records
        }
        entries = {id(reading.entry): reading.entry for reading in readings if reading.entry}
        first, *others = entries.values() or (_STANDING,)
        key = payload[ID_OCTETS:]
        tails = [form.message[ID_OCTETS:] for form in forms]
        places = tuple(_places(form, expiries) for form in forms)
        several = len(tails) > 1 or others
        slots = tuple({reading.slot for reading in readings})
        answer = _Answer(
            now,  # so that its first use counts down
            tails[0],
            first,
            _More(tuple(others), tails, places, draw) if several else None,
            places[0],
            key,
            slots,
            _ANSWER_OCTETS
            + len(key)
            + sum(map(len, tails))
            + sum(_SLOT_OCTETS + len(slot.name) for slot in slots),
        )
        self._put(answer)

    def changed(self, slot: Slot) -> None:
        """Something that was, or was not, in the cache has changed."""
        for answer in self._by_slot.pop(slot, ()):
            self._drop(answer)

    def clear(self, allows: Callable[[str], bool]) -> None:
        """Forget everything: the configuration has changed, and with it who is allowed."""
        self._allows = allows
        self._answers.clear()
        self._by_slot.clear()
        self._asked.clear()
        self._octets = 0

    def _put(self, answer: _Answer) -> None:
        if (former := self._answers.get(answer.key)) is not None:
            self._drop(former)
        self._answers[answer.key] = answer
        self._octets += answer.octets
        for slot in answer.slots:
            self._by_slot.setdefault(slot, set()).add(answer)
        while self._octets > self._capacity:
            self._evict()

    def _evict(self) -> None:
        key, answer = next(iter(self._answers.items()))
        if answer.used:
            answer.used = False
            self._answers.move_to_end(key)
        else:
            self._drop(answer)

    def _drop(self, answer: _Answer) -> None:
        del self._answers[answer.key]
        self._octets -= answer.octets
        for slot in answer.slots:
            if (others := self._by_slot.get(slot)) is not None:
                others.discard(answer)
                if not others:
                    del self._by_slot[slot]


def _counted_down(tail: bytes, places: _Places, now: Instant) -> bytes:
    for offset, expires in places:
        tail = tail[:offset] + _ttl.pack((expires - now) // SECOND) + tail[offset + 4 :]
    return tail


def _next_change(expires: Instant, now: Instant) -> Instant:
    """When a TTL that is rounded down to whole seconds will next be another, or the data's end."""
    ttl = (expires - now) // SECOND
    return expires - ttl * SECOND + 1 if ttl else expires


def _places(form: Form, expiries: dict[int, Instant]) -> _Places:
    message = form.message
    answers, authority, additional = _counts.unpack_from(message, 6)
    # Sections are written whole or not at all; what else the last one holds is the OPT record.
    records = (
        *form.answers[:answers],
        *form.authority[:authority],
        *form.additional[:additional],
    )
    places = []
    offset = _behind_name(message, _HEADER_OCTETS) + 4
    for record in records:
        offset = _behind_name(message, offset)
        if _type.unpack_from(message, offset)[0] == Type.OPT:
            break
        expires = expiries.get(id(record))
        if expires is not None:
            places.append((offset + 4 - ID_OCTETS, expires))
        offset += 10 + _length.unpack_from(message, offset + 8)[0]
    return tuple(places)


def _behind_name(message: bytes, offset: int) -> int:
    """Where a name ends that we have written ourselves."""
    while length := message[offset]:
        if length >= 0xC0:
            return offset + 2
        offset += length + 1
    return offset + 1
