"""Checks of what a viewer gets out of a visit, and when: connected, or an error."""

from __future__ import annotations

from abc import abstractmethod
from itertools import accumulate
from typing import Annotated, Literal

from pydantic import Field

from lab.judge.bounds import answer_allowance_ns, timer_window_ns
from lab.judge.checks.base import CheckBase, counted, ms, node_at
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_exchange import DnsExchange
from lab.observe.timeline import Timeline
from lab.observe.visit import Visited
from lab.values import Seconds
from lab.viewer.profiles import StubProfile, Turn, profile_named
from resolver.machine import SECOND, Duration, Transport

Trouble = Literal[
    "no such name",
    "the name has no address",
    "temporary failure in name resolution",
    "connection refused",
    "connection timed out",
    "host unreachable",
    "network unreachable",
    "the server ended the connection without a word",
    "the person went away",
]
"""What a viewer is told; of a connection, behind the address that was dialled last."""


class VisitCheck(CheckBase):
    """A check of one viewer's visits."""

    node: str = "viewer"
    which: Annotated[int, Field(ge=1)] | None = None
    """Its first visit is 1; None: every one."""

    def judge(self, timeline: Timeline) -> Finding:
        """Look at the visits that are meant; each must have asked a question, or the wire shows
        nothing of it."""
        visits = [each for each in timeline.visits if each.node == self.node]
        if self.which is not None:
            visits = visits[self.which - 1 : self.which]
        if not visits:
            number = "any" if self.which is None else f"its visit {self.which}"
            return failed(f"{self.node} made no visit ({number} was to be judged)")
        for visit in visits:
            if not visit.exchanges:
                return failed(f"{told(visit)}: no question of it was seen on the wire")
            if (fault := self.fault(visit, timeline)) is not None:
                return failed(f"{told(visit)}: {fault}", *visit.frames[:12])
        frames = tuple(frame for visit in visits for frame in visit.frames[:6])
        return passed("; ".join(map(told, visits)), *frames)

    @abstractmethod
    def fault(self, visit: Visited, timeline: Timeline) -> str | None:
        """What is wrong with a visit; None when nothing is."""


class VisitConnects(VisitCheck):
    """The viewer was connected, from `after_s` to `within_s` after its visit began, with the very
    server that the plan puts at the dialled address, and that server said its name (VIS-01). With
    `servers`, it is one of these."""

    kind: Literal["visit-connects"] = "visit-connects"
    after_s: Seconds = 0.0
    within_s: Seconds
    servers: tuple[str, ...] = ()

    def fault(self, visit: Visited, timeline: Timeline) -> str | None:
        """Compare time, place and name."""
        connection, took = visit.connected, visit.time_to_connect_ns
        if visit.outcome != "connected":
            return "it was not connected"
        if connection is None or took is None:
            return "it says that it was, and no handshake was seen"
        meant = node_at(timeline, connection.dialled.address)
        if meant is None or (visit.reached, connection.banner) != (meant.name, meant.name):
            there = "nobody" if meant is None else meant.name
            said = connection.banner or "nothing"
            where = f"{connection.dialled.address} is {there}"
            return f"{where}; {visit.reached} answered and said {said}"
        if self.servers and visit.reached not in self.servers:
            return f"it reached {visit.reached}, expected {' or '.join(self.servers)}"
        return _untimely(took, self.after_s, self.within_s, timeline)


class VisitFails(VisitCheck):
    """The viewer was told an error, from `after_s` to `within_s` after its visit began (VIS-02).
    With `reason`, these words are in it."""

    kind: Literal["visit-fails"] = "visit-fails"
    after_s: Seconds = 0.0
    within_s: Seconds
    reason: Trouble | None = None

    def fault(self, visit: Visited, timeline: Timeline) -> str | None:
        """Compare time and words."""
        took = visit.time_to_error_ns
        if visit.outcome != "error" or took is None:
            return "it was told no error"
        if self.reason is not None and self.reason not in visit.reason:
            return f"the error was not {self.reason!r}"
        return _untimely(took, self.after_s, self.within_s, timeline)


class VisitEnds(VisitCheck):
    """The viewer was connected or told an error within `within_s`; without that, within the bound
    of its stub resolver's profile for its servers and the addresses it had to dial (VIS-02)."""

    kind: Literal["visit-ends"] = "visit-ends"
    within_s: Seconds | None = None

    def fault(self, visit: Visited, timeline: Timeline) -> str | None:
        """Compare its end with the bound."""
        if visit.ended_at is None:
            return "it never ended"
        if self.within_s is not None:
            bound: Duration | None = round(self.within_s * SECOND)
        else:
            bound = visit.bound_ns(timeline.plan)
        if bound is None:
            return f"nobody knows a stub resolver {visit.profile!r}; say within_s="
        took = visit.ended_at - visit.began_at
        if took > bound + answer_allowance_ns(timeline):
            return f"it took {ms(took)}, the bound is {ms(bound)}"
        return None


class VisitAsksInTurn(VisitCheck):
    """Its questions left when its profile's turns begin, for the servers whose turn it was, and
    every turn up to the end has some (VIS-03). For servers that answer or are silent; errors make
    turns come early."""

    kind: Literal["visit-asks-in-turn"] = "visit-asks-in-turn"

    def fault(self, visit: Visited, timeline: Timeline) -> str | None:
        """Lay the questions beside the turns."""
        profile = profile_named(visit.profile)
        if profile is None:
            return f"nobody knows a stub resolver {visit.profile!r}"
        asks = timeline.plan.node(visit.node).asks
        questions = [each for each in visit.exchanges if each.query.transport is Transport.UDP]
        if not questions:
            return "it asked nothing over UDP"
        turns = _turns(profile, asks, questions[0])
        if turns is None:
            return f"it asked {questions[0].query.destination}, which is none of its servers"
        starts = [0, *accumulate(turn.wait_ns for turn in turns)][: len(turns)]
        seen = set()
        for question in questions:
            began = visit.began_at
            place = _turn_of(question, turns, starts, asks, began, timeline)
            if place is None:
                after = ms(question.asked_at - began)
                return f"{question.query.destination} was asked after {after}, out of turn"
            seen.add(place)
        took = _looked_up_ns(visit)
        allowance = answer_allowance_ns(timeline)
        for number, start in enumerate(starts):
            came = number < max(seen) or (took is not None and start + allowance < took)
            if came and number not in seen:
                return f"it asked nobody in turn {number + 1}"
        return None


def told(visit: Visited) -> str:
    """A visit for people: "viewer (glibc) was connected with server2 after 5000.30 ms"."""
    who = f"{visit.node} ({visit.profile})"
    if visit.time_to_connect_ns is not None:
        return f"{who} was connected with {visit.reached} after {ms(visit.time_to_connect_ns)}"
    if visit.time_to_error_ns is not None:
        return f"{who} was told “{visit.reason}” after {ms(visit.time_to_error_ns)}"
    return f"{who}: {visit.outcome} after {counted(len(visit.exchanges), 'question')}"


def _untimely(took: Duration, after_s: float, within_s: float, timeline: Timeline) -> str | None:
    earliest = timer_window_ns(timeline, round(after_s * SECOND))[0]
    latest = round(within_s * SECOND) + answer_allowance_ns(timeline)
    if took < earliest:
        return f"that is before {after_s:g} s"
    if took > latest:
        return f"that is after {within_s:g} s"
    return None


def _looked_up_ns(visit: Visited) -> Duration | None:
    """How long its lookup took: it is over when the viewer dials, or is told an error."""
    ended_at = visit.connections[0].opened_at if visit.connections else visit.ended_at
    return None if ended_at is None else ended_at - visit.began_at


def _turns(
    profile: StubProfile, asks: tuple[str, ...], first: DnsExchange
) -> tuple[Turn, ...] | None:
    """The turns, beginning with the server that was asked first; None for one it does not know."""
    if first.query.destination.address not in asks:
        return None
    place = asks.index(first.query.destination.address)
    begins_anywhere = profile.order in {"rotated", "sticky"}
    return profile.turns(len(asks), place if begins_anywhere else 0)


def _turn_of(
    question: DnsExchange,
    turns: tuple[Turn, ...],
    starts: list[Duration],
    asks: tuple[str, ...],
    began_at: int,
    timeline: Timeline,
) -> int | None:
    """The turn in which a question left; None where it fits none."""
    after = question.asked_at - began_at
    allowance = answer_allowance_ns(timeline)
    for number, (turn, start) in enumerate(zip(turns, starts, strict=True)):
        earliest = timer_window_ns(timeline, start)[0] if start else 0
        servers = {asks[place] for place in turn.servers}
        if earliest <= after <= start + allowance and question.query.destination.address in servers:
            return number
    return None
