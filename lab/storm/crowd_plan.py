"""A topology with a crowd in it: a router beside the viewers, and a prefix of viewers behind it.

The crowd is put into the topology as a router with a network of its own, so that all routes to it
follow as they do for any other; what runs then has no such network: its every address is the
crowd's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from itertools import count

from lab.storm.request import MOST_VIEWERS, StormRefused
from lab.topology.addressing import Address, address_of, alias_of, prefix_of
from lab.topology.internet import with_internet
from lab.topology.model import Network, Topology
from lab.topology.nodes import Node, Resolver, Router, Viewer
from lab.topology.plan import Plan, PlannedNode
from lab.topology.planner import make_plan
from resolver.config import ResolverConfig
from resolver.machine import Endpoint

_DNS_PORT = 53

_PREFIX_LENGTH = 17
"""Of the crowd's prefix: twice as many addresses as the most viewers."""
_PLACES = (
    "198.18.0.0/15",  # RFC 2544 C.2.2: what benchmarks are given, so no topology should need it
    "100.64.0.0/10",
    "10.0.0.0/8",
    "172.16.0.0/12",
)
"""Where the crowd's prefix is looked for, in this order."""


@dataclass(frozen=True, slots=True)
class CrowdPlan:
    """A plan with a crowd, and what its viewers do."""

    plan: Plan
    node: str
    network: str
    address: str
    """Its own, on the viewers' network."""
    prefix: str
    """All its viewers' addresses."""
    server_node: str
    server: Endpoint
    """The DNS server they ask."""
    name: str
    port: int
    """What they ask for, and where they connect to."""
    changes: tuple[str, ...]
    """What was changed in the topology to let them in."""

    @property
    def interface(self) -> str:
        """The crowd's interface to the network."""
        return self.plan.node(self.node).interfaces[0].name


def plan_crowd(topology: Topology, source: str) -> CrowdPlan:
    """Put a crowd beside the first viewer of a checked topology. Raises StormRefused where there is
    nothing to ask for, nobody to ask, or no room."""
    topology = with_internet(topology)
    if topology.cluster is None:
        raise StormRefused(
            f"{source}: it has no cluster, so viewers would have nothing to connect to; choose a "
            "topology with a [cluster]"
        )
    viewer, asked, server = _asking(topology, source)
    network = _shared_network(viewer, source)
    prefix = _free_prefix(topology, source)
    address = _free_address(topology, network, source)
    names = {node.name for node in topology.nodes}
    name = next(each for each in _numbered("crowd") if each not in names)
    behind = next(each for each in _numbered("viewers") if each not in topology.networks)
    crowded = topology.model_copy(
        update={
            "networks": {**topology.networks, behind: Network(prefix=(str(prefix),))},
            "nodes": (*topology.nodes, _router(name, network, address, behind, prefix)),
        }
    )
    plan, widened = _with_access(make_plan(crowded, source), prefix)
    _refuse_firewalls(plan, viewer, source)
    plan = replace(
        plan,
        networks=tuple(each for each in plan.networks if each.name != behind),
        nodes=tuple(
            _with_prefix(each, prefix) if each.name == name else each for each in plan.nodes
        ),
    )
    return CrowdPlan(
        plan=plan,
        node=name,
        network=network,
        address=str(address),
        prefix=str(prefix),
        server_node=asked,
        server=server,
        name=str(plan.cluster_name),
        port=plan.service_port,
        changes=(
            f"{name}: a router at {address} on network {network}, and {prefix} behind it",
            f"routes to {prefix} by {address} on the nodes that reach network {network}",
            *widened,
        ),
    )


def _numbered(word: str) -> Iterator[str]:
    yield word
    yield from (f"{word}{number}" for number in count(2))


def _router(
    name: str, network: str, address: IPv4Address, behind: str, prefix: IPv4Network
) -> Router:
    return Router(
        name=name,
        label="A crowd of viewers",
        plays="router",
        addresses={network: (str(address),), behind: (str(prefix[1]),)},
    )


def _with_prefix(node: PlannedNode, prefix: IPv4Network) -> PlannedNode:
    """The crowd as it runs: nobody is behind it, it is everybody."""
    return replace(
        node,
        role="crowd",
        interfaces=node.interfaces[:1],
        forwards=False,
        prefixes=(str(prefix),),
    )


# --- whom viewers ask -------------------------------------------------------------------------


def _asking(topology: Topology, source: str) -> tuple[Viewer, str, Endpoint]:
    """The first viewer, the node it asks first, and that node's address."""
    viewer = next((node for node in topology.nodes if isinstance(node, Viewer)), None)
    if viewer is None:
        raise StormRefused(
            f"{source}: nobody plays a viewer; add one for the crowd to stand beside"
        )
    asked = make_plan(topology, source).node(viewer.name).asks
    address = next(iter(asked), None)
    if address is None or ":" in address:
        raise StormRefused(
            f"{source}: {viewer.name} asks {address or 'nobody'}, and a storm asks over IPv4; give "
            "its DNS server an IPv4 address first"
        )
    server = next(
        node.name
        for node in topology.nodes
        if isinstance(node, Resolver) and address in _addresses_of(node)
    )
    return viewer, server, Endpoint(address, _DNS_PORT)


def _addresses_of(node: Node) -> set[str]:
    return {str(ip_address(text)) for texts in node.addresses.values() for text in texts}


def _shared_network(viewer: Viewer, source: str) -> str:
    for name, texts in viewer.addresses.items():
        if any(ip_address(text).version == 4 for text in texts):
            return name
    raise StormRefused(f"{source}: {viewer.name} has no IPv4 address; give it one")


# --- room -------------------------------------------------------------------------------------


def _free_prefix(topology: Topology, source: str) -> IPv4Network:
    """A prefix that overlaps no network's and holds no address of the topology."""
    taken = [
        prefix
        for network in topology.networks.values()
        for text in network.prefix
        if isinstance(prefix := prefix_of(text), IPv4Network)
    ]
    addresses = [each for each in _addresses_in_use(topology) if isinstance(each, IPv4Address)]
    for place in map(IPv4Network, _PLACES):
        for prefix in place.subnets(new_prefix=_PREFIX_LENGTH):
            if not any(prefix.overlaps(each) for each in taken) and not any(
                each in prefix for each in addresses
            ):
                return prefix
    raise StormRefused(
        f"{source}: no /{_PREFIX_LENGTH} of {', '.join(_PLACES)} is free for {MOST_VIEWERS:,} "
        "viewers; make a network smaller"
    )


def _free_address(topology: Topology, network: str, source: str) -> IPv4Address:
    """The last address of the viewers' network that nobody has."""
    taken = set(_addresses_in_use(topology))
    for text in topology.networks[network].prefix:
        prefix = ip_network(text)
        if not isinstance(prefix, IPv4Network):
            continue
        for number in range(prefix.num_addresses - 2, 0, -1):
            if prefix[number] not in taken:
                return prefix[number]
    raise StormRefused(
        f"{source}: network {network} has no free IPv4 address for the crowd; widen its prefix"
    )


def _addresses_in_use(topology: Topology) -> Iterator[Address]:
    """Every address of a node, and every alias."""
    for node in topology.nodes:
        for texts in node.addresses.values():
            yield from map(ip_address, texts)
    for part in topology.sub_clusters():
        base = address_of(part.alias_base or "")
        if base is not None:
            yield from (alias_of(base, server.number) for server in topology.members(part))


# --- access -----------------------------------------------------------------------------------


def _with_access(plan: Plan, prefix: IPv4Network) -> tuple[Plan, list[str]]:
    """The plan with DNS servers that answer the crowd, and what had to be widened for that."""
    widened: list[str] = []

    def open_to_crowd(node: PlannedNode) -> PlannedNode:
        programs = []
        for program in node.programs:
            config = program.config
            if (
                isinstance(config, ResolverConfig)
                and program.name == "resolver"
                and not any(prefix.subnet_of(each) for each in _ipv4(config.recursion_for))
            ):
                widened.append(f"{node.name}: recursion_for widened by {prefix}")
                config = replace(config, recursion_for=(*config.recursion_for, str(prefix)))
            programs.append(replace(program, config=config))
        return replace(node, programs=tuple(programs))

    nodes = tuple(map(open_to_crowd, plan.nodes))
    return replace(plan, nodes=nodes), widened


def _ipv4(texts: tuple[str, ...]) -> list[IPv4Network]:
    return [each for each in map(ip_network, texts) if isinstance(each, IPv4Network)]


def _refuse_firewalls(plan: Plan, viewer: Viewer, source: str) -> None:
    """A firewall names single addresses: where the viewer's is among them, a crowd's are not."""
    for node in plan.nodes:
        if node.firewall and _addresses_of(viewer) & set(node.firewall.dns_only_from):
            raise StormRefused(
                f"{source}: {node.name}'s firewall lets {viewer.name} ask outside by its address, "
                "and would stop a crowd; have viewers ask a DNS server inside"
            )
