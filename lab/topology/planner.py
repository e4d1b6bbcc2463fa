"""From a topology to its plan: interfaces, routes, the NAT table, every program's configuration.

Works on topologies that `lab.topology.checks` has passed; it asks no questions again.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from lab.topology.addressing import address_of, alias_of, first_of_family
from lab.topology.internet import with_internet
from lab.topology.model import SubCluster, Topology
from lab.topology.name_servers import (
    DNS_PORT,
    authority_config,
    endpoints,
    nanoseconds,
    resolver_config,
)
from lab.topology.napt import napt_config, shared_addresses
from lab.topology.nodes import Authority, Node, Resolver, Router, Server, Translator, Viewer
from lab.topology.plan import (
    Plan,
    PlannedFirewall,
    PlannedInterface,
    PlannedNat,
    PlannedNetwork,
    PlannedNode,
    PlannedProgram,
)
from lab.topology.routing import Routing
from resolver.config import (
    BalancerConfig,
    DnsTranslatorConfig,
    HealthCheck,
    Member,
    NatConfig,
    ServiceConfig,
    WhenNoneAvailable,
)
from resolver.dns.names import normalise
from resolver.machine import MILLISECOND

NAT_DEVICE = "nat0"
NO_SERVICE = 0
"""The service port of a plan that has no cluster."""


def make_plan(topology: Topology, source: str) -> Plan:
    """Work a checked topology out; `source` is the stem of its file, e.g. "cluster-nat"."""
    topology = with_internet(topology)
    routing, cluster = Routing(topology), topology.cluster
    return Plan(
        title=topology.title,
        source=source,
        networks=tuple(
            PlannedNetwork(
                name=name,
                prefixes=tuple(str(ip_network(prefix)) for prefix in network.prefix),
                switch=f"s{position}",
                realm=routing.realm(name),
            )
            for position, (name, network) in enumerate(topology.networks.items(), start=1)
        ),
        nodes=tuple(_planned(node, topology, routing) for node in topology.nodes),
        cluster_name=normalise(cluster.dns_name) if cluster is not None else None,
        service_port=cluster.service_port if cluster is not None else NO_SERVICE,
    )


def attachments(node: Node, topology: Topology) -> dict[str, tuple[str, ...]]:
    """The networks the node has an interface on, with its addresses there in canonical form.

    A server behind NAT has none on the viewers' network: its address there is its alias.
    """
    aliased_on = _sub_cluster(node, topology).behind_nat_on if isinstance(node, Server) else None
    return {
        network: tuple(str(ip_address(text)) for text in texts)
        for network, texts in node.addresses.items()
        if network != aliased_on
    }


def _planned(node: Node, topology: Topology, routing: Routing) -> PlannedNode:
    interfaces = _interfaces(node, topology)
    return PlannedNode(
        name=node.name,
        label=node.label or node.name,
        role=node.plays,
        interfaces=interfaces,
        routes=routing.routes(node),
        programs=_programs(node, topology),
        forwards=isinstance(node, Router | Translator),
        firewall=_firewall(node, interfaces) if isinstance(node, Router) else None,
        nat=_nat(node, topology, interfaces) if isinstance(node, Translator) else None,
        asks=_servers_asked(node, topology) if isinstance(node, Viewer) else (),
        number=node.number if isinstance(node, Server) else None,
        load_balancer=isinstance(node, Server) and node.load_balancer,
        alias=_alias(node, topology) if isinstance(node, Server) else None,
    )


def _interfaces(node: Node, topology: Topology) -> tuple[PlannedInterface, ...]:
    links = {(link.node, link.network): link for link in topology.links}
    interfaces = []
    for position, (name, addresses) in enumerate(attachments(node, topology).items()):
        network = topology.networks[name]
        link = links.get((node.name, name))
        delay_ms, rate_mbit = network.delay_ms, network.rate_mbit
        if link is not None and link.delay_ms is not None:
            delay_ms = link.delay_ms
        if link is not None and link.rate_mbit is not None:
            rate_mbit = link.rate_mbit
        interfaces.append(
            PlannedInterface(
                name=f"{node.name}-eth{position}",
                network=name,
                addresses=tuple(
                    f"{address}/{_prefix_length(address, network.prefix)}" for address in addresses
                ),
                delay_ns=round(delay_ms * MILLISECOND),
                rate_bit_s=round(rate_mbit * 1_000_000),
            )
        )
    return tuple(interfaces)


def _prefix_length(address: str, prefixes: tuple[str, ...]) -> int:
    return next(
        prefix.prefixlen for prefix in map(ip_network, prefixes) if ip_address(address) in prefix
    )


# --- the cluster ------------------------------------------------------------------------------


def _sub_cluster(server: Server, topology: Topology) -> SubCluster:
    sub_cluster = topology.sub_cluster_of(server)
    if sub_cluster is None:
        raise LookupError(f"{server.name} is of no sub-cluster; check the topology first")
    return sub_cluster


def _real_addresses(server: Server, topology: Topology) -> tuple[str, ...]:
    return attachments(server, topology)[_sub_cluster(server, topology).network]


def _alias(server: Server, topology: Topology) -> str | None:
    base = address_of(_sub_cluster(server, topology).alias_base or "")
    return None if base is None else str(alias_of(base, server.number))


def _translated(translator: Translator, topology: Topology) -> tuple[SubCluster, ...]:
    """The sub-clusters that this translator stands in front of."""
    return tuple(
        part
        for part in topology.sub_clusters()
        if part.behind_nat_on in translator.addresses and part.network in translator.addresses
    )


def _aliased(translator: Translator, topology: Topology) -> tuple[tuple[str, Server], ...]:
    """Alias and server of every server behind this translator."""
    pairs = []
    for part in _translated(translator, topology):
        for server in topology.members(part):
            alias = _alias(server, topology)
            if alias is not None:
                pairs.append((alias, server))
    return tuple(pairs)


def _dns_aliases(translator: Translator, topology: Topology) -> tuple[str, ...]:
    if translator.dns is None or not translator.dns.serves_aliases:
        return ()
    return tuple(alias for alias, server in _aliased(translator, topology) if server.load_balancer)


def _nat(
    translator: Translator, topology: Topology, interfaces: tuple[PlannedInterface, ...]
) -> PlannedNat:
    behind = _translated(translator, topology)[0]
    on = {interface.network: interface.name for interface in interfaces}
    return PlannedNat(
        device=NAT_DEVICE,
        aliases=tuple(alias for alias, _ in _aliased(translator, topology))
        + shared_addresses(translator),
        client_side=on[str(behind.behind_nat_on)],
        server_side=on[behind.network],
        dns_aliases=_dns_aliases(translator, topology),
    )


def _servers_asked(viewer: Viewer, topology: Topology) -> tuple[str, ...]:
    """Each DNS server's address on a network it shares with the viewer, or else its first."""
    nodes = {node.name: node for node in topology.nodes}
    return tuple(_address_for(viewer, nodes[name]) for name in viewer.asks)


def _address_for(viewer: Viewer, asked: Node) -> str:
    shared = [texts for network, texts in asked.addresses.items() if network in viewer.addresses]
    return str(ip_address((shared or list(asked.addresses.values()))[0][0]))


def _firewall(router: Router, interfaces: tuple[PlannedInterface, ...]) -> PlannedFirewall | None:
    if router.firewall is None:
        return None
    outside = router.firewall.outside
    return PlannedFirewall(
        outside=next(one.name for one in interfaces if one.network == outside),
        dns_only_from=tuple(str(ip_address(text)) for text in router.firewall.dns_only_from),
    )


# --- programs ---------------------------------------------------------------------------------


def _programs(node: Node, topology: Topology) -> tuple[PlannedProgram, ...]:
    programs: list[PlannedProgram] = []
    if isinstance(node, Resolver):
        programs.append(PlannedProgram("resolver", resolver_config(node)))
    elif isinstance(node, Authority):
        programs.append(PlannedProgram("authority", authority_config(node)))
    elif isinstance(node, Server):
        programs.append(PlannedProgram("service", _service(node, topology)))
        if node.load_balancer:
            programs.append(PlannedProgram("balancer", _balancer(node, topology)))
    elif isinstance(node, Translator):
        programs.append(PlannedProgram("nat", _nat_program(node, topology)))
        if node.dns is not None:
            programs.append(PlannedProgram("dns-translator", _dns_translator(node, topology)))
    return tuple(programs)


def _balancer(node: Server, topology: Topology) -> BalancerConfig:
    cluster = topology.the_cluster()
    sub_cluster = _sub_cluster(node, topology)
    return BalancerConfig(
        listen=endpoints(_real_addresses(node, topology), DNS_PORT),
        zone=normalise(cluster.dns_name),
        members=tuple(
            Member(server.name, server.number, _real_addresses(server, topology))
            for server in topology.members(sub_cluster)
        ),
        service_port=cluster.service_port,
        alias_base=str(base) if (base := address_of(sub_cluster.alias_base or "")) else None,
        ttl_s=cluster.ttl_s,
        negative_ttl_s=cluster.ttl_s,
        answers=cluster.answers,
        when_none_available=WhenNoneAvailable(cluster.when_none_available),
        health=HealthCheck(
            interval_ns=nanoseconds(cluster.health.interval_s),
            timeout_ns=nanoseconds(cluster.health.timeout_s),
            fall=cluster.health.fall,
            rise=cluster.health.rise,
        ),
    )


def _service(node: Server, topology: Topology) -> ServiceConfig:
    return ServiceConfig(
        listen=endpoints(_real_addresses(node, topology), topology.the_cluster().service_port),
        name=node.name,
    )


def _nat_program(node: Translator, topology: Topology) -> NatConfig:
    behind = _translated(node, topology)[0]
    return NatConfig(
        device=NAT_DEVICE,
        table=tuple(
            (alias, str(first_of_family(_real_addresses(server, topology), 4)))
            for alias, server in _aliased(node, topology)
        ),
        client_side_address=str(first_of_family(node.addresses[str(behind.behind_nat_on)], 4)),
        server_side_address=str(first_of_family(node.addresses[behind.network], 4)),
        napt=napt_config(node, topology, behind.network),
        dns_alg=node.nat is not None and node.nat.dns_alg,
    )


def _dns_translator(node: Translator, topology: Topology) -> DnsTranslatorConfig:
    if node.dns is None:
        raise LookupError(f"{node.name} has no DNS translator")
    client_side = str(_translated(node, topology)[0].behind_nat_on)
    return DnsTranslatorConfig(
        # RFC 5625 6.2 (rule SEC-07): never on the server side.
        listen=endpoints((*node.addresses[client_side], *_dns_aliases(node, topology)), DNS_PORT),
        zone=normalise(node.dns.zone),
        servers=endpoints(node.dns.servers, DNS_PORT),
        timeout_ns=nanoseconds(node.dns.timeout_s),
        foreign_addresses=node.dns.serves_aliases,
    )
