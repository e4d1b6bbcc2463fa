"""Whether a viewer gets what it is there for: a DNS server that knows the name, and the servers."""

from __future__ import annotations

from collections.abc import Iterator

from lab.topology.addressing import Address, address_of
from lab.topology.check_forwarding import translator_at, way_to
from lab.topology.check_names import is_dns_name, spelling
from lab.topology.model import SubCluster
from lab.topology.nodes import Authority, Node, Resolver, Server, Viewer
from lab.topology.problem import Problem
from lab.topology.survey import Survey
from lab.topology.values import place_in
from lab.topology.zone_reading import complaint_about
from resolver.config import HostedZone
from resolver.dns.names import depth, is_at_or_below
from resolver.dns.records import Record, Type
from resolver.dns.zones import Found, Missing, Zones


def viewer_problems(survey: Survey) -> Iterator[Problem]:
    """What is wrong with hosted zones, and with the ways from a viewer to its answer and on."""
    asked = {
        name for node in survey.topology.nodes if isinstance(node, Viewer) for name in node.asks
    }
    for index, node in enumerate(survey.topology.nodes):
        if isinstance(node, Authority):
            yield from _unreadable(node, index)
        elif isinstance(node, Resolver):
            unreadable = tuple(_unreadable(node, index))
            yield from unreadable
            zones, unread = _zones(node), bool(unreadable)
            yield from _hidden_rules(node, index, zones, unread=unread)
            if node.name in asked and not unread:
                yield from _cluster_known(survey, node, index, zones)
        elif isinstance(node, Viewer):
            yield from _ways(survey, node, index)


# --- the DNS server ---------------------------------------------------------------------------


def _unreadable(node: Resolver | Authority, index: int) -> Iterator[Problem]:
    for position, zone in enumerate(node.zones):
        wrong = complaint_about(zone.origin, zone.records) if is_dns_name(zone.origin) else None
        if wrong is not None:
            yield Problem(
                f"nodes[{index}].zones[{position}].records",
                wrong,
                "write an RFC 1035 master file there",
            )


def _zones(node: Resolver) -> Zones:
    """The zones that can be read; of two with one origin the last."""
    return Zones(
        {
            spelling(zone.origin): HostedZone(zone.origin, zone.records)
            for zone in node.zones
            if is_dns_name(zone.origin) and complaint_about(zone.origin, zone.records) is None
        }.values()
    )


def _hidden_rules(node: Resolver, index: int, zones: Zones, *, unread: bool) -> Iterator[Problem]:
    """Rules that a hosted zone stands before, unless that is meant; and rules of which it is said
    and not so."""
    for position, rule in enumerate(node.forward):
        place = f"nodes[{index}].forward[{position}]"
        if not is_dns_name(rule.zone):
            continue
        hidden = zones.answers(spelling(rule.zone))
        if hidden and not rule.hidden:
            yield Problem(
                f"{place}.zone",
                f'{node.name} hosts "{rule.zone}" itself, so this rule would never be used',
                "delete the rule, delegate the name away in the hosted zone, or write hidden = "
                "true if that is meant",
            )
        elif rule.hidden and not hidden and not unread:
            yield Problem(
                f"{place}.hidden",
                f'no zone that {node.name} hosts stands before "{rule.zone}"',
                "leave it out",
            )


def _cluster_known(survey: Survey, node: Resolver, index: int, zones: Zones) -> Iterator[Problem]:
    """Whether the DNS server forwards questions for the cluster, or has the right answer itself."""
    if survey.topology.cluster is None or not is_dns_name(survey.topology.cluster.dns_name):
        return
    written = survey.topology.cluster.dns_name
    name = spelling(written)
    if not all(is_dns_name(rule.zone) for rule in node.forward):
        return
    zone = zones.closest(name)
    if zone is None or not zones.answers(name):
        rules = [rule for rule in node.forward if is_at_or_below(name, spelling(rule.zone))]
        longest = max(rules, key=lambda rule: depth(spelling(rule.zone)), default=None)
        if longest is not None and not longest.servers:
            yield Problem(
                f"nodes[{index}].forward[{node.forward.index(longest)}].servers",
                f'{node.name} would ask nobody for "{written}"',
                "write the load balancers, or the NAT translator, there",
            )
        elif longest is None:
            yield Problem(
                f"nodes[{index}].forward",
                f'{node.name} does not know "{written}": it neither forwards nor hosts it',
                "add [[nodes.forward]] with the load balancers, or for a single system "
                "[[nodes.zones]] with its name",
            )
        return
    origins = [spelling(one.origin) for one in node.zones]
    place = f"nodes[{index}].zones[{origins.index(zone.origin)}].records"
    found = zone.look_up(name, Type.A)
    if isinstance(found, Missing):
        yield Problem(place, f'there is no A record for "{written}"', "add one with the address")
    elif isinstance(found, Found):
        for address in map(_address_in, found.answers):
            if address is not None and not _is_servers(survey, address):
                yield Problem(
                    place,
                    f'"{written}" is {address} there, which no server has',
                    f"write {_servers_addresses(survey)}",
                )


def _address_in(record: Record) -> Address | None:
    if record.rtype != Type.A:
        return None
    return address_of(".".join(map(str, record.rdata)))


def _is_servers(survey: Survey, address: Address) -> bool:
    owner = survey.owner(address)
    return (
        (owner is not None and isinstance(owner.node, Server))
        or survey.behind_alias(address) is not None
        or survey.questioned(address)
    )


def _servers_addresses(survey: Survey) -> str:
    addresses: list[Address] = []
    for server in survey.topology.servers():
        alias = survey.alias(server)
        addresses += [alias] if alias is not None else survey.real(server)
    return " or ".join(map(str, addresses)) or "a server's address"


# --- the ways ---------------------------------------------------------------------------------


def _ways(survey: Survey, viewer: Viewer, index: int) -> Iterator[Problem]:
    """The ways to the DNS servers, and to the servers that they hand out."""
    resolvers = {node.name: node for node in survey.topology.nodes if isinstance(node, Resolver)}
    told: set[Problem] = set()
    for position, name in enumerate(viewer.asks):
        if name in resolvers and any(one.node is viewer for one in survey.sound):
            asks = place_in(f"nodes[{index}].asks", position, viewer.asks)
            found = set(_way_by(survey, viewer, index, resolvers[name], asks)) - told
            told |= found
            yield from sorted(found, key=str)


def _way_by(
    survey: Survey, viewer: Viewer, index: int, asked: Resolver, asks: str
) -> Iterator[Problem]:
    """The way to one DNS server, and to the servers that it hands out."""
    addresses = [one for one in survey.sound if one.node is asked]
    if addresses and not any(
        survey.routing.reaches(viewer, one.network, one.address.version) for one in addresses
    ):
        yield Problem(
            asks,
            f"{viewer.name} cannot reach {asked.name}",
            way_to(survey, asked, addresses[0].network),
        )
        return
    for part in _sub_clusters_behind(survey, asked):
        network = part.behind_nat_on or part.network
        if not any(survey.routing.reaches(viewer, network, version) for version in (4, 6)):
            yield Problem(
                f"nodes[{index}].addresses",
                f'{viewer.name} is given addresses of "{network}" and cannot reach them',
                f'add a router to "{network}", or write behind_nat_on where NAT is between',
            )


def _sub_clusters_behind(survey: Survey, node: Resolver) -> list[SubCluster]:
    """The sub-clusters whose load balancers this resolver can ask, itself or by the translator."""
    if survey.topology.cluster is None:
        return []
    name = spelling(survey.topology.cluster.dns_name)
    found: list[SubCluster] = []
    for rule in node.forward:
        if not is_at_or_below(name, spelling(rule.zone)):
            continue
        for text in rule.servers:
            translator = translator_at(survey, text)
            asked = translator.dns.servers if translator and translator.dns else (text,)
            for balancer in asked:
                part = _sub_cluster_at(survey, translator or node, balancer)
                if part is not None and part not in found and part not in survey.doubtful:
                    found.append(part)
    return found


def _sub_cluster_at(survey: Survey, asker: Node, text: str) -> SubCluster | None:
    """The sub-cluster of the load balancer at an address, if the asker reaches it."""
    address = address_of(text)
    owner = survey.owner(address) if address is not None else None
    if owner is None or not isinstance(owner.node, Server):
        return None
    if not survey.routing.reaches(asker, owner.network, owner.address.version):
        return None
    return survey.topology.sub_cluster_of(owner.node)
