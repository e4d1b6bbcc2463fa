"""Checks of which server a viewer was given, dialled and reached, and of availability over time."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from lab.judge.bounds import answer_allowance_ns
from lab.judge.checks.base import (
    CheckBase,
    halted_at,
    ms,
    questions,
    resumed_at,
    server_addresses,
)
from lab.judge.verdict import Finding, failed, passed
from lab.observe.connection import Connection
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from resolver.machine import SECOND, Instant


class ConnectedToAnswer(CheckBase):
    """Each connection of the node went to an address of its latest answer, that address was in
    the load balancers' latest answer, and a handshake completed (CLU-04)."""

    kind: Literal["connected-to-answer"] = "connected-to-answer"
    node: str = "viewer"
    via_balancer: bool = True
    """False for a single system: no load balancer stands behind the answer."""

    def judge(self, timeline: Timeline) -> Finding:
        """Hold each connection against the answers that came before it."""
        connections = _connections_of(timeline, self.node)
        if not connections:
            return failed(f"{self.node} never connected")
        answers = [each.reply for each in questions(timeline, self.node, None, "A")]
        told = [each for each in answers if each is not None and each.arrived_at is not None]
        balancers = {node.name for node in timeline.plan.nodes if node.load_balancer}
        listed = [
            each
            for each in timeline.messages
            if each.is_reply and each.sender in balancers and each.qtype == "A"
        ]
        for connection in connections:
            fault = self._fault(connection, told, listed)
            if fault is not None:
                return failed(fault, *connection.frames[:4])
        last = connections[-1]
        latest = _latest(told, last.opened_at)
        return passed(
            f"dialled {last.dialled.address}, as answered",
            *(latest.frames if latest is not None else ()),
            *last.frames[:4],
        )

    def _fault(
        self, connection: Connection, told: list[DnsMessage], listed: list[DnsMessage]
    ) -> str | None:
        dialled = connection.dialled.address
        answer = _latest(told, connection.opened_at)
        if answer is None:
            return f"{dialled} was dialled before any answer"
        if dialled not in answer.addresses:
            return f"{dialled} was dialled, the answer was {', '.join(answer.addresses)}"
        if self.via_balancer:
            source = _latest(listed, answer.at)
            if source is None:
                return "no load balancer had answered"
            if dialled not in source.addresses:
                return f"the load balancer had listed {', '.join(source.addresses)}"
        if connection.established_at is None:
            return f"no handshake with {dialled}"
        return None


class Reached(CheckBase):
    """Each connection of the node was completed with the very server that the plan puts at the
    dialled address, and that server said its name (NAT-01). With `servers`, these were all reached
    at least once."""

    kind: Literal["reached"] = "reached"
    node: str = "viewer"
    servers: tuple[str, ...] = ()

    def judge(self, timeline: Timeline) -> Finding:
        """Compare the name each server said with the one the plan puts there."""
        connections = _connections_of(timeline, self.node)
        if not connections:
            return failed(f"{self.node} never connected")
        for connection in connections:
            fault = _reached_other(timeline, connection)
            if fault is not None:
                return failed(fault, *connection.frames[:6])
        reached = {str(connection.banner) for connection in connections}
        missing = sorted(set(self.servers) - reached)
        frames = tuple(frame for each in connections for frame in each.frames[:1])
        if missing:
            return failed(f"never reached: {', '.join(missing)}", *frames)
        return passed(f"reached {', '.join(sorted(reached))}", *frames)


class NeverConnected(CheckBase):
    """The node completed no connection."""

    kind: Literal["never-connected"] = "never-connected"
    node: str = "viewer"

    def judge(self, timeline: Timeline) -> Finding:
        """Look for a completed handshake of the node, and for a question that shows it lived."""
        for connection in _connections_of(timeline, self.node):
            if connection.established_at is not None:
                return failed(f"connected to {connection.dialled}", *connection.frames[:4])
        lived = [each for each in timeline.packets if each.sender == self.node]
        if not lived:
            return failed(f"{self.node} sent nothing at all")
        return passed("no handshake was completed", *lived[-1].frames)


class EveryMemberHandedOut(CheckBase):
    """Over all its answers, the asker was given every one of these servers at least once, and
    nothing else; the distribution is the evidence (CLU-05)."""

    kind: Literal["every-member-handed-out"] = "every-member-handed-out"
    asker: str = "viewer"
    servers: tuple[str, ...]

    def judge(self, timeline: Timeline) -> Finding:
        """Count the first address of each answer by server."""
        replies = [each.reply for each in questions(timeline, self.asker, None, "A")]
        given = [each for each in replies if each is not None and each.addresses]
        by_address = {
            address: server
            for server in self.servers
            for address in server_addresses(timeline, server)
        }
        counts: Counter[str] = Counter()
        for reply in given:
            for address in reply.addresses:
                if address not in by_address:
                    return failed(f"{address} belongs to none of them", *reply.frames)
            counts[by_address[reply.addresses[0]]] += 1
        shown = ", ".join(f"{server} {counts[server]}" for server in self.servers)
        frames = tuple(reply.frames[0] for reply in given)
        if missing := [server for server in self.servers if not counts[server]]:
            return failed(f"never handed out: {', '.join(missing)} ({shown})", *frames)
        return passed(f"{sum(counts.values())} answers: {shown}", *frames)


class GoneWithin(CheckBase):
    """After the server was halted (the mark in the capture), no answer to the asker that arrives
    later than the bound holds its address; at least one answer came before the halt with it
    among the balancers' addresses, and at least one after the bound (CLU-03, CLU-20)."""

    kind: Literal["gone-within"] = "gone-within"
    asker: str = "viewer"
    server: str
    bound_s: float

    def judge(self, timeline: Timeline) -> Finding:
        """Find the last answer with the server after its halt."""
        mark = halted_at(timeline, self.server)
        if mark is None:
            return failed(f"{self.server} was never halted")
        back = resumed_at(timeline, self.server)
        addresses = server_addresses(timeline, self.server)
        named = _replies_naming(timeline, addresses)
        before = [each for each in named if each.at < mark.at]
        if not before:
            return failed(f"{self.server} was not handed out before it was halted", mark.number)
        limit = mark.at + round(self.bound_s * SECOND) + answer_allowance_ns(timeline)
        until = back.at if back is not None else None
        later = [
            each.reply
            for each in questions(timeline, self.asker, None, "A")
            if each.reply is not None
            and each.reply.at > limit
            and (until is None or each.reply.at < until)
        ]
        if not later:
            return failed("no answer came after the bound, so it proves nothing", mark.number)
        wrong = [each for each in later if addresses & set(each.addresses)]
        if wrong:
            late = wrong[0].at - mark.at
            return failed(
                f"still handed out {ms(late)} after the halt", mark.number, *wrong[0].frames
            )
        after = [each for each in named if mark.at <= each.at and (not until or each.at < until)]
        last = f"last named {ms(after[-1].at - mark.at)} after the halt" if after else "never again"
        return passed(
            f"{last}; {len(later)} answers after the bound of {self.bound_s} s without it",
            mark.number,
            *(after[-1].frames if after else ()),
            *later[0].frames,
        )


class BackWithin(CheckBase):
    """After the server was resumed (the mark in the capture), an answer to the asker or from a
    load balancer holds its address again within the bound."""

    kind: Literal["back-within"] = "back-within"
    asker: str = "viewer"
    server: str
    bound_s: float

    def judge(self, timeline: Timeline) -> Finding:
        """Find the first answer with the server after its return."""
        mark = resumed_at(timeline, self.server)
        if mark is None:
            return failed(f"{self.server} was never resumed")
        named = _replies_naming(timeline, server_addresses(timeline, self.server))
        after = [each for each in named if each.at >= mark.at]
        if not after:
            return failed(f"{self.server} was never handed out again", mark.number)
        waited = after[0].at - mark.at
        frames = (mark.number, *after[0].frames)
        if waited > self.bound_s * SECOND + answer_allowance_ns(timeline):
            return failed(f"back after {ms(waited)}, bound {self.bound_s} s", *frames)
        return passed(f"back after {ms(waited)}, bound {self.bound_s} s", *frames)


def _connections_of(timeline: Timeline, node: str) -> list[Connection]:
    """Return the node's connections to the service."""
    port = timeline.plan.service_port
    return [
        each for each in timeline.connections if each.opener == node and each.dialled.port == port
    ]


def _latest(replies: list[DnsMessage], instant: Instant) -> DnsMessage | None:
    """Return the last reply that had arrived by then."""
    known = [each for each in replies if each.arrived_at is not None and each.arrived_at <= instant]
    return known[-1] if known else None


def _reached_other(timeline: Timeline, connection: Connection) -> str | None:
    """Say what is wrong with where a connection led; None when it led where it should."""
    address = connection.dialled.address
    expected = timeline.plan.behind_alias(address) or timeline.plan.owner(address)
    if connection.established_at is None:
        return f"no handshake with {address}"
    if expected is None:
        return f"the plan has nobody at {address}, and {connection.reached_node} answered"
    if connection.reached_node != expected.name or connection.banner != expected.name:
        said = connection.banner or "nothing"
        return f"{address} is {expected.name}; {connection.reached_node} answered and said {said}"
    return None


def _replies_naming(timeline: Timeline, addresses: frozenset[str]) -> list[DnsMessage]:
    """Return all replies about the cluster's name that hold one of these addresses, in order."""
    return [
        each
        for each in timeline.messages
        if each.is_reply
        and each.name == timeline.plan.cluster_name
        and addresses & set(each.addresses)
    ]
