"""What the steps of a scenario put out of order, and when: read from the marks in the capture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.observe.sighting import Mark
from lab.observe.timeline import Timeline
from resolver.machine import Instant

_BEGINS = frozenset({"halted", "scripted", "impaired", "unplugged"})
_ENDS = {
    "resumed": frozenset({"halted", "scripted"}),
    "mended": frozenset({"impaired"}),
    "plugged": frozenset({"unplugged"}),
}


@dataclass(frozen=True, slots=True)
class Outage:
    """Something of a node is not as the plan has it."""

    kind: str
    """"halted", "scripted", "impaired" or "unplugged"."""
    node: str
    program: str | None
    """None: the node itself."""
    network: str | None
    """Of which link, where it is a link; None: all of them, or the node itself."""
    begun: Mark
    ended: Mark | None

    def lasts_at(self, instant: Instant) -> bool:
        """Whether it was so at that instant."""
        return self.begun.at <= instant and (self.ended is None or instant < self.ended.at)

    def touches(self, earliest: Instant, latest: Instant) -> bool:
        """Whether it was so at any time between."""
        return self.begun.at <= latest and (self.ended is None or earliest < self.ended.at)


def outages(timeline: Timeline) -> tuple[Outage, ...]:
    """All of them, in order of their ends; those that never ended come last."""
    return tuple(_paired(timeline))


def _paired(timeline: Timeline) -> Iterator[Outage]:
    open_: list[Mark] = []
    for mark in timeline.marks:
        if mark.kind in _BEGINS:
            open_.append(mark)
            continue
        for begun in [each for each in open_ if _ends(each, mark)]:
            open_.remove(begun)
            yield _outage(begun, mark)
    yield from (_outage(begun, None) for begun in open_)


def _ends(begun: Mark, mark: Mark) -> bool:
    return begun.kind in _ENDS.get(mark.kind, ()) and all(
        begun.fields.get(field) == mark.fields.get(field)
        for field in ("node", "program", "network")
    )


def _outage(begun: Mark, ended: Mark | None) -> Outage:
    fields = begun.fields
    return Outage(
        begun.kind,
        str(fields.get("node")),
        fields.get("program"),
        fields.get("network"),
        begun,
        ended,
    )
