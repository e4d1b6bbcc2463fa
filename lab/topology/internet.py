"""An Internet in a lab: root, TLD and authoritative servers that follow from a list of zones.

From `[internet]` to ordinary nodes. Each zone without `hosted_by` gets servers of its own, one node
each; the root and every top-level domain in use are zones like the others, written or not. Every
zone is delegated by the closest zone above it.

| Zone | Node | Its name in the DNS |
|---|---|---|
| the root | `root` | `a.root-servers` |
| `com` | `com` | `a.nic.com` |
| `example.com`, one server | `example` | `ns1.example.com` |
| `example.com`, two servers | `example1`, `example2` | `ns1.example.com`, `ns2.example.com` |

A zone that another one's servers have is delegated to their names: with the glue where these lie
below the delegation, and otherwise without (RFC 9471 3.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from itertools import count

from lab.topology.addressing import Address, Prefix, address_of, prefix_of
from lab.topology.check_names import spelling
from lab.topology.internet_model import Internet, InternetZone
from lab.topology.model import Topology
from lab.topology.nodes import Authority, Resolver, RootHint, Zone
from resolver.dns.names import ROOT, is_at_or_below, with_ancestors

_MAX_NAME = 10
"""Characters of a node's name; see `check_names`."""

_FIRST_NUMBER = {"root": 10, "tld": 20, "zone": 40}
"""Where in the network each kind of server's addresses begin to be counted, so that one more zone
does not move the servers of the others."""
_BY_LETTER = "abcdefghi"
_WRITTEN_SOA = re.compile(r"""^[^;"]*\sSOA\s""", re.IGNORECASE | re.MULTILINE)
_SOA_TIMES = "1 7200 900 1209600"  # serial, refresh, retry, expire: nobody transfers these zones


@dataclass(frozen=True, slots=True)
class NameServer:
    """An authoritative server of the Internet."""

    node: str
    label: str
    name: str
    """Its DNS name, without a final dot."""
    addresses: tuple[str, ...]


def with_internet(topology: Topology) -> Topology:
    """The topology with its Internet's servers as nodes, after those that are written, and with
    root hints at every resolver that recurses and has none. Works on checked topologies."""
    if topology.internet is None:
        return topology
    zones = zones_of(topology.internet)
    servers = servers_of(topology, topology.internet.network, zones)
    hints = tuple(RootHint(name=one.name, addresses=one.addresses) for one in servers[ROOT])
    written = tuple(
        node.model_copy(update={"root_hints": hints})
        if isinstance(node, Resolver) and node.recursion and not node.root_hints
        else node
        for node in topology.nodes
    )
    generated = tuple(
        Authority(
            name=server.node,
            label=server.label,
            plays="authority",
            addresses={topology.internet.network: server.addresses},
            zones=tuple(
                Zone(origin=name, records=zone_text(name, zones, servers))
                for name in zones
                if host_of(name, zones) == origin
            ),
        )
        for origin, its_servers in servers.items()
        if host_of(origin, zones) == origin
        for server in its_servers
    )
    return topology.model_copy(update={"nodes": written + generated, "internet": None})


def zones_of(internet: Internet) -> dict[str, InternetZone]:
    """Every zone by its name in one spelling: the root, the top-level domains, then the rest."""
    written = {spelling(name): zone for name, zone in internet.zones.items()}
    tops = [name.rpartition(".")[2] for name in written if name != ROOT]
    return {name: InternetZone() for name in (ROOT, *tops)} | written


def host_of(name: str, zones: dict[str, InternetZone]) -> str:
    """The zone whose servers have the zone: itself, as a rule."""
    hosted_by = zones[name].hosted_by
    return name if hosted_by is None else spelling(hosted_by)


def how_many(zone: InternetZone) -> int:
    """How many servers of its own a zone without `hosted_by` has."""
    if zone.servers is None and zone.addresses is not None:
        return len(zone.addresses)
    return zone.servers or 1


def room_for(zone: InternetZone) -> int:
    """How many characters of its nodes' names are a zone's to choose: all but their numbers."""
    return _MAX_NAME if how_many(zone) == 1 else _MAX_NAME - 1


def node_names(name: str, zone: InternetZone) -> tuple[str, ...]:
    """The names of the nodes of a zone's servers."""
    stem, number = zone.node, how_many(zone)
    if stem is None:
        stem = "root" if name == ROOT else name.partition(".")[0][: room_for(zone)]
    return (stem,) if number == 1 else tuple(f"{stem}{n}" for n in range(1, number + 1))


def servers_of(
    topology: Topology, network: str, zones: dict[str, InternetZone]
) -> dict[str, tuple[NameServer, ...]]:
    """Each zone's servers, on `network`. Raises LookupError when it has no room for them."""
    written = topology.networks[network].prefix
    prefixes = [prefix for prefix in map(prefix_of, written) if prefix is not None]
    taken = set(_taken(topology, zones))
    own = {
        name: tuple(_own_servers(name, zone, prefixes, taken))
        for name, zone in zones.items()
        if zone.hosted_by is None
    }
    return {name: own[host_of(name, zones)] for name in zones}


def _taken(topology: Topology, zones: dict[str, InternetZone]) -> Iterator[Address | None]:
    """Addresses that are written somewhere, which nobody else is to be given."""
    for node in topology.nodes:
        for texts in node.addresses.values():
            yield from map(address_of, texts)
    for zone in zones.values():
        for texts in zone.addresses or ():
            yield from map(address_of, texts)


def _own_servers(
    name: str, zone: InternetZone, prefixes: list[Prefix], taken: set[Address | None]
) -> Iterator[NameServer]:
    kind = "root" if name == ROOT else "zone" if "." in name else "tld"
    numbers = count(_FIRST_NUMBER[kind])
    what = "root server" if name == ROOT else f"name server of {name}"
    nodes = node_names(name, zone)
    for position, node in enumerate(nodes):
        letter = _BY_LETTER[position]
        in_dns = {"root": f"{letter}.root-servers", "tld": f"{letter}.nic.{name}"}
        if zone.addresses is not None:
            addresses = tuple(str(ip_address(text)) for text in zone.addresses[position])
        else:
            addresses = _free(_next_number(numbers, prefixes, taken), prefixes)
            taken.update(map(ip_address, addresses))
        yield NameServer(
            node=node,
            label=what if len(nodes) == 1 else f"{what}, {position + 1}",
            name=in_dns.get(kind, f"ns{position + 1}.{name}"),
            addresses=addresses,
        )


def _next_number(numbers: Iterator[int], prefixes: list[Prefix], taken: set[Address | None]) -> int:
    """The next number whose addresses are free. Raises LookupError past the last one."""
    return next(
        number
        for number in numbers
        if not taken & {_numbered(prefix, number) for prefix in prefixes}
    )


def _free(number: int, prefixes: list[Prefix]) -> tuple[str, ...]:
    return tuple(str(_numbered(prefix, number)) for prefix in prefixes)


def _numbered(prefix: Prefix, number: int) -> Address:
    """The address of a number: 192.0.2.40, and 2001:db8::40, which reads the same."""
    offset = number if prefix.version == 4 else int(str(number), 16)
    if offset >= prefix.num_addresses - (1 if prefix.version == 4 else 0):
        raise LookupError(f"{prefix} has no room for the Internet's servers")
    return ip_network(prefix).network_address + offset


# --- zones ------------------------------------------------------------------------------------


def generated_lines(
    name: str, zones: dict[str, InternetZone], servers: dict[str, tuple[NameServer, ...]]
) -> list[str]:
    """The master-file lines of a zone that nobody has to write."""
    zone, at = zones[name], "." if name == ROOT else f"{name}."
    primary = servers[name][0].name
    mailbox = "hostmaster." if name == ROOT else f"hostmaster.{at}"
    lines = [f"$TTL {zone.ttl_s}"]
    if not _WRITTEN_SOA.search(zone.records):
        lines.append(f"{at} IN SOA {primary}. {mailbox} {_SOA_TIMES} {zone.negative_ttl_s}")
    lines += _name_servers(at, name, servers[name])
    for child in zones:
        if parent_of(child, zones) == name:
            lines += _name_servers(f"{child}.", child, servers[child])
    return lines


def zone_text(
    name: str, zones: dict[str, InternetZone], servers: dict[str, tuple[NameServer, ...]]
) -> str:
    """The whole zone, what is written last."""
    return "\n".join([*generated_lines(name, zones, servers), zones[name].records])


def parent_of(name: str, zones: dict[str, InternetZone]) -> str | None:
    """The zone that delegates this one: the closest above it."""
    above = (ancestor for ancestor in with_ancestors(name) if ancestor != name)
    return next((ancestor for ancestor in above if ancestor in zones), None)


def _name_servers(at: str, name: str, servers: tuple[NameServer, ...]) -> Iterator[str]:
    for server in servers:
        yield f"{at} IN NS {server.name}."
    for server in servers:
        if is_at_or_below(server.name, name):
            for address in server.addresses:
                rtype = "AAAA" if ":" in address else "A"
                yield f"{server.name}. IN {rtype} {address}"
