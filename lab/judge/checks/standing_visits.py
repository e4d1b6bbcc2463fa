"""Checks of what must hold of every visit, whatever breaks: it ends, and well once all is whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import counted, ms, node_at
from lab.judge.checks.standing import Inspection, Look, StandingCheck
from lab.judge.outages import Outage, outages
from lab.observe.timeline import Timeline
from lab.observe.visit import Visited
from lab.values import Seconds
from resolver.machine import SECOND


class EveryVisitEnds(StandingCheck):
    """Each visit ended within its profile's bound, in one of two ways: connected with the very
    server that the plan puts at the dialled address, which said its name, or with an error told to
    the user (CLU-04, CLU-20, FWD-24). Nobody is left waiting, and nobody is led astray."""

    kind: Literal["every-visit-ends"] = "every-visit-ends"

    def wording(self, seen: int) -> str:
        """Visits count."""
        if not seen:
            return "no visit was seen"
        return f"{counted(seen, 'visit')} ended well or with an error, in time"

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """The end of every visit."""
        for visit in timeline.visits:
            fault = _unended(visit, timeline) or _astray(visit, timeline)
            if fault is not None:
                yield Look(visit, f"{_who(visit)}: {fault}")
            elif visit.frames:  # marks alone prove nothing
                yield Look(visit)


class ServedWhenWhole(StandingCheck):
    """Before the steps broke anything every visit connected. After they had put the last thing
    right, each viewer was served again, and from then on always; whoever began later than the bound
    was (CLU-20, FWD-05)."""

    kind: Literal["served-when-whole"] = "served-when-whole"
    bound_s: Seconds

    def wording(self, seen: int) -> str:
        """Visits count, before and after."""
        if not seen:
            return "no visit was seen while all was whole"
        return f"{counted(seen, 'visit')} while nothing was broken, all served within the bound"

    def inspect(self, timeline: Timeline) -> Inspection:
        """Without a visit after the last repair, nothing is seen of recovery."""
        inspection = super().inspect(timeline)
        last = _repaired_at(outages(timeline))
        if inspection.sound and not any(visit.began_at >= last for visit in timeline.visits):
            return Inspection(0, "no visit was seen after the last repair")
        return inspection

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """The visits before the first outage and after the last repair."""
        known = outages(timeline)
        if any(outage.ended is None for outage in known):
            return
        for visit in timeline.visits:
            ended = visit.began_at if visit.ended_at is None else visit.ended_at
            if not any(outage.begun.at <= ended for outage in known):
                failed = visit.connected is None
                fault = f"{_who(visit)} before anything broke: {_end(visit)}"
                yield Look(visit, fault if failed else None)
        if known:
            yield from self._after(timeline, _repaired_at(known))

    def _after(self, timeline: Timeline, repaired_at: int) -> Iterator[Look]:
        later = [visit for visit in timeline.visits if visit.began_at >= repaired_at]
        bound = round(self.bound_s * SECOND) + answer_allowance_ns(timeline)
        served: set[str] = set()
        for visit in later:
            waited = visit.began_at - repaired_at
            connected = visit.connected is not None
            late = not connected and (visit.node in served or waited > bound)
            fault = f"{_who(visit)} {ms(waited)} after the last repair: {_end(visit)}"
            yield Look(visit, fault if late else None)
            if connected:
                served.add(visit.node)
        last = {visit.node: visit for visit in later}
        for node, visit in last.items():
            tried = ms(visit.began_at - repaired_at)
            fault = f"{node} was never served again; its last visit began {tried} after the repair"
            yield Look(visit, None if node in served else fault)


def _repaired_at(known: tuple[Outage, ...]) -> int:
    return max((each.ended.at for each in known if each.ended is not None), default=0)


def _unended(visit: Visited, timeline: Timeline) -> str | None:
    if visit.ended_at is None:
        return "it never ended"
    bound = visit.bound_ns(timeline.plan)
    if bound is None:
        return f"nobody knows a viewer like {visit.profile!r}"
    bound += answer_allowance_ns(timeline)
    took = visit.ended_at - visit.began_at
    return f"it took {ms(took)}, bound {ms(bound)}" if took > bound else None


def _astray(visit: Visited, timeline: Timeline) -> str | None:
    if visit.outcome != "connected":
        return None
    connection = visit.connected
    if connection is None:
        return "it says it is connected, and no handshake was seen"
    address = connection.dialled.address
    meant = node_at(timeline, address)
    if meant is None:
        return f"it connected to {address}, where the plan has nobody"
    if visit.reached != meant.name or connection.banner != meant.name:
        said = connection.banner or "nothing"
        return f"{address} is {meant.name}; {visit.reached} answered and said {said}"
    return None


def _who(visit: Visited) -> str:
    return f"{visit.node}'s visit ({visit.profile})"


def _end(visit: Visited) -> str:
    return f"{visit.outcome} ({visit.reason})" if visit.reason else visit.outcome
