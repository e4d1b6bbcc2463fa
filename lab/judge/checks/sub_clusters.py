"""The check of sub-clusters: whose aliases are handed out where."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lab.judge.checks.base import CheckBase, is_among, listed, node_at, wanted_name
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline
from lab.topology.plan import PlannedNode


class OwnSubClusters(CheckBase):
    """On each of these networks every address that was answered for the cluster's name is the alias
    of a server there, all of them of servers on one network behind the NAT; and no server was
    answered on two of the networks (CLU-19). That ranges do not overlap is a topology check's."""

    kind: Literal["own-sub-clusters"] = "own-sub-clusters"
    networks: Annotated[tuple[str, ...], Field(min_length=2)]
    """Of the viewers."""

    def judge(self, timeline: Timeline) -> Finding:
        """Collect what was answered on each network."""
        known = {network.name: network for network in timeline.plan.networks}
        owners: dict[str, str] = {}
        shown: list[int] = []
        told = []
        for name in self.networks:
            replies = _answered_on(timeline, name)
            if not replies:
                return failed(f"no address was answered on {name}", *shown)
            behind = set()
            for reply in replies:
                for address in reply.addresses:
                    server = node_at(timeline, address)
                    fault = _fault(address, server, known[name].prefixes)
                    if server is None or fault is not None:
                        return failed(f"on {name}: {fault}", *reply.frames)
                    elsewhere = owners.setdefault(server.name, name)
                    if elsewhere != name:
                        text = f"{server.name} was answered on {elsewhere} and on {name}"
                        return failed(text, *reply.frames)
                    behind.add(server.interfaces[0].network)
            shown += replies[0].frames
            if len(behind) > 1:
                return failed(f"on {name}: servers of {', '.join(sorted(behind))}", *shown)
            told.append(f"{name}: {listed({a for each in replies for a in each.addresses})}")
        return passed("; ".join(told), *shown)


def _answered_on(timeline: Timeline, network: str) -> list[DnsMessage]:
    """Replies with addresses for the cluster's name that arrived at a node on a network."""
    there = {
        node.name
        for node in timeline.plan.nodes
        for interface in node.interfaces
        if interface.network == network
    }
    servers = {node.name for node in timeline.plan.nodes if node.nat is not None}
    return [
        each
        for each in timeline.messages
        if each.is_reply
        and each.addresses
        and each.name == wanted_name(timeline, None)
        and each.receiver in there - servers
    ]


def _fault(address: str, server: PlannedNode | None, prefixes: tuple[str, ...]) -> str | None:
    if server is None:
        return f"{address} belongs to nobody"
    if server.alias != address:
        return f"{address} is no alias, but an address of {server.name}"
    if not is_among(address, prefixes):
        return f"{address} of {server.name} is another network's"
    return None
