"""NAPT: whose addresses are shared, and by whom."""

from __future__ import annotations

from collections.abc import Iterator

from lab.topology.addressing import Address, address_of
from lab.topology.nodes import Translator, TranslatorNat
from lab.topology.problem import Problem, key, suggestion
from lab.topology.survey import Survey
from lab.topology.values import place_in

_USELESS_ALONE = frozenset(TranslatorNat.model_fields) - {"outside_address", "dns_alg"}
"""Keys that say nothing where no address is shared."""


def napt_problems(survey: Survey) -> Iterator[Problem]:
    """What is wrong with each translator's `[nodes.nat]`."""
    sides = {node.name: (client, server) for node, client, server in survey.routing.translators()}
    taken: dict[Address, str] = {}
    for index, node in enumerate(survey.topology.nodes):
        # A translator without sides is in front of nothing, which is said elsewhere.
        if isinstance(node, Translator) and node.nat is not None and node.name in sides:
            client_side, server_side = sides[node.name]
            place = f"nodes[{index}].nat"
            yield from _shared(survey, node.nat, client_side, place, taken)
            yield from _inside(survey, node.nat, server_side, place)


def _shared(
    survey: Survey, nat: TranslatorNat, network: str, place: str, taken: dict[Address, str]
) -> Iterator[Problem]:
    """The addresses that are shared: of the viewers' network, and nobody else's."""
    if nat.outside_address is None:
        for name in sorted(_USELESS_ALONE & nat.model_fields_set):
            yield Problem(
                f"{place}.{name}",
                "says something of NAPT, and no address is shared",
                "add outside_address, or leave it out",
            )
        return
    for position, text in enumerate(nat.outside_address):
        where = place_in(f"{place}.outside_address", position, nat.outside_address)
        address = address_of(text)
        if address is None or address.version != 4:
            yield Problem(where, f'"{text}" is no IPv4 address', 'write one like "203.0.113.2"')
        elif not survey.holds(network, address):
            if survey.prefixes.get(network):
                yield Problem(
                    where,
                    f"{address} is no machine's address in networks.{key(network)} "
                    f"({', '.join(map(str, survey.prefixes[network]))})",
                    "write a free one of that network: the outside answers to it there",
                )
        elif address in taken:
            yield Problem(
                where, f"{address} is a duplicate of {taken[address]}", "write each address once"
            )
        else:
            taken[address] = where
            yield from _free(survey, address, where)


def _free(survey: Survey, address: Address, where: str) -> Iterator[Problem]:
    owner = survey.owner(address)
    server = survey.behind_alias(address)
    if owner is not None:
        yield Problem(
            where,
            f"{address} is {owner.node.name}'s own ({owner.place})",
            "write a free one: what is sent to a shared address belongs to the machines behind it",
        )
    elif server is not None:
        yield Problem(
            where,
            f"{address} is the alias of {server.name}",
            "write a free one: an alias is one server's alone",
        )


def _inside(survey: Survey, nat: TranslatorNat, network: str, place: str) -> Iterator[Problem]:
    """The networks whose machines are translated: on the servers' side, with IPv4."""
    if nat.outside_address is None:
        return
    realm = survey.routing.realm(network)
    for position, name in enumerate(nat.inside or ()):
        where = place_in(f"{place}.inside", position, nat.inside or ())
        if name not in survey.topology.networks:
            yield Problem(
                where,
                f'there is no network "{name}"',
                suggestion(name, survey.topology.networks),
            )
        elif survey.routing.realm(name) != realm:
            yield Problem(
                where,
                f'"{name}" is not on the servers\' side of this translator',
                f"write {' or '.join(_on_side(survey, realm))}",
            )
        elif survey.prefixes[name] and not _has_ipv4(survey, name):
            yield Problem(
                where,
                f'"{name}" has no IPv4 prefix, and NAPT translates IPv4 only',
                "leave it out, or add an IPv4 prefix",
            )


def _on_side(survey: Survey, realm: str) -> list[str]:
    return [f'"{name}"' for name in survey.topology.networks if survey.routing.realm(name) == realm]


def _has_ipv4(survey: Survey, network: str) -> bool:
    return any(prefix.version == 4 for prefix in survey.prefixes[network])
