"""Packets before and after a translator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from lab.observe.passage import Passage, Trip
from lab.topology.plan import Plan


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """One packet that a translator passed on with another address."""

    before: Passage
    after: Passage
    translator: str

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers before and after."""
        return self.before.frames + self.after.frames


def crossings_of(trips: Iterable[Trip], plan: Plan) -> list[Crossing]:
    """Every translation, at the nodes that the plan makes translators, in order of departure."""
    translators = {node.name for node in plan.nodes if node.nat is not None}
    found = [crossing for trip in trips for crossing in _crossings(trip, translators)]
    found.sort(key=lambda crossing: (crossing.after.at, crossing.after.frame))
    return found


def is_translated(before: Passage, after: Passage) -> bool:
    """Whether a packet left a node with another address; by the side where it came in, too: between
    two machines of one side, translated is hairpinned (RFC 4787 6)."""
    return (
        before.arrived is not None
        and after.sent is not None
        and (before.ip.source, before.ip.destination) != (after.ip.source, after.ip.destination)
    )


def _crossings(trip: Trip, translators: set[str]) -> Iterator[Crossing]:
    for before, after in pairwise(trip.passages):
        if before.receiver in translators and is_translated(before, after):
            yield Crossing(before, after, str(before.receiver))
