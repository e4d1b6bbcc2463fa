"""Checks of which server a viewer dialled and reached."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import (
    CheckBase,
    balancer_lists,
    frames_of,
    latest,
    listed,
    node_at,
    questions,
)
from lab.judge.verdict import Finding, failed, passed
from lab.observe.connection import Connection, is_dns
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline


class ConnectedToAnswer(CheckBase):
    """Each connection of the node went to an address of its latest answer, that address was in the
    latest answer that a load balancer had given by then, and a handshake completed (CLU-04)."""

    kind: Literal["connected-to-answer"] = "connected-to-answer"
    node: str = "viewer"
    via_balancer: bool = True
    """False for a single system: no load balancer stands behind the answer."""

    def judge(self, timeline: Timeline) -> Finding:
        """Hold each connection against the answers that came before it."""
        connections = _connections_of(timeline, self.node)
        if not connections:
            return failed(f"{self.node} never connected")
        told = [
            reply
            for each in questions(timeline, self.node, None, "A")
            for reply in each.replies[:1]
        ]
        lists = balancer_lists(timeline)
        for connection in connections:
            answer = latest(told, connection.opened_at)
            frames = (*(answer.frames if answer else ()), *connection.frames[:4])
            fault = self._fault(connection, answer, lists)
            if fault is not None:
                return failed(fault, *frames)
        return passed(f"dialled {connection.dialled.address}, as answered", *frames)

    def _fault(
        self, connection: Connection, answer: DnsMessage | None, lists: list[DnsMessage]
    ) -> str | None:
        dialled = connection.dialled.address
        if answer is None:
            return f"{dialled} was dialled before any answer"
        if dialled not in answer.addresses:
            return f"{dialled} was dialled, the answer was {listed(answer.addresses)}"
        if self.via_balancer:
            source = latest(lists, answer.at)
            if source is None:
                return "no load balancer had answered"
            if dialled not in source.addresses:
                return f"{dialled} was dialled, the load balancer had {listed(source.addresses)}"
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
    """The node, which asked for the cluster's name, completed no connection to anything but a DNS
    server."""

    kind: Literal["never-connected"] = "never-connected"
    node: str = "viewer"

    def judge(self, timeline: Timeline) -> Finding:
        """Look for a completed handshake of the node, and for a question that shows it lived."""
        for connection in timeline.connections:
            if connection.opener != self.node or is_dns(connection):
                continue
            if connection.established_at is not None:
                return failed(f"connected to {connection.dialled}", *connection.frames[:4])
        asked = questions(timeline, self.node, None)
        if not asked:
            return failed(f"{self.node} never asked, so that it did not connect proves nothing")
        return passed("no handshake was completed", *frames_of(asked[-1:]))


def _connections_of(timeline: Timeline, node: str) -> list[Connection]:
    """The node's connections to the service."""
    port = timeline.plan.service_port
    return [
        each for each in timeline.connections if each.opener == node and each.dialled.port == port
    ]


def _reached_other(timeline: Timeline, connection: Connection) -> str | None:
    """Say what is wrong with where a connection led; None when it led where it should."""
    address = connection.dialled.address
    expected = node_at(timeline, address)
    if connection.established_at is None:
        return f"no handshake with {address}"
    if expected is None:
        return f"the plan has nobody at {address}, and {connection.reached_node} answered"
    if connection.reached_node != expected.name or connection.banner != expected.name:
        said = connection.banner or "nothing"
        return f"{address} is {expected.name}; {connection.reached_node} answered and said {said}"
    return None
