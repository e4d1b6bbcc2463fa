"""The aliases that are counted from each sub-cluster's base."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from lab.topology.addressing import Address, address_of
from lab.topology.model import SubCluster
from lab.topology.nodes import Server
from lab.topology.problem import Problem, key
from lab.topology.survey import Survey, members_by_number


def alias_problems(survey: Survey, part: SubCluster, place: str) -> Iterator[Problem]:
    """The base, the addresses counted from it, and the LAN addresses written beside the servers."""
    place, network = f"{place}.alias_base", part.behind_nat_on
    if part.alias_base is None or network is None:
        return
    base = address_of(part.alias_base)
    if base is None or base.version != 4:
        yield Problem(
            place,
            f'"{part.alias_base}" is no IPv4 address',
            'write the first LAN address, e.g. "192.168.1.100"',
        )
        return
    prefixes = survey.prefixes.get(network, ())
    if not prefixes:
        return
    if not survey.holds(network, base):
        yield Problem(
            place,
            f"{base} is no machine's address in networks.{key(network)} "
            f"({', '.join(map(str, prefixes))})",
            "write the first LAN address of the servers",
        )
        return
    differing = _declared_otherwise(survey, part)
    shifts = {int(declared) - int(alias) for _, declared, alias in differing}
    if len(differing) > 1 and len(shifts) == 1 and len(differing) == len(_declared(survey, part)):
        meant = base + shifts.pop()
        yield Problem(
            place,
            f"{base} fits none of the LAN addresses written at the servers",
            f"these count from {meant}: write that, or correct them all",
        )
        return
    for written_at, declared, alias in differing:
        yield Problem(
            written_at,
            f"{declared} is not what base + (number - 1) gives, {alias}",
            f"write {alias}, or leave it out: it is counted from the base",
        )
    yield from _range_fits(survey, part, base, place)


def _range_fits(survey: Survey, part: SubCluster, base: Address, place: str) -> Iterator[Problem]:
    network = str(part.behind_nat_on)
    for server in members_by_number(survey, part):
        alias = survey.alias(server)
        counted = f"{base} + {server.number - 1}"
        if alias is None or not survey.holds(network, alias):
            yield Problem(
                place,
                f"{counted} for {server.name} is {alias or 'no address'}, past the end of "
                f"networks.{key(network)} ({', '.join(map(str, survey.prefixes[network]))})",
                "choose a base with room for every server's number",
            )
            return  # those with higher numbers are past it too
        owner = survey.owner(alias)
        if owner is not None:
            yield Problem(
                place,
                f"{counted} for {server.name} is {alias}, which {owner.node.name} has "
                f"({owner.place})",
                "choose a base whose range is free, or move that machine",
            )


def _declared(survey: Survey, part: SubCluster) -> list[tuple[str, Address, Server]]:
    """The sound LAN addresses written at the servers, with their places."""
    return [
        (one.place, one.address, one.node)
        for one in survey.sound
        if one.is_alias
        and isinstance(one.node, Server)
        and survey.topology.sub_cluster_of(one.node) == part
    ]


def _declared_otherwise(survey: Survey, part: SubCluster) -> list[tuple[str, Address, Address]]:
    """Place, written and counted alias of the servers where these differ."""
    network = str(part.behind_nat_on)
    found = []
    for place, declared, server in _declared(survey, part):
        alias = survey.alias(server)
        if alias is not None and alias != declared and survey.holds(network, alias):
            found.append((place, declared, alias))
    return found


def overlapping_ranges(survey: Survey) -> Iterator[Problem]:
    """CLU-19: the sub-clusters' alias ranges never overlap."""
    ranges = []
    for index, part in enumerate(survey.topology.sub_clusters()):
        aliases = (survey.alias(server) for server in survey.topology.members(part))
        # One version of addresses only: aliases are IPv4.
        known = sorted((alias for alias in aliases if alias is not None), key=int)
        if known:
            ranges.append((index, part, known[0], known[-1]))
    for one, other in combinations(ranges, 2):
        if int(one[2]) <= int(other[3]) and int(other[2]) <= int(one[3]):
            yield Problem(
                f"cluster.sub_clusters[{other[0]}].alias_base",
                f"its aliases {other[2]} to {other[3]} overlap {one[2]} to {one[3]}, those of "
                f'"{one[1].name}"',
                "choose bases far enough apart for the highest number of each",
            )
