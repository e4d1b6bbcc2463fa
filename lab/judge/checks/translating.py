"""Checks of the NAT: every packet that crossed it, and what must not cross."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import CheckBase, counted, node_at
from lab.judge.checks.crossing_faults import (
    SharedEndpoints,
    crossing_fault,
    unmatched_crossings,
)
from lab.judge.verdict import Finding, failed, passed
from lab.observe.crossing import Crossing
from lab.observe.sighting import Icmp, Ip, Tcp, Udp
from lab.observe.timeline import Timeline
from lab.topology.plan import Plan
from lab.values import Ipv4Address

Protocol = Literal["udp", "tcp", "icmp"]


class Translated(CheckBase):
    """Packets crossed the translator, each with: its alias replaced by the mapped real address (or
    back), the other address, the ports and every other header field untouched, IP and transport
    checksums right, TTL one less, payload the same (NAT-01, NAT-02, NAT-13, NAT-14). Where machines
    share an address, their ports may change, and go back to whose they were. Nothing left the
    translator that neither came in nor is its own."""

    kind: Literal["translated"] = "translated"
    protocols: tuple[Protocol, ...] = ("tcp",)
    """Each of them must have crossed, in both directions."""

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each packet before the translator with itself behind it."""
        aliases = _outside_addresses(timeline.plan)
        shared = SharedEndpoints(timeline.plan)
        directions: dict[tuple[str, bool], Crossing] = {}
        for crossing in timeline.crossings:
            fault = crossing_fault(crossing, timeline.plan) or shared.fault(crossing)
            if fault is not None:
                return failed(fault, *crossing.frames)
            inward = crossing.before.ip.destination in aliases
            directions.setdefault((_protocol(crossing.before.ip), inward), crossing)
        for before, after in unmatched_crossings(timeline):
            # Changed so much that it is not taken for the same packet any more.
            if before is None:
                text = f"a packet from {after.ip.source} left that never came in"
                return failed(text, *after.frames)
            changed = Crossing(before, after, str(after.sender))
            fault = crossing_fault(changed, timeline.plan) or "it became another packet"
            return failed(fault, *changed.frames)
        for protocol in self.protocols:
            for inward in (True, False):
                if (protocol, inward) not in directions:
                    way = "towards the servers" if inward else "back"
                    return failed(f"no {protocol} packet crossed {way}")
        frames = tuple(frame for each in directions.values() for frame in each.frames)
        return passed(f"{counted(len(timeline.crossings), 'packet')} translated rightly", *frames)


class MappingStable(CheckBase):
    """All crossings agree on one alias per server and one server per alias (NAT-03); every one of
    `servers` was crossed to."""

    kind: Literal["mapping-stable"] = "mapping-stable"
    servers: tuple[str, ...]

    def judge(self, timeline: Timeline) -> Finding:
        """Collect which alias became which real address, over the whole capture."""
        real_of: dict[str, str] = {}
        alias_of: dict[str, str] = {}
        frames: list[int] = []
        for crossing in timeline.crossings:
            alias, real = _mapping(crossing)
            if alias not in real_of:
                frames += crossing.frames
            if real_of.setdefault(alias, real) != real or alias_of.setdefault(real, alias) != alias:
                known = f"before {alias} was {real_of[alias]}"
                if real in alias_of and alias_of[real] != alias:
                    known = f"before {real} was {alias_of[real]}"
                return failed(f"{alias} is {real}, {known}", *crossing.frames)
        if not real_of:
            return failed("nothing crossed the translator")
        reached = {owner.name for real in alias_of if (owner := timeline.plan.owner(real))}
        if missing := sorted(set(self.servers) - reached):
            return failed(f"nothing crossed to {', '.join(missing)}", *frames)
        shown = ", ".join(f"{alias} = {real}" for alias, real in sorted(real_of.items()))
        return passed(shown, *frames)


class NotTranslated(CheckBase):
    """Packets to this client-side address reached the translator and went no further: none came out
    on the other side, however changed, and nobody was connected to (NAT-04)."""

    kind: Literal["not-translated"] = "not-translated"
    address: Ipv4Address

    def judge(self, timeline: Timeline) -> Finding:
        """Find packets to the address, and none of them behind the translator."""
        translators = {node.name for node in timeline.plan.nodes if node.nat is not None}
        came = [
            each
            for each in timeline.packets
            if each.ip.destination == self.address and each.receiver in translators
        ]
        if not came:
            return failed(f"no packet to {self.address} reached a translator")
        for trip in timeline.trips:
            went_on = any(each.sender in translators for each in trip.passages[1:])
            if trip.ip.destination == self.address and went_on:
                return failed(f"passed on to {trip.ip_arrived.destination}", *trip.frames)
        for before, after in unmatched_crossings(timeline):
            if before is not None and before.ip.destination == self.address:
                return failed(f"passed on to {after.ip.destination}", *before.frames, *after.frames)
        for connection in timeline.connections:
            if connection.dialled.address == self.address and connection.established_at is not None:
                return failed(f"{connection.reached_node} answered", *connection.frames[:4])
        meant = node_at(timeline, self.address)
        whose = f", meant for {meant.name}" if meant is not None else ""
        return passed(f"{counted(len(came), 'packet')}{whose}, none passed on", *came[0].frames)


def _outside_addresses(plan: Plan) -> frozenset[str]:
    """Aliases, and the addresses that machines share."""
    shared = {
        address for node in plan.nodes if node.napt for address in node.napt.outside_addresses
    }
    return frozenset(shared | {node.alias for node in plan.nodes if node.alias})


def _mapping(crossing: Crossing) -> tuple[str, str]:
    """The alias and the real address that a crossing takes for the same."""
    before, after = crossing.before.ip, crossing.after.ip
    if before.destination == after.destination:
        return after.source, before.source
    return before.destination, after.destination


def _protocol(ip: Ip) -> str:
    match ip.transport:
        case Udp():
            return "udp"
        case Tcp():
            return "tcp"
        case Icmp():
            return "icmp"
        case _:
            return "other"
