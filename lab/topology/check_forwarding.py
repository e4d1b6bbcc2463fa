"""Whether whoever forwards reaches somebody who answers, by the routes there will be."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from lab.topology.addressing import Address, address_of
from lab.topology.check_names import is_dns_name, spelling
from lab.topology.model import SubCluster, Topology
from lab.topology.nodes import Authority, Forward, Node, Resolver, Server, Translator, TranslatorDns
from lab.topology.problem import Problem
from lab.topology.survey import Survey
from lab.topology.values import place_in
from resolver.config import Profile
from resolver.dns.profiles import PROFILES
from resolver.machine import SECOND


def forwarding_problems(survey: Survey) -> Iterator[Problem]:
    """What is wrong with forward rules and with what the DNS translator asks."""
    for index, node in enumerate(survey.topology.nodes):
        if isinstance(node, Resolver):
            for position, rule in enumerate(node.forward):
                yield from _rule(survey, node, rule, f"nodes[{index}].forward[{position}]")
        elif isinstance(node, Translator) and node.dns is not None:
            yield from _translator_dns(survey, node, node.dns, f"nodes[{index}].dns")
    yield from _circles(survey)


# --- forward rules ----------------------------------------------------------------------------


def _rule(survey: Survey, node: Resolver, rule: Forward, place: str) -> Iterator[Problem]:
    told: set[str] = set()
    for position, text in enumerate(rule.servers):
        where = place_in(f"{place}.servers", position, rule.servers)
        address = address_of(text)
        if address is None:
            yield _no_address(where, text)
        elif address in map(address_of, rule.servers[:position]):
            yield Problem(where, f"{address} is in this list already", "list each server once")
        elif not survey.questioned(address):
            for cause, problem in _forwarder(survey, node, address, where):
                if cause not in told:
                    yield problem
                told.add(cause)
    yield from _patience(survey, node, rule, place)


def _forwarder(
    survey: Survey, node: Resolver, address: Address, place: str
) -> Iterator[tuple[str, Problem]]:
    """Whether somebody answers DNS at the address, and the resolver can reach him there. Problems
    of one rule with equal causes are one mistake."""
    owner = survey.owner(address)
    if owner is None:
        yield from _alias_as_forwarder(survey, node, address, place)
    elif owner.node is node:
        yield (
            place,
            Problem(place, f"{address} is its own address", "name a server that knows the zone"),
        )
    elif isinstance(owner.node, Translator) and owner.node.dns is None:
        yield (
            f"DNS on {owner.node.name}",
            Problem(
                place,
                f"there is no DNS translator on {owner.node.name}",
                f"add [nodes.dns] to {owner.node.name}",
            ),
        )
    elif isinstance(owner.node, Translator) and owner.network not in _client_sides(
        survey, owner.node
    ):
        yield (
            place,
            Problem(
                place,
                f"the DNS translator does not answer at {address}, its servers' side",
                "write the translator's address on the viewers' side",
            ),
        )
    elif isinstance(owner.node, Server) and not owner.node.load_balancer:
        yield (
            place,
            Problem(
                place, f"{owner.node.name} is no load balancer", _balancers_of(survey, owner.node)
            ),
        )
    elif not isinstance(owner.node, Server | Translator | Resolver | Authority):
        yield (
            place,
            Problem(
                place,
                f"{owner.node.name} at {address} plays {owner.node.plays} and answers no DNS",
                "name a load balancer, the NAT translator or another DNS server",
            ),
        )
    elif not survey.routing.reaches(node, owner.network, address.version):
        yield (
            f"way to {owner.network}, IPv{address.version}",
            Problem(
                place,
                f"{node.name} cannot reach {owner.node.name} at {address}",
                way_to(survey, owner.node, owner.network),
            ),
        )


def _alias_as_forwarder(
    survey: Survey, node: Resolver, address: Address, place: str
) -> Iterator[tuple[str, Problem]]:
    server = survey.behind_alias(address)
    part = survey.topology.sub_cluster_of(server) if server is not None else None
    if server is None or part is None:
        if not survey.perhaps_misprinted(address):
            wrong = f"nobody has {address}"
            remedy = "write the address of a load balancer, the NAT translator or a DNS server"
            yield place, Problem(place, wrong, remedy)
        return
    translator = _translator_of(survey, part)
    if translator is None:  # said of the sub-cluster already
        return
    if not server.load_balancer:
        wrong = f"{address} is the alias of {server.name}, which is no load balancer"
        yield place, Problem(place, wrong, _balancers_of(survey, server))
    elif translator.dns is None or not translator.dns.serves_aliases:
        index = survey.topology.nodes.index(translator)
        yield (
            f"DNS on {translator.name}",
            Problem(
                place,
                f"{address} is the alias of {server.name}, and {translator.name} does not end DNS "
                "there",
                f"write serves_aliases = true in nodes[{index}].dns, or forward to "
                f"{translator.name}'s own address",
            ),
        )
    elif not survey.routing.reaches(node, str(part.behind_nat_on), address.version):
        yield (
            f"way to {part.behind_nat_on}, IPv{address.version}",
            Problem(
                place,
                f"{node.name} cannot reach {translator.name} for the alias {address}",
                way_to(survey, translator, str(part.behind_nat_on)),
            ),
        )


def _patience(survey: Survey, node: Resolver, rule: Forward, place: str) -> Iterator[Problem]:
    """A resolver that gives up before the translator has tried all its servers would never hear
    what the second one answers."""
    waited = rule.timeout_s or PROFILES[Profile(node.profile)].forwarder_timeout_ns / SECOND
    for text in rule.servers:
        translator = translator_at(survey, text)
        if translator is None or translator.dns is None:
            continue
        needed = translator.dns.timeout_s * len(translator.dns.servers)
        if waited <= needed:
            yield Problem(
                f"{place}.timeout_s",
                f"{waited:g} s are over before {translator.name} has tried its "
                f"{len(translator.dns.servers)} servers, {translator.dns.timeout_s:g} s each",
                f"write more than {needed:g}",
            )
            return


def _circles(survey: Survey) -> Iterator[Problem]:
    """Resolvers that forward to one another without end."""
    for zone in sorted({spelling(rule.zone) for _, rule in _all_rules(survey.topology)}):
        graph: nx.DiGraph[str] = nx.DiGraph()
        places = {}
        for index, node in enumerate(survey.topology.nodes):
            if not isinstance(node, Resolver):
                continue
            for position, rule in enumerate(node.forward):
                for text in rule.servers if spelling(rule.zone) == zone else ():
                    address = address_of(text)
                    owner = survey.owner(address) if address is not None else None
                    if owner is not None and isinstance(owner.node, Resolver):
                        graph.add_edge(node.name, owner.node.name)
                        places[node.name] = f"nodes[{index}].forward[{position}].servers"
        order = list(places)
        for circle in nx.simple_cycles(graph):
            if len(circle) > 1:
                start = circle.index(min(circle, key=order.index))
                way = " to ".join((*circle[start:], *circle[:start], circle[start]))
                yield Problem(
                    places[circle[start]],
                    f'questions for "{zone}" go in a circle, {way}',
                    "let one of them forward to a server that knows the zone",
                )


# --- the DNS translator -----------------------------------------------------------------------


def _translator_dns(
    survey: Survey, node: Translator, dns: TranslatorDns, place: str
) -> Iterator[Problem]:
    name = survey.topology.cluster.dns_name if survey.topology.cluster is not None else dns.zone
    if is_dns_name(dns.zone) and is_dns_name(name) and spelling(dns.zone) != spelling(name):
        yield Problem(
            f"{place}.zone", f'"{dns.zone}" is not the cluster\'s name', f'write "{name}"'
        )
    for position, text in enumerate(dns.servers):
        where = place_in(f"{place}.servers", position, dns.servers)
        address = address_of(text)
        if address is None:
            yield _no_address(where, text)
        elif address in map(address_of, dns.servers[:position]):
            yield Problem(where, f"{address} is in this list already", "list each server once")
        elif not survey.questioned(address):
            yield from _translators_server(survey, node, address, where)


def _translators_server(
    survey: Survey, node: Translator, address: Address, place: str
) -> Iterator[Problem]:
    owner = survey.owner(address)
    server = survey.behind_alias(address) if owner is None else None
    if server is not None:
        real = ", ".join(map(str, survey.real(server))) or "its real address"
        yield Problem(
            place,
            f"{address} is the alias of {server.name}, on the viewers' side",
            f"write {real}",
        )
    elif owner is None:
        if not survey.perhaps_misprinted(address):
            yield Problem(
                place, f"nobody has {address}", "write the load balancers' real addresses"
            )
    elif owner.node is node:
        yield Problem(
            place, f"{address} is its own address", "write the load balancers' real addresses"
        )
    elif not isinstance(owner.node, Server) or not owner.node.load_balancer:
        yield Problem(
            place,
            f"{owner.node.name} at {address} is no load balancer",
            _balancers_of(survey, owner.node),
        )
    elif not survey.routing.reaches(node, owner.network, address.version):
        yield Problem(
            place,
            f"{node.name} cannot reach {owner.node.name} at {address}",
            way_to(survey, owner.node, owner.network),
        )


# --- small words ------------------------------------------------------------------------------


def _all_rules(topology: Topology) -> Iterator[tuple[Resolver, Forward]]:
    for node in topology.nodes:
        if isinstance(node, Resolver):
            for rule in node.forward:
                yield node, rule


def _client_sides(survey: Survey, translator: Translator) -> set[str]:
    return {
        client_side for one, client_side, _ in survey.routing.translators() if one is translator
    }


def _translator_of(survey: Survey, part: SubCluster) -> Translator | None:
    """The translator in front of a sub-cluster."""
    for translator, client_side, server_side in survey.routing.translators():
        if (client_side, server_side) == (part.behind_nat_on, part.network):
            return translator
    return None


def translator_at(survey: Survey, text: str) -> Translator | None:
    """The translator that answers DNS at an address: its own, or an alias it serves."""
    address = address_of(text)
    if address is None:
        return None
    owner = survey.owner(address)
    if owner is not None:
        return owner.node if isinstance(owner.node, Translator) else None
    server = survey.behind_alias(address)
    part = survey.topology.sub_cluster_of(server) if server is not None else None
    return _translator_of(survey, part) if part is not None else None


def _balancers_of(survey: Survey, node: Node) -> str:
    part = survey.topology.sub_cluster_of(node) if isinstance(node, Server) else None
    pool = survey.topology.members(part) if part is not None else survey.topology.servers()
    names = [server.name for server in pool if server.load_balancer]
    return f"the load balancers are {', '.join(names)}" if names else "write load_balancer = true"


def way_to(survey: Survey, node: Node, network: str) -> str:
    """What would make a node reachable."""
    part = survey.topology.sub_cluster_of(node) if isinstance(node, Server) else None
    translator = _translator_of(survey, part) if part is not None else None
    if translator is not None:
        own = [
            str(one.address)
            for one in survey.sound
            if one.node is translator and one.network in _client_sides(survey, translator)
        ]
        return f"it is behind NAT: forward to {translator.name}, {' or '.join(own)}"
    return f'add a router to "{network}", with addresses of the same IP version on both sides'


def _no_address(place: str, text: str) -> Problem:
    return Problem(place, f'"{text}" is no IP address', 'write one like "192.168.1.100"')
