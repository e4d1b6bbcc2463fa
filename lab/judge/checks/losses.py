"""Checks of how askers fare on bad links: what is lost is made good, what is too large arrives."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import Annotated, Literal

from pydantic import Field

from lab.judge.bounds import kernel_timer_window_ns
from lab.judge.checks.base import CheckBase, counted, ms, questions
from lab.judge.verdict import Finding, failed, passed
from lab.observe.connection import Connection
from lab.observe.passage import Trip
from lab.observe.sighting import Tcp
from lab.observe.timeline import Timeline
from lab.values import DnsName, QueryType
from resolver.machine import MILLISECOND, SECOND

_SHOWN = 12


class SuccessMeasured(CheckBase):
    """How many of an asker's questions were answered without an error, and how long that took: a
    figure, not a verdict (ROB-05). Packets of it must have been lost, or nothing was measured."""

    kind: Literal["success-measured"] = "success-measured"
    asker: str = "viewer"
    below: DnsName
    """Questions for names below this one."""
    network: str
    """The network on which packets must have been lost."""

    def judge(self, timeline: Timeline) -> Finding:
        """Count and measure."""
        suffix = "." + self.below.lower().removesuffix(".")
        asked = [
            each
            for each in timeline.exchanges
            if each.asker == self.asker and (each.query.name or "").endswith(suffix)
        ]
        if not asked:
            return failed(f"{self.asker} asked nothing below {self.below}")
        lost = [
            each
            for each in timeline.packets
            if each.network == self.network and each.sent is not None and each.arrived is None
        ]
        if not lost:
            return failed(
                f"no packet was lost on {self.network}: this measures nothing",
                *(each.query.frames[0] for each in asked[:_SHOWN]),
            )
        served = [
            each.latency_ns
            for each in asked
            if each.reply is not None and each.reply.rcode == "NOERROR" and each.latency_ns
        ]
        share = 100 * len(served) / len(asked)
        value = f"{len(served)} of {len(asked)} answered ({share:.1f} %)"
        if served:
            value += f", median {ms(round(median(served)))}, slowest {ms(max(served))}"
        text = f"{value}; {counted(len(lost), 'packet')} lost on {self.network}"
        return passed(text, *(each.frame for each in lost[:_SHOWN]))


class SynsRepeated(CheckBase):
    """A connection attempt to a silent address repeated its SYN after these times (FLT-04)."""

    kind: Literal["syns-repeated"] = "syns-repeated"
    node: str = "viewer"
    after_s: tuple[float, ...] = (1.0, 3.0, 7.0)
    """From the first SYN; one for each repetition that there must be at least."""

    def judge(self, timeline: Timeline) -> Finding:
        """Look at the node's connection with the most SYNs."""
        opened = [each for each in timeline.connections if each.opener == self.node]
        if not opened:
            return failed(f"{self.node} tried no connection")
        syns = max((each.syns for each in opened), key=len)
        frames = [syn.frames[0] for syn in syns]
        again = [syn.at - syns[0].at for syn in syns[1:]]
        said = ", ".join(map(ms, again)) or "never"
        if len(again) < len(self.after_s):
            return failed(
                f"the SYN was repeated {len(again)} times ({said}), expected {len(self.after_s)}",
                *frames,
            )
        for took, seconds in zip(again, self.after_s, strict=False):
            earliest, latest = kernel_timer_window_ns(timeline, round(seconds * SECOND))
            if not earliest <= took <= latest:
                return failed(f"a SYN came again after {ms(took)}, expected {seconds:g} s", *frames)
        return passed(f"the SYN came again after {said}", *frames)


class LossMadeGood(CheckBase):
    """On a connection of the node a segment with octets was lost, was sent again, and everything
    arrived (FLT-04)."""

    kind: Literal["loss-made-good"] = "loss-made-good"
    node: str = "viewer"

    def judge(self, timeline: Timeline) -> Finding:
        """Find a connection where that was so; none may have been left incomplete."""
        opened = [each for each in timeline.connections if each.opener == self.node]
        if not opened:
            return failed(f"{self.node} tried no connection")
        for connection in opened:
            for first, again in _repetitions(connection):
                if first.arrived_at is None and again.arrived_at is not None:
                    return passed(
                        f"lost, and sent again after {ms(again.at - first.at)}",
                        *first.frames,
                        *again.frames,
                    )
        frames = [trip.frames[0] for each in opened for trip in each.sent]
        return failed("no lost segment was sent again and arrived", *frames[:_SHOWN])


class PortRefused(CheckBase):
    """Every such question got no reply, and an ICMP error from the asked host itself within
    `within_ms`: nobody listens there (FLT-06)."""

    kind: Literal["port-refused"] = "port-refused"
    asker: str = "viewer"
    name: DnsName
    qtype: QueryType = "A"
    within_ms: float = 100.0

    def judge(self, timeline: Timeline) -> Finding:
        """Look for "port unreachable" to each question."""
        asked = questions(timeline, self.asker, self.name, self.qtype)
        if not asked:
            return failed(f"{self.asker} never asked for {self.name}")
        shown: list[int] = []
        for each in asked:
            frames = each.query.frames
            if each.replies:
                return failed("a reply came", *frames, *each.replies[0].frames)
            refusals = [error for error in each.errors if error.text == "port unreachable"]
            if not refusals:
                return failed("no port unreachable came", *frames)
            trip = refusals[0].trip
            shown += (*frames, *trip.frames)
            if trip.sender != each.query.receiver:
                return failed(f"{trip.sender} said it, not {each.query.receiver}", *shown)
            waited = (trip.arrived_at or trip.at) - each.asked_at
            if waited > self.within_ms * MILLISECOND:
                return failed(f"it was told after {ms(waited)}", *shown)
        return passed(f"{counted(len(asked), 'question')}, refused at once", *shown[:_SHOWN])


class ArrivedInPieces(CheckBase):
    """A reply over UDP came to the asker in fragments, each no larger than the MTU, and whole
    (FLT-07)."""

    kind: Literal["arrived-in-pieces"] = "arrived-in-pieces"
    asker: str = "viewer"
    name: DnsName
    qtype: QueryType = "TXT"
    mtu: Annotated[int, Field(ge=68)]

    def judge(self, timeline: Timeline) -> Finding:
        """Look at every reply to that question."""
        asked = questions(timeline, self.asker, self.name, self.qtype)
        replies = [reply for each in asked for reply in each.replies]
        if not replies:
            return failed(f"{self.asker} got no reply")
        pieces = [reply for reply in replies if len(reply.trips) > 1]
        if not pieces:
            return failed("every reply came in one piece", *replies[0].frames)
        for reply in pieces:
            frames = set(reply.frames)
            # As they were on the wire: the reply's own trips show the datagram put together.
            sizes = [len(each.ip.raw) for each in timeline.packets if frames & set(each.frames)]
            if max(sizes) > self.mtu:
                return failed(f"a fragment has {max(sizes)} octets", *reply.frames)
        return passed(f"it came in {counted(len(pieces[0].trips), 'piece')}", *pieces[0].frames)


class TooLargeTold(CheckBase):
    """A router told the sender of a packet that it is too large for the next link, with that link's
    MTU, at an address of the sender's own side (NAT-16)."""

    kind: Literal["too-large-told"] = "too-large-told"
    router: str
    node: str
    """Who sent the packet."""
    mtu: Annotated[int, Field(ge=68)]

    def judge(self, timeline: Timeline) -> Finding:
        """Find "fragmentation needed" from the router, and look where it went."""
        errors = [
            error
            for error in timeline.errors
            if error.trip.ip.version == 4
            and (error.icmp.type, error.icmp.code) == (3, 4)
            and error.trip.sender == self.router
        ]
        if not errors:
            return failed(f'{self.router} never said "fragmentation needed"')
        told = [error for error in errors if error.trip.receiver == self.node]
        if not told:
            others = ", ".join(sorted({each.trip.receiver or "nobody" for each in errors}))
            return failed(f"it told {others}, not {self.node}", *errors[0].trip.frames)
        for error in told:
            raw = error.trip.ip.raw
            start = (raw[0] & 15) * 4
            mtu = int.from_bytes(raw[start + 6 : start + 8], "big")
            if mtu != self.mtu:
                return failed(f"it said {mtu} octets, expected {self.mtu}", *error.trip.frames)
        return passed(f"{self.node} was told: {self.mtu} octets", *told[0].trip.frames)


def _repetitions(connection: Connection) -> list[tuple[Trip, Trip]]:
    """Segments that carry octets with their next repetition, each direction by itself."""
    found: list[tuple[Trip, Trip]] = []
    for way in (connection.sent, connection.received):
        by_sequence: dict[tuple[int, int], list[Trip]] = {}
        for trip in way:
            tcp = trip.ip.transport
            if isinstance(tcp, Tcp) and (tcp.payload or tcp.flags & {"SYN"}):
                key = (tcp.sequence, len(tcp.payload))
                by_sequence.setdefault(key, []).append(trip)
        for trips in by_sequence.values():
            found += pairwise(trips)
    return found
