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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from resolver import limits
from resolver.dns.cache import Entry, Reading, Slot
from resolver.dns.counters import Counters
from resolver.dns.records import Record, Type
from resolver.machine import SECOND, Instant

_counts = struct.Struct("!HHH")
_ttl = struct.Struct("!I")
_type = struct.Struct("!H")
_length = struct.Struct("!H")

_ID_OCTETS: Final = 2
_HEADER_OCTETS: Final = 12
_ANSWER_OCTETS: Final = 900
"""What an answer takes beside its own octets and those of its question, estimated."""

_NEVER: Final[Instant] = 1 << 63


@dataclass(frozen=True, slots=True)
class Form:
    """One form of an answer, and the records in it, section by section."""

    message: bytes
    answers: Sequence[Record]
    authority: Sequence[Record]
    additional: Sequence[Record]


@dataclass(slots=True, eq=False)
class _Answer:
    """Every form in which one question's answer may leave."""

    key: bytes
    tails: list[bytes]
    """The messages behind their IDs."""
    draw: Callable[[], int] | None
    """Draws the number of the form that leaves next; None: there is only one."""
    ttls: tuple[tuple[tuple[int, Instant], ...], ...]
    """For each form, where in it TTLs stand that count down, and when they end."""
    entries: tuple[Entry, ...]
    slots: tuple[Slot, ...]
    until: Instant
    """When the next of the TTLs changes, or the first entry ends."""
    used: bool = False
    """Whether it was given since it last came up for eviction."""

    def count_down(self, now: Instant) -> bool:
        """Bring all TTLs up to `now`; False when an entry has ended."""
        until = _NEVER
        for entry in self.entries:
            if entry.expires <= now:
                return False
            until = min(until, _next_change(entry.expires, now))
        for number, places in enumerate(self.ttls):
            tail = bytearray(self.tails[number])
            for offset, expires in places:
                _ttl.pack_into(tail, offset, (expires - now) // SECOND)
            self.tails[number] = bytes(tail)
        self.until = until
        return True

    @property
    def octets(self) -> int:
        return _ANSWER_OCTETS + len(self.key) + sum(map(len, self.tails))


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
        self._by_slot: dict[Slot, set[_Answer]] = {}
        self._octets = 0
        self._asked: set[int] = set()

    def __len__(self) -> int:
        return len(self._answers)

    def answer(self, payload: bytes, address: str, now: Instant) -> bytes | None:
        """The answer to a datagram that came from `address`; None: the resolver must look at it."""
        answer = self._answers.get(payload[_ID_OCTETS:])
        if answer is None or not self._allows(address):
            return None
        if now >= answer.until and not answer.count_down(now):
            self._drop(answer)
            return None
        answer.used = True
        for entry in answer.entries:
            entry.used = True  # or the cache would take what is asked for most for unused
        self._counters.fast_answers += 1
        draw = answer.draw
        return payload[:_ID_OCTETS] + answer.tails[0 if draw is None else draw()]

    def asked_before(self, payload: bytes) -> bool:
        """Whether this question has come before, so that its answer is worth keeping: those that
        never come again (with a cookie of their own, or in random case) push nothing out. To be
        asked once for each question, in which `answer` found nothing."""
        mark = hash(payload[_ID_OCTETS:])
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
        answer = _Answer(
            payload[_ID_OCTETS:],
            [form.message[_ID_OCTETS:] for form in forms],
            draw,
            tuple(_places(form, expiries) for form in forms),
            tuple(entries.values()),
            tuple({reading.slot for reading in readings}),
            now,  # so that its first use counts down
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


def _next_change(expires: Instant, now: Instant) -> Instant:
    """When a TTL that is rounded down to whole seconds will next be another, or the data's end."""
    ttl = (expires - now) // SECOND
    return expires - ttl * SECOND + 1 if ttl else expires


def _places(form: Form, expiries: dict[int, Instant]) -> tuple[tuple[int, Instant], ...]:
    """Where in a message (behind its ID) TTLs stand that count down, and when they end."""
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
            places.append((offset + 4 - _ID_OCTETS, expires))
        offset += 10 + _length.unpack_from(message, offset + 8)[0]
    return tuple(places)


def _behind_name(message: bytes, offset: int) -> int:
    """Where a name ends that we have written ourselves."""
    while length := message[offset]:
        if length >= 0xC0:
            return offset + 2
        offset += length + 1
    return offset + 1
