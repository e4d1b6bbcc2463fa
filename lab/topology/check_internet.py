"""Whether the servers of an Internet can be generated from what is written of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.topology.addressing import address_of, prefix_of
from lab.topology.check_names import NODE_NAME, is_dns_name, spelling
from lab.topology.internet import (
    generated_lines,
    host_of,
    node_names,
    parent_of,
    room_for,
    servers_of,
    zone_text,
    zones_of,
)
from lab.topology.internet_model import Internet, InternetZone
from lab.topology.model import Topology
from lab.topology.problem import Problem, key, suggestion
from lab.topology.values import place_in
from lab.topology.zone_reading import complaint_about
from resolver.dns.names import ROOT, is_at_or_below

_LINE = re.compile(r"line (\d+)")


def internet_problems(topology: Topology) -> Iterator[Problem]:
    """What is wrong with `[internet]`. Only where this is nothing can its servers be generated."""
    internet = topology.internet
    if internet is None:
        return
    problems = [*_network(topology, internet), *_zones(internet)]
    if not problems:
        problems = [
            *_circles(internet),
            *_addresses(topology, internet),
            *_node_names(topology, internet),
        ]
    if not problems and can_be_generated(topology):
        problems = [*_room(topology, internet)] or [*_records(topology, internet)]
    yield from problems


def can_be_generated(topology: Topology) -> bool:
    """Whether the Internet's servers follow from what is written; asked where nothing is wrong with
    `[internet]` itself."""
    return topology.internet is None or any(
        map(prefix_of, topology.networks[topology.internet.network].prefix)
    )


def _network(topology: Topology, internet: Internet) -> Iterator[Problem]:
    if internet.network not in topology.networks:
        yield Problem(
            "internet.network",
            f'there is no network "{internet.network}"',
            suggestion(internet.network, topology.networks),
        )


def _zones(internet: Internet) -> Iterator[Problem]:
    zones = zones_of(internet)
    first: dict[str, str] = {}
    for written, zone in internet.zones.items():
        place, name = f"internet.zones.{key(written)}", spelling(written)
        if not is_dns_name(written):
            yield Problem(place, f'"{written}" is no DNS name', 'write one like "example.com"')
        elif name in first:
            yield Problem(
                place,
                f"it is a duplicate of internet.zones.{key(first[name])}",
                "write one zone with all its records",
            )
        first.setdefault(name, written)
        yield from _hosting(name, zone, zones, place)
        if (
            zone.servers is not None
            and zone.addresses is not None
            and zone.servers != len(zone.addresses)
        ):
            yield Problem(
                f"{place}.addresses",
                f"there are {len(zone.addresses)}, and {zone.servers} servers",
                "write one entry for each server, or leave servers out",
            )


def _hosting(
    name: str, zone: InternetZone, zones: dict[str, InternetZone], place: str
) -> Iterator[Problem]:
    if zone.hosted_by is None:
        return
    host = spelling(zone.hosted_by)
    if host == name:
        yield Problem(
            f"{place}.hosted_by", "a zone cannot be hosted by its own servers", "leave it out"
        )
    elif host not in zones:
        yield Problem(
            f"{place}.hosted_by",
            f'there is no zone "{zone.hosted_by}"',
            suggestion(zone.hosted_by, zones),
        )
    elif zones[host].hosted_by is not None:
        yield Problem(
            f"{place}.hosted_by",
            f'"{zone.hosted_by}" has no servers of its own',
            f'write "{zones[host].hosted_by}", whose servers have it',
        )
    for field in ("servers", "node", "addresses"):
        if getattr(zone, field) is not None:
            yield Problem(
                f"{place}.{field}",
                f'the servers are those of "{zone.hosted_by}"',
                "leave it out, or leave hosted_by out",
            )


def _circles(internet: Internet) -> Iterator[Problem]:
    """A zone whose servers' names are found only through itself is never found; names below the
    zone are: they come with the delegation (RFC 1034 4.2.1, glue)."""
    zones = zones_of(internet)
    found: set[str] = set()
    while fresh := {
        name
        for name, zone in zones.items()
        if name not in found
        and (parent_of(name, zones) or ROOT) in {ROOT, *found}
        and (host_of(name, zones) in found or is_at_or_below(host_of(name, zones), name))
    }:
        found |= fresh
    for written, zone in internet.zones.items():
        if zone.hosted_by is not None and spelling(written) not in found:
            yield Problem(
                f"internet.zones.{key(written)}.hosted_by",
                f'the servers of "{zone.hosted_by}" are found only through this zone itself',
                "let one of the two have servers of its own",
            )
            return


def _addresses(topology: Topology, internet: Internet) -> Iterator[Problem]:
    prefixes = [
        prefix
        for prefix in map(prefix_of, topology.networks[internet.network].prefix)
        if prefix is not None
    ]
    taken = {
        address_of(text): f"nodes[{index}].addresses.{key(network)}"
        for index, node in enumerate(topology.nodes)
        for network, texts in node.addresses.items()
        for text in texts
    }
    for written, zone in internet.zones.items():
        for position, texts in enumerate(zone.addresses or ()):
            place = f"internet.zones.{key(written)}.addresses[{position}]"
            for index, text in enumerate(texts):
                address, where = address_of(text), place_in(place, index, texts)
                if address is None:
                    yield Problem(where, f'"{text}" is no IP address', "write one of the network's")
                elif prefixes and not any(address in prefix for prefix in prefixes):
                    yield Problem(
                        where,
                        f"{address} is outside networks.{key(internet.network)} "
                        f"({', '.join(map(str, prefixes))})",
                        "correct the address, or the network's prefix",
                    )
                elif address in taken:
                    yield Problem(
                        where,
                        f"{address} is a duplicate of {taken[address]}",
                        "give every machine an address of its own",
                    )
                else:
                    taken[address] = where


def _node_names(topology: Topology, internet: Internet) -> Iterator[Problem]:
    zones = zones_of(internet)
    places = {spelling(written): written for written in internet.zones}
    taken = {node.name: f"nodes[{index}]" for index, node in enumerate(topology.nodes)}
    taken |= {
        f"s{position}": "a switch in the lab" for position in range(1, len(topology.networks) + 1)
    }
    for name, zone in zones.items():
        if zone.hosted_by is not None:
            continue
        place = f"internet.zones.{key(places.get(name, name))}"
        for node in node_names(name, zone):
            if not NODE_NAME.fullmatch(node):
                yield Problem(
                    f"{place}.node",
                    f'"{node}", its server, is no name for a node',
                    f'write at most {room_for(zone)} of a-z, 0-9 and "-", a letter first',
                )
                break
            if node in taken:
                yield Problem(
                    f"{place}.node",
                    f'its server would be called "{node}", as {taken[node]} is already',
                    "write another name for one of the two",
                )
                break
            taken[node] = f"the one of {place}"


def _room(topology: Topology, internet: Internet) -> Iterator[Problem]:
    place = f"networks.{key(internet.network)}.prefix"
    try:
        servers_of(topology, internet.network, zones_of(internet))
    except LookupError as error:
        yield Problem(
            place,
            str(error),
            "write a shorter prefix length, e.g. /24, or addresses at the zones",
        )


def _records(topology: Topology, internet: Internet) -> Iterator[Problem]:
    zones = zones_of(internet)
    servers = servers_of(topology, internet.network, zones)
    for written in internet.zones:
        name = spelling(written)
        wrong = complaint_about(name, zone_text(name, zones, servers))
        if wrong is not None:
            yield Problem(
                f"internet.zones.{key(written)}.records",
                _counted_from(len(generated_lines(name, zones, servers)), wrong),
                "write records there as in an RFC 1035 master file",
            )


def _counted_from(generated: int, said: str) -> str:
    """What is said of a line of the whole zone, as of the line that was written."""
    return _LINE.sub(lambda line: f"line {int(line[1]) - generated}", said, count=1)
