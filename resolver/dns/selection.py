"""How many of an RRset's addresses a client is given, and in which order."""

from __future__ import annotations

from collections import OrderedDict
from random import Random

from resolver import limits
from resolver.config import Selection
from resolver.dns.records import ADDRESS_TYPES, Record, Type

_LINKS = frozenset({Type.CNAME, Type.DNAME})


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

    def _rotated(self, rrset: list[Record]) -> tuple[Record, ...]:
        key = (rrset[0].name.lower(), rrset[0].rtype)
        turn = self._turns.pop(key, 0) % len(rrset)
        self._turns[key] = turn + 1
        if len(self._turns) > limits.ROTATIONS_REMEMBERED:
            self._turns.popitem(last=False)
        return (*rrset[turn:], *rrset[:turn])
