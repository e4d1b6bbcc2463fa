"""For which seats a rule can be judged: a rule about NAT is no question to a DNS server.

`rule_seats.tsv` is the table as people edit it; a note stands where the reason is not plain.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from lab.judge.rules import RULES
from lab.subjects.subject import SEATS, SeatName
from lab.values import unknown

RuleSeat: TypeAlias = SeatName | Literal["lab"]
""""lab": what forwardlab itself does, in nobody's seat: its configuration check, its viewers and
faults."""

_TABLE: Final = Path(__file__).with_name("rule_seats.tsv")
_COLUMNS: Final = ["rule", "seats", "note"]
_SEATS: Final[Mapping[str, RuleSeat]] = {**{seat: seat for seat in SEATS}, "lab": "lab"}


class SeatsMalformed(Exception):
    """The table cannot be read; the message lists every fault with its line."""


@cache
def rule_seats(path: Path = _TABLE) -> Mapping[str, tuple[RuleSeat, ...]]:
    """The seats by rule, for all of the catalogue. Raises SeatsMalformed with every fault."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0].split("\t") != _COLUMNS:
        raise SeatsMalformed(f"{path}:1: the first line must name the columns: {_COLUMNS}")
    found: dict[str, tuple[RuleSeat, ...]] = {}
    faults = []
    for number, line in enumerate(lines[1:], start=2):
        rule, *others = line.split("\t")
        seats = others[0].split() if others else []
        fault = _fault(rule, seats, len(others), found)
        if fault:
            faults.append(f"{path}:{number}: {fault}")
        else:
            found[rule] = tuple(_SEATS[seat] for seat in seats)
    faults += [
        f"{path}: rule {rule} has no seat; say for which it can be judged, or that it is the lab's"
        for rule in RULES
        if rule not in found and not faults
    ]
    if faults:
        raise SeatsMalformed("\n".join(faults))
    return MappingProxyType(found)


def _fault(rule: str, seats: list[str], others: int, known: Mapping[str, object]) -> str | None:
    if not 1 <= others < len(_COLUMNS):
        return "write rule, seats and, where it needs one, a note, separated with single tabs"
    if rule not in RULES:
        return unknown("rule", rule, RULES)
    if rule in known:
        return f"rule {rule} is there already; name its seats in one line"
    if not seats:
        return f"rule {rule} has no seat; say for which it can be judged, or that it is the lab's"
    strange = next((seat for seat in seats if seat not in _SEATS), None)
    return None if strange is None else unknown("seat", strange, _SEATS)
