"""Checks of what must hold on a topology whatever breaks: who is asked, and where names go.

They need no scenario: what must hold follows from the plan. So the same checks judge a sweep's
combinations and a capture that somebody made elsewhere. Each can say how much of what it judges
was to be seen (`inspect`): where that is nothing, a scenario has failed to show it, and a foreign
capture has simply not held it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from lab.judge.checks.base import CheckBase, bare_name, counted, node_named
from lab.judge.checks.realms import Realms
from lab.judge.permissions import permissions_of
from lab.judge.verdict import Finding, failed, passed
from lab.observe.connection import is_dns
from lab.observe.dns_message import DNS_PORT
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan
from lab.values import DnsName
from resolver.dns.names import is_at_or_below

_FRAMES = 12
"""So many frames prove one thing; a connection may have thousands."""


class Shown(Protocol):
    """A packet, a message, a connection, a visit: whatever frames show."""

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """One thing of the kind that a check judges."""

    seen: Shown | tuple[int, ...]
    """It, or the frames that show it."""
    fault: str | None = None
    """What is wrong with it; its frames prove it."""

    @property
    def frames(self) -> tuple[int, ...]:
        """The first frames that show it. Worked out only where they are wanted."""
        frames = self.seen if isinstance(self.seen, tuple) else self.seen.frames
        return frames[:_FRAMES]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a standing check looked at, and what it found there."""

    seen: int
    """How many things of the kind that it judges the capture holds, up to the first fault."""
    text: str
    """What was looked at, what is wrong with it, or what was not to be seen."""
    frames: tuple[int, ...] = ()
    """What proves it."""
    sound: bool = True
    """Whether nothing was wrong."""

    @property
    def finding(self) -> Finding:
        """As a verdict: to have seen nothing is to have shown nothing."""
        return (passed if self.seen and self.sound else failed)(self.text, *self.frames)


class StandingCheck(CheckBase):
    """A check of what holds whatever breaks.

    `judge` says FAILED when there was nothing to see, as every check does; who judges a capture
    that was not made for the purpose looks at `inspect` first.
    """

    @abstractmethod
    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """Everything of the kind that is judged, in no particular order."""

    @abstractmethod
    def wording(self, seen: int) -> str:
        """So many of them were in order; of none, that none was seen."""

    def inspect(self, timeline: Timeline) -> Inspection:
        """Look at everything, up to the first fault."""
        seen = 0
        first: Look | None = None
        for look in self.looks(timeline):
            seen += 1
            if look.fault is not None:
                return Inspection(seen, look.fault, look.frames, sound=False)
            first = first or look
        return Inspection(seen, self.wording(seen), first.frames if first else ())

    def judge(self, timeline: Timeline) -> Finding:
        """Judge what was inspected."""
        return self.inspect(timeline).finding


class AskedAllowedOnly(StandingCheck):
    """Every DNS question, over UDP or TCP, and every connection to port 53 went where the plan lets
    its sender ask: a viewer its DNS servers, a DNS server the servers of the longest condition for
    the name, the translator its load balancers, and everybody else nobody (CLU-01, CLU-08, CLU-10,
    CND-01, CND-02, FWD-07). Strangers are bound by nothing."""

    kind: Literal["asked-allowed-only"] = "asked-allowed-only"

    def wording(self, seen: int) -> str:
        """Questions and connections count."""
        if not seen:
            return "no question was seen"
        return f"{counted(seen, 'question')}, each to a server that its sender may ask"

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """The destination of every question and of every connection."""
        permissions = permissions_of(timeline.plan)
        for message in timeline.messages:
            node = node_named(timeline, str(message.sender))
            if message.is_reply or node is None or message.destination.port != DNS_PORT:
                continue
            to, name = message.destination.address, message.name
            allowed = permissions.servers_for(node, name)
            fault = None
            if allowed is not None and to not in allowed:
                may = ", ".join(sorted(allowed)) or "nobody"
                fault = f"{node.name} asks {to} for {name or 'nothing'}, and may ask {may}"
            yield Look(message, fault)
        for connection in timeline.connections:
            node = node_named(timeline, str(connection.opener))
            if not is_dns(connection) or node is None:
                continue
            anybody = permissions.any_servers(node)
            forbidden = anybody is not None and connection.dialled.address not in anybody
            fault = f"{node.name} dials {connection.dialled}, and may ask nothing there"
            yield Look(connection, fault if forbidden else None)


class PrivateNamesStay(StandingCheck):
    """No packet with a private name in it, or with one below it, on whatever port, whole or in
    pieces, answered or not, goes to anybody but those who may hear it: the clients, and whom they
    and their servers may ask for it (CND-08, CLU-16)."""

    kind: Literal["private-names-stay"] = "private-names-stay"
    names: tuple[DnsName, ...] = ()
    """None: all that the plan keeps private (the cluster's name, hosted zones, conditions)."""

    def wording(self, seen: int) -> str:
        """Packets count, on each link, and messages."""
        if not seen:
            return f"no packet held {' or '.join(self.names) or 'a private name'}"
        return f"{counted(seen, 'packet')} with a private name, each to one who may hear it"

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """The names' octets in every packet and every message put together."""
        private = permissions_of(timeline.plan).private_names
        names = [bare_name(each) for each in self.names] or list(private)
        wires = [(name, wire_form(name), _hearers(private, name)) for name in names]
        for passage in timeline.packets:
            raw, to = passage.ip.raw.lower(), passage.ip.destination
            for name, wire, hearers in wires:
                if wire in raw:
                    fault = None if to in hearers else f"{name} goes to {to}"
                    yield Look(passage, fault)
        # A stream may cut a name in two; its messages have it whole.
        for message in timeline.messages:
            payload, to = message.payload.lower(), message.destination.address
            for name, wire, hearers in wires:
                if wire in payload:
                    fault = None if to in hearers else f"{name} goes to {to}"
                    yield Look(message, fault)


class RealAddressesStay(StandingCheck):
    """On every network of the viewers' realm no address from behind the NAT appears: in no IP
    header, in no DNS message, in no header that an ICMP error quotes (CLU-11, NAT-02)."""

    kind: Literal["real-addresses-stay"] = "real-addresses-stay"

    def wording(self, seen: int) -> str:
        """Packets count, and messages."""
        if not seen:
            return "no packet was seen on the viewers' side of a NAT"
        return f"{counted(seen, 'packet')} on the viewers' side, no real address in any"

    def looks(self, timeline: Timeline) -> Iterator[Look]:
        """Every packet and every DNS message on the viewers' networks."""
        realms = realms_of(timeline.plan)
        networks = realms.client_networks
        if not realms.real_addresses:
            return
        for passage in timeline.packets:
            if passage.network in networks:
                yield Look(passage, realms.shown_by(passage.ip))
        for message in timeline.messages:
            if any(each.network in networks for each in message.passages):
                hidden = realms.real_in(message.payload)
                real = next((each for each in message.addresses if realms.is_real(each)), hidden)
                fault = None if real is None else f"{real} in a DNS message"
                yield Look(message, fault)


@lru_cache(maxsize=16)
def realms_of(plan: Plan) -> Realms:
    """The two sides of a plan's NAT, worked out once."""
    return Realms(plan)


def _hearers(private: Mapping[str, frozenset[str]], name: str) -> frozenset[str]:
    """Who may hear a name or one below it, which may have a condition of its own."""
    return frozenset().union(
        *(hearers for other, hearers in private.items() if is_at_or_below(other, name))
    )


def wire_form(name: str) -> bytes:
    """A name's labels as messages carry them (RFC 1035 3.1), without the root, so that names below
    it and names with something appended are found too."""
    labels = [label.encode() for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels)
