"""A timeline's visits as the record tells them."""

from __future__ import annotations

from typing import Literal

from lab.observe.phases import PhaseMaker
from lab.observe.timeline import Timeline
from lab.observe.visit import Visited
from lab.report.record import PhaseRecord, VisitRecord
from lab.viewer.profiles import StubProfile, profile_named
from resolver.machine import MILLISECOND, Duration


def visit_records(timeline: Timeline) -> tuple[VisitRecord, ...]:
    """Every visit, with where its wait went."""
    maker = PhaseMaker(timeline)
    return tuple(_record(visit, timeline, maker) for visit in timeline.visits)


def _record(visit: Visited, timeline: Timeline, maker: PhaseMaker) -> VisitRecord:
    profile: StubProfile | None = profile_named(visit.profile)
    outcome: Literal["connected", "error", "unfinished"]
    match visit.outcome:
        case "connected":
            outcome = "connected"
        case "error":
            outcome = "error"
        case _:
            outcome = "unfinished"
    return VisitRecord(
        node=visit.node,
        profile=visit.profile,
        verified=profile is not None and profile.verified,
        began_ms=(visit.began_at - timeline.began_at) / MILLISECOND,
        outcome=outcome,
        reason=visit.reason,
        time_to_connect_ms=_ms(visit.time_to_connect_ns),
        time_to_error_ms=_ms(visit.time_to_error_ns),
        bound_ms=_ms(visit.bound_ns(timeline.plan)),
        reached=visit.reached,
        questions=len(visit.exchanges),
        phases=_phases(visit, timeline, maker),
    )


def _phases(visit: Visited, timeline: Timeline, maker: PhaseMaker) -> tuple[PhaseRecord, ...]:
    waited = visit.time_to_connect_ns or visit.time_to_error_ns
    if waited is None:
        return ()
    ended_at = visit.began_at + waited
    found = maker.of_session(visit.node, visit.began_at, ended_at, timeline.connections)
    return tuple(PhaseRecord(name=each.name, took_ms=each.took_ns / MILLISECOND) for each in found)


def _ms(duration: Duration | None) -> float | None:
    return None if duration is None else duration / MILLISECOND
