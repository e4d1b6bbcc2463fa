"""Checks of what becomes of bare packets at a translator: let through, kept out, held back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from lab.judge.checks.base import CheckBase, counted, ms
from lab.judge.checks.realms import Realms
from lab.judge.verdict import Finding, Outcome, failed, observed, passed
from lab.observe.named import arrived, data_of, passages_of_name, sent
from lab.observe.passage import Passage
from lab.observe.sighting import Icmp, Ip, Tcp
from lab.observe.timeline import Timeline
from lab.values import Ipv4Address, PacketName, SomeSeconds
from resolver.machine import SECOND

_Some = Annotated[tuple[PacketName, ...], Field(min_length=1)]


class Delivered(CheckBase):
    """Each of these packets came to the node, checksums right; where a source is given, from there;
    and no address of the other side is in what a node outside gets (NAT-08 to NAT-12, ICM-04)."""

    kind: Literal["delivered"] = "delivered"
    packets: _Some
    node: str
    source: Ipv4Address | None = None
    shared_source: bool = False
    """Whether its source must be one of the addresses that machines share."""

    def judge(self, timeline: Timeline) -> Finding:
        """Follow each to the node."""
        frames: list[int] = []
        for name in self.packets:
            made = sent(timeline, name)
            if made is None:
                return failed(f"{name!r} was never sent", *frames)
            came = arrived(timeline, name, self.node)
            frames += made.frames
            if came is None:
                return failed(f"{name!r} never came to {self.node}", *frames)
            frames += came.frames
            fault = self._fault(timeline, came)
            if fault is not None:
                return failed(f"{name!r} {fault}", *frames)
        return passed(f"{counted(len(self.packets), 'packet')} came to {self.node}", *frames)

    def _fault(self, timeline: Timeline, came: Passage) -> str | None:
        ip = came.ip
        realms = Realms(timeline.plan)
        shown = realms.shown_by(ip) if came.network in realms.client_networks else None
        shared = {
            address
            for node in timeline.plan.nodes
            if node.napt is not None
            for address in node.napt.outside_addresses
        }
        wrong = ip.transport is not None and not ip.transport.checksum_right
        faults = (
            (self.source in {None, ip.source}, f"came from {ip.source}, not from {self.source}"),
            (
                not self.shared_source or ip.source in shared,
                f"came from {ip.source}, not from a shared address",
            ),
            (shown is None, f"shows {shown}"),
            (ip.checksum_right and not wrong, "came with a wrong checksum"),
        )
        return next((text for holds, text in faults if not holds), None)


class KeptOut(CheckBase):
    """Each of these packets came to the translator, and nobody behind it got it (NAT-09, NAT-11,
    ICM-03, ICM-05)."""

    kind: Literal["kept-out"] = "kept-out"
    packets: _Some

    def judge(self, timeline: Timeline) -> Finding:
        """See each come, and none go on."""
        translators = {node.name for node in timeline.plan.nodes if node.nat is not None}
        frames: list[int] = []
        for name in self.packets:
            ways = passages_of_name(timeline, name)
            came = [each for each in ways if each.receiver in translators]
            if not came:
                return failed(f"{name!r} never came to a translator", *frames)
            frames += came[0].frames
            gone = [each for each in ways if each.sender in translators]
            if gone:
                to = gone[0].receiver or gone[0].ip.destination
                return failed(f"{name!r} went on to {to}", *frames, *gone[0].frames)
        return passed(f"{counted(len(self.packets), 'packet')} kept out", *frames)


class SynHeld(CheckBase):
    """An unsolicited SYN got no answer for `for_s`, and after that none but ICMP port unreachable;
    nobody behind the translator got it (NAT-11, RFC 5382 REQ-4)."""

    kind: Literal["syn-held"] = "syn-held"
    packet: PacketName
    node: str
    """Who sent it."""
    for_s: SomeSeconds = 6.0

    def judge(self, timeline: Timeline) -> Finding:
        """Find what came back to its sender about it."""
        kept = KeptOut(packets=(self.packet,)).judge(timeline)
        syn = sent(timeline, self.packet)
        if syn is None or kept.outcome is not Outcome.PASSED:
            return kept
        frames = kept.evidence[0].frames
        answers = list(_answers_to(timeline, syn, self.node))
        if not answers:
            if timeline.records[-1].at - syn.at < self.for_s * SECOND:
                return failed(f"nobody watched for {self.for_s:g} s", *frames)
            return passed("no answer at all", *frames)
        first = answers[0]
        waited = first.at - syn.at
        if waited < self.for_s * SECOND:
            return failed(f"{_word(first.ip)} came after {ms(waited)}", *frames, *first.frames)
        if not _is_error(first.ip, 3, 3):
            return failed(f"{_word(first.ip)} came, not port unreachable", *frames, *first.frames)
        return passed(f"port unreachable after {ms(waited)}", *frames, *first.frames)


class CameWhole(CheckBase):
    """A datagram that was sent in fragments came to the node complete, with every octet as it was
    sent (NAT-15, RFC 4787 REQ-14)."""

    kind: Literal["came-whole"] = "came-whole"
    packet: PacketName
    node: str

    def judge(self, timeline: Timeline) -> Finding:
        """Put what arrived together, and compare it with what was sent."""
        ways = passages_of_name(timeline, self.packet)
        made = [each for each in ways if each.sender == ways[0].sender]
        came = [each for each in ways if each.receiver == self.node and each.arrived is not None]
        if len(made) < 2:
            return failed(f"{self.packet!r} was not sent in fragments")
        frames = [frame for each in (*made, *came) for frame in each.frames]
        if not came:
            return failed(f"no fragment came to {self.node}", *frames)
        meant, got = _data(made), _data(came)
        if meant is None or not meant.startswith(data_of(self.packet)):
            return failed("what was sent is no whole datagram", *frames)
        faults = (
            (got is not None, f"{counted(len(came), 'fragment')} came, with a gap"),
            (got == meant, "what came is not what was sent"),
            (
                all(each.ip.checksum_right for each in came),
                "a fragment came with a wrong header checksum",
            ),
        )
        for holds, text in faults:
            if not holds:
                return failed(text, *frames)
        return passed(f"{len(meant)} octets in {counted(len(came), 'fragment')}", *frames)


class NewRefused(CheckBase):
    """With the table full, a packet that would need a place in it was kept out, its sender told
    "administratively prohibited" or nothing, and those of conversations that there were got through
    (NAT-18, RFC 5508 REQ-8)."""

    kind: Literal["new-refused"] = "new-refused"
    new: PacketName
    old: _Some
    """Sent after it, in conversations from before."""
    node: str
    """Who sent them."""
    to: str

    def judge(self, timeline: Timeline) -> Finding:
        """See the new one refused, and the old ones arrive."""
        kept = KeptOut(packets=(self.new,)).judge(timeline)
        refused = sent(timeline, self.new)
        if refused is None or kept.outcome is not Outcome.PASSED:
            return kept
        frames = list(kept.evidence[0].frames)
        old = Delivered(packets=self.old, node=self.to).judge(timeline)
        if old.outcome is not Outcome.PASSED:
            return old
        frames += old.evidence[0].frames
        told = next(_answers_to(timeline, refused, self.node), None)
        if told is None:
            return passed("new ones are dropped in silence; old ones go on", *frames)
        if not _is_error(told.ip, 3, 13):
            return failed(f"{_word(told.ip)} came", *frames, *told.frames)
        return passed(
            "new ones are told ICMP type 3 code 13; old ones go on", *frames, *told.frames
        )


class RefreshMeasured(CheckBase):
    """Whether packets inwards keep a mapping alive: a late one came in, or it did not (NAT-09, RFC
    4787 REQ-6). A figure, not a verdict."""

    kind: Literal["refresh-measured"] = "refresh-measured"
    inward: PacketName
    """Came in while the mapping lived."""
    late: PacketName
    """Sent when it had ended without that."""
    node: str

    def judge(self, timeline: Timeline) -> Finding:
        """See whether the late one arrived."""
        first, late = arrived(timeline, self.inward, self.node), sent(timeline, self.late)
        if first is None or late is None:
            what = self.inward if first is None else self.late
            return failed(f"{what!r} is missing, so nothing was measured")
        came = arrived(timeline, self.late, self.node)
        value = "packets inwards keep it alive" if came else "packets inwards do not keep it alive"
        return observed(value, value, *first.frames, *late.frames)


# --- what came back ---------------------------------------------------------------------------


def _answers_to(timeline: Timeline, packet: Passage, node: str) -> Iterator[Passage]:
    """What came to the node about a packet of its own: ICMP errors that quote it, and segments of
    its connection."""
    mine = packet.ip
    for each in timeline.packets:
        if each.receiver != node or each.at < packet.at:
            continue
        match each.ip.transport:
            case Icmp(embedded=Ip() as quoted):
                if quoted.identification == mine.identification:
                    yield each
            case Tcp() as segment if isinstance(mine.transport, Tcp):
                ends = segment.destination_port, segment.source_port
                if each.ip.source == mine.destination and ends == (
                    mine.transport.source_port,
                    mine.transport.destination_port,
                ):
                    yield each


def _is_error(ip: Ip, icmp_type: int, code: int) -> bool:
    icmp = ip.transport
    return isinstance(icmp, Icmp) and icmp.is_error and (icmp.type, icmp.code) == (icmp_type, code)


def _word(ip: Ip) -> str:
    match ip.transport:
        case Icmp(type=icmp_type, code=code):
            return f"ICMP type {icmp_type} code {code}"
        case Tcp(flags=flags):
            return f"a segment with {' '.join(sorted(flags))}"
        case _:
            return "an answer"


def _data(fragments: Sequence[Passage]) -> bytes | None:
    """The data of a UDP datagram from its fragments, or from the whole; None where one is missing.
    What comes twice counts once."""
    pieces: dict[int, tuple[bytes, bool]] = {}
    for each in fragments:
        raw = each.ip.raw
        field = int.from_bytes(raw[6:8])
        pieces[(field & 0x1FFF) * 8] = (raw[(raw[0] & 15) * 4 :], bool(field & 0x2000))
    octets, more = b"", True
    while more:
        if len(octets) not in pieces:
            return None
        piece, more = pieces[len(octets)]
        octets += piece
    return octets[8:]
