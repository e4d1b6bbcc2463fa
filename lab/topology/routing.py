"""Who reaches which network, and over which next hop.

Networks and the nodes that forward between them make a directed graph, one per IP version. A router
leads both ways. The NAT translator leads from the servers' side to the viewers' only: viewers dial
aliases, and nothing of theirs is to find its way to a real address (cluster FAQ: the DNS server
"cannot reach them directly"). It translates IPv4 only.
"""

from __future__ import annotations

from typing import TypeAlias

import networkx as nx

from lab.topology.addressing import first_of_family, prefix_of
from lab.topology.model import Topology
from lab.topology.nodes import Node, Router, Server, Translator
from lab.topology.plan import PlannedRoute

_Vertex: TypeAlias = tuple[str, str]
"""("network", name) or ("node", name)."""

DEFAULT_ROUTE = {4: "0.0.0.0/0", 6: "::/0"}


class Routing:
    """The routes of a topology. Tolerates one that is not valid: what it cannot place, it leaves
    out."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._nodes = {node.name: node for node in topology.nodes}
        self._graphs = {version: self._graph(version) for version in (4, 6)}
        self._realms = _realms(topology)

    def realm(self, network: str) -> str:
        """The network's address realm (RFC 2663 2.1): named after its first network."""
        return self._realms[network]

    def translators(self) -> tuple[tuple[Translator, str, str], ...]:
        """Each translator with its client-side and its server-side network."""
        return _translators(self._topology)

    def networks_of(self, node: Node) -> tuple[str, ...]:
        """The networks the node has an interface on."""
        part = self._topology.sub_cluster_of(node) if isinstance(node, Server) else None
        aliased_on = part.behind_nat_on if part is not None else None
        return tuple(
            name
            for name in node.addresses
            if name != aliased_on and name in self._topology.networks
        )

    def reaches(self, node: Node, network: str, version: int) -> bool:
        """Whether packets of this IP version find their way from the node to the network."""
        return self._path(node, network, version) is not None

    def joined(self, one: str, other: str) -> bool:
        """Whether packets find their way from one network to the other, or back."""
        ends = ("network", one), ("network", other)
        return any(
            nx.has_path(graph, *ends) or nx.has_path(graph, *reversed(ends))
            for graph in self._graphs.values()
        )

    def routes(self, node: Node) -> tuple[PlannedRoute, ...]:
        """What the node needs beyond its own networks.

        A machine with one way out gets a default route, as such machines have: then what it sends
        astray is seen on the wire instead of dying inside it. A node that forwards knows exactly
        the networks there are.
        """
        routes: list[PlannedRoute] = []
        for version in (4, 6):
            known = self._known_routes(node, version)
            next_hops = {route.via for route in known}
            if len(next_hops) == 1 and not isinstance(node, Router | Translator):
                routes.append(PlannedRoute(DEFAULT_ROUTE[version], next_hops.pop()))
            else:
                routes.extend(known)
        return tuple(routes)

    def _known_routes(self, node: Node, version: int) -> list[PlannedRoute]:
        own = self.networks_of(node)
        routes: list[PlannedRoute] = []
        for name, network in self._topology.networks.items():
            path = None if name in own else self._path(node, name, version)
            if path is None:
                continue
            # A path is: the own network, the next hop, ..., the network sought.
            next_hop = self._nodes[path[1][1]]
            via = first_of_family(next_hop.addresses[path[0][1]], version)
            routes.extend(
                PlannedRoute(str(prefix), via)
                for prefix in map(prefix_of, network.prefix)
                if prefix is not None and prefix.version == version
            )
        return routes

    def _path(self, node: Node, network: str, version: int) -> list[_Vertex] | None:
        target = ("network", network)
        starts = [
            ("network", name)
            for name in self.networks_of(node)
            if first_of_family(node.addresses[name], version) is not None
        ]
        # The node itself is no way out of itself.
        itself = {("node", node.name)} & self._graphs[version].nodes
        graph = nx.restricted_view(self._graphs[version], itself, [])
        paths: list[list[_Vertex]] = [
            nx.shortest_path(graph, start, target)
            for start in starts
            if target in graph and nx.has_path(graph, start, target)
        ]
        return min(paths, key=len, default=None)

    def _graph(self, version: int) -> nx.DiGraph[_Vertex]:
        graph: nx.DiGraph[_Vertex] = nx.DiGraph()
        graph.add_nodes_from(("network", name) for name in self._topology.networks)
        # A translator without a cluster is refused; what would follow from it is not worth telling.
        joining = Router if self._topology.cluster is not None else Router | Translator
        for node in self._topology.nodes:
            if isinstance(node, joining):
                for name in self.networks_of(node):
                    if first_of_family(node.addresses[name], version) is not None:
                        graph.add_edge(("network", name), ("node", node.name))
                        graph.add_edge(("node", node.name), ("network", name))
        if version == 4:
            for translator, client_side, server_side in self.translators():
                graph.add_edge(("network", server_side), ("node", translator.name))
                graph.add_edge(("node", translator.name), ("network", client_side))
        return graph


def _translators(topology: Topology) -> tuple[tuple[Translator, str, str], ...]:
    found = []
    for node in topology.nodes:
        if not isinstance(node, Translator):
            continue
        for part in topology.sub_clusters():
            client_side = part.behind_nat_on
            if (
                client_side is not None
                and {client_side, part.network} <= topology.networks.keys()
                and {client_side, part.network} <= node.addresses.keys()
            ):
                found.append((node, client_side, part.network))
                break
    return tuple(found)


def _realms(topology: Topology) -> dict[str, str]:
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(topology.networks)
    for node in topology.nodes:
        if isinstance(node, Router):
            nx.add_path(graph, [name for name in node.addresses if name in topology.networks])
    order = list(topology.networks)
    return {
        name: min(component, key=order.index)
        for component in nx.connected_components(graph)
        for name in component
    }
