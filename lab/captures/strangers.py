"""Addresses of a capture that the topology does not have, and which of them are clients."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_address

from lab.captures.packets import SeenPacket
from lab.captures.ways import Ways
from lab.observe.dns_message import DNS_PORT
from lab.observe.sighting import Ip, Tcp, Udp
from lab.topology.plan import Plan, PlannedInterface, PlannedNode


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address that the topology does not have."""

    address: str
    packets: int
    """In how many packets of the capture it is an end."""
    asks: str | None
    """The viewers' DNS server that it asks, which makes it a client; None for anybody else."""


def strangers_of(packets: Iterable[SeenPacket], plan: Plan) -> tuple[Stranger, ...]:
    """The strangers in a capture, the most talkative first. Groups are no addresses of anybody."""
    ways = Ways(plan)
    asked_by_viewers = {each for node in plan.with_role("viewer") for each in node.asks}
    count: Counter[str] = Counter()
    asks: dict[str, str] = {}
    for packet in packets:
        ip = packet.ip
        for address in {ip.source, ip.destination}:
            if not ways.knows(address):
                count[address] += 1
        if ip.destination in asked_by_viewers and goes_to_dns(ip):
            asks.setdefault(ip.source, ip.destination)
    return tuple(
        Stranger(address, packets, asks.get(address))
        for address, packets in sorted(count.items(), key=lambda each: (-each[1], each[0]))
        if is_of_one(address)
    )


def with_clients(plan: Plan, strangers: Iterable[Stranger]) -> Plan:
    """The plan with the clients among the strangers: a node for those of each DNS server, on that
    server's network, whatever routers really lie between. Their replies are judged as viewers'
    are; whom they ask besides is not known to be anybody's business."""
    by_server: defaultdict[str, list[str]] = defaultdict(list)
    for stranger in strangers:
        if stranger.asks is not None:
            by_server[stranger.asks].append(stranger.address)
    nodes = []
    for server, addresses in by_server.items():
        owner = plan.owner(server)
        network = None if owner is None else network_of(owner, server)
        if network is not None:
            nodes.append(_clients(server, network, sorted(addresses)))
    return replace(plan, nodes=(*plan.nodes, *nodes)) if nodes else plan


def goes_to_dns(ip: Ip) -> bool:
    """Whether this is a datagram or segment to port 53 (and not a server's answer to another)."""
    transport = ip.transport
    return (
        isinstance(transport, Udp | Tcp)
        and transport.destination_port == DNS_PORT
        and transport.source_port != DNS_PORT
    )


def is_of_one(address: str) -> bool:
    """Whether an address can be one that a topology lacks: no group's, and none that machines have
    of themselves (loopback, link-local)."""
    parsed = ip_address(address)
    own = parsed.is_loopback or parsed.is_link_local or parsed.is_unspecified
    return not (own or parsed.is_multicast or address == "255.255.255.255")


def network_of(node: PlannedNode, address: str) -> str | None:
    """The network on which a node has an address of its own."""
    for interface in node.interfaces:
        if any(each.split("/")[0] == address for each in interface.addresses):
            return interface.network
    return None


def _clients(server: str, network: str, addresses: list[str]) -> PlannedNode:
    name = f"clients of {server}"
    own = tuple(f"{each}/{ip_address(each).max_prefixlen}" for each in addresses)
    return PlannedNode(
        name=name,
        label=name,
        role="bystander",
        interfaces=(PlannedInterface(name, network, own),),
        routes=(),
        programs=(),
        asks=(server,),
    )
