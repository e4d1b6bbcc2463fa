"""Whether recursion has somewhere to begin, and a firewall something to stand between."""

from __future__ import annotations

from collections.abc import Iterator

from lab.topology.addressing import address_of, prefix_of
from lab.topology.check_forwarding import way_to
from lab.topology.check_names import is_dns_name
from lab.topology.nodes import Authority, Firewall, Resolver, Router
from lab.topology.problem import Problem, key, suggestion
from lab.topology.survey import Survey
from lab.topology.values import place_in


def recursion_problems(survey: Survey) -> Iterator[Problem]:
    """What is wrong with root hints, with who is served, and with firewalls."""
    for index, node in enumerate(survey.topology.nodes):
        if isinstance(node, Resolver):
            yield from _roots(survey, node, f"nodes[{index}]")
            yield from _networks_and_names(node, f"nodes[{index}]")
        elif isinstance(node, Router) and node.firewall is not None:
            yield from _firewall(survey, node, node.firewall, f"nodes[{index}].firewall")


# --- recursion --------------------------------------------------------------------------------


def _roots(survey: Survey, node: Resolver, place: str) -> Iterator[Problem]:
    if not node.recursion:
        for rule in node.forward:
            if rule.recursion:
                yield Problem(
                    f"{place}.forward[{node.forward.index(rule)}].recursion",
                    f"{node.name} does no recursion that it could fall back on",
                    f"write recursion = true at {node.name}, or leave it out here",
                )
        if node.root_hints:
            yield Problem(
                f"{place}.root_hints",
                f"{node.name} does no recursion, so these would never be used",
                "write recursion = true beside them, or leave them out",
            )
        return
    if not node.root_hints and survey.topology.internet is None:
        yield Problem(
            f"{place}.recursion",
            "there is no root server that it could begin with",
            "add [internet], or root_hints at the node",
        )
    for position, hint in enumerate(node.root_hints):
        for at, text in enumerate(hint.addresses):
            where = place_in(f"{place}.root_hints[{position}].addresses", at, hint.addresses)
            yield from _root(survey, node, text, where, f"{place}.recursion")


def _root(survey: Survey, node: Resolver, text: str, place: str, why: str) -> Iterator[Problem]:
    address = address_of(text)
    if address is None:
        yield Problem(place, f'"{text}" is no IP address', 'write one like "192.168.1.10"')
        return
    if survey.questioned(address):
        return
    owner = survey.owner(address)
    if owner is None or not isinstance(owner.node, Authority):
        said = "nobody has" if owner is None else f"{owner.node.name}, no root server, has"
        yield Problem(
            place,
            f"{said} {address}",
            'write the address of a node that plays "authority" and has the zone "."',
        )
    elif not any(survey.routing.reaches(node, owner.network, version) for version in (4, 6)):
        yield Problem(
            why,
            f"{node.name} cannot reach the root server {owner.node.name} at {address}",
            way_to(survey, owner.node, owner.network),
        )


def _networks_and_names(node: Resolver, place: str) -> Iterator[Problem]:
    for field in ("recursion_for", "private_addresses"):
        texts: tuple[str, ...] = getattr(node, field)
        for position, text in enumerate(texts):
            if prefix_of(text) is None:
                yield Problem(
                    place_in(f"{place}.{field}", position, texts),
                    f'"{text}" is no prefix',
                    'write one like "192.168.1.0/24"; the bits after the prefix are zero',
                )
    for position, text in enumerate(node.private_zones):
        if not is_dns_name(text):
            yield Problem(
                place_in(f"{place}.private_zones", position, node.private_zones),
                f'"{text}" is no DNS name',
                'write one like "corp.internal"',
            )


# --- firewalls --------------------------------------------------------------------------------


def _firewall(survey: Survey, node: Router, firewall: Firewall, place: str) -> Iterator[Problem]:
    if firewall.outside not in node.addresses:
        yield Problem(
            f"{place}.outside",
            f'{node.name} is not on "{firewall.outside}"',
            suggestion(firewall.outside, node.addresses),
        )
        return
    for position, text in enumerate(firewall.dns_only_from):
        where = place_in(f"{place}.dns_only_from", position, firewall.dns_only_from)
        address = address_of(text)
        if address is None:
            yield Problem(where, f'"{text}" is no IP address', 'write one like "10.0.0.53"')
        elif not survey.questioned(address):
            owner = survey.owner(address)
            if owner is None:
                yield Problem(
                    where, f"nobody has {address}", "write the designated DNS server's address"
                )
            elif owner.network == firewall.outside:
                yield Problem(
                    where,
                    f"{owner.node.name} at {address} is outside itself, on "
                    f"networks.{key(firewall.outside)}",
                    "write the address of a DNS server inside",
                )
