"""How many of an RRset's addresses a client is given, and in which order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

from resolver import limits
from resolver.config import Selection
from resolver.dns.records import ADDRESS_TYPES, Record, Type

_LINKS = frozenset({Type.CNAME, Type.DNAME})


class Ways(NamedTuple):
    """The answer sections that clients may be given of the same data."""

    answers: tuple[tuple[Record, ...], ...]
    draw: Callable[[], int] | None = None
    """Says which of them the next client is given, as `select` would choose; None: there is one."""


class Selector:
    """Applied to each answer as it leaves; the cache keeps whole RRsets."""

    def __init__(self, selection: Selection, random: Random) -> None:
        self._selection = selection
        self._random = random
        self._turns: OrderedDict[tuple[str, int], int] = OrderedDict()

    def select(self, answers: tuple[Record, ...]) -> tuple[Record, ...]:
        """The answer section for one client: what is no address stays as and where it is."""
        addresses = [record for record in answers if record.rtype in ADDRESS_TYPES]
        if len(addresses) < 2:
            return answers
        rest = tuple(record for record in answers if record.rtype not in ADDRESS_TYPES)
        # A signature covers its whole RRset (RFC 4035 5.3): one address alone would be bogus.
        signed = any(record.rtype == Type.RRSIG for record in rest)
        chosen: tuple[Record, ...] = ()
        for rtype in sorted(ADDRESS_TYPES):
            if rrset := [record for record in addresses if record.rtype == rtype]:
                if self._selection is Selection.ONE and not signed:
                    chosen += (self._random.choice(rrset),)
                else:
                    chosen += self._rotated(rrset)
        links = tuple(record for record in rest if record.rtype in _LINKS)
        others = tuple(record for record in rest if record.rtype not in _LINKS)
        return links + chosen + others

    def ways(self, answers: tuple[Record, ...]) -> Ways | None:
        """All that `select` may make of an answer section; None where that is too much, or more
        than one choice is to be made."""
        addresses = [record for record in answers if record.rtype in ADDRESS_TYPES]
        if len(addresses) < 2:
            return Ways((answers,))
        rest = [record for record in answers if record.rtype not in ADDRESS_TYPES]
        several = any(record.rtype != addresses[0].rtype for record in addresses)
        if several or len(addresses) > limits.WIRE_FORMS:
            return None
        signed = any(record.rtype == Type.RRSIG for record in rest)
        links = tuple(record for record in rest if record.rtype in _LINKS)
        others = tuple(record for record in rest if record.rtype not in _LINKS)
        numbers = range(len(addresses))
        if self._selection is Selection.ONE and not signed:
            chosen = tuple((*links, record, *others) for record in addresses)
            return Ways(chosen, partial(self._random.choice, numbers))
        rotated = tuple((*links, *addresses[n:], *addresses[:n], *others) for n in numbers)
        return Ways(rotated, partial(self._turn, _key(addresses), len(addresses)))

    def _rotated(self, rrset: list[Record]) -> tuple[Record, ...]:
        turn = self._turn(_key(rrset), len(rrset))
        return (*rrset[turn:], *rrset[:turn])

    def _turn(self, key: tuple[str, int], count: int) -> int:
        """Which of an RRset's `count` records stands first this time."""
        turn = self._turns.pop(key, 0) % count
        self._turns[key] = turn + 1
        if len(self._turns) > limits.ROTATIONS_REMEMBERED:
            self._turns.popitem(last=False)
        return turn


def _key(rrset: list[Record]) -> tuple[str, int]:
    return rrset[0].name.lower(), rrset[0].rtype
