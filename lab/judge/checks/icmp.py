"""Checks of ICMP: echoes answered, errors told in words that their receiver understands."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import CheckBase, node_at
from lab.judge.checks.realms import Realms
from lab.judge.verdict import Finding, failed, passed
from lab.observe.icmp import Echo, IcmpError
from lab.observe.named import sent
from lab.observe.passage import Passage, Trip, ports
from lab.observe.sighting import Icmp, Ip
from lab.observe.timeline import Timeline
from lab.topology.plan import PlannedNode
from lab.values import Ipv4Address, PacketName


class EchoAnswered(CheckBase):
    """Each echo request of the node to the address was answered from that address, by the node that
    the plan means by it, with the same data (ICM-01, RFC 792)."""

    kind: Literal["echo-answered"] = "echo-answered"
    node: str = "viewer"
    address: Ipv4Address

    def judge(self, timeline: Timeline) -> Finding:
        """Find each echo's reply, as the asker saw it."""
        echoes = [
            each
            for each in timeline.echoes
            if each.asker == self.node and each.target == self.address
        ]
        if not echoes:
            return failed(f"{self.node} sent no echo request to {self.address}")
        frames: tuple[int, ...] = ()
        for echo in echoes:
            reply = echo.reply or _reply_from_elsewhere(timeline, echo)
            frames = (*echo.request.frames, *(reply.frames if reply is not None else ()))
            fault = self._fault(timeline, echo, reply)
            if fault is not None:
                return failed(fault, *frames)
        return passed(f"answered from {self.address}", *frames)

    def _fault(self, timeline: Timeline, echo: Echo, reply: Trip | None) -> str | None:
        if reply is None:
            return "no reply"
        ip, meant = reply.ip_arrived, node_at(timeline, self.address)
        asked, told = echo.request.ip.transport, ip.transport
        same_data = (
            isinstance(asked, Icmp) and isinstance(told, Icmp) and asked.payload == told.payload
        )
        faults = (
            (ip.source == self.address, f"a reply from {ip.source}"),
            (
                meant is not None and reply.sender == meant.name,
                f"{reply.sender} replied, {self.address} is {_whose(meant)}",
            ),
            (same_data, "the data came back changed"),
            (
                ip.checksum_right and told is not None and told.checksum_right,
                "a wrong checksum",
            ),
        )
        return next((text for holds, text in faults if not holds), None)


class ErrorTranslated(CheckBase):
    """ICMP errors came back to the node for what it sent to the address, made by the node that the
    plan means by it. Outer source and quoted packet show client-side addresses only; the quoted
    packet is, as far as it goes, the one that was sent; type and code are as expected; checksums
    right (ICM-02, RFC 5508 REQ-4/5)."""

    kind: Literal["error-translated"] = "error-translated"
    node: str = "viewer"
    address: Ipv4Address
    type: int = 3
    code: int = 3

    def judge(self, timeline: Timeline) -> Finding:
        """Find the errors where they arrive, and hold their quotations against what was sent."""
        sent = [
            each
            for each in timeline.trips
            if each.sender == self.node and each.ip.destination == self.address
        ]
        if not sent:
            return failed(f"{self.node} sent nothing to {self.address}")
        found = [
            (about, error)
            for error in timeline.errors
            if error.trip.receiver == self.node and (about := _about(error, sent)) is not None
        ]
        if not found:
            return failed(f"no error quotes a packet to {self.address}", *sent[0].frames)
        for about, error in found:
            fault = self._fault(timeline, about, error)
            if fault is not None:
                return failed(fault, *about.frames, *error.trip.frames)
        about, error = found[0]
        return passed(
            f"from {error.trip.ip_arrived.source}, quoting the packet to {self.address}",
            *about.frames,
            *error.trip.frames,
        )

    def _fault(self, timeline: Timeline, about: Trip, error: IcmpError) -> str | None:
        ip = error.trip.ip_arrived
        icmp = ip.transport
        if not isinstance(icmp, Icmp) or icmp.embedded is None:
            return "it quotes nothing"
        shown = Realms(timeline.plan).shown_by(ip)
        meant = node_at(timeline, self.address)
        faults = (
            (shown is None, f"it shows {shown}"),
            (ip.source == self.address, f"it comes from {ip.source}"),
            (
                (icmp.type, icmp.code) == (self.type, self.code),
                f"type {icmp.type} code {icmp.code} instead of {self.type} and {self.code}",
            ),
            (ip.checksum_right and icmp.checksum_right, "a wrong checksum"),
            (
                meant is not None and error.trip.sender == meant.name,
                f"{error.trip.sender} made it, {self.address} is {_whose(meant)}",
            ),
            (
                _original(icmp.embedded) == _original(about.ip)[: len(icmp.embedded.raw)],
                "the quoted packet is not the one that was sent",
            ),
        )
        return next((text for holds, text in faults if not holds), None)


class ErrorAbout(CheckBase):
    """An ICMP error of this type and code came to the maker of a bare packet: it quotes the packet
    as it was sent, as far as it goes, shows no address of the other side, and its checksums are
    right (ICM-02, ICM-05, ICM-06, NAT-16, RFC 5508 REQ-4/5)."""

    kind: Literal["error-about"] = "error-about"
    packet: PacketName
    node: str
    """Who sent the packet."""
    type: int = 3
    code: int = 1
    source: Ipv4Address | None = None
    """Where the error must come from; None: wherever its maker is, as that side sees it."""

    def judge(self, timeline: Timeline) -> Finding:
        """Find the error where it arrives, and hold what it quotes against what was sent."""
        about = sent(timeline, self.packet)
        if about is None or about.sender != self.node:
            return failed(f"{self.node} sent no {self.packet!r}")
        came = [
            each
            for each in timeline.packets
            if each.receiver == self.node
            and each.arrived is not None
            and isinstance(each.ip.transport, Icmp)
            and each.ip.transport.embedded is not None
            and each.ip.transport.embedded.identification == about.ip.identification
        ]
        if not came:
            return failed(f"{self.node} was told nothing about {self.packet!r}", *about.frames)
        error = came[0]
        frames = (*about.frames, *error.frames)
        fault = self._fault(timeline, about.ip, error)
        if fault is not None:
            return failed(fault, *frames)
        return passed(f"{self.node} was told from {error.ip.source}", *frames)

    def _fault(self, timeline: Timeline, about: Ip, error: Passage) -> str | None:
        ip, icmp = error.ip, error.ip.transport
        if not isinstance(icmp, Icmp) or icmp.embedded is None:
            return "it quotes nothing"
        realms = Realms(timeline.plan)
        shown = realms.shown_by(ip) if error.network in realms.client_networks else None
        faults = (
            (shown is None, f"it shows {shown}"),
            (self.source in {None, ip.source}, f"it comes from {ip.source}, not {self.source}"),
            (
                (icmp.type, icmp.code) == (self.type, self.code),
                f"type {icmp.type} code {icmp.code} instead of {self.type} and {self.code}",
            ),
            (ip.checksum_right and icmp.checksum_right, "a wrong checksum"),
            (
                _addressed(icmp.embedded) == _addressed(about)[: len(icmp.embedded.raw)],
                "the quoted packet is not the one that was sent",
            ),
        )
        return next((text for holds, text in faults if not holds), None)


def _reply_from_elsewhere(timeline: Timeline, echo: Echo) -> Trip | None:
    """An echo reply to the asker that fits in all but its source."""
    asked = echo.request.ip.transport
    for trip in timeline.trips:
        told = trip.ip.transport
        if (
            isinstance(told, Icmp)
            and isinstance(asked, Icmp)
            and trip.receiver == echo.asker
            and (trip.ip.version, told.type) in {(4, 0), (6, 129)}
            and (told.identifier, told.sequence) == (asked.identifier, asked.sequence)
            and trip.at >= echo.request.at
        ):
            return trip
    return None


def _about(error: IcmpError, sent: list[Trip]) -> Trip | None:
    """Which of these packets an error quotes, by all but the addresses: those it may have wrong."""
    icmp = error.trip.ip_arrived.transport
    quoted = icmp.embedded if isinstance(icmp, Icmp) else None
    if quoted is None:
        return None
    wanted = quoted.protocol, quoted.identification, ports(quoted)
    fitting = (
        each
        for each in sent
        if (each.ip.protocol, each.ip.identification, ports(each.ip)) == wanted
        and each.at <= error.trip.at
    )
    return next(fitting, None)


def _whose(node: PlannedNode | None) -> str:
    return "nobody's" if node is None else node.name


def _addressed(ip: Ip) -> bytes:
    """A packet as far as its transport's ports: what an error must quote rightly. The checksum of
    what is quoted may be wrong all along (RFC 5508 REQ-3 c)."""
    return _original(ip)[: (ip.raw[0] & 15) * 4 + 4]


def _original(ip: Ip) -> bytes:
    """A packet but for what every hop changes: TTL and, with it, the header checksum."""
    raw = ip.raw
    if ip.version == 4:
        return raw[:8] + b"\0" + raw[9:10] + b"\0\0" + raw[12:]
    return raw[:7] + b"\0" + raw[8:]
