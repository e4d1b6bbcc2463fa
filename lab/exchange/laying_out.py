"""A topology for a forwarding table: its servers at their own addresses, behind one router.

Every server would answer for every name, each with an address of its own, so that a question gone
astray shows in the answer too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from itertools import islice
from typing import Any, TypeAlias

from lab.exchange.table import Entry, ForwardingTable, RootServer, names_hosts
from lab.exchange.usable import root_server, usable
from resolver.dns.names import is_at_or_below

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

DNS, VIEWER, ROUTER, ROOT = "dns", "viewer", "router", "root"
_LAN = IPv4Network("192.168.1.0/24")
_LAN_6 = IPv6Network("fd00:6c61:6e::/64")
"""RFC 4193: a local prefix, for the way to servers that have IPv6 only."""
_ANSWERS = IPv4Network("198.51.100.0/24")
_MORE_ANSWERS = IPv4Network("198.18.0.0/15")
"""RFC 5737 and RFC 2544: addresses that no filter against private addresses takes for private."""
ROOT_ANSWER = "198.51.100.254"
_FIRST_CHOICES = (53, 10, 1, 2, 3, 4, 5)


class NoRoom(Exception):
    """No topology can have these addresses; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A table's topology, and who is who in it."""

    topology: dict[str, Any]
    """As a topology file has it."""
    dns: tuple[str, ...]
    viewer: str
    nodes: dict[str, str]
    """The node that has a server's address."""
    answers: dict[str, str]
    """The address that a server answers with, by its own address."""
    programs: dict[str, str]
    """The program of a node: "resolver" or "authority"."""
    recursion: bool


@dataclass(slots=True)
class _Ground:
    """Networks and what is taken on them."""

    lan: list[Network]
    taken: set[Address]
    networks: dict[str, list[Network]] = field(default_factory=dict)

    def name_of(self, address: Address) -> str:
        """The network that an address is on; made where there is none yet."""
        for name, prefixes in {"lan": self.lan, **self.networks}.items():
            if any(address in each for each in prefixes):
                return name
        name = f"net{len(self.networks) + 1}"
        self.networks[name] = [_network_around(address)]
        return name

    def free(self, network: Network, choices: Iterable[int] = _FIRST_CHOICES) -> Address | None:
        """An address there that nobody has, and takes it."""
        hosts: list[Address] = list(islice(network.hosts(), 4096))
        first = int(network.network_address)
        by_number = {int(each) - first: each for each in hosts}
        chosen = (by_number[each] for each in choices if each in by_number)
        found = next((each for each in (*chosen, *hosts) if each not in self.taken), None)
        if found is not None:
            self.taken.add(found)
        return found


def lay_out(table: ForwardingTable, title: str) -> Layout:
    """The topology of the rules that can be stood up. Raises NoRoom."""
    if len(views := table.views()) > 1:
        raise NoRoom(f"it has the views {', '.join(views)}; choose one with --view")
    if not table.entries:
        raise NoRoom("it forwards nothing")
    entries = usable(table)
    if not entries:
        raise NoRoom("no rule of it can be stood up in the lab; see what is said of each")
    servers = list(dict.fromkeys(s.address for each in entries for s in each.servers))
    recursion, root = _recurses(table, entries), root_server(table)
    asked = [ip_address(each) for each in (*servers, *([root.address] if recursion else ()))]
    ground, dns, viewer = _lan_for(table, asked)
    for each in asked:
        ground.name_of(each)
    answers = {each: _answer(number) for number, each in enumerate(servers, start=1)}
    nodes = {each: f"server{number}" for number, each in enumerate(servers, start=1)}
    stubs = {s.address for each in entries if each.stub for s in each.servers}
    programs = {nodes[each]: "authority" if each in stubs else "resolver" for each in servers}
    own = _own_node(table, entries, dns, ground, recursion=recursion, root=root)
    topology = {
        "format": 1,
        "title": title,
        "description": (
            f"{len(entries)} rules and {len(servers)} servers, as imported. Every server answers "
            "for every name, each with an address of its own."
        ),
        "networks": {
            name: {"prefix": [str(each) for each in prefixes]}
            for name, prefixes in {"lan": ground.lan, **ground.networks}.items()
        },
        "nodes": [
            {
                "name": VIEWER,
                "label": "Client",
                "plays": "viewer",
                "addresses": {"lan": str(viewer)},
                "asks": DNS,
            },
            own,
            *_router(ground),
            *(
                {
                    "name": nodes[each],
                    "label": each,
                    "plays": programs[nodes[each]],
                    "addresses": {ground.name_of(ip_address(each)): each},
                    **({"selection": "all"} if programs[nodes[each]] == "resolver" else {}),
                    "zones": _zones(each, nodes[each], answers[each], entries),
                }
                for each in servers
            ),
            *([_root(ground, root)] if recursion else ()),
        ],
    }
    return Layout(
        topology, tuple(own["addresses"]["lan"]), str(viewer), nodes, answers, programs, recursion
    )


# --- addresses --------------------------------------------------------------------------------


def _lan_for(table: ForwardingTable, asked: list[Address]) -> tuple[_Ground, Address, Address]:
    """The network of the DNS server and its client: the server at an address of its own where the
    file says one, the client where it may ask."""
    allowed = [ip_network(each) for each in table.clients]
    allowed = [each for each in allowed if each.version == 4 and not each.is_loopback]
    may_ask = allowed or [IPv4Network("0.0.0.0/0")]
    listens = [each for each in map(_own_address, table.listens) if each and each not in asked]
    narrow = [each for each in may_ask if each.prefixlen > 8]
    around = [
        *(_network_around(each) for each in listens),
        *(_network_around(each.network_address + 1) for each in narrow),
        _LAN,
        *(_network_around(each.network_address + 1) for each in may_ask),
    ]
    for lan in around:
        ground = _Ground([lan], {*asked, *(each for each in listens if each in lan)})
        own = next((each for each in listens if each in lan), None) or ground.free(lan)
        viewer = _client(ground, lan, may_ask)
        if own is not None and viewer is not None:
            if any(each.version == 6 for each in asked):
                ground.lan.append(_LAN_6)
            return ground, own, viewer
    raise NoRoom("no network has room for a client that may ask; widen who may ask it")


def _client(ground: _Ground, lan: Network, may_ask: list[Network]) -> Address | None:
    for each in lan.hosts():
        allowed = any(each in prefix for prefix in may_ask if prefix.version == each.version)
        # The first addresses of a network are mostly routers.
        if allowed and each not in ground.taken and int(each) % 256 >= 10:
            ground.taken.add(each)
            return each
    narrowest = (each for each in lan.hosts() if any(each in prefix for prefix in may_ask))
    found = next((each for each in narrowest if each not in ground.taken), None)
    if found is not None:
        ground.taken.add(found)
    return found


def _own_address(text: str) -> IPv4Address | None:
    """An address that a node can have; None for "any", loopback, names and IPv6."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if not isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return None
    return None if address.is_multicast or int(address) & 255 in {0, 255} else address


def _network_around(address: Address) -> Network:
    """The /24 or /64 of an address; a /31 where it would be a network's or broadcast address."""
    if address.version == 6:
        return ip_network(f"{address}/64", strict=False)
    length = 31 if int(address) & 255 in {0, 255} else 24
    return ip_network(f"{address}/{length}", strict=False)


def _answer(number: int) -> str:
    if number < 250:
        return str(_ANSWERS[number])
    return str(_MORE_ANSWERS[number])


# --- nodes ------------------------------------------------------------------------------------


def _recurses(table: ForwardingTable, entries: tuple[Entry, ...]) -> bool:
    """Whether anything in the table can lead to recursion."""
    with_rules = {*(each.zone for each in entries), *(each.zone for each in table.hosted)}
    ends = any(each.falls_back or not each.servers for each in entries)
    return table.recursion and (ends or "." not in with_rules)


def _own_node(
    table: ForwardingTable,
    entries: tuple[Entry, ...],
    dns: Address,
    ground: _Ground,
    *,
    recursion: bool,
    root: RootServer,
) -> dict[str, Any]:
    further = (str(ground.free(each)) for each in ground.lan if each.version == 6)
    addresses = [str(dns), *further]
    return {
        "name": DNS,
        "label": "DNS server",
        "plays": "resolver",
        "addresses": {"lan": addresses},
        "selection": "all",
        **({"profile": "windows"} if table.format == "windows" else {}),
        **({"recursion": True} if recursion else {}),
        **({"root_hints": [{"name": root.name, "addresses": root.address}]} if recursion else {}),
        "zones": [
            {"origin": each.zone, "records": _records(each.zone, "198.51.100.253", str(dns))}
            for each in table.hosted
            # Ours has no holes in its zones: what lies around one is nobody's.
            if names_hosts(each.zone)
            and not any(is_at_or_below(opened, each.zone) for opened in table.opened)
        ],
        "forward": [
            {
                "zone": each.zone,
                "servers": [server.address for server in each.servers],
                **({"timeout_s": each.timeout_s} if each.timeout_s else {}),
                **({"recursion": True} if each.falls_back and recursion else {}),
            }
            for each in entries
        ],
    }


def _router(ground: _Ground) -> Iterator[dict[str, Any]]:
    if not ground.networks:
        return
    addresses = {}
    for name, prefixes in {"lan": ground.lan, **ground.networks}.items():
        found = [ground.free(prefix, choices=(1, 254)) for prefix in prefixes]
        if None in found:
            raise NoRoom(f"{prefixes[0]} has no address left for a router; take a server away")
        addresses[name] = [str(each) for each in found]
    yield {"name": ROUTER, "label": "Router", "plays": "router", "addresses": addresses}


def _zones(server: str, node: str, answer: str, entries: tuple[Entry, ...]) -> list[dict[str, str]]:
    """The zones of a server: those of the rules that name it, and everything."""
    named = [e.zone for e in entries if any(s.address == server for s in e.servers)]
    return [
        {"origin": zone, "records": _records(zone, answer, server, node)}
        for zone in dict.fromkeys((*named, "."))
    ]


def _root(ground: _Ground, server: RootServer) -> dict[str, Any]:
    root = f"{server.name}."
    kind = "AAAA" if ":" in server.address else "A"
    records = (
        f"$TTL 3600\n@ SOA {root} hostmaster.{root} 1 1800 900 604800 60\n@ NS {root}\n"
        f"{root} {kind} {server.address}\n* 60 A {ROOT_ANSWER}\n* 60 PTR root.example.\n"
    )
    return {
        "name": ROOT,
        "label": "Root server",
        "plays": "authority",
        "addresses": {ground.name_of(ip_address(server.address)): server.address},
        "zones": [{"origin": ".", "records": records}],
    }


def _records(zone: str, answer: str, server: str, node: str = DNS) -> str:
    """Master-file text: every name has the answer's address, and a PTR record that names the node
    (RFC 1034 4.3.3: wildcards)."""
    # Of the zone itself, so that a stub zone has its glue; "." has room for none but the node's.
    name_server = "ns" if zone != "." else f"ns.{node}."
    kind = "AAAA" if ":" in server else "A"
    return (
        f"$TTL 60\n@ SOA {name_server} hostmaster 1 7200 900 1209600 60\n@ NS {name_server}\n"
        f"{name_server} {kind} {server}\n@ A {answer}\n* A {answer}\n"
        f"@ PTR {node}.example.\n* PTR {node}.example.\n"
    )
