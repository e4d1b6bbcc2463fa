"""The cluster: sub-clusters, load balancers, and NAT in front of them."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from lab.topology.addressing import address_of
from lab.topology.check_aliases import alias_problems, overlapping_ranges
from lab.topology.model import Cluster, SubCluster, Topology
from lab.topology.nodes import Server, Translator
from lab.topology.problem import Problem, key, suggestion
from lab.topology.survey import Survey
from lab.topology.values import place_in

MAX_LOAD_BALANCERS = 3
"""Per sub-cluster. Source: the product's cluster menu."""


def cluster_problems(survey: Survey) -> Iterator[Problem]:
    """What is wrong with the cluster."""
    topology = survey.topology
    if topology.cluster is None:
        yield from _nothing_to_belong_to(topology)
        return
    yield from _health(topology.cluster)
    yield from _memberships(survey, topology.cluster)
    names: list[str] = []
    for index, part in enumerate(topology.sub_clusters()):
        if part.name not in names:  # a second one of a name is reported with the names
            problems = tuple(_sub_cluster(survey, part, f"cluster.sub_clusters[{index}]"))
            yield from problems
            if problems:
                survey.doubt(part)
        names.append(part.name)
    yield from overlapping_ranges(survey)
    yield from _machines_between(survey)


def _sub_cluster(survey: Survey, part: SubCluster, place: str) -> Iterator[Problem]:
    known = yield from _networks_known(survey.topology, part, place)
    yield from _load_balancers(survey.topology, part, place)
    if known:
        yield from _real_addresses(survey, part)
        yield from _nat(survey, part, place)
        yield from alias_problems(survey, part, place)


def _nothing_to_belong_to(topology: Topology) -> Iterator[Problem]:
    """Servers and translators are a cluster's; without one there is no part for them."""
    for index, node in enumerate(topology.nodes):
        if isinstance(node, Server):
            yield Problem(
                f"nodes[{index}].plays",
                "a server belongs to a cluster, and there is none",
                'add [cluster] with its dns_name; a DNS server plays "authority" or "resolver"',
            )
        elif isinstance(node, Translator):
            yield Problem(
                f"nodes[{index}].plays",
                "a translator stands in front of a cluster, and there is none",
                "add [cluster] with its dns_name, or make it a router",
            )


def _health(cluster: Cluster) -> Iterator[Problem]:
    health = cluster.health
    if health.timeout_s > health.interval_s:
        yield Problem(
            "cluster.health.timeout_s",
            f"{health.timeout_s:g} s: a check would still wait when the next begins, after "
            f"{health.interval_s:g} s",
            "make it no longer than interval_s",
        )
    if cluster.service_port == 53:
        yield Problem(
            "cluster.service_port",
            "port 53 is where the load balancers answer DNS",
            "write the port that viewers connect to, e.g. 5900",
        )


# --- who belongs where ------------------------------------------------------------------------


def _memberships(survey: Survey, cluster: Cluster) -> Iterator[Problem]:
    topology = survey.topology
    names = [part.name for part in cluster.sub_clusters]
    for index, server in _servers(topology):
        place = f"nodes[{index}].sub_cluster"
        if server.sub_cluster is None:
            if len(names) > 1:
                yield Problem(
                    place, "is missing, and there are several", f"write one of: {', '.join(names)}"
                )
            elif not names and len(server.addresses) > 1:
                yield Problem(
                    f"nodes[{index}].addresses",
                    "the server is on several networks, and no sub-cluster says which is its own",
                    "add [[cluster.sub_clusters]] with network, and with behind_nat_on and "
                    "alias_base where NAT is between",
                )
        elif server.sub_cluster not in names and len(names) == len(set(names)):
            yield Problem(
                place,
                f'there is no sub-cluster "{server.sub_cluster}"',
                suggestion(server.sub_cluster, names)
                if names
                else "leave it out: without [[cluster.sub_clusters]] there is one",
            )


def _networks_known(
    topology: Topology, part: SubCluster, place: str
) -> Generator[Problem, None, bool]:
    """Yields what is wrong; returns whether the sub-cluster's networks can be worked with."""
    known = True
    for name, where in ((part.network, "network"), (part.behind_nat_on, "behind_nat_on")):
        if name is not None and name not in topology.networks and _written(topology):
            known = False
            yield Problem(
                f"{place}.{where}",
                f'there is no network "{name}"',
                suggestion(name, topology.networks),
            )
    if part.behind_nat_on == part.network:
        known = False
        yield Problem(
            f"{place}.behind_nat_on",
            f'"{part.network}" is the servers\' own network',
            "write the viewers' network there, or leave it out if there is no NAT",
        )
    return known and part.network in topology.networks


def _written(topology: Topology) -> bool:
    """Whether sub-clusters are written, and not only the one that all servers are without them."""
    return topology.cluster is not None and bool(topology.cluster.sub_clusters)


def _load_balancers(topology: Topology, part: SubCluster, place: str) -> Iterator[Problem]:
    members = topology.members(part)
    balancers = [server for server in members if server.load_balancer]
    if not members and topology.servers():
        yield Problem(f"{place}.name", f'no server is in "{part.name}"', "add some, or delete it")
    if len(members) > 1 and not balancers:
        yield Problem(
            f"nodes[{topology.nodes.index(members[0])}].load_balancer",
            f'none of the {len(members)} servers of "{part.name}" is a load balancer',
            "write load_balancer = true at the first two",
        )
    if len(balancers) > MAX_LOAD_BALANCERS:
        extra = balancers[MAX_LOAD_BALANCERS]
        yield Problem(
            f"nodes[{topology.nodes.index(extra)}].load_balancer",
            f'"{part.name}" has {len(balancers)} load balancers',
            f"a sub-cluster has at most {MAX_LOAD_BALANCERS}: write load_balancer = false at the "
            "others",
        )


def _real_addresses(survey: Survey, part: SubCluster) -> Iterator[Problem]:
    for index, server in _servers(survey.topology):
        if survey.topology.sub_cluster_of(server) != part:
            continue
        texts = server.addresses.get(part.network)
        if texts is None:
            yield Problem(
                f"nodes[{index}].addresses",
                f'has no address on "{part.network}", where the servers of "{part.name}" are',
                f"add addresses.{key(part.network)}",
            )
        elif part.behind_nat_on is not None:
            for position, text in enumerate(texts):
                address = address_of(text)
                if address is not None and address.version == 6:
                    place = f"nodes[{index}].addresses.{key(part.network)}"
                    yield Problem(
                        place_in(place, position, texts),
                        f"{address} is behind NAT, and the NAT translator maps IPv4 only",
                        "give the server one IPv4 address there",
                    )


# --- NAT --------------------------------------------------------------------------------------


def _nat(survey: Survey, part: SubCluster, place: str) -> Iterator[Problem]:
    topology = survey.topology
    if part.behind_nat_on is None:
        if part.alias_base is not None:
            yield Problem(
                f"{place}.alias_base",
                "there is an alias base, but no NAT that would map the aliases",
                "add behind_nat_on, or leave the base out",
            )
        return
    if part.alias_base is None:
        yield Problem(
            f"{place}.behind_nat_on",
            "there is NAT, but no alias base: viewers would be told real addresses",
            'add alias_base, the "Client base NAT/alias IP"',
        )
    both = {part.network, part.behind_nat_on}
    if survey.routing.realm(part.network) == survey.routing.realm(part.behind_nat_on):
        yield Problem(
            f"{place}.behind_nat_on",
            f'routers join "{part.behind_nat_on}" and "{part.network}", so packets go around the '
            "NAT",
            "take the router away, or leave behind_nat_on and alias_base out",
        )
        return
    between = [
        (index, node)
        for index, node in enumerate(topology.nodes)
        if isinstance(node, Translator) and both <= node.addresses.keys()
    ]
    if not between:
        yield Problem(
            f"{place}.behind_nat_on",
            f'no translator has an address on both "{part.behind_nat_on}" and "{part.network}"',
            'add a node with plays = "translator" and addresses on the two',
        )
    for index, _ in between[1:]:
        yield Problem(
            f"nodes[{index}].plays",
            f'a second translator between "{part.behind_nat_on}" and "{part.network}"',
            "keep one: both would claim the same aliases",
        )


def _machines_between(survey: Survey) -> Iterator[Problem]:
    """Routers and translators stand between networks, and translators in front of a cluster."""
    topology = survey.topology
    for index, node in enumerate(topology.nodes):
        if node.plays not in ("router", "translator"):
            continue
        if isinstance(node, Translator) and survey.doubtful:
            continue
        if len(node.addresses) < 2:
            yield Problem(
                f"nodes[{index}].addresses",
                f"a {node.plays} on one network leads nowhere",
                "give it an address on a second network",
            )
            continue
        if not isinstance(node, Translator):
            continue
        fronts = {
            (part.behind_nat_on, part.network)
            for part in topology.sub_clusters()
            if {part.behind_nat_on, part.network} <= node.addresses.keys()
        }
        if not fronts:
            for part in topology.sub_clusters():
                if part.network in node.addresses:
                    survey.doubt(part)
            yield Problem(
                f"nodes[{index}].plays",
                "no sub-cluster is behind this translator",
                "write behind_nat_on and alias_base at the sub-cluster that is, or make it a "
                "router",
            )
        elif len(fronts) > 1:
            yield Problem(
                f"nodes[{index}].addresses",
                "the translator stands between more than two networks that NAT separates",
                "write one translator for each pair of networks",
            )


def _servers(topology: Topology) -> Iterator[tuple[int, Server]]:
    for index, node in enumerate(topology.nodes):
        if isinstance(node, Server):
            yield index, node
