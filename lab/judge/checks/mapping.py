"""Checks of mapping and filtering (RFC 4787 4 and 5): under which outside endpoint bare packets
leave, and which of those that come back are let in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from lab.judge.checks.base import CheckBase
from lab.judge.verdict import Finding, failed, passed
from lab.observe.named import arrived, passages_of_name, sent
from lab.observe.passage import Passage, ports
from lab.observe.timeline import Timeline
from lab.values import PacketName

_Several = Annotated[tuple[PacketName, ...], Field(min_length=2)]


class MappedAlike(CheckBase):
    """These packets of one inside endpoint left under one outside endpoint, whomever they went to:
    endpoint-independent mapping (NAT-05, RFC 4787 REQ-1, RFC 5382 REQ-1)."""

    kind: Literal["mapped-alike"] = "mapped-alike"
    packets: _Several

    def judge(self, timeline: Timeline) -> Finding:
        """Compare their sources behind the translator."""
        found = _outside(timeline, self.packets)
        if isinstance(found, Finding):
            return found
        frames = _frames(found)
        inside = {_endpoint(each) for name in self.packets if (each := sent(timeline, name))}
        if len(inside) > 1:
            return failed(f"they are of several inside endpoints: {_list(inside)}", *frames)
        outside = {_endpoint(each) for each in found}
        if len(outside) > 1:
            return failed(f"{_list(inside)} became {_list(outside)}: {_depends(found)}", *frames)
        return passed(f"{_list(inside)} became {_list(outside)}, whomever it sent to", *frames)


class MappedApart(CheckBase):
    """These packets, each of an inside endpoint of its own, left under an outside endpoint of its
    own: no port is shared by two (NAT-06, RFC 4787 REQ-3, RFC 5382 REQ-7)."""

    kind: Literal["mapped-apart"] = "mapped-apart"
    packets: _Several

    def judge(self, timeline: Timeline) -> Finding:
        """Look for two under one source."""
        found = _outside(timeline, self.packets)
        if isinstance(found, Finding):
            return found
        first: dict[str, Passage] = {}
        for name, each in zip(self.packets, found, strict=True):
            other = first.setdefault(_endpoint(each), each)
            if other is not each:
                return failed(
                    f"{name!r} left as {_endpoint(each)}, as another one did",
                    *other.frames,
                    *each.frames,
                )
        return passed(f"{_list(first)}: each its own", *_frames(found))


class FilteringMeasured(CheckBase):
    """What may come in by a mapping, measured by three packets to one outside endpoint: from the
    endpoint that was sent to, from another port there, and from another address (NAT-07, RFC 4787
    REQ-8). What was sent to must get through, and what comes from farther away only where the
    nearer one does."""

    kind: Literal["filtering-measured"] = "filtering-measured"
    node: str
    """Who is inside."""
    same: PacketName
    other_port: PacketName
    other_address: PacketName

    def judge(self, timeline: Timeline) -> Finding:
        """See which of them arrived."""
        names = (self.same, self.other_port, self.other_address)
        tried = [sent(timeline, name) for name in names]
        missing = [name for name, each in zip(names, tried, strict=True) if each is None]
        if missing:
            return failed(f"{missing[0]!r} was never sent")
        frames = [each.frame for each in tried if each is not None]
        came = [arrived(timeline, name, self.node) is not None for name in names]
        if not came[0]:
            return failed(f"the answer itself never came to {self.node}", *frames)
        word = {
            (True, True): "endpoint-independent",
            (True, False): "address-dependent",
            (False, False): "address-and-port-dependent",
        }.get((came[1], came[2]))
        if word is None:
            return failed("another address got in where another port of the same did not", *frames)
        return passed(f"{word} filtering", *frames)


# --- where packets left -----------------------------------------------------------------------


def _outside(timeline: Timeline, names: Sequence[str]) -> Finding | list[Passage]:
    """Each packet behind the translator; the failure where one never got there."""
    translators = {node.name for node in timeline.plan.nodes if node.nat is not None}
    found = []
    for name in names:
        ways = passages_of_name(timeline, name)
        if not ways:
            return failed(f"{name!r} was never sent")
        behind = [each for each in ways if each.sender in translators]
        if not behind:
            return failed(f"{name!r} did not get through the translator", *ways[0].frames)
        found.append(behind[0])
    return found


def _endpoint(passage: Passage) -> str:
    """Source address and port; of an echo, its identifier."""
    ends = ports(passage.ip)
    return passage.ip.source if ends is None else f"{passage.ip.source}:{ends[0]}"


def _depends(found: Sequence[Passage]) -> str:
    """By what the mapping goes, as far as these packets tell."""
    by_address: dict[str, set[str]] = {}
    for each in found:
        by_address.setdefault(each.ip.destination, set()).add(_endpoint(each))
    if any(len(outside) > 1 for outside in by_address.values()):
        return "address-and-port-dependent mapping"
    return "address-dependent mapping"


def _list(endpoints: Iterable[str]) -> str:
    return ", ".join(sorted(endpoints))


def _frames(found: Sequence[Passage]) -> list[int]:
    return [frame for each in found for frame in each.frames]
