"""Checks of what bad links did to packets: the fault a scenario is about must have been there."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from lab.judge.bounds import ALLOWANCES
from lab.judge.checks.base import CheckBase, counted, ms, node_named
from lab.judge.verdict import Finding, failed, passed
from lab.observe.passage import Passage
from lab.observe.timeline import Timeline
from resolver.machine import MILLISECOND

_SHOWN = 12
"""Frames that a finding shows at most."""

Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class LinkCheck(CheckBase):
    """A check of the packets that a node sent on a network while a link there was impaired: from
    the first mark that says so to the mark that it was mended."""

    sender: str
    network: str
    to: str | None = None
    """Only packets addressed to this node; None: all."""

    def judge(self, timeline: Timeline) -> Finding:
        """Find the packets; there must be some, and an impairment."""
        window = _window(timeline, self.network)
        if window is None:
            return failed(f"no link of {self.network} was impaired")
        begin, end = window
        target = None if self.to is None else node_named(timeline, self.to)
        sent = [
            each
            for each in timeline.packets
            if each.sent is not None
            and (each.sender, each.network) == (self.sender, self.network)
            and begin <= each.at <= end
            and (target is None or each.ip.destination in target.addresses())
        ]
        if not sent:
            return failed(f"{self.sender} sent nothing on {self.network} meanwhile")
        return self.look(sent, timeline)

    @abstractmethod
    def look(self, sent: Sequence[Passage], timeline: Timeline) -> Finding:
        """Judge the packets, in order of departure."""


class PacketsLost(LinkCheck):
    """Packets were lost on the link: exactly every `every`-th, or a share of them in a range
    (FLT-01)."""

    kind: Literal["packets-lost"] = "packets-lost"
    every: Annotated[int, Field(ge=1)] | None = None
    at_least_percent: Percent = 0.0
    at_most_percent: Percent = 100.0

    def look(self, sent: Sequence[Passage], timeline: Timeline) -> Finding:
        """Count what left and never arrived."""
        del timeline
        lost = [place for place, each in enumerate(sent, 1) if each.arrived is None]
        frames = [sent[place - 1].frame for place in lost][:_SHOWN]
        text = f"{len(lost)} of {counted(len(sent), 'packet')} lost"
        if not lost:
            return failed(text, *(each.frame for each in sent[:_SHOWN]))
        if self.every is not None:
            meant = list(range(self.every, len(sent) + 1, self.every))
            if lost != meant:
                return failed(f"number {lost} were lost, expected {meant}", *frames)
            return passed(f"{text}: every {self.every}.", *frames)
        share = 100 * len(lost) / len(sent)
        if not self.at_least_percent <= share <= self.at_most_percent:
            return failed(
                f"{text}, {share:.1f} %, expected {self.at_least_percent:g} to "
                f"{self.at_most_percent:g} %",
                *frames,
            )
        return passed(f"{text}, {share:.1f} %", *frames)


class PacketsDelayed(LinkCheck):
    """Packets were on the link for a time, between the stamps of its two ends (FLT-02)."""

    kind: Literal["packets-delayed"] = "packets-delayed"
    at_least_ms: Milliseconds
    at_most_ms: Milliseconds | None = None
    """Plus the clock's allowance; None: as `at_least_ms`."""

    def look(self, sent: Sequence[Passage], timeline: Timeline) -> Finding:
        """Each that arrived, one by one."""
        allowance = ALLOWANCES[timeline.clock].path_ns
        at_most_ms = self.at_least_ms if self.at_most_ms is None else self.at_most_ms
        latest = round(at_most_ms * MILLISECOND) + allowance
        came = [(each, took) for each in sent if (took := each.took_ns) is not None]
        if not came:
            return failed("none of the packets arrived", *(each.frame for each in sent[:_SHOWN]))
        for each, took in came:
            if not self.at_least_ms * MILLISECOND <= took <= latest:
                return failed(
                    f"a packet took {ms(took)}, expected {self.at_least_ms:g} to "
                    f"{latest / MILLISECOND:g} ms",
                    *each.frames,
                )
        slowest = max(took for _, took in came)
        return passed(
            f"{counted(len(came), 'packet')}, the slowest {ms(slowest)}",
            *(each.frame for each, _ in came[:_SHOWN]),
        )


class PacketsDoubled(LinkCheck):
    """At least `at_least` packets arrived twice though they left once (FLT-03)."""

    kind: Literal["packets-doubled"] = "packets-doubled"
    at_least: Annotated[int, Field(ge=1)] = 1

    def look(self, sent: Sequence[Passage], timeline: Timeline) -> Finding:
        """A second arrival has no departure of its own."""
        left = {each.ip.raw: each for each in sent}
        again = [
            each
            for each in timeline.packets
            if each.sent is None and each.network == self.network and each.ip.raw in left
        ]
        text = f"{counted(len(again), 'packet')} came twice"
        frames = [
            frame for each in again[:_SHOWN] for frame in (left[each.ip.raw].frame, each.frame)
        ]
        if len(again) < self.at_least:
            return failed(f"{text}, expected {self.at_least} or more", *frames)
        return passed(text, *frames)


class PacketsReordered(LinkCheck):
    """At least one packet overtook another on the link (FLT-03)."""

    kind: Literal["packets-reordered"] = "packets-reordered"

    def look(self, sent: Sequence[Passage], timeline: Timeline) -> Finding:
        """Compare the order of arrival with that of departure."""
        del timeline
        came = [(each, each.arrived.at) for each in sent if each.arrived is not None]
        for (earlier, at), (later, then) in pairwise(came):
            if then < at:
                return passed(
                    f"a packet that left {ms(later.at - earlier.at)} later arrived "
                    f"{ms(at - then)} earlier",
                    *earlier.frames,
                    *later.frames,
                )
        frames = (each.frame for each, _ in came[:_SHOWN])
        return failed(f"{counted(len(came), 'packet')} arrived in the order they left", *frames)


def _window(timeline: Timeline, network: str) -> tuple[int, int] | None:
    """From the first impairment on a network to when it was mended; without that, to the end."""
    begin = None
    for mark in timeline.marks:
        if mark.fields.get("network") != network:
            continue
        if mark.kind == "impaired" and begin is None:
            begin = mark.at
        elif mark.kind == "mended" and begin is not None:
            return begin, mark.at
    if begin is None:
        return None
    return begin, max(record.at for record in timeline.records)
