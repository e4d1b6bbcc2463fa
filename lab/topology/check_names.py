"""Names: of nodes, labels, numbers, links, and in the DNS."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lab.topology.addressing import address_of
from lab.topology.model import Topology
from lab.topology.nodes import Authority, Resolver, Server, Translator, Viewer
from lab.topology.problem import Problem, suggestion
from lab.topology.routing import Routing
from lab.topology.values import place_in
from resolver.dns.names import MalformedName, normalise

NODE_NAME = re.compile(r"[a-z][a-z0-9-]{0,9}")
_INTERFACE_NAME_OCTETS = 15
"""Linux: IFNAMSIZ is 16, the closing zero included."""
_HOST_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)


def name_problems(topology: Topology) -> Iterator[Problem]:
    """What is wrong with the file's names."""
    yield from _node_names(topology)
    yield from _repetitions(topology)
    yield from _parts_played(topology)
    yield from _links(topology)
    yield from _dns_names(topology)


def _node_names(topology: Topology) -> Iterator[Problem]:
    switches = {f"s{position}" for position in range(1, len(topology.networks) + 1)}
    for index, node in enumerate(topology.nodes):
        place = f"nodes[{index}].name"
        longest = f"{node.name}-eth{len(node.addresses) - 1}"
        if not NODE_NAME.fullmatch(node.name) or len(longest) > _INTERFACE_NAME_OCTETS:
            yield Problem(
                place,
                f'"{node.name}" cannot name interfaces ("{longest}", at most '
                f"{_INTERFACE_NAME_OCTETS} characters)",
                'write at most 10 of a-z, 0-9 and "-", a letter first, e.g. "server1"; what people '
                "call it goes into label",
            )
        elif node.name in switches:
            yield Problem(
                place,
                f'"{node.name}" is the name of a switch in the lab',
                "choose another name",
            )


def _repetitions(topology: Topology) -> Iterator[Problem]:
    nodes = list(enumerate(topology.nodes))
    yield from _repeated(
        ((f"nodes[{index}].name", node.name) for index, node in nodes),
        "give every node a name of its own, e.g. server1, server2, server3",
    )
    yield from _repeated(
        ((f"nodes[{index}].label", node.label) for index, node in nodes if node.label),
        'give every node a label of its own, e.g. "TightGate-Pro 1", "TightGate-Pro 2"',
    )
    yield from _repeated(
        (
            (f"nodes[{index}].number", node.number)
            for index, node in nodes
            if isinstance(node, Server)
        ),
        "number the servers of the cluster 1, 2, 3, ...; gaps are allowed",
    )
    yield from _repeated(
        (
            (f"cluster.sub_clusters[{index}].name", part.name)
            for index, part in enumerate(topology.cluster.sub_clusters if topology.cluster else ())
        ),
        "give every sub-cluster a name of its own",
    )


def _repeated(written: Iterable[tuple[str, object]], remedy: str) -> Iterator[Problem]:
    first: dict[object, str] = {}
    for place, value in written:
        if value in first:
            shown = f'"{value}"' if isinstance(value, str) else value
            yield Problem(place, f"{shown} is a duplicate of {first[value]}", remedy)
        else:
            first[value] = place


def _parts_played(topology: Topology) -> Iterator[Problem]:
    resolvers = [node.name for node in topology.nodes if isinstance(node, Resolver)]
    for index, node in enumerate(topology.nodes):
        if isinstance(node, Viewer):
            yield from _servers_asked(node, index, topology, resolvers)
    needed = ((Viewer, "viewer"), (Server, "server")) if topology.cluster else ((Viewer, "viewer"),)
    for kind, part in needed:
        if not any(isinstance(node, kind) for node in topology.nodes):
            yield Problem("nodes", f"nobody plays {part}", f'add a node with plays = "{part}"')


def _servers_asked(
    viewer: Viewer, index: int, topology: Topology, resolvers: list[str]
) -> Iterator[Problem]:
    for position, name in enumerate(viewer.asks):
        if name not in resolvers:
            known = any(other.name == name for other in topology.nodes)
            yield Problem(
                place_in(f"nodes[{index}].asks", position, viewer.asks),
                f'"{name}" plays no resolver' if known else f'there is no node "{name}"',
                suggestion(name, resolvers) if resolvers else 'add a node that plays "resolver"',
            )
    yield from _repeated(
        ((f"nodes[{index}].asks[{position}]", name) for position, name in enumerate(viewer.asks)),
        "name each DNS server once",
    )


def _links(topology: Topology) -> Iterator[Problem]:
    nodes = {node.name: node for node in topology.nodes}
    routing = Routing(topology)
    for index, link in enumerate(topology.links):
        node = nodes.get(link.node)
        if node is None:
            yield Problem(
                f"links[{index}].node",
                f'there is no node "{link.node}"',
                suggestion(link.node, nodes),
            )
        elif link.network not in topology.networks:
            yield Problem(
                f"links[{index}].network",
                f'there is no network "{link.network}"',
                suggestion(link.network, topology.networks),
            )
        elif link.network not in routing.networks_of(node):
            yield Problem(
                f"links[{index}].network",
                f'"{link.node}" has no interface on "{link.network}"',
                suggestion(link.network, routing.networks_of(node)),
            )
    yield from _repeated(
        (
            (f"links[{index}]", f"{link.node} on {link.network}")
            for index, link in enumerate(topology.links)
        ),
        "merge the two",
    )


def _dns_names(topology: Topology) -> Iterator[Problem]:
    if topology.cluster is not None:
        yield from _dns_name("cluster.dns_name", topology.cluster.dns_name, root=False)
    for index, node in enumerate(topology.nodes):
        if isinstance(node, Resolver):
            for position, rule in enumerate(node.forward):
                place = f"nodes[{index}].forward[{position}].zone"
                yield from _dns_name(place, rule.zone, root=True)
            yield from _repeated(
                (
                    (f"nodes[{index}].forward[{position}].zone", spelling(rule.zone))
                    for position, rule in enumerate(node.forward)
                ),
                "write one rule with all its servers",
            )
        elif isinstance(node, Translator) and node.dns is not None:
            yield from _dns_name(f"nodes[{index}].dns.zone", node.dns.zone, root=False)
        if isinstance(node, Resolver | Authority):
            yield from _origins(node, index)


def _origins(node: Resolver | Authority, index: int) -> Iterator[Problem]:
    places = [
        (f"nodes[{index}].zones[{position}].origin", zone.origin)
        for position, zone in enumerate(node.zones)
    ]
    for place, origin in places:
        yield from _dns_name(place, origin, root=True)
    yield from _repeated(
        ((place, spelling(origin)) for place, origin in places),
        "write one zone with all its records",
    )


def spelling(name: str) -> str:
    """The one spelling of a name, or the text itself where it is no name."""
    try:
        return normalise(name)
    except MalformedName:
        return name


def is_dns_name(text: str) -> bool:
    """Whether a text can be a domain of hosts: labels of letters, digits, "-" and "_"."""
    try:
        name = normalise(text)
    except MalformedName:
        return False
    if address_of(text) is not None:
        return False
    return name == "." or all(map(_HOST_LABEL.fullmatch, name.split(".")))


def _dns_name(place: str, text: str, *, root: bool) -> Iterator[Problem]:
    remedy = 'write one like "internet.intern.netz"'
    if address_of(text) is not None:
        yield Problem(place, f'"{text}" is an address, not a name', remedy)
    elif not is_dns_name(text):
        yield Problem(place, f'"{text}" is no DNS name', remedy)
    elif normalise(text) == "." and not root:
        yield Problem(place, '"." is the DNS root', remedy)
